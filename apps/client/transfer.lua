--- How much has left and arrived, also of a message that is still on its way.
local transfer = {}

local Transfer = {}
Transfer.__index = Transfer

--- Brings `sent` up to date. Of what waits we know the size on the wire, which deflate makes
--- smaller.
local function look_at(self, conn)
  local waiting = conn and conn.queued_bytes or 0
  if not conn or self.written == 0 then return end
  self.peak = math.max(self.peak, waiting)
  if waiting == 0 then
    self.sent, self.base, self.peak = self.written, self.written, 0
  else
    local share = waiting / math.max(self.peak, 1)
    self.sent = math.max(self.sent, self.base + (self.written - self.base) * (1 - share))
  end
end

--- A message was written.
---@param size integer
---@param conn perilune.Conn
function Transfer:wrote(size, conn)
  self.written = self.written + size
  look_at(self, conn)
end

--- A connection has ended; `all`: with everything that was written to it.
---@param conn perilune.Conn
---@param all boolean
function Transfer:ended(conn, all)
  self.before = self.before + conn.rec_bytes
  if all then self.sent = self.written end
  self.base, self.peak = self.sent, 0
  self.written = self.sent
end

--- Bytes sent, all that are to be sent (nil when nobody knows), and bytes received.
---@param conn? perilune.Conn
---@param open boolean It takes messages: what waits in it is not being dropped.
---@return number sent
---@return number? total
---@return number received
function Transfer:look(conn, open)
  if open then look_at(self, conn) end
  return self.sent, self.total, self.before + (conn and conn.rec_bytes or 0)
end

function transfer.new()
  return setmetatable({ written = 0, sent = 0, base = 0, peak = 0, before = 0 }, Transfer)
end

return transfer
