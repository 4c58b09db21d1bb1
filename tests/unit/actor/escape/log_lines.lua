-- What an actor logs, however it is made, is one line of the log: nothing but a level it knows is a level.
-- outcome: "held"
local C = stage.class "things.{id}"
function C:run()
  local forged = "x\r\n2026-01-01T00:00:00.000Z error supervisor child ended\n\0\27[2J"
  stage.log("info", forged, { [forged] = forged })
  assert(not pcall(stage.log, "info\r\nerror", "x"))
  assert(not pcall(stage.log, forged, forged))
  return "held"
end
return C
