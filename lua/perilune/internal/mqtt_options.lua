--- The options of `mqtt.client`: its own, and those of the client that it makes.
local client_core = require "perilune.core.client"
local client_options = require "perilune.internal.client_options"
local fields = require "perilune.internal.fields"
local options = require "perilune.internal.options"
local url = require "perilune.core.url"

local mqtt_options = {}

local WHAT = "mqtt.client"

-- What the client is given that is made for a URL.
local CLIENT = {
  "bound_ip",
  "bound_port_max",
  "bound_port_min",
  "connect_timeout",
  "guard",
  "headers",
  "linger_state",
  "log_file",
  "origin",
  "proxy",
  "tcp_keepalive",
  "throttle",
  "tls",
  "watchdog",
}

local LIMITS = {
  "message",
  "pending_events",
  "high_water",
  "low_water",
  "send_queue",
  "kept_messages",
  "in_flight",
  "handshake_timeout",
  "write_timeout",
  "close_timeout",
}

local text = { type = "string", max = 65535 }
local secret = { type = "string", max = 65535, secret = true }
local properties = { type = "table", default = {} }

local schema = {
  url = { type = "string", min = 1, max = 8192, secret = true },
  servers = {
    type = "list",
    of = { type = "string", min = 1, max = 8192, secret = true },
    default = {},
    max = 256,
  },
  client = { type = "component", component = "client" },
  version = { type = "string", values = { "3.1.1", "5.0" }, default = "3.1.1" },
  client_identifier = text,
  clean_session = { type = "boolean", default = true },
  keep_alive = { type = "integer", default = 60, min = 0, max = 65535, unit = "seconds" },
  heartbeat = {
    type = "table",
    off = true,
    default = {},
    fields = {
      interval = { type = "number", min = 0.1, max = 86400, unit = "seconds" },
      timeout = { type = "number", default = 10, min = 0, max = 86400, unit = "seconds" },
    },
  },
  authentication = {
    type = "table",
    off = true,
    default = false,
    fields = { username = secret, password = secret },
  },
  last_will_testament = {
    type = "table",
    off = true,
    default = false,
    fields = {
      topic = { type = "string", min = 1, max = 65535, required = true },
      text = { type = "string", max = 65535, default = "" },
      qos = { type = "integer", default = 0, min = 0, max = 2 },
      retain = { type = "boolean", default = false },
      properties = properties,
    },
  },
  connect_properties = { type = "table", default = {}, secret = true },
  topic_aliases = { type = "integer", default = 0, min = 0, max = 65535 },
  lost_session = { type = "string", values = { "report", "publish" }, default = "report" },
  persistence = {
    type = "table",
    off = true,
    default = false,
    fields = {
      file = { type = "string", min = 1, max = 4096, required = true },
      sync = { type = "boolean", default = true },
    },
  },
  limits = { type = "table", default = {}, fields = fields.limits(LIMITS) },
}
for _, name in ipairs(CLIENT) do
  schema[name] = client_options.schema[name]
end

local carriers = {
  mqtt = { "tcp", 1883 },
  mqtts = { "tls", 8883 },
  tcp = { "tcp", 1883 },
  tls = { "tls", 8883 },
  ws = { "ws" },
  wss = { "wss" },
}

--- "mqtt://host" as the client knows it: "tcp://host:1883".
local function carried_url(given)
  local parts = url.split_url(given)
  local carrier = parts and carriers[parts.scheme]
  if not carrier then
    return nil, "takes a URL that begins with mqtt://, mqtts://, ws:// or wss://"
  end
  local rest = given:match "^%w+://(.*)$"
  if carrier[2] and not parts.named_port then
    local host = parts.host:find(":", 1, true) and ("[%s]"):format(parts.host) or parts.host
    if parts.user then return nil, "takes a URL without user and password" end
    if parts.target ~= "/" then return nil, "takes no path with mqtt:// and mqtts://" end
    rest = ("%s:%d"):format(host, carrier[2])
  end
  return ("%s://%s"):format(carrier[1], rest)
