--- The options of `client.new`: checked, completed, and changed later by assigning properties.
local authentication = require "perilune.internal.client_authentication"
local client_place = require "perilune.internal.client_place"
local core = require "perilune.core.client"
local fields = require "perilune.internal.fields"
local options = require "perilune.internal.options"
local proxy = require "perilune.internal.proxy"
local tls_client = require "perilune.internal.tls_client"

local client_options = {}

local WHAT = "client.new"

local limits = fields.limits {
  "message",
  "fragments",
  "fragmented_bytes",
  "pending_events",
  "high_water",
  "low_water",
  "send_queue",
  "kept_messages",
  "message_log",
  "header_block",
  "header_count",
  "request_line",
  "write_timeout",
  "close_timeout",
}

local schema = {
  url = { type = "string", min = 1, max = 8192, secret = true },
  host = { type = "string", min = 1, max = 255 },
  port = { type = "integer", min = 1, max = 65535 },
  parameters = { type = "string", max = 8192, secret = true },
  servers = {
    type = "list",
    of = { type = "string", min = 1, max = 8192, secret = true },
    default = {},
    max = 256,
  },
  tls = tls_client.option,
  protocols = {
    type = "list",
    of = fields.protocols.of,
    default = {},
    max = fields.CLIENT_PROTOCOLS,
  },
  origin = { type = "string", min = 1 },
  headers = { type = "table", default = {}, secret = true },
  proxy = proxy.option,
  authentication = authentication.option,
  heartbeat = fields.heartbeat,
  watchdog = {
    type = "table",
    off = true,
    default = false,
    fields = {
      interval = { type = "number", default = 10, min = 0.01, max = 86400, unit = "seconds" },
      attempts = { type = "integer", default = 0, min = 0, max = 2 ^ 31 - 1 },
      factor = { type = "number", default = 1, min = 1, max = 10 },
      max_interval = { type = "number", min = 0.01, max = 86400, unit = "seconds" },
      jitter = { type = "boolean", default = false },
      held = { type = "number", default = 10, min = 0, max = 86400, unit = "seconds" },
    },
  },
  redirects = {
    type = "table",
    off = true,
    default = {},
    fields = {
      max = { type = "integer", default = 5, min = 1, max = 100 },
      to_plain = { type = "boolean", default = false },
      to_private = { type = "boolean", default = false },
    },
  },
  guard = { type = "boolean", default = false },
  keep_messages = { type = "boolean", default = false },
  connect_timeout = { type = "number", default = 10, min = 0.01, max = 86400, unit = "seconds" },
  tcp_keepalive = fields.tcp_keepalive,
  linger_state = fields.linger_state,
  log_file = fields.log_file,
  throttle = fields.throttle,
  queue_options = fields.queue_options,
  bound_ip = { type = "string", min = 1 },
  bound_port_min = { type = "integer", default = 0, min = 0, max = 65535 },
  bound_port_max = { type = "integer", default = 0, min = 0, max = 65535 },
  end_of_frame = fields.end_of_frame,
  extensions = fields.extensions,
  options = {
    type = "table",
    default = {},
    fields = {
      fragmented_messages = fields.fragmented_messages,
      raise_disconnect_exceptions = fields.raise_disconnect_exceptions,
      clean_disconnect = { type = "boolean", default = true },
    },
  },
  limits = { type = "table", default = {}, fields = limits },
}

client_options.schema = schema

--- What others complete in place stays as it was given: it is completed again when a property is
--- assigned.
local function copy(value)
  if type(value) ~= "table" then return value end
  local made = {}
  for key, each in pairs(value) do
    made[key] = copy(each)
  end
  return made
end

local function wrong(path, must) return ("option '%s' of %s takes %s"):format(path, WHAT, must) end

-- Where to.

local PARTS = { "host", "port", "parameters" }

