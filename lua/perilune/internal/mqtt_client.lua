--- The MQTT client: what a connection says first, subscriptions that outlive it, calls that wait.
local client_module = require "perilune.client"
local carrier = require "perilune.internal.carrier"
local component = require "perilune.internal.component"
local core = require "perilune.core.mqtt"
local gates = require "perilune.core.task"
local hidden = require "perilune.internal.hidden"
local mqtt_options = require "perilune.internal.mqtt_options"
local options = require "perilune.internal.options"
local text_core = require "perilune.core.text"

local mqtt_client = {}

---@class perilune.mqtt.Client
local Client = {}

local seconds = { type = "number", min = 0.001, max = 86400, unit = "seconds" }
local WAIT = 10 -- seconds, as the manual has it (line 4763)

local function state_of(self) return core.settings(self) end

--- 23 letters and digits: what every server of 3.1.1 takes (3.1.3.1).
local function random_identifier()
  local letters = text_core.base64_encode(text_core.random(30)):gsub("[^%w]", "")
  return ("perilune" .. letters):sub(1, 23)
end

-- Waiting.

--- A ticket, and the gate that opens when C settles it.
local function new_ticket(state)
  state.ticket = state.ticket + 1
  local gate = gates.gate()
  state.tickets[state.ticket] = gate
  return state.ticket, gate
end

--- What was settled: true, or nil, message, code.
local function await(self, ticket, gate, timeout)
  local state = state_of(self)
  local answer = gates.wait(gate, timeout)
  state.tickets[ticket] = nil
  if not answer then
    core.forget(self, ticket)
    return hidden.timed_out()
  elseif answer == true then
    return true
  end
  return nil, answer.message, answer.code
end

local function settled(self, ticket, message, code)
  local state = state_of(self)
  local gate = state.tickets[ticket]
  if gate then gates.open(gate, 1, message == nil or { message = message, code = code }) end
end

local function open_all(state, name, value)
  local waiting = state[name]
  state[name] = {}
  for _, gate in ipairs(waiting) do
    gates.open(gate, 1, value)
  end
end

-- The connection begins.

local function stored(self, client_identifier, version, code)
  local state = state_of(self)
  local result = client_identifier and { client_identifier = client_identifier, version = version }
    or { message = version, code = code }
  state.stored = result
  open_all(state, "storing", result)
end

--- Opens the file of the session, once; what it holds is the session's.
local function open_store(self, state)
  local persistence = state.persistence
  if not persistence or state.stored and state.stored.client_identifier then return true end
  local gate = gates.gate()
  table.insert(state.storing, gate)
  local done, message, code = core.open_store(self, persistence.file, persistence.sync)
  if not done then return nil, message, code end
  local result = gates.wait(gate)
  if result.client_identifier then return true end
  core.close_store(self)
  return nil, result.message, result.code
end

--- Whose session it is: the option's, the file's, or a new name.
local function identify(self, state)
  local held = state.stored and state.stored.client_identifier
  if not state.identifier then
    state.identifier = state.client_identifier or held ~= "" and held or random_identifier()
  end
  if held and held ~= "" and held ~= state.identifier then
    return nil, "the file of 'persistence' holds the session of another client identifier", "EINVAL"
  end
  return true
end

local function ask_before_connect(self, conn, state)
  local clean, identifier = state.clean_session, state.identifier
  local handler = core.get_handler(self, "OnMQTTBeforeConnect")
  if handler then
    local chosen_clean, chosen = handler(conn, clean, identifier)
    if chosen_clean ~= nil then clean = chosen_clean and true or false end
    if chosen ~= nil then identifier = chosen end
  end
  state.identifier = identifier
  return clean, identifier
end

local function connect_table(state, clean, identifier)
  local login = state.authentication or {}
  return {
    client_identifier = identifier,
    clean = clean,
    keep_alive = state.keep_alive,
    user = login.username,
    password = login.password,
    properties = state.connect_properties,
    will = state.last_will_testament or nil,
  }
end

local function begin(self, conn)
  local state = state_of(self)
  local done, message, code = open_store(self, state)
  if done then
    done, message, code = identify(self, state)
  end
  if not done then return nil, message, code end
  local clean, identifier = ask_before_connect(self, conn, state)
  if state.stored and state.stored.client_identifier == "" then
    state.stored.client_identifier = identifier
    done, message, code = core.begin_store(self, identifier)
    if not done then return nil, message, code end
  end
  return core.connect(self, connect_table(state, clean, identifier))
