--- Requests that another server answers: what OnBeforeForwardHTTP returns and the option `forward`,
--- checked and made ready for C.
local core = require "perilune.core.forward"
local fields = require "perilune.internal.http.fields"
local form = require "perilune.internal.http.form"
local options = require "perilune.internal.options"
local paths = require "perilune.internal.paths"
local places = require "perilune.internal.http.place"
local tls_client = require "perilune.internal.tls_client"

local forward = {}

---@class perilune.forward.Way Ready to be used; made by `ready`.

local RETURN = "the return value of OnBeforeForwardHTTP"

local function time(default)
  return {
    type = "number",
    off = true,
    min = 0.001,
    max = 2147483,
    unit = "seconds",
    default = default,
  }
end

--- What both a handler's table and a rule may say.
forward.fields = {
  url = { type = "string", required = true, min = 1 },
  document = { type = "string", min = 1 },
  query_params = { type = { "string", "table" } },
  host = { type = "string", min = 1 },
  origin = { type = "string", off = true },
  custom_headers = { type = "table", default = {} },
  log_filename = { type = "string", min = 1 },
  no_cache = { type = "boolean", default = true },
  guard = { type = "boolean", default = false },
  tls = tls_client.option,
  timeouts = {
    type = "table",
    default = {},
    fields = {
      resolve = time(10),
      connect = time(10),
      first_byte = time(60),
      idle = time(60),
      total = time(false),
      tunnel = time(300),
      continue = time(1),
    },
  },
}

local rule = {
  path = { type = "string", required = true, min = 1 },
  strip_path = { type = "boolean", default = false },
}
for name, field in pairs(forward.fields) do
  rule[name] = field
end

forward.option = { type = "list", of = { type = "table", fields = rule }, default = {} }

forward.trusted_proxies =
  { type = "list", max = 64, of = { type = "string", min = 1 }, default = {} }

--- Schemes of WebSocket lead to the same servers.
local SCHEMES = { ws = "http", wss = "https" }

local function place_of(url)
  local scheme, rest = url:match "^(%a+)(:.*)$"
  return places.of(scheme and SCHEMES[scheme:lower()] and SCHEMES[scheme:lower()] .. rest or url)
end

--- The query as it is sent; nil and what is wrong.
local function query_of(given)
  if type(given) == "table" then
    local encoded, place, message = form.encode(given)
    if not encoded then return nil, "query_params" .. place, message end
    return encoded
  elseif given and given:find "[^!-~]" or given and given:find "#" then
    return nil, "query_params", "takes text that is encoded, or a table"
  end
  return given
end

