-- A property is a copy: no table is shared between turns or actors through it.
-- outcome: "held"
local C = stage.class "things.{id}"
C.properties = { list = stage.array { 1 } }
function C:run()
  local t = self.list
  t[1] = 2
  assert(self.list[1] == 1 and self.list ~= self.list)
  self.list = t
  t[1] = 3
  assert(self.list[1] == 2)
  C.properties.list[1] = 9
  assert(self.list[1] == 2)
  return "held"
end
return C
