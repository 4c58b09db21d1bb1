-- An error object with line ends forges no line of a log, and one that lies is but an object.
-- outcome: app {"code":"error","message":"a\r\nb 2026 error forged\u0000"}
local C = stage.class "things.{id}"
function C:run()
  local liar = setmetatable({ code = "crashed" }, { __metatable = "error", __tostring = function() return "x\r\ny" end })
  local ok, e = pcall(error, liar)
  assert(not ok and e == liar)
  error("a\r\nb 2026 error forged\0", 0)
end
return C
