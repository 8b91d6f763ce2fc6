--- One run: connects, hands out what comes, and knows when and how it is over.
local clients = require "perilune.client"
local fs = require "perilune.fs"
local settings = require "settings"
local task = require "perilune.task"
local timer = require "perilune.timer"
local transfer = require "transfer"
local writer = require "perilune.internal.writer"

local session = {}

local Session = {}
Session.__index = Session

-- How it may end; README.md has them.
session.codes = { done = 0, unconnected = 3, refused = 4, broken = 5, timeout = 6, failed = 7 }
local codes = session.codes

--- What a server closes with when nothing is wrong.
local FINE = { [1000] = true, [1001] = true, [1005] = true }

local LINGER = 6 -- seconds that a close may take: longer than limits.close_timeout
local GIVEN_UP = 0.1 -- seconds between two looks whether there are no more attempts

--- The run ends with this code; the first one counts.
function Session:finish(code)
  if self.result then return end
  self.result = code
  self.done:push(code)
end

--- Closes the connection, if there is one, and then ends.
function Session:leave(code)
  if self.leaving then return end
  self.leaving = code
  local conn = self.client.conn
  local close = conn and (self.flags.abrupt and conn.disconnect or conn.close)
  if not close or not close(conn, self.flags.close) then return self:finish(code) end
  timer.after(LINGER, function() self:finish(code) end)
end

function Session:fail(message, code)
  self.printer:problem(message, code)
  self:leave(codes.failed)
end

function Session:close(code, reason)
  local conn = self.client.conn
  if not conn then
    self:leave(codes.done)
    return
  end
  local wrong = settings.close_problem(code)
  if wrong then return self.printer:problem("/close " .. wrong, "EINVAL") end
  self.leaving = self.leaving or codes.done
  conn:close(code, reason ~= "" and reason or nil)
end

function Session:wait_connected()
  while not self.client.conn and not self.result do
    timer.sleep(0.02)
  end
end

--- After a connection that takes no more: waits for the next one, with --reconnect; or for the end.
---@return boolean? connected
function Session:wait_next(conn)
  while not self.result do
    if self.client.conn and self.client.conn ~= conn then return true end
    timer.sleep(0.02)
  end
end

