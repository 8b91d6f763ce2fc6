--- What goes into Authorization: Basic (RFC 7617), and tokens such as Bearer (RFC 6750), which may
--- have to be asked for. For the options `authentication` of what connects.
local text = require "perilune.core.text"

local authorization = {}

--- The value for a user and a password: bytes that are UTF-8 as the caller has them (RFC 7617 2.1).
---@param user string Without a colon.
---@param password string
---@return string
function authorization.basic(user, password)
  return "Basic " .. text.base64_encode(user .. ":" .. password)
end

--- The option `token`.
authorization.token_option = {
  type = "table",
  secret = true,
  off = true,
  fields = {
    auth_name = { type = "string", default = "Bearer" },
    auth_token = { type = { "string", "function" }, min = 1, secret = true },
    oauth2 = { type = "any" },
    jwt = { type = "any" },
  },
}

local function has_get_token(object)
  local ok, method = pcall(function() return object.get_token end)
  return ok and type(method) == "function"
end

--- Which of them says the token; nil when it is not one of them.
local function source_of(token)
  local source
  for _, name in ipairs { "auth_token", "oauth2", "jwt" } do
    if token[name] then
      if source then return nil end
      source = name
    end
  end
  return source
end

--- What is wrong with a token that the schema has let through, if anything.
---@param token table
---@return string? place Behind "token": ".auth_name".
---@return string? message
function authorization.token_fault(token)
  local source = source_of(token)
  if not source then
    return "", "takes one of auth_token, oauth2 and jwt"
  elseif token.auth_name:find "[%c\127 ]" then
    return ".auth_name", "takes a word"
  elseif source ~= "auth_token" then
    if has_get_token(token[source]) then return nil end
    return "." .. source, "takes an object with the method get_token"
  elseif type(token.auth_token) == "string" and token.auth_token:find "[%c\127]" then
    return ".auth_token", "takes text without control characters"
  end
end

--- Whether somebody has to be asked for it.
---@param token table
---@return boolean
function authorization.asks(token) return type(token.auth_token) ~= "string" end

local function fetch(token)
  local object = token.oauth2 or token.jwt
  if object then return object:get_token() end
  return token.auth_token()
end

local function named(token, value)
  return token.auth_name == "" and value or token.auth_name .. " " .. value
end

--- The value for a token: "Bearer abc". Waits when somebody has to be asked.
---@param token table Without a fault.
---@return string? value
---@return string? message
---@return string? code
function authorization.token_value(token)
  if not authorization.asks(token) then return named(token, token.auth_token) end
  local value, message, code = fetch(token)
  if type(value) == "string" and value ~= "" and not value:find "[%c\127]" then
    return named(token, value)
  end
  return nil, message or "there is no token", code or "EACCES"
end

return authorization
