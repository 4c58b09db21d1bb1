-- Bytecode is bytecode wherever it hides: behind a comment, a BOM, a mode, or as a module's name.
-- outcome: "held"
local C = stage.class "things.{id}"
function C:run()
  local head = "\27Lua\x54\x00\x19\x93\r\n\x1a\n\x04\x08\x08" .. ("\0"):rep(200)
  local chunks = { head, "\27", "\27Lua", "\xef\xbb\xbf" .. head, "# x\n" .. head, " " .. head, "\n" .. head, "--\n" .. head }
  for i, chunk in ipairs(chunks) do
    for _, mode in ipairs { "t", "bt", "b", "", "tb\0", "\0t" } do
      local ok, f = pcall(load, chunk, "=x", mode)
      assert(not ok or f == nil, i)
    end
    assert(not pcall(require, chunk))
  end
  assert(not pcall(load, function() return head end) and not pcall(load, setmetatable({}, { __call = function() return head end })))
  assert(string.dump == nil and not pcall(function() return ("").dump(C.run) end) and not pcall(function() return C.run:dump() end))
  return "held"
end
return C