end

--- The client has a connection: CONNECT follows.
local function attach(self, conn)
  local done, message, code = begin(self, conn)
  if done then return end
  open_all(state_of(self), "connecting", { message = message, code = code })
  local handler = core.get_handler(self, "OnError")
  conn:disconnect()
  if handler then handler(conn, message, code) end
end

local function connected(self, session, properties)
  local state = state_of(self)
  state.properties = properties
  state.present = session
  state.now = {}
  if properties.assigned_client_identifier then
    state.identifier = properties.assigned_client_identifier
  end
  open_all(state, "connecting", true)
end

local function ended(self, message, code, reason, by_server)
  local state = state_of(self)
  if by_server then code = reason end
  open_all(state, "connecting", { message = message, code = code })
  for id, request in pairs(state.requests) do
    state.requests[id] = nil
    gates.open(request, 1, { message = "the connection is closed", code = "ECLOSED" })
  end
end

-- Given to C by their places.
local hooks

--- The object that C gives the hooks is not at hand there: each has its own set.
local function hooks_of(box)
  local list = {}
  for i, hook in ipairs(hooks) do
    list[i] = function(...) return hook(box[1], ...) end
  end
  return list
end

-- Subscriptions.

local RETAIN_HANDLING = { send = 0, send_new = 1, never = 2 }
local QOS = { type = "integer", min = 0, max = 2 }

local filter_schema = {
  filter = { type = "string", min = 1, max = 65535, required = true },
  qos = { type = "integer", default = 0, min = 0, max = 2 },
  no_local = { type = "boolean", default = false },
  retain_as_published = { type = "boolean", default = false },
  retain_handling = {
    type = "string",
    values = { "send", "send_new", "never" },
    default = "send",
  },
}

local function make_filter(what, given, qos, level)
  if type(given) == "string" then given = { filter = given, qos = qos } end
  local filter, message = options.complete(what, filter_schema, given)
  if not filter then error(message, 4) end
  local wrong = core.check(filter.filter, level)
  if wrong then error(("%s: filter '%s': %s"):format(what, filter.filter, wrong), 4) end
  if
    level == 4
    and (filter.no_local or filter.retain_as_published or filter.retain_handling ~= "send")
  then
    error(what .. ": only version '5.0' has these options of a subscription", 4)
  end
  filter.retain_handling = RETAIN_HANDLING[filter.retain_handling]
  return filter
end

--- A filter, a table of one, or a list of either.
local function make_list(what, given, qos, level)
  if type(given) ~= "table" or given.filter then return { make_filter(what, given, qos, level) } end
  local list = {}
  for i, each in ipairs(given) do
    list[i] = make_filter(what, each, qos, level)
  end
  if #list == 0 then error(what .. " takes a topic filter, or a list of them", 3) end
  return list
end

local function note(state, list, properties)
  for _, filter in ipairs(list) do
    local noted = { filter = filter, properties = properties }
    state.subscriptions[filter.filter], state.now[filter.filter] = noted, true
  end
end

local function check_subscription(what, qos, properties)
  if qos ~= nil then hidden.check(what .. ": qos", QOS, qos, 4) end
  if properties ~= nil and type(properties) ~= "table" then
    error(what .. " takes a table of properties", 4)
  end
end

--- Subscribes, on this connection and on each one whose server knows the session no more.
---@param given string|table A filter, { filter =, qos =, no_local =, … }, or a list of these.
---@param qos? 0|1|2 Default 0; of filters that do not say it themselves.
---@param properties? table Of 5.0: subscription_identifier, user_properties.
---@return integer? packet_identifier The one that OnMQTTSubscribe gets.
---@return string? message
---@return string? code "ECLOSED" "ENOTSUP" "ETOOBIG"
function Client.subscribe(self, given, qos, properties)
  check_subscription("mqtt:subscribe", qos, properties)
  local state = state_of(self)
  local list = make_list("mqtt:subscribe", given, qos, state.level)
  local done, id, code = core.subscribe(self, list, properties)
  if not done then return nil, id, code end
  note(state, list, properties)
  return id
end

local function wait_time(what, timeout)
  if timeout ~= nil then hidden.check(what .. ": timeout", seconds, timeout, 4) end
  return timeout or WAIT
end

