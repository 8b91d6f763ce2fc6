--- The client's side of the sgc protocol.
local carrier = require "perilune.internal.carrier"
local gates = require "perilune.core.task"
local hidden = require "perilune.internal.hidden"
local options = require "perilune.internal.options"
local text_core = require "perilune.core.text"
local wire = require "perilune.internal.sgc_wire"

local sgc_client = {}

local EVENTS = {
  "OnConnect",
  "OnDisconnect",
  "OnEvent",
  "OnMessage",
  "OnNotification",
  "OnSubscribe",
  "OnUnsubscribe",
}

local seconds = { type = "number", default = 10, min = 0.001, max = 86400, unit = "seconds" }

local schema = {
  client = carrier.client_fields.client,
  broker = carrier.client_fields.broker,
  timeout = seconds,
}

local function call(state, event, ...)
  local handler = state.handlers[event]
  if handler then return handler(...) end
end

local function new_id() return (text_core.base64_encode(text_core.random(12)):gsub("[+/]", "-")) end

--- Sends what is encoded, if it is.
local function send(state, text, message, code)
  if not text then return nil, message, code end
  local conn = state.below.conn()
  if not conn then return nil, "the connection is closed", "ECLOSED" end
  return conn:write(text)
end

--- A call as text; nil and why. What JSON does not have throws.
local function encode(...)
  local text, message, code = wire.call(...)
  if code == "EJSON" then error("sgc.client: " .. message, 0) end
  return text, message, code
end

--- Sends a call and waits for what has its id.
---@return table? answer
local function ask(state, method, params, timeout)
  if timeout ~= nil then hidden.check("sgc.client: a timeout", seconds, timeout, 4) end
  local id, gate = new_id(), gates.gate()
  state.waiting[id] = gate
  local done, message, code = send(state, encode(method, params, id))
  local answer = done and gates.wait(gate, timeout or state.settings.timeout)
  state.waiting[id] = nil
  if not done then return nil, message, code end
  if not answer then return hidden.timed_out() end
  if answer == true then return nil, "the connection is closed", "ECLOSED" end
  if answer.error then
    local failure = type(answer.error) == "table" and answer.error or {}
    return nil, tostring(failure.message), tonumber(failure.code) or wire.errors.internal[1]
  end
  return answer
end

--- Whether somebody waits for it.
local function settle(state, id, answer)
  local gate = id ~= nil and state.waiting[id]
  if not gate then return false end
  state.waiting[id] = nil
  gates.open(gate, 1, answer)
  return true
end

local events = {
  ["sgc@event"] = function(state, conn, result)
    call(state, "OnEvent", conn, tostring(result.channel), wire.text_of(result.message))
  end,
  ["sgc@message"] = function(state, conn, result)
    call(state, "OnMessage", conn, wire.text_of(result.message))
  end,
  ["sgc@subscribe"] = function(state, conn, result)
    call(state, "OnSubscribe", conn, tostring(result.channel))
  end,
  ["sgc@unsubscribe"] = function(state, conn, result)
    call(state, "OnUnsubscribe", conn, tostring(result.channel))
  end,
}

local function on_message(state, conn, text)
  local message = wire.decode(text)
  if not message then return end -- a server that speaks something else has nothing to say to us
  local result = message.result
  local event = type(result) == "table" and events[result.method]
  if message.result ~= nil or message.error ~= nil then settle(state, message.id, message) end
  if event then
    event(state, conn, result)
  elseif type(message.method) == "string" then
    call(state, "OnNotification", conn, message.method, message.params)
  end
end

--- What was subscribed before is so again, when a connection comes after another one.
local function on_connect(state, conn)
  for channel in pairs(state.channels) do
    conn:write(wire.call("sgc@subscribe", { channel = channel, message = "" }, new_id()))
  end
  call(state, "OnConnect", conn)
end

local function on_disconnect(state, conn, code, reason)
  local waiting = state.waiting
  state.waiting = {}
  for _, gate in pairs(waiting) do
    gates.open(gate, 1, true)
  end
  call(state, "OnDisconnect", conn, code, reason)
end

---@class perilune.sgc.Client
local Client = {}

local function check_text(what, value)
  if type(value) ~= "string" then
    error(("sgc.client:%s takes a text, got a %s"):format(what, type(value)), 3)
  end
end