end

local function wrong(path, message) return ("option '%s' of %s %s"):format(path, WHAT, message) end

local function client_limits(limits)
  local chosen = {}
  for name in pairs(client_options.schema.limits.fields) do
    chosen[name] = limits[name]
  end
  return chosen
end

--- What the client that is made gets: the protocol keeps the connection alive and says what it is.
local function client_given(settings, given)
  local made = {
    servers = {},
    heartbeat = false,
    limits = client_limits(settings.limits),
    protocols = { "mqtt" },
  }
  local message
  for _, name in ipairs(CLIENT) do
    made[name] = given[name]
  end
  if settings.url then
    made.url, message = carried_url(settings.url)
    if not made.url then return nil, wrong("url", message) end
  end
  for i, server in ipairs(settings.servers) do
    made.servers[i], message = carried_url(server)
    if not made.servers[i] then return nil, wrong(("servers[%d]"):format(i), message) end
  end
  return made
end

local function given_for_a_client(settings, given)
  for _, name in ipairs { "url", "servers", unpack(CLIENT) } do
    if given[name] ~= nil then
      return ("options 'client' and '%s' of %s exclude each other"):format(name, WHAT)
    end
  end
  local below = client_core.settings(settings.client)
  if settings.client.active then
    return WHAT .. " takes a client that is not started"
  elseif below.keep_messages or below.options.fragmented_messages ~= "only_buffer" then
    return WHAT .. " takes a client without keep_messages and fragmented_messages"
  end
end

local function finish_client(settings, given)
  if settings.client then return given_for_a_client(settings, given) end
  if not settings.url and #settings.servers == 0 then
    return WHAT .. " takes 'url', 'servers' or 'client'"
  end
  local made, message = client_given(settings, given)
  settings.client_options = made
  return message
end

--- A server of 3.1.1 cannot say how many messages it takes at a time; mosquitto ends the connection
--- of a client that has more than 20 of QoS 2 under way. That of 5.0 has its Receive Maximum.
local IN_FLIGHT_311 = 20

--- Only 5.0 knows properties.
local function finish_version(settings, given)
  settings.level = settings.version == "5.0" and 5 or 4
  if settings.level == 5 then return end
  if not (given.limits and given.limits.in_flight) then
    settings.limits.in_flight = IN_FLIGHT_311
  end
  local will = settings.last_will_testament
  if next(settings.connect_properties) then
    return wrong("connect_properties", "needs version = '5.0'")
  elseif will and next(will.properties) then
    return wrong("last_will_testament.properties", "needs version = '5.0'")
  elseif settings.topic_aliases > 0 then
    return wrong("topic_aliases", "needs version = '5.0'")
  end
end

--- A session without a name cannot be found again.
local function finish_session(settings)
  local login = settings.authentication
  if not settings.clean_session and not settings.client_identifier and not settings.persistence then
    return wrong("clean_session", "is false only beside 'client_identifier' or 'persistence'")
  elseif settings.persistence and settings.clean_session then
    return wrong("persistence", "needs clean_session = false: a session that goes on")
  elseif login and login.password and not login.username and settings.level == 4 then
    return wrong("authentication.password", "needs 'username' in 3.1.1")
  end
end

local function finish_heartbeat(settings)
  local heartbeat = settings.heartbeat
  settings.ping_interval = heartbeat and (heartbeat.interval or settings.keep_alive) or 0
  settings.ping_timeout = heartbeat and heartbeat.timeout or 0
  settings.publish_lost = settings.lost_session == "publish"
end

local steps = { finish_client, finish_version, finish_session, finish_heartbeat }

--- Settings, with `client_options` for the client that is to be made; or nil and what is wrong.
---@param given table
---@return table? settings
---@return string? message
function mqtt_options.complete(given)
  local settings, message = options.complete(WHAT, schema, given)
  if not settings then return nil, message end
  for _, step in ipairs(steps) do
    message = step(settings, given)
    if message then return nil, message end
  end
  return settings
end

return mqtt_options
