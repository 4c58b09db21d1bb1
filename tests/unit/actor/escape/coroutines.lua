-- The turn's own thread is no coroutine that anyone could resume, close or yield from.
-- outcome: "held"
local C = stage.class "things.{id}"
function C:run()
  local me, main = coroutine.running()
  assert(main and not coroutine.isyieldable())
  assert(not pcall(coroutine.yield))
  assert(not coroutine.resume(me))
  assert(not pcall(coroutine.close, me))
  assert(coroutine.status(me) == "running")
  coroutine.wrap(function()
    assert(coroutine.isyieldable() and coroutine.status(me) == "normal")
    assert(not coroutine.resume(me) and not pcall(coroutine.close, me))
    assert(select(2, coroutine.running()) == false)
  end)()
  local dead = coroutine.create(error)
  local ok, e = coroutine.resume(dead, "x")
  assert(not ok and e == "x" and coroutine.status(dead) == "dead" and not coroutine.resume(dead))
  assert(not coroutine.close(dead))
  local itself
  itself = coroutine.wrap(function() return pcall(itself) end)
  assert(itself() == false)
  return "held"
end
return C
