--- What a protocol is attached to: a server or a client, or a broker in front of one.
local brokers = require "perilune.internal.brokers"
local client_core = require "perilune.core.client"
local fields = require "perilune.internal.fields"
local router = require "perilune.internal.router"
local server_core = require "perilune.core.server"

local carrier = {}

--- Fields for the options of a protocol's server, or client.
carrier.server_fields = {
  server = { type = "component", component = "server" },
  broker = { type = "component", component = "broker.server" },
}
carrier.client_fields = {
  client = { type = "component", component = "client" },
  broker = { type = "component", component = "broker.client" },
}

---@class perilune.internal.Carrier
---@field component userdata The server or client.
---@field protocols string[] Subprotocols whose connections are the protocol's.
---@field conn fun(): table? Of a client: what the protocol writes to.

local function taken(what, who) error(("%s: this %s has one already"):format(what, who), 4) end

local function either(what, settings, name)
  if (settings[name] == nil) == (settings.broker == nil) then
    error(("%s takes '%s' or 'broker'"):format(what, name), 4)
  end
end

local function to_broker(what, broker, protocol, handlers, dialect)
  local made = brokers.attach(broker, protocol, handlers, dialect)
  if not made then taken(what, "broker") end
  return made
end

--- Attaches a protocol to a server. Throws at whoever called the caller.
---@param what string "sgc.server"
---@param settings table With `server` or `broker`.
---@param protocol string
---@param handlers table<string, function>
---@param dialect? string What C makes of what is published.
---@return perilune.internal.Carrier
function carrier.serve(what, settings, protocol, handlers, dialect)
  either(what, settings, "server")
  if settings.broker then return to_broker(what, settings.broker, protocol, handlers, dialect) end
  local server = settings.server
  if not router.attach(server, server_core, protocol, handlers) then taken(what, "server") end
  local done, message = server_core.register_protocol(server, protocol, dialect)
  if not done then error(("%s: %s"):format(what, message), 3) end
  return { component = server, protocols = { protocol } }
end

--- Makes a client ask for a subprotocol besides those that it asks for.
---@return true? done
---@return string? message
---@return string? code "ELIMIT"
function carrier.ask_for(client, protocol)
  local settings = client_core.settings(client)
  for _, name in ipairs(settings.protocols) do
    if name == protocol then return true end
  end
  if #settings.protocols >= fields.CLIENT_PROTOCOLS then
    return nil, "a limit was reached", "ELIMIT"
  end
  local list = { unpack(settings.protocols) }
  list[#list + 1] = protocol
  settings.protocols, settings.changed = list, true
  client_core.prepares(client, true)
  return true
end

--- The same of a client, which is not started yet.
---@return perilune.internal.Carrier
function carrier.dial(what, settings, protocol, handlers)
  either(what, settings, "client")
  if settings.broker then return to_broker(what, settings.broker, protocol, handlers) end
  local client = settings.client
  if client.active then error(what .. " takes a client that is not started", 3) end
  if not router.attach(client, client_core, protocol, handlers) then taken(what, "client") end
  local done, message = carrier.ask_for(client, protocol)
  if not done then error(("%s: %s"):format(what, message), 3) end
  return {
    component = client,
    protocols = { protocol },
    conn = function() return client.conn end,
  }
end

return carrier
