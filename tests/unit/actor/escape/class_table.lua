-- A class that changes itself while it runs changes nothing of what it is.
-- outcome: "held"
local C = stage.class "things.{id}"
C.properties = { n = 1 }
function C:other() return "other" end
function C:run()
  C.properties = { x = 1 }
  C.other = function() return "changed" end
  C.new = function() end
  assert(self:other() == "other" and self.n == 1)
  assert(not pcall(function() return self.new end))
  assert(not pcall(stage.class, "others.{id}"))
  setmetatable(C, { __index = function() error("asked") end })
  return "held"
end
return C
