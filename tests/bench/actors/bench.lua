-- The actor of the measurements: a number and a text, durable as by default.
local Bench = stage.class "bench.{key}"

Bench.properties = {
  n = stage.property { default = 0, writable = true },
  s = stage.property { default = "", writable = true },
}

function Bench:add(by)
  self.n = self.n + by
  return self.n
end

return Bench
