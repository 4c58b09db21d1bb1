-- The string library of a class is its own: a neighbour sees nothing of what is put into it.
-- outcome: "held"
local C = stage.class "things.{id}"
function C:run()
  string.upper = function() return "mine" end
  string.leak = 1
  table.insert, math.floor, pcall, error = nil, nil, nil, nil
  assert(("x"):upper() == "mine")
  return "held"
end
return C
