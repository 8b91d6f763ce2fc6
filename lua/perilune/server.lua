--- The server: WebSocket and HTTP on one port, connections, channels, broadcast.
---
---     local server = require("perilune.server").new { port = 8080 }
---     function server.OnMessage(conn, text) server:broadcast(text) end
---     assert(server:start())
local alive = require "perilune.internal.alive"
local authentication = require "perilune.internal.authentication"
local bindings = require "perilune.internal.bindings"
local component = require "perilune.internal.component"
local core = require "perilune.core.server"
local fallback = require "perilune.internal.fallback"
local fields = require "perilune.internal.fields"
local forward = require "perilune.internal.forward"
local http_sessions = require "perilune.internal.http_sessions"
local operations = require "perilune.internal.operations"
local options = require "perilune.internal.options"
local paths = require "perilune.internal.paths"
local response_headers = require "perilune.internal.response_headers"
local router = require "perilune.internal.router"
local server_watchdog = require "perilune.internal.server_watchdog"
local tls = require "perilune.internal.tls"
local uploads = require "perilune.internal.uploads"
require "perilune.internal.conn"
require "perilune.internal.exchange"

local server = {}

local schema = {
  host = { type = "string", default = "127.0.0.1", min = 1 },
  port = { type = "integer", default = 8080, min = 0, max = 65535 },
  authentication = authentication.option,
  document_root = { type = "string", min = 1 },
  protocols = fields.protocols,
  session_state = http_sessions.options.session_state,
  auto_start_session = http_sessions.options.auto_start_session,
  session_timeout = http_sessions.options.session_timeout,
  software = { type = "string", min = 1, off = true, default = "Perilune" },
  headers = response_headers.option,
  forward = forward.option,
  http_upload_files = uploads.option,
  heartbeat = fields.heartbeat,
  keep_alive = {
    type = { "boolean", "table" },
    default = {},
    fields = { header = { type = "boolean", default = false } },
  },
  end_of_frame = fields.end_of_frame,
  tcp_keepalive = fields.tcp_keepalive,
  linger_state = fields.linger_state,
  log_file = fields.log_file,
  metrics = operations.options.metrics,
  watchdog = server_watchdog.option,
  dashboard = operations.options.dashboard,
  throttle = fields.server_throttle,
  queue_options = fields.queue_options,
  slow_consumers = fields.slow_consumers,
  extensions = fields.server_extensions,
  security_options = {
    type = "table",
    default = {},
    fields = {
      origins_allowed = { type = "list", of = { type = "string", min = 1 }, default = {} },
      trusted_proxies = forward.trusted_proxies,
    },
  },
  options = {
    type = "table",
    default = {},
    fields = {
      html_files = { type = "boolean", default = true },
      javascript_files = { type = "boolean", default = true },
      fragmented_messages = fields.fragmented_messages,
      raise_disconnect_exceptions = fields.raise_disconnect_exceptions,
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
  specifications = {
    type = "table",
    default = {},
    fields = { hixie76 = { type = "boolean", default = false } },
  },
  bindings = { type = { "string", "list" }, min = 1 },
  fallback = fallback.option,
  tls = tls.option,
  limits = { type = "table", default = {}, fields = fields.limits() },
}

local methods = core.methods
local start, stop = methods.start, methods.stop

local function start_all(self)
  local ok, message, code = start(self)
  local own = ok and core.settings(self).operations_of
  if not own then return ok, message, code end
  ok, message, code = own:start()
  if ok then return true end
  require("perilune.log").error(message)
  if self.active then stop(self) end
  return nil, message, code
end

--- What it tells its operator goes last: until then it is not ready.
local function stop_all(self)
  local own = core.settings(self).operations_of
  local ok, message, code = stop(self)
  if ok and own then own:stop() end
  return ok, message, code
end

--- Begins to serve.
function methods:start()
  local ok, message, code = start_all(self)
  local watchdog = core.settings(self).watchdog_of
  if ok and watchdog and self.active then watchdog:begin() end
  return ok, message, code
end

--- Ends it.
function methods:stop()
  local watchdog = core.settings(self).watchdog_of
  if watchdog then watchdog:rest() end
  return stop_all(self)
end

--- Several that restart at a time wait for one end; the first of them then starts it.
function methods:restart()
  if self.active then
    self:stop()
    if self.active then return true end
  end
  return self:start()
end

--- The HTTP sessions, of every worker.
function methods:sessions()
  local sessions = core.settings(self).sessions
  if not sessions then error("server:sessions needs the option 'session_state'", 2) end
  return sessions:list()
end

--- Makes the server speak another subprotocol.
function methods:register_protocol(name)
  if type(name) ~= "string" or not name:find(fields.TOKEN) then
    error("server:register_protocol takes a token, got " .. tostring(name), 2)
  end
  return core.register_protocol(self, name)
end

local events = {}
for _, list in ipairs { core.events, http_sessions.events, uploads.events } do
  for _, event in ipairs(list) do
    events[#events + 1] = event
  end
end

local function get_handler(self, event)
  local own = core.settings(self).operations_of
  local received = core.settings(self).uploads
  if received and received:has(event) then return received.handlers[event] end
  if uploads.has(event) then return nil end
  local sessions = core.settings(self).sessions
  if sessions and sessions:has(event) then return sessions:get_handler(event) end
  if http_sessions.has(event) then return nil end
  if event == "OnBeforeForwardHTTP" then return core.settings(self).forwarding.given end
  if own and own:covers(event) then return own.inner end
  return router.get(self, core, event)
end

local function set_handler(self, event, handler)
  local received = core.settings(self).uploads
  if received and received:has(event) then
    received.handlers[event] = handler
    if uploads.has(event) then return end
    handler = received:wrap(handler)
  elseif uploads.has(event) then
    error(("server.%s needs the option 'http_upload_files'"):format(event), 3)
  end
  local sessions = core.settings(self).sessions
  if sessions and sessions:has(event) then
    sessions:set_handler(self, event, handler)
  elseif handler and authentication.events[event] and not core.settings(self).authentication then
    error(("server.%s needs the option 'authentication'"):format(event), 3)
  elseif http_sessions.has(event) then
    error(("server.%s needs the option 'session_state'"):format(event), 3)
  elseif event == "OnBeforeForwardHTTP" then
    local forwarding = core.settings(self).forwarding
    forwarding.given = handler
    core.set_handler(self, event, forwarding:handler())
  else
    router.set(self, core, event, handler)
  end
  local own = core.settings(self).operations_of
  if own and own:covers(event) then own:cover(self) end
end

core.set_metatable(component.build {
  name = "server",
  methods = methods,
  getters = core.getters,
  events = events,
  get_handler = get_handler,
  set_handler = set_handler,
})

--- What the schema cannot say; completes the settings. Returns what is wrong, if anything.
local function finish(settings)
  local message
  fallback.finish(settings)
  settings.document_root = paths.from_script(settings.document_root)
  if settings.keep_alive == true then settings.keep_alive = { header = false } end
  if settings.software and settings.software:find "[%c\127]" then
    return "option 'software' of server.new takes text without control characters"
  elseif settings.files.cache_control and settings.files.cache_control:find "[%c\127]" then
    return "option 'files.cache_control' of server.new takes text without control characters"
  elseif settings.document_root and settings.document_root:find "%z" then
    return "option 'document_root' of server.new takes text without NUL"
  end
  message = fields.check_protocols("server.new", settings.protocols)
    or response_headers.check(settings.headers)
    or fields.check_slow_consumers("server.new", settings.slow_consumers)
  if message then return message end
  settings.frames = fields.finish_end_of_frame(settings.end_of_frame)
  settings.log_file, message = fields.finish_log_file("server.new", settings.log_file)
  if message then return message end
  message = http_sessions.finish(settings) or operations.finish(settings)
  server_watchdog.finish(settings)
  if message then return message end
  message = forward.finish(settings) or uploads.finish(settings)
  if message then return message end
  settings.authentication, message = authentication.finish(settings.authentication)
  if message then return message end
  if settings.tls then
    settings.tls, message = tls.finish("tls", settings.tls)
    if message then return message end
  end
  settings.bindings, message = bindings.finish(settings)
  return message
end

--- A server that tells of another one, for its operator.
local function make_apart(given)
  local settings = options.complete("server.new", schema, given)
  settings = settings or error "the operator's server cannot be made"
  assert(not finish(settings))
  settings.operations = true
  return core.new(settings)
end

--- Makes a server. It does nothing until `server:start()`.
---@param given? perilune.server.Options
---@return perilune.Server
function server.new(given)
  local settings = options.check("server.new", schema, given or {})
  local message = finish(settings)
  if message then error(message, 2) end
  settings.sessions = http_sessions.new(settings)
  settings.uploads = uploads.new(settings)
  local made = core.new(settings)
  alive.add("server", made)
  core.set_handler(made, "OnBeforeForwardHTTP", settings.forwarding:handler())
  if settings.sessions then settings.sessions:attach(made) end
  settings.operations_of = operations.new(made, settings, make_apart)
  settings.watchdog_of = server_watchdog.new(made, settings, start_all, stop_all)
  if settings.uploads then
    set_handler(made, "OnCommandGet", nil)
    set_handler(made, "OnCommandOther", nil)
  end
  return made
end

return server
