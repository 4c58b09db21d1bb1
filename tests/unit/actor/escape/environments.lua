-- _ENV, _G and loaded chunks are the class's own: swapped, emptied or shared, they lead nowhere else.
-- outcome: "held"
local C = stage.class "things.{id}"
function C:run()
  local assert, pcall, load, setmetatable, next, real = assert, pcall, load, setmetatable, next, _G
  local own = setmetatable({}, { __index = function(_, name) return "asked " .. name end })
  assert(load("return io", "=x", "t", own)() == "asked io")
  assert(load("x = 1 return _G", "=x", "t", own)() == "asked _G" and own.x == 1)
  do
    local _ENV = { C = C }
    assert(io == nil and _G == nil and stage == nil)
  end
  local function in_env(_ENV) return x end
  assert(in_env { x = 7 } == 7 and not pcall(in_env, nil))
  assert(not pcall(load("return x", "=x", "t", 1)))
  real.leak = function() return self end
  real.string = { upper = function() return "false" end }
  assert(("x"):upper() == "X")
  real._ENV = real
  setmetatable(real, { __index = real.leak, __metatable = false })
  assert(getmetatable(real) == false)
  for name in next, real do real[name] = nil end
  assert(_G == self and self.address == "things.1")
  return "held"
end
return C
