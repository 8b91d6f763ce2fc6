--- The option `authentication` of requests.
local common = require "perilune.internal.authorization"

local authorization = {}

authorization.option = {
  type = "table",
  secret = true,
  off = true,
  fields = {
    user = { type = "string" },
    password = { type = "string", secret = true },
    token = common.token_option,
  },
}

--- The value of Authorization for a user and a password.
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
  return common.basic(user, password)
end

--- What was checked already, as { value } or { token }.
---@param given table|false|nil
---@return table|false|nil made nil when it is wrong.
---@return string? place Behind "authentication": ".token".
---@return string? message
function authorization.finish(given)
  if not given then return false end
  if given.token then
    if given.user or given.password then
      return nil, ".token", "takes no user and password beside it"
    end
    local place, message = common.token_fault(given.token)
    if place then return nil, ".token" .. place, message end
    return { token = given.token }
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
  if made.value then return made.value end
  local value, message, code = common.token_value(made.token)
  return value, message, code
end

return authorization
