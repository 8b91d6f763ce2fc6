--- One run of the terminal's client: connects, subscribes, publishes, shows what comes, and knows
--- when and how it is over.
local fs = require "perilune.fs"
local json = require "perilune.json"
local mqtt = require "perilune.mqtt"
local settings = require "settings"
local task = require "perilune.task"
local terminal = require "perilune.terminal"
local timer = require "perilune.timer"
local writer = require "perilune.internal.writer"
local harmless = require "perilune.internal.harmless"

local session = {}

local Session = {}
Session.__index = Session

-- How it may end; README.md has them.
session.codes = { done = 0, unconnected = 3, refused = 4, broken = 5, timeout = 6, failed = 7 }
local codes = session.codes

local MESSAGE = 268435455 -- bytes that a packet of MQTT may have
local ANSWER = 30 -- seconds for an acknowledgement

--- The run ends with this code; the first one counts.
function Session:finish(code)
  if self.result then return end
  self.result = code
  self.done:push(code)
end

-- What is shown.

local function hex(bytes)
  return (bytes:gsub(".", function(c) return ("%02x"):format(c:byte()) end))
end

--- Something about the connection.
function Session:say(event, fields, text)
  if self.flags.json then
    fields.event = event
    self.out:add(json.encode(fields) .. "\n")
  elseif self.flags.verbose or event == "error" then
    io.stderr:write(event == "error" and "! " or "* ", harmless(text), "\n")
  end
end

function Session:problem(message, code)
  self:say("error", { message = message, code = code }, message)
end

local function as_json(topic, text, properties)
  local fields = { event = "message", topic = topic }
  for name, value in pairs(properties) do
    fields[name] = value
  end
  fields.user_property_list = nil
  if json.encode(text) then
    fields.text = text
  else
    fields.hex = hex(text)
  end
  if fields.correlation_data then fields.correlation_data = hex(fields.correlation_data) end
  return json.encode(fields) .. "\n"
end

function Session:show(topic, text, properties)
  local flags = self.flags
  if flags.json then return self.out:add(as_json(topic, text, properties)) end
  local shown = flags.hex and hex(text) or text
  if self.tty then shown = harmless(shown) end
  if flags.verbose then shown = (self.tty and harmless(topic) or topic) .. " " .. shown end
  self.out:add(flags.raw and shown or shown .. "\n")
end

-- What comes.

local function watch(self)
  local client = self.client

  function client.OnMQTTConnect(_, present, _, _, _)
    local text = ("connected to %s%s"):format(self.place, present and ", the session goes on" or "")
    self:say("connected", { url = self.place, session = present }, text)
  end

  function client.OnMQTTDisconnect(_, code, reason)
    self:say("disconnected", { code = code, reason = reason }, "disconnected: " .. tostring(reason))
    if self.flags.reconnect or self.leaving or not self.began then return end
    self:problem("the connection has ended: " .. tostring(reason), "ECLOSED")
    self:finish(codes.broken)
  end

  function client.OnMQTTPublish(_, topic, text, properties)
    if self.result or self.received == self.flags.count then return end
    self.received = self.received + 1
    self:show(topic, text, properties)
    if self.received == self.flags.count then self:finish(codes.done) end
  end

  function client.OnError(_, message, code)
    self:problem(message, code)
    if self.began then self.undelivered = true end
  end
end

-- What is sent.

--- Publishes; waits while there is too much under way.
local function publish(self, text)
  local client, flags = self.client, self.flags
  while not self.result do
    local id, why, code =
      client:publish(flags.publish, text, flags.qos, flags.retain, self.properties)
    if id then
      if why == "buffered" and client.conn then client.conn:flush() end
      return true
    elseif code ~= "ELIMIT" and not (code == "ECLOSED" and flags.reconnect) then
      self:problem(why, code)
      self:finish(type(code) == "number" and codes.refused or codes.broken)
      return false
    end
    timer.sleep(0.01)
  end
