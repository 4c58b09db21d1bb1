-- The same actor as bench.lua, kept in memory only.
local Bench = stage.class "bench-memory.{key}"

Bench.durability = "none"

Bench.properties = {
  n = stage.property { default = 0, writable = true },
  s = stage.property { default = "", writable = true },
}

function Bench:add(by)
  self.n = self.n + by
  return self.n
end

return Bench
