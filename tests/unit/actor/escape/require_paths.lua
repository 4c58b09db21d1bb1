-- Module names are letters, digits, _ - and dots: no path, no NUL, no other file can be named.
-- outcome: "held"
local C = stage.class "things.{id}"
function C:run()
  for _, name in ipairs { "../things", "..", "...", ".", "./lib", "lib/../../etc", "/etc/passwd", "//etc/passwd", "lib//x",
      "lib\\x", "lib/x.lua", "lib\0.x", "lib.x\0", "\0", "lib x", "lib%2ex", "lib.\r\n", "~", "$HOME", "file:///etc/passwd",
      "http://127.0.0.1/x", "C:\\x", "\xc0\xae\xc0\xae", "lib.．", ("../"):rep(50) .. "etc/passwd", ("a."):rep(99) .. "a",
      "os", "io", "debug", "package", "_G", "string", "coroutine", "stage", "things", "others" } do
    local ok, e = pcall(require, name)
    assert(not ok, name)
    assert(not tostring(e):find("No such file", 1, true), name) -- it was never looked for on a disk
  end
  assert(not pcall(require, self) and not pcall(require, stage.null) and not pcall(require, 1.5))
  return "held"
end
return C