end

local function failed(self, message, code)
  self:problem(message, code)
  self:finish(codes.failed)
end

local function publish_input(self)
  if self.flags.whole then
    local parts, size = {}, 0
    while size <= MESSAGE do
      local piece, message, code = terminal.read()
      if not piece then
        if message and code ~= "EEOF" then return failed(self, message, code) end
        return publish(self, table.concat(parts))
      end
      parts[#parts + 1], size = piece, size + #piece
    end
    return failed(self, "the input is larger than a message may be", "ETOOBIG")
  end
  for line in terminal.lines() do
    if not publish(self, line) then return end
  end
end

local function publish_all(self)
  local flags = self.flags
  if not flags.publish then return end
  if flags.empty then
    publish(self, "")
  elseif #flags.message > 0 then
    for _, text in ipairs(flags.message) do
      if not publish(self, text) then return end
    end
  elseif flags.file then
    local text, message, code = fs.read(flags.file, { max_size = MESSAGE })
    if not text then return failed(self, message, code) end
    publish(self, text)
  else
    publish_input(self)
  end
  while self.client.pending > 0 and not self.result do
    timer.sleep(0.005)
  end
end

-- The run.

local function refused(self, message, code)
  self:problem(message, code)
  self:finish(type(code) == "number" and codes.refused or codes.unconnected)
end

local function connect(self)
  local client = self.client
  if not self.flags.reconnect then
    local done, message, code = client:connect(self.flags.connect_timeout)
    if not done then return refused(self, message, code) end
    return true
  end
  local done, message, code = client:start()
  if not done then return refused(self, message, code) end
  while not client.connected and not self.result do
    timer.sleep(0.02)
  end
  return client.connected
end

local function subscribe(self)
  local list = self.subscriptions
  local done, message, code = self.client:subscribe_and_wait(list, nil, nil, ANSWER)
  if not done then return refused(self, message, code) end
  self:say("subscribed", { filters = #list }, ("subscribed to %d"):format(#list))
  return true
end

local function run(self)
  if not connect(self) then return end
  self.began = true
  if #self.flags.unsubscribe > 0 then
    local done, message, code =
      self.client:unsubscribe_and_wait(self.flags.unsubscribe, nil, ANSWER)
    if not done then return refused(self, message, code) end
  end
  if #self.subscriptions > 0 and not subscribe(self) then return end
  publish_all(self)
  if #self.subscriptions == 0 and not self.result then
    self:finish(self.undelivered and codes.broken or codes.done)
  end
end

--- Runs to the end; returns the exit code.
---@return integer
function Session:run()
  local flags = self.flags
  if flags.timeout then
    timer.after(flags.timeout, function()
      self:problem("the time is over", "ETIMEDOUT")
      self:finish(codes.timeout)
    end)
  end
  task.start(run, self)
  local code = self.done:pop()
  self.leaving = true
  if self.client.connected then self.client:disconnect(flags.disconnect_reason) end
  self.out:finish()
  return self.out.broken and codes.failed or code
end

---@param flags table
---@param client perilune.mqtt.Client
function session.new(flags, client)
  local self = setmetatable({
    flags = flags,
    client = client,
    place = flags.url:gsub("//[^/]*@", "//"),
    subscriptions = settings.subscriptions(flags),
    properties = settings.properties("--property", flags.property),
    tty = terminal.is_tty "stdout",
    done = task.queue(1),
    received = 0,
  }, Session)
  if not next(self.properties) then self.properties = nil end
  self.out = writer.new(terminal.write, function() self:finish(codes.failed) end)
  watch(self)
  return self
end

--- A client with the options of the flags.
function session.client(flags)
  local made, client = pcall(mqtt.client, settings.of(flags))
  if not made then settings.refuse((tostring(client):gsub("^.-:%d+: ", ""))) end
  return client
end

return session
