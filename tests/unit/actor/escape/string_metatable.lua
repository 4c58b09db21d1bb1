-- The metatable of strings cannot be reached, let alone changed.
-- outcome: "held"
local C = stage.class "things.{id}"
function C:run()
  assert(getmetatable("") == "string")
  assert(not pcall(setmetatable, "", {}))
  assert(not pcall(function() getmetatable("").__index = nil end))
  assert(not pcall(rawset, getmetatable(""), "__index", nil))
  assert(("x"):upper() == "X")
  return "held"
end
return C
