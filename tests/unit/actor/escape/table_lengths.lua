-- A length that changes between two looks makes no loop in C that nothing can interrupt.
-- outcome: "held"
local C = stage.class "things.{id}"
local function growing(t)
  local looks = 0
  return setmetatable(t, {
    __index = rawlen, __newindex = rawequal,
    __len = function() looks = looks + 1 return looks == 1 and #"abc" or (1 << 31) - 2 end,
  })
end
function C:run()
  assert(not pcall(table.insert, growing {}, 1, 0))
  assert(not pcall(table.remove, growing {}, 1))
  assert(table.concat(growing { "a", "b", "c" }, "-") == "a-b-c")
  assert(select("#", table.unpack(growing {})) == 3)
  pcall(table.sort, growing { 3, 1, 2 })
  local list = { 1, 2, 3 }
  table.insert(list, 1, 0)
  assert(table.remove(list, 2) == 1 and table.concat(list, ",", 2) == "2,3")
  return "held"
end
return C
