--- The server: WebSocket and HTTP on one port, connections, channels, broadcast.
---
---     local server = require("perilune.server").new { port = 8080 }
---     function server.OnMessage(conn, text) server:broadcast(text) end
---     assert(server:start())
local component = require "perilune.internal.component"
local core = require "perilune.core.server"
local options = require "perilune.internal.options"
local process = require "perilune.core.process"
require "perilune.internal.conn"
require "perilune.internal.exchange"

local server = {}

local limits = {}
for _, limit in ipairs(core.limits()) do
  limits[limit.name] = {
    type = limit.unit == "seconds" and "number" or "integer",
    default = limit.default,
    min = limit.min,
    max = limit.max,
    unit = limit.unit,
    doc = limit.text,
  }
end

local schema = {
  host = { type = "string", default = "127.0.0.1", min = 1 },
  port = { type = "integer", default = 8080, min = 0, max = 65535 },
  document_root = { type = "string", min = 1 },
  protocols = { type = "list", of = { type = "string", min = 1 }, default = {} },
  software = { type = "string", min = 1, off = true, default = "Perilune" },
  heartbeat = {
    type = "table",
    off = true,
    default = {},
    fields = {
      interval = { type = "number", default = 25, min = 0.1, max = 86400, unit = "seconds" },
      timeout = { type = "number", default = 25, min = 0, max = 86400, unit = "seconds" },
      type = {
        type = "string",
        default = "if_no_message",
        values = { "if_no_message", "always" },
      },
    },
  },
  extensions = {
    type = "table",
    default = {},
    fields = {
      permessage_deflate = {
        type = "table",
        off = true,
        default = false,
        fields = {
          server_max_window_bits = { type = "integer", default = 15, min = 9, max = 15 },
          client_max_window_bits = { type = "integer", default = 15, min = 8, max = 15 },
          server_no_context_takeover = { type = "boolean", default = true },
          client_no_context_takeover = { type = "boolean", default = true },
          mem_level = { type = "integer", default = 8, min = 1, max = 9 },
          level = { type = "integer", default = 6, min = 1, max = 9 },
        },
      },
    },
  },
  options = {
    type = "table",
    default = {},
    fields = {
      html_files = { type = "boolean", default = true },
      javascript_files = { type = "boolean", default = true },
    },
  },
  limits = { type = "table", default = {}, fields = limits },
}

--- A relative folder is one beside the script, wherever the program was started.
local function from_script(path)
  if path == nil or path:sub(1, 1) == "/" then return path end
  return process.directory .. "/" .. path
end

local methods = core.methods

function methods:start() return core.start(self, self.host, self.port) end

function methods:restart()
  if self.active then self:stop() end
  return self:start()
end

core.set_metatable(component.build {
  name = "server",
  methods = methods,
  getters = core.getters,
  events = core.events,
  get_handler = core.get_handler,
  set_handler = core.set_handler,
})

--- Makes a server. It does nothing until `server:start()`.
---@param given? perilune.server.Options
---@return perilune.Server
function server.new(given)
  local settings = options.check("server.new", schema, given or {})
  settings.document_root = from_script(settings.document_root)
  if settings.software and settings.software:find "[%c\127]" then
    error("option 'software' of server.new takes text without control characters", 2)
  end
  return core.new(settings)
end

return server