--- The same, and waits for the answer.
---@param timeout? number Default 10 seconds.
---@return true? subscribed
---@return string? message
---@return string|integer? code A number is the Reason Code of the server.
function Client.subscribe_and_wait(self, given, qos, properties, timeout)
  local what = "mqtt:subscribe_and_wait"
  check_subscription(what, qos, properties)
  timeout = wait_time(what, timeout)
  local state = state_of(self)
  local list = make_list(what, given, qos, state.level)
  local ticket, gate = new_ticket(state)
  local done, message, code = core.subscribe(self, list, properties, ticket)
  if not done then
    state.tickets[ticket] = nil
    return nil, message, code
  end
  note(state, list, properties)
  done, message, code = await(self, ticket, gate, timeout)
  return done, message, code
end

local function names_of(what, given)
  local list = type(given) == "table" and given or { given }
  for _, name in ipairs(list) do
    if type(name) ~= "string" then error(what .. " takes a topic filter, or a list of them", 3) end
  end
  if #list == 0 then error(what .. " takes a topic filter, or a list of them", 3) end
  return list
end

local function forget_filters(state, list)
  for _, name in ipairs(list) do
    state.subscriptions[name], state.now[name] = nil, nil
  end
end

---@param given string|string[]
---@param properties? table Of 5.0: user_properties.
---@return integer? packet_identifier
---@return string? message
---@return string? code
function Client.unsubscribe(self, given, properties)
  check_subscription("mqtt:unsubscribe", nil, properties)
  local list = names_of("mqtt:unsubscribe", given)
  forget_filters(state_of(self), list)
  local done, id, code = core.unsubscribe(self, list, properties)
  if not done then return nil, id, code end
  return id
end

--- The same, and waits for the answer.
function Client.unsubscribe_and_wait(self, given, properties, timeout)
  local what = "mqtt:unsubscribe_and_wait"
  check_subscription(what, nil, properties)
  timeout = wait_time(what, timeout)
  local state = state_of(self)
  local list = names_of(what, given)
  forget_filters(state, list)
  local ticket, gate = new_ticket(state)
  local done, message, code = core.unsubscribe(self, list, properties, ticket)
  if not done then
    state.tickets[ticket] = nil
    return nil, message, code
  end
  done, message, code = await(self, ticket, gate, timeout)
  return done, message, code
end

--- What an earlier connection had, and neither the server nor OnMQTTConnect has said again.
local function subscribe_again(self)
  local state = state_of(self)
  for name, noted in pairs(state.subscriptions) do
    if not state.now[name] then
      state.now[name] = true
      core.subscribe(self, { noted.filter }, noted.properties)
    end
  end
end

-- Publishing.

local function check_publish(what, topic, text, qos, properties)
  if type(topic) ~= "string" then
    error(("%s takes a topic, got a %s"):format(what, type(topic)), 3)
  elseif type(text) ~= "string" then
    error(("%s takes a text, got a %s"):format(what, type(text)), 3)
  end
  if qos ~= nil then hidden.check(what .. ": qos", QOS, qos, 4) end
  if properties ~= nil and type(properties) ~= "table" then
    error(what .. " takes a table of properties", 3)
  end
end

--- Publishes a message.
---@param topic string
---@param text string Any bytes.
---@param qos? 0|1|2 Default 0.
---@param retain? boolean Default false.
---@param properties? table Of 5.0.
---@return integer? packet_identifier 0 of QoS 0.
---@return string? message Beside an identifier "buffered": it waits for the server.
---@return string? code "ECLOSED" (of QoS 0) "ELIMIT" "EINVAL" "EUTF8" "ETOOBIG" "ENOTSUP"
function Client.publish(self, topic, text, qos, retain, properties)
  check_publish("mqtt:publish", topic, text, qos, properties)
  local done, id, more = core.publish(self, topic, text, qos, retain, properties)
  if not done then return nil, id, more end
  return id, more
end

--- Publishes a message, and waits until the server has acknowledged it; of QoS 0, until it is
--- written.
---@param timeout? number Default 10 seconds. The message is still delivered when they are over.
---@return true? acknowledged
---@return string? message
---@return string|integer? code A number is the Reason Code of the server.
function Client.publish_and_wait(self, topic, text, qos, retain, properties, timeout)
  local what = "mqtt:publish_and_wait"
  check_publish(what, topic, text, qos, properties)
  timeout = wait_time(what, timeout)
  if (qos or 0) == 0 then
    local done, message, code = core.publish(self, topic, text, 0, retain, properties)
    if not done then return nil, message, code end
    return true
  end
  local ticket, gate = new_ticket(state_of(self))
  local done, message, code = core.publish(self, topic, text, qos, retain, properties, ticket)
  if not done then
    state_of(self).tickets[ticket] = nil
    return nil, message, code
  end
  done, message, code = await(self, ticket, gate, timeout)
  return done, message, code
