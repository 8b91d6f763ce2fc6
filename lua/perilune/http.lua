--- A client of HTTP: requests that wait for their answers.
---
---     local response, message = http.get "https://api.example.com/users?limit=5"
---     if response then print(response.status, response.json[1].name) end
local cookies = require "perilune.internal.http.cookies"
local core = require "perilune.core.http"
local hidden = require "perilune.internal.hidden"
local methods = require "perilune.internal.http.method"
local places = require "perilune.internal.http.place"
local requests = require "perilune.internal.http.request"
local settings = require "perilune.internal.http.settings"
local url_core = require "perilune.core.url"

---@class perilune.http
local http = {}

--- What a client, or the module itself, asks with.
---@class perilune.internal.http.Session
---@field settings table
---@field stranger? table For origins other than that of base_url.
---@field base? perilune.internal.http.URL
---@field handlers? table
---@field pool userdata

--- The place of a URL, which may be relative to base_url.
local function find_place(session, url)
  if session.base then
    local whole, message = url_core.resolve_url(session.base.url, url)
    if not whole then return nil, message end
    local place
    place, message = places.of(whole)
    if place and place.origin == session.base.origin and not place.user then
      place.user, place.password = session.base.user, session.base.password
    end
    return place, message
  end
  return places.of(url)
end

--- The place with `params` behind its query.
local function with_params(place, params)
  if not params or params == "" then return place end
  local before, fragment = place.url:match "^([^#]*)(.*)$"
  local mark = place.query == nil and "?" or place.query == "" and "" or "&"
  local longer, message = places.of(before .. mark .. params .. fragment)
  if not longer then return nil, message end
  longer.user, longer.password = place.user, place.password
  return longer
end

--- The fields of a request, without what depends on where it goes.
local function fields_of(made, body)
  local list, named = {}, made.headers.named
  local function add(name, value)
    if value and not named[name:lower()] then list[#list + 1] = { name, value } end
  end
  add("User-Agent", "Perilune")
  add("Accept", "*/*")
  add("Accept-Encoding", made.decode and "gzip, deflate, br")
  for _, field in ipairs(made.headers.list) do
    list[#list + 1] = field
  end
  add("Content-Type", body and (made.content_type or body.type))
  return list
end

local function ask(what, session, method, url, given)
  if type(url) ~= "string" then error(("%s takes a URL, got a %s"):format(what, type(url)), 2) end
  local place, message = find_place(session, url)
  if not place then return nil, "the URL is wrong: " .. message, "EINVAL" end
  local strange = session.base and session.base.origin ~= place.origin
  local defaults = strange and session.stranger or session.settings
  local made, wrong = settings.of_request(what, given, defaults)
  if not made then error(wrong, 2) end
  place, message = with_params(place, made.params)
  if not place then return nil, "the URL is wrong: " .. message, "EINVAL" end
  local body, code
  if made.make_body then
    body, message, code = made.make_body()
    if not body then return nil, message, code end
  end
  return requests.run(session, made, {
    method = method,
    place = place,
    fields = fields_of(made, body),
    body = body,
    home = true,
  })
end

--- A method as it is to be; throws at the caller's caller.
local function check_method(what, method)
  local fault = methods.fault(method)
  if fault then error(("%s %s"):format(what, fault), 3) end
  return method
end

---@class perilune.http.Client
local Client = {}

for _, verb in ipairs(methods.VERBS) do
  local what, method = "client:" .. verb, verb:upper()
  Client[verb] = function(session, url, given) return ask(what, session, method, url, given) end
end

--- Asks with any method.
---@param method string "OPTIONS"
---@param url string
---@param given? perilune.http.RequestOptions
---@return perilune.http.Response? response
---@return string? message
---@return string? code
function Client.request(session, method, url, given)
  return ask("client:request", session, check_method("client:request", method), url, given)
end

--- How many connections it has.
---@return { idle: integer, active: integer }
function Client.counts(session) return session.pool:counts() end

--- Closes its connections. Requests then fail with "ECLOSED".
function Client.close(session) session.pool:close() end

local make = hidden.class("http_client", Client, {
  cookies = function(session) return session.settings.cookies end,
}, { "OnRequest", "OnResponse" })

--- A client with defaults of its own, its own connections and its own cookies.
---@param given? perilune.http.ClientOptions
---@return perilune.http.Client
function http.client(given)
  local made, message = settings.of_client("http.client", given)
  if not made then error(message, 2) end
  return make {
    settings = made,
    stranger = made.base_url and settings.of_stranger(made),
    base = made.base_url and places.of(made.base_url),
    handlers = {},
    pool = core.pool(made.pool),
  }
end

--- An empty jar of cookies, for several clients or to be kept in a file.
http.cookie_jar = cookies.new

-- The module itself asks with the defaults, and keeps no cookies.

local shared

local function own_session()
  shared = shared or { settings = settings.standard, pool = core.pool(settings.pool) }
  return shared
end

--- Asks with any method.
---@param method string "OPTIONS"
---@param url string
---@param given? perilune.http.RequestOptions
---@return perilune.http.Response? response
---@return string? message
---@return string? code
function http.request(method, url, given)
  return ask("http.request", own_session(), check_method("http.request", method), url, given)
end

for _, verb in ipairs(methods.VERBS) do
  local what, method = "http." .. verb, verb:upper()
  http[verb] = function(url, given) return ask(what, own_session(), method, url, given) end
end

return http
