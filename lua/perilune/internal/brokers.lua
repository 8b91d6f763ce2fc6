--- Brokers: several protocols on one connection, under the subprotocol "broker.esegece.com".
local client_core = require "perilune.core.client"
local conn_core = require "perilune.core.conn"
local hidden = require "perilune.internal.hidden"
local log = require "perilune.log"
local router = require "perilune.internal.router"
local server_core = require "perilune.core.server"
local wire = require "perilune.internal.broker_wire"

local brokers = {}

-- A connection as one of the protocols sees it.

local methods, getters = {}, {}

for name in pairs(conn_core.methods) do
  methods[name] = function(state, ...) return state.conn[name](state.conn, ...) end
end
for name in pairs(conn_core.getters) do
  getters[name] = function(state) return state.conn[name] end
end

local function check(method, value)
  if type(value) == "string" or type(value) == "number" then return tostring(value) end
  error(("conn:%s takes a string, got a %s"):format(method, type(value)), 3)
end

function methods.write(state, text, size)
  local message = wire.text(state.protocol, check("write", text))
  if not message then return nil, "text is not valid UTF-8", "EUTF8" end
  return state.conn:write(message, size)
end

function methods.write_binary(state, bytes, size)
  local message = wire.binary(state.protocol, check("write_binary", bytes))
  return state.conn:write_binary(message, size)
end

function getters.protocol(state) return state.protocol end

local make_view = hidden.class("conn", methods, getters)
local views = {} -- by connection, until it has ended: by protocol. They hold it.

local function view_of(conn, protocol)
  local all = views[conn]
  if not all then
    all = {}
    views[conn] = all
  end
  all[protocol] = all[protocol] or make_view { conn = conn, protocol = protocol }
  return all[protocol]
end

--- For a connection that has ended, of which none is held any more.
local function last_view(all, conn, protocol)
  return all and all[protocol] or make_view { conn = conn, protocol = protocol }
end

-- Events.

local function call(handlers, event, ...)
  local handler = handlers[event]
  if handler then return handler(...) end
end

--- What is sent to a protocol that nobody has attached is lost, and is told of.
local function deliver(state, event, conn, protocol, content)
  local handlers = protocol and state.protocols[protocol]
  if handlers then
    call(handlers, event, view_of(conn, protocol), content)
  else
    local what = protocol and ("no protocol %q"):format(protocol:sub(1, 64)) or "no such message"
    log.debug(("broker: from %s: %s"):format(conn.ip, what))
    call(state.handlers, "OnError", conn, what, "EPROTO")
  end
end

--- The protocols in the order of their names.
local function each(state)
  local names = {}
  for name in pairs(state.protocols) do
    names[#names + 1] = name
  end
  table.sort(names)
  local at = 0
  return function()
    at = at + 1
    return names[at], state.protocols[names[at]]
  end
end

--- The broker's handlers of connections that speak to it.
local function handlers_of(state)
  return {
    alone = true,
    OnConnect = function(conn)
      for protocol, handlers in each(state) do
        call(handlers, "OnConnect", view_of(conn, protocol))
      end
      call(state.handlers, "OnConnect", conn)
    end,
    OnDisconnect = function(conn, code, reason)
      local last = views[conn]
      views[conn] = nil
      for protocol, handlers in each(state) do
        call(handlers, "OnDisconnect", last_view(last, conn, protocol), code, reason)
      end
      call(state.handlers, "OnDisconnect", conn, code, reason)
    end,
    OnMessage = function(conn, message)
      local protocol, text = wire.read_text(message)
      deliver(state, "OnMessage", conn, protocol, text)
    end,
    OnBinary = function(conn, message)
      local protocol, bytes, code = wire.read_binary(message)
      if code then protocol = nil end
      deliver(state, "OnBinary", conn, protocol, bytes)
    end,
  }
end

local EVENTS = { "OnConnect", "OnDisconnect", "OnError" }

local makers, states_of = {}, {}

for _, side in ipairs { "server", "client" } do
  makers[side], states_of[side] = hidden.class("broker." .. side, {}, {
    [side] = function(state) return state.component end,
  }, EVENTS)
end

--- `protocols`: their handlers, by name.
local function new_state(component)
  local state = { component = component }
  state.handlers, state.protocols = {}, {}
  return state
end

--- Puts a broker in front of a server. nil: there is one.
---@return table? broker
function brokers.serve(server)
  local state = new_state(server)
  if not router.attach(server, server_core, wire.PROTOCOL, handlers_of(state)) then return nil end
  return makers.server(state), server_core.register_protocol(server, wire.PROTOCOL, "broker")
end

--- The same of a client.
---@return table? broker
function brokers.dial(client)
  local state = new_state(client)
  if not router.attach(client, client_core, wire.PROTOCOL, handlers_of(state)) then return nil end
  return makers.client(state)
end

--- Attaches a protocol. nil: the broker has it.
---@return perilune.internal.Carrier?
function brokers.attach(broker, protocol, handlers, dialect)
  local state = states_of.server(broker) or states_of.client(broker)
  if state.protocols[protocol] then return nil end
  state.protocols[protocol] = handlers
  if dialect then
    server_core.register_protocol(state.component, wire.PROTOCOL, "broker of " .. dialect)
  end
  return {
    component = state.component,
    protocols = { wire.PROTOCOL },
    conn = function()
      local conn = state.component.conn
      return conn and view_of(conn, protocol)
    end,
  }
end

return brokers
