-- Players that fight each other. Everything here is explained in the five-minute tour.
local Player = stage.class "players.{id}"

Player.properties = {
  hp    = 100,    -- public: clients can read and watch it, only the actor assigns it
  armor = 0.5,
  dead  = false,
  wins  = 0,
  nick  = stage.property {                      -- clients may set this one …
    default = "",
    writable = true,
    check = function(v) return type(v) == "string" and #v <= 20 end,  -- … to what this accepts
  },
  _seed = 0,      -- private: stored like the others, never visible outside
}

-- Once in a player's life, at its first message.
function Player:create(params)
  self.nick = params.id
  self._seed = stage.random(1, 1000000)
end

-- Takes damage from whoever sends this; the rest of the hit points is the answer.
function Player:attack(damage)
  if type(damage) ~= "number" or damage < 0 then
    stage.error("bad_damage", { damage = damage })
  end
  if self.dead then stage.error("already_dead") end
  self.hp = math.max(0, self.hp - damage)
  self.dead = self.hp == 0
  return self.hp
end

function Player:heal()
  self.hp, self.dead = 100, false
  return self.hp
end

-- Hits another player. The turn waits for the answer; other actors run meanwhile.
function Player:duel(other)
  if self.dead then stage.error("already_dead") end
  local left = stage.call(other, "attack", 10)
  if left == 0 then
    self.wins = self.wins + 1
    stage.tell("arenas.main", "won", self.address)
  end
  return left
end

return Player
