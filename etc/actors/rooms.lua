-- A chat room: watch `messages` and `present`, call `enter` and `say`.
local Room = stage.class "rooms.{name}"

local KEPT = 50 -- messages

Room.properties = {
  topic    = stage.property { default = "", writable = true,
                              check = function(v) return type(v) == "string" and #v <= 200 end },
  present  = {},              -- name -> when its owner was last heard of, in milliseconds
  messages = stage.array {},  -- the last ones, oldest first
  count    = 0,
}

-- Timers are gone with the activation, so whoever left meanwhile is looked for again here.
function Room:activate()
  stage.every(60000, "sweep", 300000)
end

function Room:enter(name)
  if type(name) ~= "string" or name == "" then stage.error("bad_name") end
  local present = self.present
  present[name] = stage.now()
  self.present = present
  return self.messages
end

function Room:leave(name)
  local present = self.present
  present[name] = nil
  self.present = present
end

function Room:say(name, text)
  if not self.present[name] then stage.error("not_here", { name = name }) end
  if type(text) ~= "string" or #text > 2000 then stage.error("bad_text") end
  local messages = self.messages
  messages[#messages + 1] = { from = name, text = text, at = stage.now() }
  while #messages > KEPT do table.remove(messages, 1) end
  self.messages, self.count = messages, self.count + 1
  self:enter(name)
  return self.count
end

-- Forgets those who have not been heard of for `ms` milliseconds.
function Room:sweep(ms)
  local present, now = self.present, stage.now()
  for name, heard in pairs(present) do
    if now - heard > ms then present[name] = nil end
  end
  self.present = present
end

return Room
