-- What the checker of histories watches: nothing is ever taken out of it.
local Log = stage.class "logs.{id}"

Log.properties = { entries = stage.array {}, count = 0 }

function Log:append(token)
  local entries = self.entries
  entries[#entries + 1] = token
  self.entries = entries
  self.count = #entries
  return #entries
end

-- The same by another actor, whose shard may be another node's.
function Log:pass(to, token)
  return stage.call(to, "append", token)
end

return Log
