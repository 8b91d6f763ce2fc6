--- What C is told of a client's settings: where to, and what is said there.
local authentication = require "perilune.internal.client_authentication"
local proxy = require "perilune.internal.proxy"
local tls_client = require "perilune.internal.tls_client"

local client_route = {}

local function places_of(settings)
  local list = { settings.place }
  for _, place in ipairs(settings.others) do
    list[#list + 1] = place
  end
  return list
end

local function secrets(authorization)
  return authorization and { { "Authorization", authorization } } or {}
end

--- Whether anything goes through TLS, and speaks HTTP there first.
local function needs_tls(settings, places)
  local secure, http = settings.redirects and true or false, false
  for _, place in ipairs(places) do
    secure = secure or place.secure
    http = http or not place.tcp
  end
  return secure, http
end

--- A proxy as C knows it, its TLS context made.
local function with_context(way)
  if not way.tls then return way end
  local context, message, code = tls_client.context(way.tls, { "http/1.1" })
  if not context then return nil, "proxy: " .. message, code end
  local complete = {}
  for key, value in pairs(way) do
    complete[key] = value
  end
  complete.tls = context
  return complete
end

--- The route as it is before anybody is asked. Reads the files of TLS.
---@param settings table As client_options.complete makes them.
---@return table? route
---@return string? message
---@return string? code
function client_route.make(settings)
  local places = places_of(settings)
  local secure, http = needs_tls(settings, places)
  local route = {
    places = {},
    server_name = settings.tls_settings.host_name,
    origin = settings.origin,
    protocols = settings.protocols,
    fields = settings.fields,
    secrets = {},
  }
  local message, code
  if secure then
    route.tls, message, code =
      tls_client.context(settings.tls_settings, http and { "http/1.1" } or {})
    if not route.tls then return nil, message, code end
  end
  if type(settings.way) == "table" then
    route.proxy, message, code = with_context(settings.way)
    if not route.proxy then return nil, message, code end
  end
  for i, place in ipairs(places) do
    local target = place.target
    if not authentication.asks(settings.login) then
      local value
      target, value = authentication.words(settings.login, place)
      route.secrets = secrets(value)
    end
    route.places[i] = {
      tcp = place.tcp,
      secure = place.secure,
      host = place.host,
      port = place.port,
      target = target,
    }
  end
  return route
end

--- Whether two routes lead to the same places, whatever is said there.
---@param one table
---@param other table
---@return boolean
function client_route.same_places(one, other)
  if #one.places ~= #other.places then return false end
  for i, a in ipairs(one.places) do
    local b = other.places[i]
    if a.host ~= b.host or a.port ~= b.port or a.secure ~= b.secure or a.tcp ~= b.tcp then
      return false
    end
  end
  return true
end

--- Whether something has to be found out before each place.
function client_route.asks(settings)
  return authentication.asks(settings.login) or settings.way == "environment"
end

--- Completes a route for one of its places; waits.
---@param settings table
---@param route table
---@param index integer
---@param get fun(place: perilune.internal.Place, path: string): string?, string?, string?
---@return true? ok
---@return string? message
---@return string? code
function client_route.complete(settings, route, index, get)
  local place = places_of(settings)[index]
  if authentication.asks(settings.login) then
    local target, value, code = authentication.words(settings.login, place, get)
    if not target then return nil, value, code end
    route.places[index].target, route.secrets = target, secrets(value)
  end
  if settings.way == "environment" then
    local scheme = place.secure and "https" or "http"
    local way, message, code = proxy.from_environment(scheme, place.host, place.port)
    if way then
      way, message, code = with_context(way)
    end
    if way == nil then return nil, message, code end
    route.proxy = way or nil
  end
  return true
end

return client_route
