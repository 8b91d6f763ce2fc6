--- The option `authentication` of clients: what is said to a server, and where.
local authorization = require "perilune.internal.authorization"

local client_authentication = {}

local user = { type = "string", min = 1, max = 1024 }
local password = { type = "string", max = 1024, secret = true }
local switch = { type = "boolean", default = false }

client_authentication.option = {
  type = "table",
  secret = true,
  off = true,
  default = false,
  fields = {
    user = user,
    password = password,
    basic = switch,
    session = switch,
    url = switch,
    token = authorization.token_option,
  },
}

local KINDS = { "basic", "session", "token", "url" }

--- The names of a list that are set in a table.
local function chosen(names, given)
  local list = {}
  for _, name in ipairs(names) do
    if given[name] then list[#list + 1] = name end
  end
  return list
end

local function token_fault(what, token)
  local place, message = authorization.token_fault(token)
  if place then return ("option 'authentication.token%s' of %s %s"):format(place, what, message) end
end

local function user_fault(what, given, kind)
  local path = "option 'authentication"
  if kind == "token" then
    if not (given.user or given.password) then return nil end
    return ("%s.token' of %s takes no user and password beside it"):format(path, what)
  elseif not given.user then
    return ("%s.%s' of %s needs 'authentication.user'"):format(path, kind, what)
  elseif (given.user .. (given.password or "")):find "[%c\127]" then
    return ("%s' of %s takes user and password without control characters"):format(path, what)
  elseif kind == "basic" and given.user:find(":", 1, true) then
    return ("%s.user' of %s takes no colon (RFC 7617)"):format(path, what)
  end
end

--- What was checked already as { kind, user, password, token }; user and password alone are Basic.
---@param what string "client.new"
---@return table|false|nil authentication
---@return string? message
function client_authentication.finish(what, given)
  if not given then return false end
  local kinds = chosen(KINDS, given)
  if #kinds > 1 then
    local message = "option 'authentication' of %s takes one of %s, got %s"
    return nil, message:format(what, table.concat(KINDS, ", "), table.concat(kinds, " and "))
  end
  local kind = kinds[1] or "basic"
  local message = user_fault(what, given, kind)
  if not message and kind == "token" then message = token_fault(what, given.token) end
  if message then return nil, message end
  return { kind = kind, user = given.user, password = given.password or "", token = given.token }
end

--- Whether it has to ask somebody before each connection.
function client_authentication.asks(authentication)
  if not authentication then return false end
  return authentication.kind == "session"
    or authentication.kind == "token" and authorization.asks(authentication.token)
end

local function escaped(word)
  return (word:gsub("[^%w%-._~]", function(c) return ("%%%02X"):format(c:byte()) end))
end

--- "/sgc/auth/url/user/password" with the target that was asked for behind it, unless that is "/".
local function below(prefix, target) return target == "/" and prefix or prefix .. target end

--- The session's id, which the server gives for user and password; waits.
local function fetch_session(authentication, place, get)
  local path = ("/sgc/req/auth/session/%s/%s"):format(
    escaped(authentication.user),
    escaped(authentication.password)
  )
  local answer, message, code = get(place, path)
  if not answer then return nil, "no session: " .. message, code end
  local id = answer:match "^%s*([%w%-._~]+)%s*$"
  if not id then return nil, "no session: the server's answer holds none", "EPROTO" end
  return id
end

local function url_target(authentication, place)
  local prefix = ("/sgc/auth/url/%s/%s"):format(
    escaped(authentication.user),
    escaped(authentication.password)
  )
  return below(prefix, place.target)
end

--- What is said at a place: its target, and the value of Authorization. Waits when it asks.
---@param authentication table|false
---@param place perilune.internal.Place
---@param get fun(place: table, path: string): string?, string?, string? An HTTP GET of the server.
---@return string? target
---@return string? authorization Or a message.
---@return string? code
function client_authentication.words(authentication, place, get)
  local kind = authentication and authentication.kind
  if kind == "basic" then
    return place.target, authorization.basic(authentication.user, authentication.password)
  elseif kind == "url" then
    return url_target(authentication, place)
  elseif kind == "session" then
    local id, message, code = fetch_session(authentication, place, get)
    if not id then return nil, message, code end
    return below("/sgc/auth/session/" .. id, place.target)
  elseif kind == "token" then
    local value, message, code = authorization.token_value(authentication.token)
    if not value then return nil, message, code end
    return place.target, value
  end
  return place.target
end

return client_authentication
