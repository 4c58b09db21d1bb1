-- What is kept, sent or returned is looked at raw: no metamethod runs.
-- outcome: {"a":1}
local C = stage.class "things.{id}"
C.properties = { kept = {} }
function C:run()
  local function no() error("ran") end
  local m = { __index = no, __newindex = no, __pairs = no, __len = no, __tostring = no, __eq = no, __name = 5 }
  local t = setmetatable({ a = 1 }, m)
  self.kept = t
  stage.tell("others.1", "m", t)
  stage.log("info", "x", t)
  local ok, e = pcall(stage.error, "x", t)
  assert(not ok and e.a == 1)
  return t
end
return C
