--- Texts that the server has not confirmed yet, as public/outbox.js has them for browsers.
local outbox = {}

local LIMIT = 100 -- texts that may wait

local Outbox = {}
Outbox.__index = Outbox

--- Ids are random, so that nobody else's are the same.
local function random_prefix()
  local file = assert(io.open("/dev/urandom", "rb"))
  local bytes = file:read(12)
  file:close()
  return (bytes:gsub(".", function(c) return ("%02x"):format(c:byte()) end))
end

function Outbox:full() return #self.waiting >= LIMIT end

--- A new message; nil and why when too many wait.
function Outbox:add(room, text)
  if self:full() then return nil, "too much has not arrived yet: this text is not sent" end
  self.number = self.number + 1
  local message = { id = ("%s%x"):format(self.prefix, self.number), room = room, text = text }
  table.insert(self.waiting, message)
  return message
end

function Outbox:has(id)
  for i, message in ipairs(self.waiting) do
    if message.id == id then return i end
  end
end

function Outbox:remove(id)
  local i = self:has(id)
  if i then table.remove(self.waiting, i) end
end

--- Those that wait in a room, the oldest first.
function Outbox:of(room)
  local list = {}
  for _, message in ipairs(self.waiting) do
    if message.room == room then list[#list + 1] = message end
  end
  return list
end

function Outbox:count() return #self.waiting end

function outbox.new()
  return setmetatable({ waiting = {}, number = 0, prefix = random_prefix() }, Outbox)
end

return outbox
