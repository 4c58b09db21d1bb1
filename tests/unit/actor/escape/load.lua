-- load takes text of bounded length, in whatever environment, and gives nothing new.
-- outcome: "held"
local C = stage.class "things.{id}"
function C:run()
  assert(load("return 1 + 1")() == 2)
  assert(load("return x", "=x", "t", { x = 7 })() == 7)
  assert(load("return x", "=x", "t", {})() == nil)
  assert(not pcall(load("return io.open('x')", "=x", "t", {})))
  assert(load("return _ENV", "=x", "t", nil)() == nil)
  assert(select(2, load("return +")):find("^load:1:"))
  assert(not pcall(load, ("x = 1 "):rep(20000)))
  local depth = ("("):rep(5000) .. "1" .. (")"):rep(5000)
  assert(load("return " .. depth) == nil)
  return "held"
end
return C
