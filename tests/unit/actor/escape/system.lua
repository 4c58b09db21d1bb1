-- Nothing of the system is reached by any path of names, from whatever a class can hold.
-- outcome: "held"
local C = stage.class "things.{id}"
local forbidden = {}
for name in ([[io os debug package dofile loadfile print warn dump open popen execute exit getenv
  rename tmpfile tmpname setlocale loadlib searchpath searchers preload cpath getregistry
  sethook getupvalue setupvalue upvaluejoin setuservalue getinfo getlocal traceback]]):gmatch("%S+") do
  forbidden[name] = true
end
function C:run()
  local seen, todo = {}, { _G, stage, C, string, coroutine, stage.array {}, stage.property { default = 1 } }
  local looked = 0
  while #todo > 0 do
    local t = table.remove(todo)
    if not seen[t] then
      seen[t] = true
      looked = looked + 1
      for k, v in next, t do
        assert(not forbidden[k], k)
        if type(v) == "table" then todo[#todo + 1] = v end
        if type(k) == "table" then todo[#todo + 1] = k end
      end
      local m = getmetatable(t)
      if type(m) == "table" then todo[#todo + 1] = m end
    end
  end
  assert(looked >= 10)
  for _, name in ipairs { "os.exit()", "io.open('/etc/passwd')", "print('x')", "os.getenv('PATH')", "package.loadlib('libc.so.6', 'system')",
      "debug.getregistry()", "require('os').exit()", "_G['o' .. 's'].exit()", "_ENV.io.popen('id')", "(''):dump()", "string.dump(print)" } do
    local f = assert(load("return " .. name))
    assert(not pcall(f), name)
  end
  return "held"
end
return C
