--- The sgc protocol: publish and subscribe, calls and messages as JSON-RPC 2.0, for the browser
--- library /esegece.com.js and for programs.
---
---     local server = require("perilune.server").new { port = 8080 }
---     local news = require("perilune.sgc").server { server = server }
---     function news.OnMessage(conn, text) news:write(conn.guid, "you said " .. text) end
local sgc_client = require "perilune.internal.sgc_client"
local sgc_server = require "perilune.internal.sgc_server"

local sgc = {}

---@class perilune.sgc.server.Options
---@field server? perilune.Server Or
---@field broker? perilune.broker.Server
---@field queue_limit? integer Messages of a channel that are kept: 1 to 10000, default 100.
---@field queued_channels? integer Of which they are kept: 1 to 1000000, default 1000.
---@field pending_limit? integer Of a client: messages in a transaction: default 1000.
---@field pending_bytes? integer Of a client: bytes of messages in its transactions: default 1 MiB.

--- Attaches the protocol to a server: clients that ask for the subprotocol "esegece.com" speak it.
---@type fun(given: perilune.sgc.server.Options): perilune.sgc.Server
sgc.server = sgc_server.new

---@class perilune.sgc.client.Options
---@field client? perilune.Client Not started yet; or
---@field broker? perilune.broker.Client
---@field timeout? number Seconds that calls wait: default 10.

--- Makes a client speak the protocol: it asks for the subprotocol "esegece.com".
---@type fun(given: perilune.sgc.client.Options): perilune.sgc.Client
sgc.client = sgc_client.new

return sgc
