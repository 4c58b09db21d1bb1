-- Weak and protected metatables are as in Lua.
-- outcome: "held"
local C = stage.class "things.{id}"
function C:run()
  local t = setmetatable({}, { __mode = "k", __metatable = "mine" })
  assert(getmetatable(t) == "mine" and not pcall(setmetatable, t, {}))
  t[{}] = 1
  return "held"
end
return C
