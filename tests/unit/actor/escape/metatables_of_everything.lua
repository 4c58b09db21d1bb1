-- No type's metatable can be had: strings and handles show a name, the others have none.
-- outcome: "held"
local C = stage.class "things.{id}"
function C:run()
  local co = coroutine.create(error)
  for _, value in ipairs { 1, 1.5, true, print or error, co, string.rep, function() end, {} } do
    assert(getmetatable(value) == nil, type(value))
  end
  assert(getmetatable(nil) == nil)
  for _, value in ipairs { 1, true, error, co, "", self } do
    assert(not pcall(setmetatable, value, { __index = {} }), type(value))
  end
  for _, value in ipairs { "", self, stage.null } do
    local m = getmetatable(value)
    assert(type(m) == "string" and getmetatable(m) == "string")
  end
  assert(not pcall(function() return (1).x end) and not pcall(function() return (true).x end))
  assert(not pcall(function() return (error).x end) and not pcall(function() return co.x end))
  assert(("").x == nil and not pcall(function() (""  ).x = 1 end))
  -- The table behind strings is the library, and nothing more.
  for name, f in pairs(string) do assert(type(f) == "function", name) end
  return "held"
end
return C
