-- Errors in the handlers of errors come to an end.
-- outcome: "held"
local C = stage.class "things.{id}"
function C:run()
  local function worse(e) error(e) end
  assert(not pcall(xpcall, error, worse, "x"))
  assert(select("#", xpcall(error, function(...) return 1, 2, 3 end, "x")) >= 2)
  local ok, a, b = xpcall(function(x, y) return y, x end, error, 1, 2)
  assert(ok and a == 2 and b == 1)
  local bad, text = xpcall(function() local x = nil .. "" end, function(e) return "handled " .. e end)
  assert(not bad and text:find("^handled things.lua:%d+: attempt to concatenate"))
  assert(not pcall(xpcall))
  return "held"
end
return C
