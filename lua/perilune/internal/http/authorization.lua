--- The option `authentication`: what goes into Authorization. Basic (RFC 7617), and tokens such as
--- Bearer (RFC 6750).
local text = require "perilune.core.text"

local authorization = {}

local string_or_function = { type = { "string", "function" }, min = 1, secret = true }

authorization.option = {
  type = "table",
  off = true,
  fields = {
    user = { type = "string" },
    password = { type = "string", secret = true },
    token = {
      type = "table",
      fields = {
        auth_name = { type = "string", min = 1, default = "Bearer" },
        auth_token = string_or_function,
        oauth2 = { type = "any" },
        jwt = { type = "any" },
      },
    },
  },
}

--- The bytes are UTF-8 as the caller has them (RFC 7617 2.1).
---@param user string
---@param password string
---@return string? value
---@return string? message
function authorization.basic(user, password)
  if user:find(":", 1, true) then
    return nil, "takes a user without a colon"
  elseif (user .. password):find "[%z\1-\31\127]" then
    return nil, "takes user and password without control characters"
  end
  return "Basic " .. text.base64_encode(user .. ":" .. password)
end

--- A token as RFC 9110 11.4 lets one be sent: visible ASCII.
local function is_token(value) return type(value) == "string" and value:find "^[!-~]+$" ~= nil end

local function has_get_token(object)
  local ok, method = pcall(function() return object.get_token end)
  return ok and type(method) == "function"
end

local function source_of(token)
  local source
  for _, name in ipairs { "auth_token", "oauth2", "jwt" } do
    if token[name] ~= nil then
      if source then return nil end
      source = name
    end
  end
  return source
end

local function finish_token(token)
  local source = source_of(token)
  if not source then
    return nil, ".token", "takes one of auth_token, oauth2 and jwt"
  elseif not token.auth_name:find "^[!#$%%&'*+.^_`|~%w-]+$" then
    return nil, ".token.auth_name", "takes a token (RFC 9110 11.1)"
  elseif source == "auth_token" then
    local value = token.auth_token
    if type(value) == "string" and not is_token(value) then
      return nil, ".token.auth_token", "takes visible ASCII"
    end
    return { name = token.auth_name, ask = type(value) == "function" and value, value = value }
  elseif not has_get_token(token[source]) then
    return nil, ".token." .. source, "takes an object with the method get_token"
  end
  local object = token[source]
  return { name = token.auth_name, ask = function() return object:get_token() end }
end

--- What was checked already, as { value = "Basic …" } or { name, value or ask }.
---@param given table|false|nil
---@return table|false|nil made nil when it is wrong.
---@return string? place Behind "authentication": ".user".
---@return string? message
function authorization.finish(given)
  if not given then return false end
  if given.token then
    if given.user or given.password then
      return nil, ".token", "takes no user and password beside it"
    end
    return finish_token(given.token)
  elseif not given.user then
    return nil, "", "takes a user, or a token"
  end
  local value, message = authorization.basic(given.user, given.password or "")
  if not value then return nil, "", message end
  return { value = value }
end

--- The value of Authorization. Waits where somebody has to be asked.
---@param made table From `finish`.
---@return string? value
---@return string? message
---@return string? code
function authorization.value(made)
  if not made.name then return made.value end
  if not made.ask then return made.name .. " " .. made.value end
  local value, message, code = made.ask()
  if not is_token(value) then
    return nil, message or "there is no token for the request", code or "EACCES"
  end
  return made.name .. " " .. value
end

return authorization
