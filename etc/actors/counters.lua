-- The smallest useful actor: a number that many clients change and see change.
local Counter = stage.class "counters.{name}"

Counter.properties = {
  value = 0,
  step = stage.property {
    default = 1,
    writable = true,
    check = function(v) return math.type(v) == "integer" and v ~= 0 end,
  },
}

-- Adds n, or the counter's step, and answers the new value.
function Counter:add(n)
  self.value = self.value + (n or self.step)
  return self.value
end

function Counter:reset()
  self.value = 0
end

return Counter
