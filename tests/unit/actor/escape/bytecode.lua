-- Bytecode is never made and never loaded, whatever the mode says.
-- outcome: "held"
local C = stage.class "things.{id}"
function C:run()
  assert(string.dump == nil)
  local code = "\27Lua\x54\x00\x19\x93\r\n\x1a\n\x04\x08\x08"
  for _, mode in ipairs { "b", "bt", "tb", "t" } do
    local ok, f = pcall(load, code, "=x", mode)
    assert(not ok or f == nil, mode)
  end
  assert(load(code) == nil)
  assert(not pcall(load, "return 1", "=x", "b"))
  assert(not pcall(load, function() return nil end))
  return "held"
end
return C
