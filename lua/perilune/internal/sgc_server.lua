--- The server's side of the sgc protocol.
local carrier = require "perilune.internal.carrier"
local hidden = require "perilune.internal.hidden"
local json = require "perilune.json"
local log = require "perilune.log"
local options = require "perilune.internal.options"
local shared = require "perilune.shared"
local wire = require "perilune.internal.sgc_wire"

local sgc_server = {}

local EVENTS = {
  "OnConnect",
  "OnDisconnect",
  "OnMessage",
  "OnNotification",
  "OnPublish",
  "OnRPC",
  "OnSubscribe",
  "OnUnsubscribe",
}

local schema = {
  server = carrier.server_fields.server,
  broker = carrier.server_fields.broker,
  queue_limit = { type = "integer", default = 100, min = 1, max = 10000 },
  queued_channels = { type = "integer", default = 1000, min = 1, max = 1000000 },
  pending_limit = { type = "integer", default = 1000, min = 1, max = 1000000 },
  pending_bytes = { type = "integer", default = 1048576, min = 1024, max = 2 ^ 30, unit = "bytes" },
}

local serial = 0 -- of these components; the same in every worker

--- What a handler says; a wait is allowed.
local function call(state, event, ...)
  local handler = state.handlers[event]
  if handler then return handler(...) end
end

local function reply_error(conn, failure, id, detail)
  conn:write(wire.failure(failure[1], detail or failure[2], nil, id))
end

-- Channels whose messages are kept for who comes later: the last one of "queueLevel1", all of
-- "queueLevel2".

local QUEUES = { queueLevel0 = 0, queueLevel1 = 1, queueLevel2 = 2 }

-- A channel whose messages are kept has a name in perilune.shared, behind that of the queues.
local LONGEST_CHANNEL = 1000

local function queue_name(state, channel) return state.name .. ":" .. channel end

