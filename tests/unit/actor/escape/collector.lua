-- The collector can be asked how much there is, and told nothing.
-- outcome: "held"
local C = stage.class "things.{id}"
function C:run()
  for _, option in ipairs { "collect", "stop", "restart", "step", "isrunning", "setpause", "setstepmul", "incremental",
      "generational", "Count", "count ", "count\0stop", "", "collect\0" } do
    assert(option:find("^count%z") or not pcall(collectgarbage, option), option)
    assert(not pcall(collectgarbage, option, 0, 0, 0) or option:find("^count%z"))
  end
  assert(math.type(collectgarbage()) == "float" and collectgarbage("count", "stop") > 0)
  assert(not pcall(collectgarbage, {}) and not pcall(collectgarbage, self))
  return "held"
end
return C
