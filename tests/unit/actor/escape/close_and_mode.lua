-- __close runs in its own turn and ends with it; __mode collects nothing that is still in use.
-- outcome: "held"
local C = stage.class "things.{id}"
C.properties = { n = 1 }
function C:run()
  local closed = 0
  local function closing(f) return setmetatable({}, { __close = function(_, e) closed = closed + 1 return f and f(e) end }) end
  local co = coroutine.create(function()
    local a <close> = closing()
    coroutine.yield()
  end)
  coroutine.resume(co)
  assert(coroutine.close(co) and closed == 1)
  local ok, e = pcall(function()
    local a <close> = closing(function() error("from close", 0) end)
    error("first", 0)
  end)
  assert(not ok and e == "from close" and closed == 2)
  assert(not pcall(function() local a <close> = {} end))
  assert(not pcall(function() local a <close> = self end))
  local keys, values = setmetatable({}, { __mode = "k" }), setmetatable({}, { __mode = "v" })
  local key = {}
  keys[key], values[1], keys[self], values[2] = 1, key, 2, stage.null
  for i = 1, 50000 do local _ = { i } end
  assert(keys[key] == 1 and values[1] == key and keys[self] == 2 and self.n == 1)
  -- A mode that is no mode, or changes, is as in Lua; a __gc beside it is refused.
  assert(not pcall(setmetatable, {}, { __mode = "kv", __gc = error }))
  setmetatable({}, { __mode = {} })
  return "held"
end
return C