local function place_of_url(settings)
  for _, name in ipairs(PARTS) do
    if settings[name] then
      return nil, ("options 'url' and '%s' of %s exclude each other"):format(name, WHAT)
    end
  end
  local place, message = client_place.parse(settings.url)
  if not place then return nil, wrong("url", message) end
  local secure = place.secure
  if type(settings.tls) == "boolean" and settings.tls ~= secure then
    local scheme = place.scheme
    return nil, ("option 'tls' of %s contradicts %s:// of 'url'"):format(WHAT, scheme)
  end
  return place
end

local function place_of_parts(settings)
  if settings.secure == nil then settings.secure = settings.tls and true or false end
  local place, part, message =
    client_place.make(settings.host, settings.port, settings.secure, settings.parameters)
  if not place then return nil, wrong(part, message) end
  return place
end

--- The place of url or host; nil and what is wrong, or nil alone when there are only servers.
local function own_place(settings)
  if settings.url then
    return place_of_url(settings)
  elseif settings.host then
    return place_of_parts(settings)
  elseif settings.port or settings.parameters then
    return nil, ("options 'port' and 'parameters' of %s need 'host'"):format(WHAT)
  elseif #settings.servers == 0 then
    return nil, WHAT .. " takes 'url', 'host' or 'servers'"
  end
end

local function finish_places(settings)
  local place, message = own_place(settings)
  if message then return message end
  local others = {}
  for i, text in ipairs(settings.servers) do
    others[i], message = client_place.parse(text)
    if not others[i] then return wrong(("servers[%d]"):format(i), message) end
  end
  settings.place, settings.others = place, others
end

-- What is said.

local OWN_HEADERS = {
  host = true,
  upgrade = true,
  connection = true,
  origin = true,
  ["content-length"] = true,
  ["transfer-encoding"] = true,
}

local NO_HEADERS = { expect = true, te = true, trailer = true }

local function header_fault(name, value)
  if type(name) ~= "string" or not name:find(fields.TOKEN) then
    return "header names as keys"
  elseif NO_HEADERS[name:lower()] then
    return ("no '%s': a handshake has none"):format(name)
  elseif OWN_HEADERS[name:lower()] or name:lower():find "^sec%-websocket%-" then
    return ("no '%s': it is set for you"):format(name)
  elseif type(value) ~= "string" and type(value) ~= "number" then
    return "strings, numbers, or lists of these"
  elseif tostring(value):find "[%c\127]" then
    return ("no control characters in '%s'"):format(name)
  end
end

