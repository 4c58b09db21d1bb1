-- A coroutine that yields inside pcall, metamethods or iterators comes back to where it was, and no other can take its place.
-- outcome: "held"
local C = stage.class "things.{id}"
function C:run()
  local co = coroutine.create(function(...)
    local ok, a = pcall(function() return coroutine.yield(1) end)
    assert(ok and a == "a")
    local t = setmetatable({}, { __index = function(_, k) return coroutine.yield(k) end, __add = function() return coroutine.yield(3) end })
    assert(t.two == "b" and t + t == "c")
    for v in function(_, last) if not last then return coroutine.yield(4) end end do assert(v == "d") end
    assert(not pcall(table.sort, { 3, 2, 1 }, function(x, y) coroutine.yield(5) error("out") end))
    return "end"
  end)
  for i, send in ipairs { "", "a", "b", "c", "d" } do
    local ok, got = coroutine.resume(co, send)
    assert(ok and (got == i or got == "two" and i == 2), tostring(got))
  end
  assert(coroutine.resume(co) and coroutine.status(co) == "dead")
  -- One that closes, resumes or wraps itself or its resumer.
  local outer
  outer = coroutine.create(function()
    local inside = coroutine.create(function()
      assert(not coroutine.resume(outer) and not pcall(coroutine.close, outer))
      local me = coroutine.running()
      assert(not coroutine.resume(me) and not pcall(coroutine.close, me))
    end)
    assert(coroutine.resume(inside))
  end)
  assert(coroutine.resume(outer))
  assert(not pcall(coroutine.resume, print) and not pcall(coroutine.wrap, "x") and not pcall(coroutine.close, {}))
  return "held"
end
return C
