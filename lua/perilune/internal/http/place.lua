--- Where a URL of HTTP leads: host, port, and what a request line has.
local core = require "perilune.core.url"

local place = {}

---@class perilune.internal.http.URL: perilune.internal.http.Place
---@field url string Without user and password.
---@field scheme "http"|"https"
---@field port integer
---@field target string
---@field origin string "https://host:443"
---@field fragment? string
---@field user? string
---@field password? string

--- The URL put together again, without what is nobody's business.
local function without_user(parts)
  local fragment = parts.fragment and "#" .. parts.fragment or ""
  return ("%s://%s%s%s"):format(parts.scheme, parts.authority, parts.target, fragment)
end

--- Takes a URL apart.
---@param url any
---@return perilune.internal.http.URL? parts
---@return string? message
function place.of(url)
  if type(url) ~= "string" then return nil, "it is a " .. type(url) end
  local parts, message = core.split_url(url)
  if not parts then return nil, message end
  if parts.scheme ~= "http" and parts.scheme ~= "https" then
    return nil, ("its scheme is %s"):format(parts.scheme)
  end
  parts.url = without_user(parts)
  if parts.path == "" then parts.path = "/" end
  parts.origin = ("%s://%s:%d"):format(parts.scheme, parts.host, parts.port)
  return parts
end

return place
