--- The server: WebSocket and HTTP on one port, connections, channels, broadcast.
---
---     local server = require("perilune.server").new { port = 8080 }
---     function server.OnMessage(conn, text) server:broadcast(text) end
---     assert(server:start())
local bindings = require "perilune.internal.bindings"
local component = require "perilune.internal.component"
local core = require "perilune.core.server"
local options = require "perilune.internal.options"
local paths = require "perilune.internal.paths"
local tls = require "perilune.internal.tls"
require "perilune.internal.conn"
require "perilune.internal.exchange"

local server = {}

local TOKEN = "^[!#$%%&'*+.^_`|~%w-]+$" -- RFC 9110 5.6.2

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
  keep_alive = {
    type = { "boolean", "table" },
    default = {},
    fields = { header = { type = "boolean", default = false } },
  },
  tcp_keepalive = {
    type = "table",
    off = true,
    default = false,
    fields = {
      time = { type = "integer", default = 7200, min = 1, max = 32767, unit = "seconds" },
      interval = { type = "integer", default = 1, min = 1, max = 32767, unit = "seconds" },
      count = { type = "integer", default = 9, min = 1, max = 127 },
    },
  },
  linger_state = { type = "integer", default = -1, min = -1, max = 0 },
  extensions = {
    type = "table",
    default = {},
    fields = {
      permessage_deflate = {
        type = "table",
        off = true,
        default = false,
        fields = {
          server_max_window_bits = { type = "integer", default = 15, min = 8, max = 15 },
          client_max_window_bits = { type = "integer", default = 15, min = 8, max = 15 },
          server_no_context_takeover = { type = "boolean", default = true },
          client_no_context_takeover = { type = "boolean", default = true },
          mem_level = { type = "integer", default = 8, min = 1, max = 9 },
          level = { type = "integer", default = 6, min = 1, max = 9 },
        },
      },
    },
  },
  security_options = {
    type = "table",
    default = {},
    fields = {
      origins_allowed = { type = "list", of = { type = "string", min = 1 }, default = {} },
    },
  },
  options = {
    type = "table",
    default = {},
    fields = {
      html_files = { type = "boolean", default = true },
      javascript_files = { type = "boolean", default = true },
      fragmented_messages = {
        type = "string",
        default = "only_buffer",
        values = { "only_buffer", "only_fragmented", "all" },
      },
      raise_disconnect_exceptions = { type = "boolean", default = true },
    },
  },
  files = {
    type = "table",
    default = {},
    fields = {
      cache_control = { type = "string", min = 1 },
      precompressed = { type = "boolean", default = true },
      gzip = {
        type = "table",
        off = true,
        default = {},
        fields = {
          level = { type = "integer", default = 6, min = 1, max = 9 },
          min_size = { type = "integer", default = 1024, min = 1, max = 2 ^ 30, unit = "bytes" },
        },
      },
    },
  },
  bindings = { type = { "string", "list" }, min = 1 },
  tls = tls.option,
  limits = { type = "table", default = {}, fields = limits },
}

local methods = core.methods

--- Several that restart at a time wait for one end; the first of them then starts it.
function methods:restart()
  if self.active then
    self:stop()
    if self.active then return true end
  end
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

--- What the schema cannot say; completes the settings. Returns what is wrong, if anything.
local function finish(settings)
  local message
  settings.document_root = paths.from_script(settings.document_root)
  if settings.keep_alive == true then settings.keep_alive = { header = false } end
  if settings.software and settings.software:find "[%c\127]" then
    return "option 'software' of server.new takes text without control characters"
  elseif settings.files.cache_control and settings.files.cache_control:find "[%c\127]" then
    return "option 'files.cache_control' of server.new takes text without control characters"
  elseif settings.document_root and settings.document_root:find "%z" then
    return "option 'document_root' of server.new takes text without NUL"
  end
  for i, name in ipairs(settings.protocols) do
    if not name:find(TOKEN) then
      return ("option 'protocols[%d]' of server.new takes a token (RFC 6455 4.1), got %q"):format(
        i,
        name
      )
    end
  end
  if settings.tls then
    settings.tls, message = tls.finish("tls", settings.tls)
    if message then return message end
  end
  settings.bindings, message = bindings.finish(settings)
  return message
end

--- Makes a server. It does nothing until `server:start()`.
---@param given? perilune.server.Options
---@return perilune.Server
function server.new(given)
  local settings = options.check("server.new", schema, given or {})
  local message = finish(settings)
  if message then error(message, 2) end
  return core.new(settings)
end

return server