--- { name, value } or { name, false } for a field that is left out.
local function fields_of(given)
  local made, place, message = fields.read(given)
  if not made then return nil, "custom_headers" .. place, message end
  local list = {}
  for _, field in ipairs(made.list) do
    list[#list + 1] = field
  end
  for name in pairs(made.left_out) do
    list[#list + 1] = { name, false }
  end
  return list
end

--- What is wrong with texts that become parts of a head: the option and why.
local function text_fault(given)
  if given.document and given.document:sub(1, 1) ~= "/" then
    return "document", "takes a path, which begins with '/'"
  elseif given.host and given.host:find "[^%w%-._~!$&'()*+,;=:%[%]]" then
    return "host", "takes a host, with a port or without"
  elseif given.origin and given.origin:find "[^!-~]" then
    return "origin", "takes an origin, as 'https://a.example'"
  end
end

local function place_fault(place, message)
  if not place then
    return "takes an http or https URL: " .. message
  elseif place.user then
    return "takes no user: set 'authorization' in custom_headers"
  elseif place.target:find "?" or place.fragment then
    return "takes no query and no fragment: set 'query_params'"
  end
end

--- TLS as the URL's scheme wants it, and the name that is verified.
local function tls_of(what, prefix, place, given)
  if place.scheme ~= "https" then
    if given.tls then
      return nil, ("option '%stls' of %s goes with an https URL"):format(prefix, what)
    end
    return nil
  end
  local settings, message = tls_client.finish(prefix .. "tls", given.tls or true, what)
  if not settings then return nil, message end
  local context, why = tls_client.context(settings, { "http/1.1" })
  if not context then return nil, ("option '%stls' of %s: %s"):format(prefix, what, why) end
  return context, nil, settings.host_name
end

--- Options that were checked as C reads them; nil, the option and why.
local function order_of(given, limits)
  local place, message = place_of(given.url)
  message = place_fault(place, message)
  if message then return nil, "url", message end
  local order = {
    guard = given.guard,
    no_cache = given.no_cache,
    host = place.host,
    port = place.port,
    authority = given.host or place.authority,
    base = place.path:gsub("/+$", ""),
    document = given.document,
    strip = given.strip,
    timeouts = {},
    message_log = limits.message_log,
    log_filename = paths.from_script(given.log_filename),
  }
  if given.origin ~= nil then order.origin = given.origin or "" end
  for name, value in pairs(given.timeouts) do
    order.timeouts[name] = value or nil
  end
  return order, place
end

--- The first of these that says what is wrong: the option and why.
local function fault_of(order, given)
  local name, message = text_fault(given)
  if name then return name, message end
  order.query_params, name, message = query_of(given.query_params)
  if name then return name, message end
  order.fields, name, message = fields_of(given.custom_headers)
  return name, message
end

--- A way for options that were checked.
---@param what string The function that took them.
---@param prefix string Of their names: "forward[1].".
---@param given table
---@param limits { message_log: integer }
---@param report? fun(what: string, code?: string, status: integer, seconds: number): any
---@return perilune.forward.Way? way
---@return string? message
function forward.ready(what, prefix, given, limits, report)
  local order, place, message = order_of(given, limits)
  local name = not order and place
  if order then
    name, message = fault_of(order, given)
  end
  if name then return nil, ("option '%s%s' of %s %s"):format(prefix, name, what, message) end
  order.report = report
  order.tls, message, order.server_name = tls_of(what, prefix, place, given)
  if message then return nil, message end
  local way
  way, message = core.ready(order)
  if way then return way end
  name = message:find "^log_filename: " and "log_filename" or "url"
  message = message:gsub("^log_filename: ", "")
  return nil, ("option '%s%s' of %s: %s"):format(prefix, name, what, message)
end

-- Who wants to know that a way is taken: what OnBeforeForwardHTTP returns is, and what it throws
-- away is not.
local begins = setmetatable({}, { __mode = "k" })

--- Calls `begin` each time that a handler returns the way.
---@param way perilune.forward.Way
---@param begin fun()
function forward.on_begin(way, begin) begins[way] = begin end

--- A handler has returned it.
---@param way perilune.forward.Way
function forward.begin(way)
  local begin = begins[way]
  if begin then begin() end
end

-- Handlers.

local MOST_URLS = 256 -- that are remembered, of one server

local class = {}
class.__index = class

--- The way for a URL: most handlers return the same few.
function class:of_url(url)
  local way = self.urls[url]
  if way then return way end
  local given = assert(options.complete(RETURN, forward.fields, { url = url }))
  local made, message = forward.ready(RETURN, "", given, self.limits)
  if not made then error(message, 0) end
  if self.url_count == MOST_URLS then
    self.urls, self.url_count = {}, 0
  end
  self.urls[url], self.url_count = made, self.url_count + 1
  return made
end

function class:of_table(given)
  local checked, message = options.complete(RETURN, forward.fields, given)
  if not checked then error(message, 0) end
  local way
  way, message = forward.ready(RETURN, "", checked, self.limits)
  if not way then error(message, 0) end
  return way
end

local function is_below(path, prefix)
  if path:sub(1, #prefix) ~= prefix then return false end
  return #path == #prefix or prefix:sub(-1) == "/" or path:sub(#prefix + 1, #prefix + 1) == "/"
end

--- The rule with the longest path that a request's lies below.
function class:match(request)
  local path = request.document
  for _, each in ipairs(self.rules) do
    if is_below(path, each.path) then return each.way end
  end
end

--- What C gets: a way, a status, or nil.
function class:resolve(request, result)
  if result == nil then
    return self:match(request)
  elseif result == false then
    return nil
  elseif type(result) == "string" then
    return self:of_url(result)
  elseif type(result) == "table" then
    return self:of_table(result)
  elseif type(result) == "number" and result % 1 == 0 and result >= 400 and result <= 599 then
    return result
  elseif type(result) == "userdata" and getmetatable(result) == "forward" then
    forward.begin(result)
    return result
  end
  error(RETURN .. " is a URL, a table, a status from 400 to 599, false or nil", 0)
end

--- The function that C calls; nil: nothing is forwarded.
function class:handler()
  local handler = self.given
  if not handler and #self.rules == 0 then return nil end
  return function(conn, request)
    local result = handler and handler(conn, request)
    return self:resolve(request, result)
  end
end

--- Longer paths first.
local function by_length(a, b) return #a.path > #b.path end

--- What is wrong with the options of a server; completes them.
---@param settings table
---@return string? message
function forward.finish(settings)
  for _, text in ipairs(settings.security_options.trusted_proxies) do
    if not core.is_network(text) then
      local message = "option '%s' of server.new takes addresses and ranges as '10.0.0.0/8', got %q"
      return message:format("security_options.trusted_proxies", text)
    end
  end
  local rules = {}
  for i, given in ipairs(settings.forward) do
    if given.path:sub(1, 1) ~= "/" then
      return ("option 'forward[%d].path' of server.new takes a path, which begins with '/'"):format(
        i
      )
    end
    given.strip = given.strip_path and given.path or nil
    local way, message =
      forward.ready("server.new", ("forward[%d]."):format(i), given, settings.limits)
    if not way then return message end
    rules[i] = { path = given.path, way = way }
  end
  table.sort(rules, by_length)
  settings.forwarding =
    setmetatable({ rules = rules, urls = {}, url_count = 0, limits = settings.limits }, class)
end

return forward