--- { { name, value }, … } in the order of the names, or nil and what is wrong.
local function header_list(headers)
  local list = {}
  for name, value in pairs(headers) do
    local values = type(value) == "table" and value or { value }
    for _, each in ipairs(values) do
      local message = header_fault(name, each)
      if message then return nil, wrong("headers", message) end
      list[#list + 1] = { name, tostring(each), #list }
    end
    if #values == 0 then return nil, wrong("headers", "no empty lists") end
  end
  table.sort(list, function(a, b) return a[1] < b[1] or a[1] == b[1] and a[3] < b[3] end)
  return list
end

--- Authorization has one source.
local function doubled_login(settings)
  local kind = settings.login and settings.login.kind
  if kind ~= "basic" and kind ~= "token" then return end
  for _, field in ipairs(settings.fields) do
    if field[1]:lower() == "authorization" then
      local message = "options 'headers' and 'authentication' of %s exclude each other: "
        .. "both say Authorization"
      return message:format(WHAT)
    end
  end
end

local function finish_words(settings)
  local message = fields.check_protocols(WHAT, settings.protocols)
  if message then return message end
  if settings.origin and settings.origin:find "[%c\127 ]" then
    return wrong("origin", "an origin, like 'https://a.example'")
  end
  settings.fields, message = header_list(settings.headers)
  if not settings.fields then return message end
  settings.login, message = authentication.finish(WHAT, settings.authentication)
  return message or doubled_login(settings)
end

-- How.

local function finish_tls(settings)
  local message
  settings.tls_settings, message = tls_client.finish("tls", copy(settings.tls or true), WHAT)
  return message
end

local function finish_proxy(settings)
  local message
  settings.way = false
  if settings.proxy then
    settings.way, message = proxy.finish(WHAT, "proxy", copy(settings.proxy))
  end
  return message
end

local function finish_bounds(settings)
  local first, last = settings.bound_port_min, settings.bound_port_max
  if (first == 0) ~= (last == 0) or first > last then
    local message = "options 'bound_port_min' and 'bound_port_max' of %s take a range of ports"
    return message:format(WHAT)
  end
  local ip = settings.bound_ip
  if ip and not core.is_ip(ip) then return wrong("bound_ip", "an IP address") end
  if settings.limits.low_water > settings.limits.high_water then
    return wrong("limits.low_water", "at most limits.high_water")
  end
end

--- A place of TCP is what it is for.
local function finish_frames(settings)
  local given = settings.end_of_frame
  if not given then return nil end
  local tcp = settings.place and settings.place.tcp
  for _, place in ipairs(settings.others) do
    tcp = tcp or place.tcp
  end
  if not tcp then return wrong("end_of_frame", "a tcp:// or tls:// URL beside it") end
  settings.frames = fields.finish_end_of_frame(given)
end

--- Nobody who names a long interval means a shorter one.
local function finish_watchdog(settings)
  local watchdog = settings.watchdog
  if not watchdog then return end
  watchdog.max_interval = watchdog.max_interval or math.max(300, watchdog.interval)
end

local function finish_log_file(settings)
  local message
  settings.log_file, message = fields.finish_log_file(WHAT, settings.log_file)
  return message
end

local steps = {
  finish_places,
  finish_words,
  finish_tls,
  finish_proxy,
  finish_bounds,
  finish_frames,
  finish_watchdog,
  finish_log_file,
}

--- Completes what the schema cannot say. Returns what is wrong, if anything.
local function finish(settings)
  for _, step in ipairs(steps) do
    local message = step(settings)
    if message then return message end
  end
end

--- Settings for C and client_route, or nil and what is wrong.
---@param given table
---@return table? settings
---@return string? message
function client_options.complete(given)
  local settings, message = options.complete(WHAT, schema, given)
  if not settings then return nil, message end
  message = finish(settings)
  if message then return nil, message end
  return settings
end

-- Properties that are assigned. Those of a place change the one that there is.

local function take_apart(settings, place)
  settings.url = nil
  settings.host, settings.port, settings.parameters = place.host, place.port, place.target
  settings.secure = place.secure
end

--- true and false only say whether; the other settings stay.
local function change_tls(settings, place, value)
  settings.secure = value ~= false
  if settings.secure ~= place.secure and place.port == (place.secure and 443 or 80) then
    settings.port = nil
  end
  if type(value) == "table" or type(settings.tls) ~= "table" then settings.tls = value end
end

local function change_url(settings, value)
  settings.url, settings.secure = value, nil
  settings.host, settings.port, settings.parameters = nil, nil, nil
  if type(settings.tls) == "boolean" then settings.tls = nil end
end

local function change_place(settings, name, value)
  local place = settings.place
  if name == "url" then
    change_url(settings, value)
  elseif not place then
    return ("client.%s cannot be assigned: there are only servers"):format(name)
  elseif place.tcp then
    return ("client.%s cannot be assigned: of a TCP client assign the url"):format(name)
  else
    take_apart(settings, place)
    if name == "tls" then
      change_tls(settings, place, value)
    else
      settings[name] = value
    end
  end
end

local PLACE = { url = true, host = true, port = true, parameters = true, tls = true }

client_options.assignable = {
  "url",
  "host",
  "port",
  "parameters",
  "tls",
  "servers",
  "headers",
  "authentication",
  "proxy",
}

--- A copy of the settings with one of them changed, or nil and what is wrong.
---@param settings table
---@param name string
---@param value any
---@return table? changed
---@return string? message
function client_options.change(settings, name, value)
  local checked, message = options.complete("client", { [name] = schema[name] }, { [name] = value })
  if not checked then return nil, message end
  local changed = {}
  for key, old in pairs(settings) do
    changed[key] = old
  end
  if PLACE[name] then
    message = change_place(changed, name, checked[name])
  else
    changed[name] = checked[name]
  end
  message = message or finish(changed)
  if message then return nil, message end
  return changed
end

return client_options
