--- Several protocols on one connection.
---
---     local server = require("perilune.server").new { port = 8080 }
---     local broker = require("perilune.broker").server { server = server }
---     local sgc = require("perilune.sgc").server { broker = broker }
local brokers = require "perilune.internal.brokers"
local carrier = require "perilune.internal.carrier"
local options = require "perilune.internal.options"
local wire = require "perilune.internal.broker_wire"

local broker = {}

---@class perilune.broker.Server
---@field server perilune.Server Read only.
---@field OnConnect? fun(conn: perilune.Conn) In place of the server's.
---@field OnDisconnect? fun(conn: perilune.Conn, code: integer, reason: string)
---@field OnError? fun(conn: perilune.Conn, message: string, code: string) A message for nobody.

---@class perilune.broker.Client
---@field client perilune.Client Read only.
---@field OnConnect? fun(conn: perilune.Conn)
---@field OnDisconnect? fun(conn: perilune.Conn, code: integer, reason: string)
---@field OnError? fun(conn: perilune.Conn, message: string, code: string)

local function required(field)
  return { type = field.type, component = field.component, required = true }
end

local server_schema = { server = required(carrier.server_fields.server) }
local client_schema = { client = required(carrier.client_fields.client) }

--- Puts a broker in front of a server: clients that ask for the subprotocol "broker.esegece.com"
--- speak any of the protocols that are attached to it.
---@param given { server: perilune.Server }
---@return perilune.broker.Server
function broker.server(given)
  local settings = options.check("broker.server", server_schema, given)
  local made, done, message = brokers.serve(settings.server)
  if not made then error("broker.server: this server has one already", 2) end
  if not done then error("broker.server: " .. message, 2) end
  return made
end

--- The same of a client, which is not started yet.
---@param given { client: perilune.Client }
---@return perilune.broker.Client
function broker.client(given)
  local settings = options.check("broker.client", client_schema, given)
  if settings.client.active then error("broker.client takes a client that is not started", 2) end
  local made = brokers.dial(settings.client)
  if not made then error("broker.client: this client has one already", 2) end
  local done, message = carrier.ask_for(settings.client, wire.PROTOCOL)
  if not done then error("broker.client: " .. message, 2) end
  return made
end

return broker
