-- No text and no number tells where anything lies in memory.
-- outcome: "held"
local C = stage.class "things.{id}"
local function none_is_near(texts)
  -- Objects made one after another lie close together: texts of addresses would begin alike.
  local first = {}
  for _, text in ipairs(texts) do
    local digits = text:match("0x(%x%x%x%x%x%x%x%x)%x+$")
    assert(digits, text)
    first[digits] = true
  end
  local different = 0
  for _ in pairs(first) do different = different + 1 end
  assert(different == #texts)
end
function C:run()
  for _, spec in ipairs { "%p", "%20p", "%-p", "%s %p", "%%%p" } do
    assert(not pcall(string.format, spec, {}, {}), spec)
    assert(not pcall(string.format, spec, "text", "text"), spec)
  end
  local texts, alive = {}, {}           -- what is collected gives its place, and its text, to the next
  local function new(object) alive[#alive + 1] = object return object end
  for i = 1, 4 do
    texts[#texts + 1] = tostring(new {})
    texts[#texts + 1] = string.format("%s", new {})
    texts[#texts + 1] = ("%-5s"):format(new {})
    texts[#texts + 1] = tostring(new(function() return i end))
    texts[#texts + 1] = tostring(new(coroutine.create(error)))
    texts[#texts + 1] = tostring(new(setmetatable({}, { __name = "named" })))
  end
  none_is_near(texts)
  local t = {}
  assert(tostring(t) == tostring(t) and tostring(t) == string.format("%s", t))
  assert(string.format("%s|%5.1f|%%|%q", setmetatable({}, { __tostring = function() return "mine" end }), 1, "q") == 'mine|  1.0|%|"q"')
  local _, e = pcall(error, {})
  assert(type(e) == "table")
  -- Lua's own randomseed() returns the address of its state.
  local a, b = math.randomseed()
  local c, d = math.randomseed()
  assert(a ~= c and b ~= d)
  return "held"
end
return C
