--- What a server tells its operator: metrics, health, readiness; on its own port or on one apart.
local core = require "perilune.core.server"
local core_metrics = require "perilune.core.metrics"
local dashboard = require "perilune.internal.dashboard"
local log = require "perilune.log"
local text = require "perilune.core.text"
local worker = require "perilune.worker"

local operations = {}

local TYPE = "text/plain; version=0.0.4; charset=utf-8"

local port = { type = "integer", min = 0, max = 65535 }

operations.options = {
  dashboard = dashboard.option,
  metrics = {
    type = { "boolean", "table" },
    default = false,
    fields = {
      path = { type = "string", min = 1, default = "/metrics" },
      health = { type = "string", min = 1, off = true, default = "/healthz" },
      ready = { type = "string", min = 1, off = true, default = "/readyz" },
      host = { type = "string", min = 1, default = "127.0.0.1" },
      port = port,
      token = { type = "string", min = 16, max = 1000, secret = true },
    },
  },
}

--- What the schema cannot say. Returns what is wrong, if anything.
function operations.finish(settings)
  if settings.metrics == true then
    settings.metrics = { path = "/metrics", health = "/healthz", ready = "/readyz" }
  end
  local taken = {}
  for _, name in ipairs { "path", "health", "ready" } do
    local path = settings.metrics and settings.metrics[name]
    if path and taken[path] then
      return ("options 'metrics.%s' and 'metrics.%s' of server.new are the same path"):format(
        taken[path],
        name
      )
    end
    if path then taken[path] = name end
    if path and not path:find "^/[%w/._~-]*$" then
      return ("option 'metrics.%s' of server.new takes a path that begins with '/', got %q"):format(
        name,
        path
      )
    end
  end
end

-- Answers.

local function is_loopback(ip)
  return ip:find "^127%." ~= nil or ip == "::1" or ip:find "^::ffff:127%." ~= nil
end

--- Behind a proxy everybody comes from this machine.
local function is_here(conn, request)
  local headers = request.headers
  return is_loopback(conn.ip)
    and not (headers.forwarded or headers["x-forwarded-for"] or headers["x-real-ip"])
end

--- Who may see the numbers: who has the token; without one whoever reaches the port apart, or is on
--- this machine.
local function refuse(self, conn, request, response)
  local token = self.metrics.token
  if token then
    local given = (request.headers.authorization or ""):match "^[Bb][Ee][Aa][Rr][Ee][Rr] +(%S+)$"
    if given and text.equal(given, token) then return false end
    response.response_no = 401
    response.headers["www-authenticate"] = 'Bearer realm="metrics"'
  elseif self.metrics.port or is_here(conn, request) then
    return false
  else
    response.response_no = 403
  end
  response.content_text = "not for you\n"
  return true
end

local function answer(response, code, content)
  response.response_no = code
  response.content_type = "text/plain; charset=utf-8"
  response.headers["cache-control"] = "no-store"
  response.content_text = content
end

local pages = {}

function pages.path(self, conn, request, response)
  if refuse(self, conn, request, response) then return end
  local content, message = core_metrics.text()
  answer(response, content and 200 or 503, content or message)
  if content then response.content_type = TYPE end
end

function pages.health(_, _, _, response) answer(response, 200, "ok\n") end

function pages.ready(self, _, _, response)
  local server = self.server()
  local ready = server and core.listening(server)
  answer(response, ready and 200 or 503, ready and "ready\n" or "not ready\n")
end

---@class perilune.internal.operations.Operations
local Operations = {}
Operations.__index = Operations

--- Answers what is its own. False: it is somebody else's.
function Operations:answer(conn, request, response)
  local document, command = request.document, request.command
  if command ~= "GET" and command ~= "HEAD" then return false end
  for name, page in pairs(pages) do
    if self.metrics[name] == document then
      page(self, conn, request, response)
      return true
    end
  end
  return false
end

--- Puts itself in front of the server's OnCommandGet, whatever that is now.
function Operations:cover(server)
  if not self:covers "OnCommandGet" then return end
  local inner = core.get_handler(server, "OnCommandGet")
  self.inner = inner
  core.set_handler(server, "OnCommandGet", function(conn, request, response)
    if self:answer(conn, request, response) then return end
    if inner then return inner(conn, request, response) end
  end)
end

--- What the script has assigned, where this stands in front of it.
function Operations:covers(event)
  local own_port = self.metrics and not self.apart
  return own_port and event == "OnCommandGet"
end

local function tell(name, server, path)
  if worker.id > 1 then return end
  for _, binding in ipairs(server.bindings) do
    local host = binding.host:find ":" and "[" .. binding.host .. "]" or binding.host
    log.info(("%s at http://%s:%d%s"):format(name, host, binding.port, path))
  end
end

--- The server has begun; nil, message, code when a port apart cannot be had.
function Operations:start()
  for _, name in ipairs { "apart", "page" } do
    local server = self[name]
    local ok, message, code = true, nil, nil
    if server then
      ok, message, code = server:start()
    end
    if not ok then
      self:stop()
      return nil, message, code
    end
  end
  if self.apart and self.apart.active then tell("metrics", self.apart, self.metrics.path) end
  if self.page and self.page.active then
    dashboard.began()
    tell("dashboard", self.page, "/")
  end
  return true
end

--- The server has stopped.
function Operations:stop()
  if self.apart and self.apart.active then self.apart:stop() end
  if self.page and self.page.active then self.page:stop() end
end

--- The port of the page; nil: there is none.
function Operations:dashboard_port() return self.page and self.page.port end

local function make_apart(self, make)
  local made = make {
    host = self.metrics.host,
    port = self.metrics.port,
    options = { html_files = false, javascript_files = false },
    fallback = { server_sent_events = false },
  }
  function made.OnCommandGet(conn, request, response) self:answer(conn, request, response) end
  function made.OnHandshake() return false end
  return made
end

--- The operations of a server that was made with these settings; nil when it has none.
---@param server userdata
---@param settings table Complete.
---@param make fun(options: table): userdata Makes a server that is no script's.
function operations.new(server, settings, make)
  if not settings.metrics and not settings.dashboard then return nil end
  local held = setmetatable({ server }, { __mode = "v" })
  local self = setmetatable({
    metrics = settings.metrics,
    server = function() return held[1] end,
  }, Operations)
  if settings.metrics and settings.metrics.port then self.apart = make_apart(self, make) end
  if settings.dashboard then self.page = dashboard.new(settings.dashboard, self.server, make) end
  self:cover(server)
  return self
end

return operations
