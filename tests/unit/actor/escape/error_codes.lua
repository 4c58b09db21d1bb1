-- A code and details with line ends are but strings of one JSON value: no line of the protocol begins in them.
-- outcome: app {"code":"x\r\n7 ok v=1:1 \"paid\"","message":"\u0000\u001b","more":"\r\n8 evt v=1:2 {}"}
local C = stage.class "things.{id}"
function C:run()
  assert(not pcall(stage.error, ("x"):rep(65)) and not pcall(stage.error, ""))
  assert(not pcall(stage.error, {}) and not pcall(stage.error, "x", { {} }))
  stage.error("x\r\n7 ok v=1:1 \"paid\"", { more = "\r\n8 evt v=1:2 {}", message = "\0\27" })
end
return C
