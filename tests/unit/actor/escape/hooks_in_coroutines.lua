-- No coroutine hides a loop: what runs in one is set aside and ended with its turn.
-- outcome: app {"code":"memory","message":"the turn needs more memory than it may have"}
local C = stage.class "things.{id}"
function C:run()
  -- Every one begins without the hook that may be armed outside, and swallows what is raised.
  local kept = {}
  local function greedy()
    while true do
      pcall(function()
        while true do kept[#kept + 1] = { #kept } end
      end)
    end
  end
  local inner = coroutine.wrap(function() coroutine.wrap(greedy)() end)
  while true do pcall(inner) inner = coroutine.wrap(greedy) end
end
return C