local function check_channel(what, channel)
  if type(channel) ~= "string" or channel == "" then
    error(("sgc.client:%s takes a channel"):format(what), 3)
  end
end

--- Sends a text to the server's OnMessage.
---@param text string
---@return true? sent
---@return string? message
---@return string? code "ECLOSED", "EUTF8"
function Client.write(state, text)
  check_text("write", text)
  return send(state, wire.call("sgc@message", { message = text }))
end

--- Publishes on a channel.
---@param text string
---@param channel string
---@param given? { qos?: string, queue?: string, timeout?: number } With "qosLevel1" or "qosLevel2"
--- it waits until the server has it.
---@return true? sent
---@return string? message
---@return string|integer? code "ECLOSED", "ETIMEDOUT", "EUTF8", or a number of JSON-RPC
function Client.publish(state, text, channel, given)
  check_text("publish", text)
  check_channel("publish", channel)
  given = given or {}
  local params = { channel = channel, message = text, qos = given.qos, queue = given.queue }
  if given.qos == nil or given.qos == "qosLevel0" then
    return send(state, wire.call("sgc@publish", params))
  end
  local answer, message, code = ask(state, "sgc@publish", params, given.timeout)
  if not answer then return nil, message, code end
  return true
end

--- Sends a text to everybody.
function Client.broadcast(state, text)
  check_text("broadcast", text)
  return send(state, wire.call("sgc@broadcast", { channel = "", message = text }))
end

--- Subscribes, now and after every reconnection, and waits until the server has done it. While
--- there is no connection it only notes that.
---@param channel string
---@param timeout? number
---@return true? subscribed
---@return string? message
---@return string|integer? code
function Client.subscribe(state, channel, timeout)
  check_channel("subscribe", channel)
  state.channels[channel] = true
  if not state.below.conn() then return true end
  local answer, message, code =
    ask(state, "sgc@subscribe", { channel = channel, message = "" }, timeout)
  if answer then return true end
  if type(code) == "number" then state.channels[channel] = nil end -- the server does not want it
  return nil, message, code
end

function Client.unsubscribe(state, channel, timeout)
  check_channel("unsubscribe", channel)
  state.channels[channel] = nil
  if not state.below.conn() then return true end
  local answer, message, code =
    ask(state, "sgc@unsubscribe", { channel = channel, message = "" }, timeout)
  if not answer then return nil, message, code end
  return true
end

--- Calls a method of the server's OnRPC, and waits for what it returns.
---@param method string
---@param params? any What JSON can say.
---@param timeout? number
---@return any result
---@return string? message
---@return string|integer? code "EUTF8": a string in them is not UTF-8.
function Client.rpc(state, method, params, timeout)
  check_text("rpc", method)
  local answer, message, code = ask(state, method, params, timeout)
  if not answer then return nil, message, code end
  return answer.result
end

--- The same without an answer.
function Client.notify(state, method, params)
  check_text("notify", method)
  return send(state, encode(method, params))
end

--- The guid that the server knows this connection by.
function Client.session(state, timeout)
  local answer, message, code = ask(state, "sgc@session", nil, timeout)
  if not answer then return nil, message, code end
  if type(answer.result) ~= "table" then
    return nil, "the server does not say what its session is", wire.errors.internal[1]
  end
  return wire.text_of(answer.result.message)
end

local function transaction(method)
  return function(state, channel)
    return send(state, wire.call(method, { channel = channel or "", message = "" }))
  end
end

Client.start_transaction = transaction "sgc@transaction"
Client.commit = transaction "sgc@commit"
Client.rollback = transaction "sgc@rollback"

local make = hidden.class("sgc.client", Client, {
  client = function(state) return state.below.component end,
}, EVENTS)

--- Makes a client speak the protocol: it asks for the subprotocol "esegece.com".
---@param given perilune.sgc.client.Options
---@return perilune.sgc.Client
function sgc_client.new(given)
  local settings = options.check("sgc.client", schema, given)
  local state = { settings = settings, handlers = {}, waiting = {}, channels = {} }
  state.below = carrier.dial("sgc.client", settings, wire.PROTOCOL, {
    OnConnect = function(conn) on_connect(state, conn) end,
    OnDisconnect = function(conn, code, reason) on_disconnect(state, conn, code, reason) end,
    OnMessage = function(conn, text) on_message(state, conn, text) end,
  })
  return make(state)
end

return sgc_client
