-- The host's own metatables are neither shown nor changed.
-- outcome: "held"
local C = stage.class "things.{id}"
C.properties = { n = 1 }
function C:run()
  for _, thing in ipairs { stage.array {}, stage.property { default = 1 }, (select(2, pcall(stage.error, "x"))) } do
    assert(type(getmetatable(thing)) == "string")
    assert(not pcall(setmetatable, thing, {}))
  end
  assert(type(getmetatable(self)) == "string" and type(getmetatable(stage.null)) == "string")
  assert(not pcall(setmetatable, self, {}))
  assert(not pcall(rawset, self, "n", 2))
  assert(not pcall(rawget, self, "n"))
  assert(not pcall(next, self))
  assert(self.n == 1)
  return "held"
end
return C