local function keep(state, channel, text, level)
  local name = queue_name(state, channel)
  local known = shared.get(name) ~= nil
  if
    not known
    and #shared.names(state.name .. ":", state.settings.queued_channels)
      >= state.settings.queued_channels
  then
    log.warn "sgc: a message is not kept: there are queued_channels channels already"
    return
  end
  local kept, message = shared.update(name, function(list)
    list = level == 2 and list or {}
    list[#list + 1] = text
    if #list > state.settings.queue_limit then table.remove(list, 1) end
    return list
  end)
  if not kept then log.warn("sgc: a message is not kept: " .. message) end
end

local function send_kept(state, conn, channel)
  for _, text in ipairs(shared.get(queue_name(state, channel)) or {}) do
    conn:write(wire.event { method = "sgc@event", channel = channel, message = text })
  end
end

-- What clients ask for. Each gets the state, the conn, its own record, params, and the id.

local methods = {}

local function channel_of(params)
  local channel = params.channel
  return type(channel) == "string" and channel or ""
end

--- Tells who asked for it that the message has arrived (facts of the levels: docs/protocols.md).
--- Returns false when the message has been here before.
local function acknowledge(state, conn, record, params, id)
  if id == nil then return true end
  if params.qos == "qosLevel1" then
    conn:write(wire.event({ method = "sgc@acknowledgment" }, id))
  elseif params.qos == "qosLevel2" then
    local seen = record.received[id]
    if not seen then
      if record.count >= state.settings.pending_limit then
        reply_error(conn, wire.errors.refused, id, "too many messages wait for sgc@pubrel")
        return false
      end
      record.received[id], record.count = true, record.count + 1
    end
    conn:write(wire.event({ method = "sgc@pubrec" }, id))
    return not seen
  end
  return true
end

methods["sgc@pubrel"] = function(_, conn, record, _, id)
  if id == nil then return end
  if record.received[id] then
    record.received[id], record.count = nil, record.count - 1
  end
  conn:write(wire.event({ method = "sgc@acknowledgment" }, id))
end

--- Whether a message is held back until its transaction ends.
local function hold(state, conn, record, channel, message, run)
  local held = record.transactions[channel] or record.transactions[""]
  if not held then return false end
  local bytes, settings = record.held_bytes + #message.text, state.settings
  if #held >= settings.pending_limit or bytes > settings.pending_bytes then
    reply_error(conn, wire.errors.refused, message.id, "too many messages in a transaction")
  else
    held[#held + 1] = run
    held.bytes, record.held_bytes = held.bytes + #message.text, bytes
  end
  return true
end

--- Ends a transaction; returns what it has held back.
local function release(record, channel)
  local held = record.transactions[channel]
  if not held then return {} end
  record.transactions[channel] = nil
  record.transaction_count = record.transaction_count - 1
  record.held_bytes = record.held_bytes - held.bytes
  return held
end

methods["sgc@message"] = function(state, conn, record, params, id)
  if not acknowledge(state, conn, record, params, id) then return end
  local text = wire.text_of(params.message)
  local function run() call(state, "OnMessage", conn, text) end
  if not hold(state, conn, record, "", { text = text, id = id }, run) then run() end
end

local function publish(state, conn, record, params, id)
  local channel, text = channel_of(params), wire.text_of(params.message)
  if not acknowledge(state, conn, record, params, id) then return end
  local function run()
    if call(state, "OnPublish", conn, channel, text) == false then
      reply_error(conn, wire.errors.refused, id)
      return
    end
    local level = QUEUES[params.queue] or 0
    if level > 0 and channel ~= "" then keep(state, channel, text, level) end
    state.server:broadcast(text, channel ~= "" and channel or nil)
  end
  if not hold(state, conn, record, channel, { text = text, id = id }, run) then run() end
end

methods["sgc@publish"] = function(state, conn, record, params, id)
  if channel_of(params) == "" then
    reply_error(conn, wire.errors.params, id, "sgc@publish needs a channel")
    return
  end
  publish(state, conn, record, params, id)
end

methods["sgc@broadcast"] = publish

methods["sgc@subscribe"] = function(state, conn, record, params, id)
  local channel = channel_of(params)
  if channel == "" or call(state, "OnSubscribe", conn, channel) == false then
    local failure = channel == "" and wire.errors.params or wire.errors.refused
    reply_error(conn, failure, id, channel == "" and "sgc@subscribe needs a channel" or nil)
    return
  end
  local done, message = conn:subscribe(channel)
  if not done then
    reply_error(conn, wire.errors.refused, id, message)
    return
  end
  record.channels[channel] = true
  conn:write(wire.event({ method = "sgc@subscribe", channel = channel }, id))
  send_kept(state, conn, channel)
end

local function unsubscribe(state, conn, record, channel, id)
  conn:unsubscribe(channel)
  record.channels[channel] = nil
  conn:write(wire.event({ method = "sgc@unsubscribe", channel = channel }, id))
  call(state, "OnUnsubscribe", conn, channel)
end

methods["sgc@unsubscribe"] = function(state, conn, record, params, id)
  unsubscribe(state, conn, record, channel_of(params), id)
end

local function channels_of(record)
  local list = json.array()
  for channel in pairs(record.channels) do
    list[#list + 1] = channel
  end
  table.sort(list)
  return list
end

methods["sgc@unsubscribe_all"] = function(state, conn, record, _, id)
  for _, channel in ipairs(channels_of(record)) do
    unsubscribe(state, conn, record, channel, id)
  end
end

methods["sgc@channels"] = function(_, conn, record, _, id)
  conn:write(wire.event({ method = "sgc@channels", message = channels_of(record) }, id))
end

methods["sgc@session"] = function(_, conn, _, _, id)
  conn:write(wire.event({ method = "sgc@session", message = conn.guid }, id))
end

methods["sgc@transaction"] = function(state, conn, record, params, id)
  local channel = channel_of(params)
  if record.transactions[channel] then return end
  if record.transaction_count >= state.settings.pending_limit then
    reply_error(conn, wire.errors.refused, id, "too many transactions")
    return
  end
  record.transactions[channel] = { bytes = 0 }
  record.transaction_count = record.transaction_count + 1
end

methods["sgc@commit"] = function(_, _, record, params)
  for _, run in ipairs(release(record, channel_of(params))) do
    run()
  end
end

methods["sgc@rollback"] = function(_, _, record, params) release(record, channel_of(params)) end

local function reply_result(conn, result, id)
  local text, message = wire.result(result, id)
  if not text then
    reply_error(conn, wire.errors.internal, id)
    error("OnRPC returns what JSON can say: " .. message, 0)
  end
  conn:write(text)
end

--- What OnRPC says in place of a result.
local function reply_refusal(conn, message, code, id)
  local number = type(code) == "number" and code or wire.errors.refused[1]
  local text, why = wire.failure(number, message, nil, id)
  if not text then
    reply_error(conn, wire.errors.internal, id)
    error("OnRPC returns a message that JSON can say: " .. why, 0)
  end
  conn:write(text)
end

--- A method of the application's.
local function call_application(state, conn, method, params, id)
  if id == nil then
    call(state, "OnNotification", conn, method, params)
  elseif not state.handlers.OnRPC then
    reply_error(conn, wire.errors.method, id)
  else
    local ok, result, message, code = pcall(state.handlers.OnRPC, conn, method, params)
    if not ok then
      reply_error(conn, wire.errors.internal, id)
      error(result, 0)
    elseif result == nil and message then
      reply_refusal(conn, message, code, id)
    else
      reply_result(conn, result, id)
    end
  end
end

--- What is known of one client; `count` of what was received at level 2.
local function new_record()
  local record = { channels = {} }
  record.transactions, record.transaction_count, record.held_bytes = {}, 0, 0
  record.received, record.count = {}, 0
  return record
end

local function on_message(state, conn, text)
  local message, failure = wire.decode(text)
  if not message then
    reply_error(conn, failure)
    return
  end
  local method, params = message.method, message.params
  if type(method) ~= "string" then
    -- An answer, or nothing that we know.
    if message.result == nil and message.error == nil then
      reply_error(conn, wire.errors.request, message.id)
    end
    return
  end
  local record = state.records[conn] or new_record()
  state.records[conn] = record
  local own = methods[method]
  if own then
    params = type(params) == "table" and params or {}
    if #channel_of(params) > LONGEST_CHANNEL then
      reply_error(conn, wire.errors.params, message.id, "the name of the channel is too long")
      return
    end
    own(state, conn, record, params, message.id)
  else
    call_application(state, conn, method, params, message.id)
  end
end

local function handlers_of(state)
  return {
    OnConnect = function(conn)
      state.records[conn] = new_record()
      call(state, "OnConnect", conn)
    end,
    OnDisconnect = function(conn, code, reason)
      state.records[conn] = nil
      call(state, "OnDisconnect", conn, code, reason)
    end,
    OnMessage = function(conn, text) on_message(state, conn, text) end,
    OnBinary = function(conn)
      reply_error(conn, wire.errors.request, nil, "the sgc protocol has no binary messages")
    end,
  }
end

---@class perilune.sgc.Server
local Server = {}

--- Sends a text to every client of this protocol, or to those that are subscribed.
---@param text string
---@param to? string|table As of server:broadcast.
---@return true? ok As of server:broadcast.
---@return integer|string count
function Server.broadcast(state, text, to)
  if type(to) ~= "table" then to = { channel = to } end
  local given = {}
  for name, value in pairs(to) do
    given[name] = value
  end
  given.protocol = state.protocol
  return state.server:broadcast(text, given)
end

--- Publishes on a channel: to everybody who is subscribed, clients of this protocol and others.
---@param text string
---@param channel string
---@param queue? string "queueLevel1", "queueLevel2": kept for who comes later.
---@return true? ok As of server:broadcast.
---@return integer|string count
function Server.publish(state, text, channel, queue)
  if type(channel) ~= "string" or channel == "" or #channel > LONGEST_CHANNEL then
    error("sgc.server:publish takes a channel of 1 to 1000 bytes", 3)
  elseif queue ~= nil and not QUEUES[queue] then
    error("sgc.server:publish takes queueLevel0, queueLevel1 or queueLevel2", 3)
  end
  if (QUEUES[queue] or 0) > 0 then
    if not json.encode(text) then return nil, "text is not valid UTF-8", "EUTF8" end
    keep(state, channel, text, QUEUES[queue])
  end
  return state.server:broadcast(text, channel)
end

--- Sends a text to one client, or to several, as server:write, which clients of this protocol get
--- as a message.
---@param guid string|string[]
---@param text string
function Server.write(state, guid, text) return state.server:write(guid, text) end

local make = hidden.class("sgc.server", Server, {
  server = function(state) return state.server end,
}, EVENTS)

--- Attaches the protocol to a server: clients that ask for the subprotocol "esegece.com" speak it.
---@param given perilune.sgc.server.Options
---@return perilune.sgc.Server
function sgc_server.new(given)
  local settings = options.check("sgc.server", schema, given)
  serial = serial + 1
  local state = {
    settings = settings,
    name = "sgc_queue:" .. serial,
    handlers = {},
    records = setmetatable({}, { __mode = "k" }),
  }
  local below = carrier.serve("sgc.server", settings, wire.PROTOCOL, handlers_of(state), "sgc")
  state.server, state.protocol = below.component, below.protocols[1]
  return make(state)
end

return sgc_server
