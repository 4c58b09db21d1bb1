-- What reaches outside of the state is not there, by any name.
-- outcome: "held"
local C = stage.class "things.{id}"
local allowed = {}
for name in ([[_G _VERSION assert collectgarbage coroutine error getmetatable ipairs load math
  next pairs pcall rawequal rawget rawlen rawset require select setmetatable stage string table
  tonumber tostring type utf8 xpcall]]):gmatch("%S+") do allowed[name] = true end
function C:run()
  for name in pairs(_G) do assert(allowed[name], name) end
  for _, name in ipairs { "io", "os", "debug", "package", "dofile", "loadfile", "print", "warn" } do
    assert(_G[name] == nil, name)
    assert(not pcall(require, name))
  end
  for _, what in ipairs { "collect", "stop", "restart", "step", "generational", "incremental", "setpause" } do
    assert(not pcall(collectgarbage, what), what)
  end
  assert(collectgarbage("count") > 0)
  return "held"
end
return C
