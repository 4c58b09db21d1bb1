-- A pattern that would take minutes is an error.
-- outcome: "held"
local C = stage.class "things.{id}"
function C:run()
  local a = ("a"):rep(3000)
  local bomb = ("a*"):rep(9) .. "b"
  for _, f in ipairs { string.find, string.match } do
    local ok, e = pcall(f, a, bomb)
    assert(not ok and e:find("takes too long"))
  end
  assert(not pcall(string.gsub, a, bomb, "x"))
  assert(not pcall(string.gsub, a, bomb, function() return "x" end))
  assert(not pcall(function() for _ in a:gmatch(bomb) do end end))
  assert(not pcall(string.find, a, ("("):rep(40)))
  assert(a:find("a+") == 1)
  return "held"
end
return C
