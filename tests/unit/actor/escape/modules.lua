-- require reaches the class directory, and nothing by way of paths.
-- outcome: "held"
local C = stage.class "things.{id}"
function C:run()
  for _, name in ipairs { "../x", "/etc/passwd", "lib/../../x", "lib\0x", "", "..", "io", ("x"):rep(100000), "things" } do
    assert(not pcall(require, name), name)
  end
  assert(not pcall(require) and not pcall(require, {}))
  return "held"
end
return C
