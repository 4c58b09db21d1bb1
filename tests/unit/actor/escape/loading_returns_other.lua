-- A file that returns something like its class has not returned it.
-- problem: things.lua:0: does not return its class (end the file with `return Name`; modules belong in a folder)
local C = stage.class "things.{id}"
return setmetatable({}, { __index = C, __eq = function() return true end })
