-- An arena: players join it, it lets them fight round by round, and keeps the score.
-- Shows calls to other actors, messages that nobody waits for, and timers.
local Arena = stage.class "arenas.{name}"

Arena.properties = {
  players = stage.array {},  -- addresses, in the order they joined
  score   = {},              -- address -> fights won
  round   = 0,
  running = false,
  last    = "",              -- who won last
}

-- A table read from a property is a copy: change it, then assign it back.
function Arena:join(player)
  local players = self.players
  for _, other in ipairs(players) do
    if other == player then stage.error("already_here", { player = player }) end
  end
  players[#players + 1] = player
  self.players = players
  return #players
end

function Arena:leave(player)
  local left = stage.array {}
  for _, other in ipairs(self.players) do
    if other ~= player then left[#left + 1] = other end
  end
  self.players = left
  return #left
end

-- What a player tells us when it has won a duel.
function Arena:won(player)
  local score = self.score
  score[player] = (score[player] or 0) + 1
  self.score, self.last = score, player
end

-- Starts fighting: a round every `ms` milliseconds until one player is left standing.
function Arena:start(ms)
  if self.running then stage.error("already_running") end
  if #self.players < 2 then stage.error("too_few", { players = #self.players }) end
  self.running, self.round = true, 0
  stage.after(ms or 1000, "fight", ms or 1000)
end

function Arena:stop()
  self.running = false
end

-- One round: everyone hits the next one in the list. A timer calls this.
function Arena:fight(ms)
  if not self.running then return end
  local players = self.players
  for i, player in ipairs(players) do
    local other = players[i % #players + 1]
    if not stage.get(player, "dead") and not stage.get(other, "dead") then
      stage.call(player, "duel", other)
    end
  end
  local standing = 0
  for _, player in ipairs(players) do
    if not stage.get(player, "dead") then standing = standing + 1 end
  end
  self.round = self.round + 1
  if standing > 1 then
    stage.after(ms, "fight", ms)
  else
    self.running = false
  end
end

return Arena
