-- Tampering with _G and _ENV hurts the class alone.
-- outcome: "held"
local C = stage.class "things.{id}"
function C:run()
  local setmetatable, assert, rawget = setmetatable, assert, rawget
  setmetatable(_G, { __index = function(_, name) return name end, __newindex = function() end })
  assert(io == "io")
  written = 1
  assert(rawget(_G, "written") == nil)
  _G._G, _G.string, _G.stage, _G.coroutine = nil, nil, nil, nil
  local _ENV = {}
  return "held"
end
return C
