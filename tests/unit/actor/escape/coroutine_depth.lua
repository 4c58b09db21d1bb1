-- Coroutines inside coroutines end with an error, not with the C stack.
-- outcome: "held"
local C = stage.class "things.{id}"
function C:run()
  local depth = 0
  local function down() depth = depth + 1 return coroutine.wrap(down)() end
  assert(not pcall(down) and depth > 50)
  local function pcalled() return pcall(pcalled) end
  pcalled()
  local function formatted(t) return tostring(setmetatable({}, { __tostring = formatted })) end
  assert(not pcall(formatted))
  assert(not pcall(string.rep, "x", -1, nil, nil) or true)
  return "held"
end
return C
