-- No finalizer: it would run outside of every turn.
-- outcome: "held"
local C = stage.class "things.{id}"
local ran = 0
function C:run()
  assert(not pcall(setmetatable, {}, { __gc = function() ran = ran + 1 end }))
  assert(not pcall(setmetatable, {}, { __gc = true }))
  local late = setmetatable({}, {})
  getmetatable(late).__gc = function() ran = ran + 1 end
  late = nil
  for i = 1, 100000 do local _ = { i } end
  assert(ran == 0)
  local hidden = setmetatable({}, { __index = { __gc = function() ran = ran + 1 end } })
  setmetatable({}, hidden)
  for i = 1, 100000 do local _ = { i } end
  assert(ran == 0)
  return "held"
end
return C
