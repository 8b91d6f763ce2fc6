--- The options of requests, and of clients, which are the defaults of their requests.
local authorization = require "perilune.internal.http.authorization"
local bodies = require "perilune.internal.http.body"
local cookies = require "perilune.internal.http.cookies"
local fields = require "perilune.internal.http.fields"
local form = require "perilune.internal.http.form"
local limits = require("perilune.internal.fields").limits
local options = require "perilune.internal.options"
local paths = require "perilune.internal.paths"
local places = require "perilune.internal.http.place"
local proxy = require "perilune.internal.proxy"
local redirect = require "perilune.internal.http.redirect"
local retry = require "perilune.internal.http.retry"
local tls_client = require "perilune.internal.tls_client"

local settings = {}

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

local limit_fields = limits { "header_block", "header_count" }
limit_fields.body = { type = "integer", default = 2 ^ 24, min = 0, max = 2 ^ 30, unit = "bytes" }

--- Without defaults: what is absent is the client's.
local request = {
  headers = { type = "table", secret = true },
  params = { type = "table", secret = true },
  authentication = authorization.option,
  timeout = {
    type = { "number", "table" },
    min = 0.001,
    max = 2147483,
    unit = "seconds",
    fields = {
      resolve = time(10),
      connect = time(10),
      first_byte = time(60),
      idle = time(60),
      total = time(false),
    },
  },
  redirects = {
    type = "table",
    off = true,
    fields = {
      max = { type = "integer", default = 10, min = 1, max = 100 },
      allow_downgrade = { type = "boolean", default = false },
    },
  },
  retries = retry.option,
  proxy = proxy.option,
  tls = tls_client.option,
  guard = { type = "boolean" },
  decode = { type = "boolean" },
  stream = { type = "boolean" },
  limits = { type = "table", fields = limit_fields },
  log_file = { type = "string", min = 1, off = true },
  cookies = { type = { "boolean", "table" } },
}
for name, field in pairs(bodies.fields) do
  request[name] = field
end

local OF_CLIENT = {
  base_url = { type = "string", min = 1 },
  pool = {
    type = "table",
    default = {},
    fields = {
      max_per_origin = { type = "integer", default = 0, min = 0, max = 65536 },
      max_idle = { type = "integer", default = 64, min = 0, max = 65536 },
      max_idle_per_origin = { type = "integer", default = 8, min = 0, max = 65536 },
      idle_timeout = { type = "number", default = 60, min = 0.01, max = 86400, unit = "seconds" },
    },
  },
}

-- What only one request can have.
local OF_REQUEST = { params = true, stream = true }
for name in pairs(bodies.fields) do
  OF_REQUEST[name] = true
end

local client = {}
for name, field in pairs(request) do
  if not OF_REQUEST[name] then client[name] = field end
end
for name, field in pairs(OF_CLIENT) do
  client[name] = field
end

local function wrong(what, name, place, message)
  return nil, ("option '%s%s' of %s %s"):format(name, place, what, message)
end

--- What the schema cannot say, by option: each gives the value that requests use, or nil, message.
local finishers = {}

function finishers.headers(what, value)
  local made, place, message = fields.read(value)
  if not made then return wrong(what, "headers", place, message) end
  return made
end

function finishers.params(what, value)
  local encoded, place, message = form.encode(value)
  if not encoded then return wrong(what, "params", place, message) end
  return encoded
end

function finishers.authentication(what, value)
  local made, place, message = authorization.finish(value)
  if made == nil then return wrong(what, "authentication", place, message) end
  return made
end

function finishers.timeout(_, value)
  if type(value) == "table" then return value end
  local times = {}
  for name, field in pairs(request.timeout.fields) do
    times[name] = field.default
  end
  times.total = value
  return times
end

function finishers.retries(_, value) return retry.finish(value) end

function finishers.proxy(what, value) return proxy.finish(what, "proxy", value) end

function finishers.tls(what, value)
  if value == false then
    return wrong(what, "tls", "", "takes a table; { verify = false } trusts any certificate")
  end
  return tls_client.finish("tls", value, what)
end

function finishers.content_type(what, value)
  if value:find "[%c\127-\255]" then
    return wrong(what, "content_type", "", "takes printable ASCII")
  end
  return value
end

function finishers.log_file(_, value) return value and paths.from_script(value) end

function finishers.cookies(what, value)
  if type(value) ~= "table" then return value and cookies.new() or false end
  if cookies.state(value) then return value end
  return wrong(what, "cookies", "", "takes a jar made by http.cookie_jar")
end

function finishers.base_url(what, value)
  local place, message = places.of(value)
  if not place then
    return wrong(what, "base_url", "", "takes an http or https URL: " .. message)
  end
  return value
end

--- Completes checked options in place; returns what is wrong, if anything.
local function finish(what, given)
  for name, finisher in pairs(finishers) do
    if given[name] ~= nil then
      local made, message = finisher(what, given[name])
      if made == nil then return message end
      given[name] = made
    end
  end
end

--- What requests have when neither they nor their client say otherwise.
local standard = assert(options.complete("http", request, {
  headers = {},
  timeout = {},
  redirects = {},
  tls = {},
  limits = {},
}))
assert(not finish("http", standard))
standard.decode, standard.guard, standard.stream = true, false, false
for _, name in ipairs { "authentication", "retries", "proxy", "log_file", "cookies" } do
  standard[name] = false
end

local function fill(given, defaults)
  for name, value in pairs(defaults) do
    if given[name] == nil then given[name] = value end
  end
  if given.headers ~= defaults.headers then
    given.headers = fields.merge(given.headers, defaults.headers)
  end
  return given
end

--- Of the module's functions.
settings.standard = standard
settings.pool = assert(options.complete("http", OF_CLIENT, {})).pool

--- TLS for an origin that the options do not speak of: nothing that says who we are.
---@param tls perilune.tls_client.Settings
---@return perilune.tls_client.Settings
function settings.anonymous_tls(tls)
  local copy = {}
  for name, value in pairs(tls) do
    copy[name] = value
  end
  for _, name in ipairs { "cert_file", "key_file", "p12_file", "password", "host_name" } do
    copy[name] = nil
  end
  copy.legacy = false
  return copy
end

--- Settings of a client for an origin other than that of its `base_url`: without credentials.
---@param given table From `of_client`.
---@return table
function settings.of_stranger(given)
  local copy = {}
  for name, value in pairs(given) do
    copy[name] = value
  end
  copy.authentication = false
  copy.tls = settings.anonymous_tls(given.tls)
  copy.headers = fields.without(given.headers, redirect.CREDENTIALS)
  return copy
end

--- The settings of a client.
---@param what string
---@param given table?
---@return table? made
---@return string? message
function settings.of_client(what, given)
  local made, message = options.complete(what, client, given)
  if not made then return nil, message end
  if made.cookies == nil then made.cookies = true end
  message = finish(what, made)
  if message then return nil, message end
  return fill(made, standard)
end

--- The settings of one request: its own options, then those of the client.
---@param what string
---@param given table?
---@param defaults table
---@return table? made Not to be changed.
---@return string? message
function settings.of_request(what, given, defaults)
  if given == nil then return defaults end
  local made, message = options.complete(what, request, given)
  if not made then return nil, message end
  message = finish(what, made)
  if message then return nil, message end
  made.make_body, message = bodies.maker(what, made)
  if message then return nil, message end
  if made.content_type and not made.make_body then
    return nil, ("option 'content_type' of %s goes with a body"):format(what)
  end
  return fill(made, defaults)
end

return settings
