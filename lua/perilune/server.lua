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

local file = { type = "string", min = 1 }
local version = { type = "string", values = { "1.0", "1.1", "1.2", "1.3" } }
local tls_fields = {
  port = { type = "integer", min = 0, max = 65535 },
  cert_file = { type = "string", min = 1, required = true },
  key_file = file,
  password = { type = "string", min = 1, secret = true },
  root_cert_file = file,
  min_version = version,
  max_version = version,
  cipher_list = { type = "string", min = 1 },
  curves = { type = "string", min = 1 },
  verify_certificate = { type = "boolean", default = false },
  fail_if_no_peer_certificate = { type = "boolean", default = false },
  verify_depth = { type = "integer", min = 0, max = 100 },
  sni = { type = "table", default = {} },
}
local sni_fields = {
  cert_file = tls_fields.cert_file,
  key_file = file,
  password = tls_fields.password,
}

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
    },
  },
  tls = { type = { "string", "table" }, min = 1, off = true, fields = tls_fields },
  limits = { type = "table", default = {}, fields = limits },
}

--- A relative folder is one beside the script, wherever the program was started.
local function from_script(path)
  if path == nil or path:sub(1, 1) == "/" then return path end
  return process.directory .. "/" .. path
end

local function whole_paths(identity)
  identity.cert_file = from_script(identity.cert_file)
  identity.key_file = from_script(identity.key_file)
end

--- The certificates of other names as a list in the order of the names; or nil and what is wrong.
local function sni_list(sni)
  local list = {}
  for name, given in pairs(sni) do
    if type(name) ~= "string" or not name:find "^%*?[%w_.-]+$" then
      return nil, "option 'tls.sni' of server.new takes host names as keys"
    end
    local identity, message =
      options.complete(("option 'tls.sni' (%s) of server.new"):format(name), sni_fields, given)
    if not identity then return nil, message end
    whole_paths(identity)
    identity.name = name
    list[#list + 1] = identity
  end
  table.sort(list, function(a, b) return a.name < b.name end)
  return list
end

--- What the schema cannot say; completes the options. Returns what is wrong, if anything.
local function check_tls(tls, port)
  local message
  if tls.port and tls.port == port and port ~= 0 then
    return "options 'port' and 'tls.port' of server.new are the same; "
      .. "without 'tls.port' TLS has the port for itself"
  elseif tls.verify_certificate and not tls.root_cert_file then
    return "option 'tls.verify_certificate' of server.new needs 'tls.root_cert_file'"
  elseif tls.fail_if_no_peer_certificate and not tls.verify_certificate then
    return "option 'tls.fail_if_no_peer_certificate' of server.new needs 'tls.verify_certificate'"
  end
  whole_paths(tls)
  tls.root_cert_file = from_script(tls.root_cert_file)
  tls.sni, message = sni_list(tls.sni)
  return message
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
  if type(settings.tls) == "string" then
    settings.tls =
      { cert_file = settings.tls .. "/cert.pem", key_file = settings.tls .. "/key.pem", sni = {} }
  end
  for _, name in ipairs { "host", "document_root" } do
    if settings[name] and settings[name]:find "%z" then
      error(("option '%s' of server.new takes text without NUL"):format(name), 2)
    end
  end
  local message = settings.tls and check_tls(settings.tls, settings.port)
  if message then error(message, 2) end
  return core.new(settings)
end

return server
