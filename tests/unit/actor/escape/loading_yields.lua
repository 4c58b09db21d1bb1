-- A file that loads has no turn to wait in.
-- problem: things.lua:4: attempt to yield from outside a coroutine
local C = stage.class "things.{id}"
coroutine.yield()
return C