--- Sends a message; waits while too much is queued.
function Session:send(kind, bytes)
  local conn = self.client.conn
  local to = self.flags.keep_messages and self.client or conn
  if not to then return nil, "not connected", "ECLOSED" end
  local write = (kind == "binary" or self.tcp) and to.write_binary or to.write
  local ok, state, code = write(to, bytes, self.flags.fragment)
  if not ok then return nil, state, code end
  self.sent = self.sent + 1
  self.printer:sent(kind, #bytes)
  if conn then self.transfer:wrote(#bytes, conn) end
  if state == "buffered" and conn then conn:flush() end
  return true
end

--- Waits until the system has all that was sent.
function Session:settle()
  local conn = self.client.conn
  if conn and conn:flush() then self.transfer:look(conn, true) end
end

function Session:ping()
  local conn = self.client.conn
  if not conn then return end
  local began = timer.now()
  local ok, message, code = conn:ping(self.flags.connect_timeout)
  if ok then
    self.printer:pong((timer.now() - began) * 1000)
  elseif code ~= "ECLOSED" then
    self.printer:problem("ping: " .. message, code)
  end
end

-- What comes.

function Session:receive(kind, bytes)
  self.received, self.last = self.received + 1, timer.now()
  if self.leaving == codes.done and self.flags.count and self.received > self.flags.count then
    return
  end
  if self.file then
    self.file:add(bytes)
  else
    self.printer:message(kind, bytes)
  end
  if self.received == self.flags.count then self:leave(codes.done) end
end

--- A fragment, with --no-buffer.
function Session:receive_piece(bytes, opcode, continuation)
  self.last = timer.now()
  if self.file then
    self.file:add(bytes)
  else
    self.printer:piece(bytes, opcode, continuation)
  end
  if continuation then return end
  self.received = self.received + 1
  if self.received == self.flags.count then self:leave(codes.done) end
end

function Session:counts(conn)
  return {
    seconds = timer.now() - self.connected_at,
    received = self.received,
    sent = self.sent,
    received_bytes = conn.rec_bytes,
    sent_bytes = conn.send_bytes,
  }
end

--- How it is over when the connection has ended.
local function verdict(self, code)
  if self.leaving then return self.leaving end
  if self.flags.reconnect then return nil end
  if self.tcp then return self.flags.count and codes.broken or codes.done end
  return FINE[code] and not self.flags.count and codes.done or codes.broken
end

local function watch(self)
  local client, out = self.client, self.printer

  function client.OnConnect(conn)
    self.connected_at, self.last = timer.now(), timer.now()
    out:connected(conn, client.url or self.flags.url)
    if not self.ready.closed then self.ready:close() end
  end

  function client.OnMessage(_, text) self:receive("text", text) end

  function client.OnBinary(_, bytes) self:receive(self.tcp and "bytes" or "binary", bytes) end

  function client.OnPing(_, bytes) out:pinged(bytes) end

  function client.OnFragmented(_, bytes, opcode, continuation)
    if not self.flags.no_buffer then return out:fragment(bytes, opcode, continuation) end
    self:receive_piece(bytes, opcode, continuation)
  end

  function client.OnDisconnect(conn, code, reason)
    self.transfer:ended(conn, FINE[code] and self.leaving ~= nil)
    out:disconnected(code, reason, self:counts(conn))
    local result = verdict(self, code)
    if result then self:finish(result) end
  end

  function client.OnError(_, message, code, status)
    self.answered = status ~= nil
    self.told = message
    out:problem(message, code, status)
  end
end

--- There is no connection. OnError has mostly told so; not of files of ours that cannot be used.
local function out_of_start(self, message, code)
  if message:find "^tls: " or message:find "^log_file " then
    return self:fail((message:gsub("^log_file", "--log")), code)
  end
  if self.told ~= message then self.printer:problem(message, code) end
  self:finish(self.answered and codes.refused or codes.unconnected)
end

local function given_up(self)
  if self.connected_at then return codes.broken end
  return self.answered and codes.refused or codes.unconnected
end

--- Waits for the first connection. With --reconnect there may be many attempts.
local function connect(self)
  if self.flags.reconnect then
    local ok, message, code = self.client:start()
    if not ok then
      out_of_start(self, message, code)
      return false
    end
    timer.every(GIVEN_UP, function()
      if not self.client.active then self:finish(given_up(self)) end
    end)
    self.ready:pop() -- nothing is ever in it: until it is closed
    return self.client.connected
  end
  local ok, message, code = self.client:connect()
  if not ok then out_of_start(self, message, code) end
  return ok
end

--- After the input's end: until what was asked for has come, or nothing comes any more.
local function rest(self)
  local flags = self.flags
  if flags.keep_messages then self:wait_connected() end
  if flags.no_input or flags.count or self.leaving then return end
  while timer.now() - self.last < flags.wait do
    timer.sleep(math.max(0.01, self.last + flags.wait - timer.now()))
  end
  self:leave(codes.done)
end

local function open_file(self)
  local path = self.flags.output
  if not path then return true end
  local file, message, code = fs.open(path, "w")
  if not file then
    self.printer:problem(message, code)
    return self:finish(codes.failed)
  end
  self.file = writer.new(function(bytes)
    local ok, wrong, name = file:write(bytes)
    return ok, wrong, name
  end, function(...) self:fail(...) end)
  return true
end

local function run(self, send)
  if not (open_file(self) and connect(self)) then return end
  if self.flags.ping then
    self.pinging = timer.every(self.flags.ping, function() self:ping() end)
  end
  self.last = timer.now()
  send(self)
  self.last = math.max(self.last, timer.now())
  rest(self)
end

--- Runs to the end; returns the exit code. `send(session)` sends all that there is to send.
---@param send fun(session: table)
---@return integer
function Session:run(send)
  if self.flags.timeout then
    timer.after(self.flags.timeout, function()
      self.printer:problem("the time is over", "ETIMEDOUT")
      self:leave(codes.timeout)
    end)
  end
  task.start(run, self, send)
  local code = self.done:pop()
  if self.file then self.file:finish() end
  self.printer:finish()
  local lost = self.file and self.file.broken or self.printer:broken()
  return lost and codes.failed or code
end

---@param flags table
---@param options table Of client.new.
---@return table
function session.new(flags, options)
  local self = setmetatable({
    flags = flags,
    client = clients.new(options),
    done = task.queue(1),
    ready = task.queue(1),
    transfer = transfer.new(),
    received = 0,
    sent = 0,
    last = 0,
  }, Session)
  return self
end

--- Takes the printer, which tells the session when nobody reads any more.
function Session:use(printer)
  self.printer = printer
  watch(self)
end

return session
