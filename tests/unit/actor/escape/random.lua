-- Seeding math.random is the class's own affair, stage.random is nobody's.
-- outcome: "held"
local C = stage.class "things.{id}"
function C:run()
  math.randomseed(1)
  local a, b = math.random(1 << 40), stage.random(1 << 40)
  math.randomseed(1)
  assert(math.random(1 << 40) == a and stage.random(1 << 40) ~= b)
  return "held"
end
return C
