--- What goes into Authorization: Basic (RFC 7617) and Bearer (RFC 6750).
local text = require "perilune.core.text"

local authorization = {}

--- The bytes are UTF-8 as the caller has them (RFC 7617 2.1).
---@param user string
---@param password string
---@return string? value
---@return string? message
function authorization.basic(user, password)
  if user:find ":" then
    return nil, "takes a user without a colon"
  elseif (user .. password):find "[%z\1-\31\127]" then
    return nil, "takes user and password without control characters"
  end
  return "Basic " .. text.base64_encode(user .. ":" .. password)
end

--- A token is b64token (RFC 6750 2.1).
---@param token any
---@return string? value
---@return string? message
function authorization.bearer(token)
  if type(token) ~= "string" or not token:find "^[%w%-._~+/]+=*$" then
    return nil, "takes a token of letters, digits and -._~+/, with = at its end"
  end
  return "Bearer " .. token
end

return authorization
