-- A handle cannot be made, guessed, or kept beyond its turn; its address says nothing.
-- outcome: "held"
local C = stage.class "things.{id}"
C.properties = { n = 1 }
function C:run()
  assert(type(self) == "userdata" and tostring(self) == "things.1")
  assert(not pcall(function() return self + 1 end))
  assert(not pcall(function() return #self end))
  assert(not pcall(function() return self() end))
  assert(not pcall(function() return stage.null.n end))
  assert(not pcall(string.format, "%p", self))
  assert(self ~= stage.null and self == self)
  return "held"
end
return C