end

-- Messages.

local function call_matching(state, conn, topic, text, properties)
  for _, entry in ipairs(state.topics) do
    if core.matches(entry.filter, topic) then entry.handler(conn, topic, text, properties) end
  end
end

local function answer_request(state, text, properties)
  local id = properties.correlation_data
  local request = id and state.requests[id]
  if not request then return false end
  state.requests[id] = nil
  gates.open(request, 1, { text = text, properties = properties })
  return true
end

local function dispatcher(box)
  return function(conn, topic, text, properties)
    local state = state_of(box[1])
    if topic == state.reply_topic and answer_request(state, text, properties) then return end
    call_matching(state, conn, topic, text, properties)
    local handler = state.on_publish
    if handler then handler(conn, topic, text, properties) end
  end
end

local function dispatch(self, state)
  if state.dispatches then return end
  state.on_publish = core.get_handler(self, "OnMQTTPublish")
  state.dispatches = true
  core.set_handler(self, "OnMQTTPublish", dispatcher(state.box))
end

--- Calls a function for messages whose topic a filter takes in, before OnMQTTPublish. It does not
--- subscribe.
---@param filter string
---@param handler fun(conn: perilune.Conn, topic: string, text: string, properties: table)?
--- nil takes the filter's handlers away.
function Client.on(self, filter, handler)
  local state = state_of(self)
  if type(filter) ~= "string" then error("mqtt:on takes a topic filter", 2) end
  local wrong = core.check(filter, state.level)
  if wrong then error(("mqtt:on: filter '%s': %s"):format(filter, wrong), 2) end
  if handler ~= nil and type(handler) ~= "function" then
    error(("mqtt:on takes a function, got a %s"):format(type(handler)), 2)
  end
  dispatch(self, state)
  if handler then
    table.insert(state.topics, { filter = filter, handler = handler })
    return
  end
  for i = #state.topics, 1, -1 do
    if state.topics[i].filter == filter then table.remove(state.topics, i) end
  end
end

local request_schema = {
  qos = { type = "integer", default = 1, min = 0, max = 2 },
  properties = { type = "table", default = {} },
  timeout = { type = "number", default = WAIT, min = 0.001, max = 86400, unit = "seconds" },
}

--- Where answers come: below what the server gave for that, if it did (5.0 4.10.1).
local function reply_topic(self, state)
  if state.reply_topic and state.now[state.reply_topic] then return state.reply_topic end
  local base = state.properties and state.properties.response_information
  local topic = base and (base:gsub("/$", "") .. "/reply") or "reply/" .. state.identifier
  local done, message, code = self:subscribe_and_wait(topic, 1)
  if not done then return nil, message, code end
  state.reply_topic = topic
  return topic
end

--- Publishes a request, and waits for the answer (5.0 4.10: Response Topic, Correlation Data).
---@param topic string
---@param text string
---@param given? { qos?: integer, properties?: table, timeout?: number }
---@return string? answer
---@return table|string? properties Or a message.
---@return string|integer? code
function Client.request(self, topic, text, given)
  check_publish("mqtt:request", topic, text)
  local state = state_of(self)
  local settings = options.check("mqtt:request", request_schema, given or {})
  if state.level ~= 5 then return nil, "requests need version = '5.0'", "ENOTSUP" end
  if not self.connected then return nil, "the connection is closed", "ECLOSED" end
  dispatch(self, state)
  local reply, message, code = reply_topic(self, state)
  if not reply then return nil, message, code end
  local id, gate = text_core.random(16), gates.gate()
  local properties = { response_topic = reply, correlation_data = id }
  for name, value in pairs(settings.properties) do
    properties[name] = value
  end
  state.requests[id] = gate
  local done
  done, message, code = core.publish(self, topic, text, settings.qos, false, properties)
  local answer = done and gates.wait(gate, settings.timeout)
  state.requests[id] = nil
  if not done then return nil, message, code end
  if not answer then return hidden.timed_out() end
  if answer.text then return answer.text, answer.properties end
  return nil, answer.message, answer.code
end

-- Life.

--- Begins to connect, and returns at once.
---@param given? { worker?: integer }
function Client.start(self, given) return state_of(self).below:start(given) end

--- Says DISCONNECT and stops, at once.
function Client.stop(self) return state_of(self).below:stop() end

