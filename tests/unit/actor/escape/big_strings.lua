-- Strings and tables in one go have bounds, as errors that can be caught.
-- outcome: "held"
local C = stage.class "things.{id}"
function C:run()
  assert(not pcall(string.rep, "x", 1 << 30))
  assert(not pcall(string.rep, "", 1 << 50))
  assert(not pcall(string.rep, "x", 1 << 20, ("y"):rep(1000)))
  assert(not pcall(table.move, {}, 1, 1 << 50, 2))
  assert(not pcall(table.move, {}, math.mininteger, math.maxinteger, 2))
  assert(not pcall(table.concat, {}, "", 1, 1 << 40))
  assert(not pcall(table.concat, {}, "", math.mininteger, math.maxinteger))
  assert(not pcall(table.unpack, {}, 1, 1 << 40))
  assert(not pcall(table.insert, setmetatable({}, { __len = function() return 1 << 50 end }), 1, 0))
  assert(not pcall(table.remove, setmetatable({}, { __len = function() return 1 << 50 end }), 1))
  assert(not pcall(string.format, "%" .. ("9"):rep(50) .. "d", 1))
  assert(#("x"):rep(1000) == 1000)
  return "held"
end
return C