--- Connects, and waits until the server has let us in.
---@param timeout? number Default: connect_timeout, and limits.handshake_timeout for the answer.
---@return true? connected
---@return boolean|string? session Whether the server goes on with an old session; or a message.
---@return string|integer? code A number is the Reason Code of the server.
function Client.connect(self, timeout)
  if timeout ~= nil then hidden.check("mqtt:connect: timeout", seconds, timeout) end
  local state = state_of(self)
  if self.connected then return true, state.present end
  local gate = gates.gate()
  table.insert(state.connecting, gate)
  local done, message, code = state.below:connect(timeout)
  if not done then return nil, message, code end
  local result = self.connected or gates.wait(gate, timeout or state.limits.handshake_timeout + 1)
  if not result then return hidden.timed_out() end
  if result ~= true then return nil, result.message, result.code end
  return true, state.present
end

local REASON = { type = "integer", min = 0, max = 255 }

--- Says DISCONNECT, stops, and waits until the connection has ended.
---@param reason? integer Default 0; 4 makes the server publish the will.
---@param properties? table Of 5.0.
function Client.disconnect(self, reason, properties)
  if reason ~= nil then hidden.check("mqtt:disconnect: reason", REASON, reason) end
  if self.connected then
    local done, message, code = core.disconnect(self, reason, properties)
    if not done then return nil, message, code end
  end
  local done, message, code = state_of(self).below:disconnect()
  return done, message, code
end

--- Asks for a sign of life: OnMQTTPing follows.
function Client.ping(self) return core.ping(self) end

--- AUTH: goes on with an authentication, or begins it anew (5.0 4.12).
---@param reauthenticate? boolean
---@param properties? table authentication_data, reason_string, user_properties
function Client.auth(self, reauthenticate, properties)
  return core.auth(self, reauthenticate, properties)
end

-- The component.

local getters = {
  client = function(self) return state_of(self).below end,
  conn = function(self) return state_of(self).below.conn end,
  active = function(self) return state_of(self).below.active end,
  client_identifier = function(self)
    local state = state_of(self)
    return state.identifier or state.client_identifier
  end,
  connect_properties = function(self) return state_of(self).properties end,
}
for name, getter in pairs(core.getters) do
  getters[name] = getter
end

hooks = { attach, settled, connected, stored, ended }

--- The script's OnMQTTConnect, and behind it the subscriptions that the server does not know.
local function greeter(box)
  return function(conn, session, ...)
    local self = box[1]
    local handler = state_of(self).on_connect
    local done, message = true, nil
    if handler then
      done, message = pcall(handler, conn, session, ...)
    end
    if not session then subscribe_again(self) end
    if not done then error(message, 0) end
  end
end

local function get_handler(self, event)
  local state = state_of(self)
  if event == "OnMQTTConnect" then return state.on_connect end
  if event == "OnMQTTPublish" and state.dispatches then return state.on_publish end
  return core.get_handler(self, event)
end

local function set_handler(self, event, handler)
  local state = state_of(self)
  if event == "OnMQTTConnect" then
    state.on_connect = handler
  elseif event == "OnMQTTPublish" and state.dispatches then
    state.on_publish = handler
  else
    core.set_handler(self, event, handler)
  end
end

core.set_metatable(component.build {
  name = "mqtt.client",
  methods = Client,
  getters = getters,
  events = core.events,
  get_handler = get_handler,
  set_handler = set_handler,
})

--- A client that is given speaks MQTT: over WebSocket under its subprotocol.
local function below_of(settings)
  if not settings.client then return client_module.new(settings.client_options) end
  local done, message = carrier.ask_for(settings.client, "mqtt")
  if not done then error(("mqtt.client: %s"):format(message), 4) end
  return settings.client
end

---@param given perilune.mqtt.client.Options
---@return perilune.mqtt.Client
function mqtt_client.new(given)
  local state, message = mqtt_options.complete(given)
  if not state then error(message, 3) end
  state.below = below_of(state)
  state.tickets, state.ticket = {}, 0
  state.connecting, state.storing, state.requests = {}, {}, {}
  state.subscriptions, state.now, state.topics = {}, {}, {}
  local box = setmetatable({}, { __mode = "v" })
  local self
  self, message = core.new(state, state.below, hooks_of(box))
  if not self then error("mqtt.client: " .. message, 3) end
  box[1], state.box = self, box
  core.set_handler(self, "OnMQTTConnect", greeter(box))
  return self
end

return mqtt_client
