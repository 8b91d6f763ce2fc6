--- One cookie: from Set-Cookie to what is kept of it (RFC 6265bis 5.6 and 5.7).
---
--- SameSite is passed over: it says which pages may send a cookie, and here there are none.
local cookie_date = require "perilune.internal.http.cookie_date"
local log = require "perilune.log"
local suffix = require "perilune.internal.http.suffix"

local cookie = {}

local MAX_SIZE = 4096 -- bytes of name and value
local MAX_ATTRIBUTE = 1024 -- bytes of a value
local LONGEST = 400 * 86400 -- seconds that a cookie lives

--- Where a cookie comes from or goes to.
---@class perilune.internal.http.Place
---@field host string Lower-case.
---@field path string
---@field secure boolean

--- Goes over the text once, however many spaces a server puts into it.
local function trim(text)
  local from = text:find "[^ \t]"
  return from and text:match(".*[^ \t]", from) or ""
end

local readers = {
  expires = function(found, value) found.expires = cookie_date.decode(value) or found.expires end,
  ["max-age"] = function(found, value)
    if value:find "^%-?%d+$" then found.max_age = tonumber(value) end
  end,
  domain = function(found, value) found.domain = value:gsub("^%.", ""):lower() end,
  path = function(found, value) found.path = value:sub(1, 1) == "/" and value or nil end,
  secure = function(found) found.secure = true end,
  httponly = function(found) found.http_only = true end,
}

--- Name, value and attributes of a Set-Cookie; nil when it is ignored.
---@param line string
---@return table? found
function cookie.parse(line)
  -- A tab is allowed, but cannot be kept in a file of cookies.
  if line:find "[%z\1-\31\127]" then return nil end
  local pair, rest = line:match "^([^;]*)(.*)$"
  local name, value = pair:match "^([^=]*)=(.*)$"
  if not name then
    name, value = "", pair
  end
  local found = { name = trim(name), value = trim(value), secure = false, http_only = false }
  local size = #found.name + #found.value
  if size == 0 or size > MAX_SIZE then return nil end
  for attribute in rest:gmatch ";([^;]*)" do
    local key, given = attribute:match "^([^=]*)=(.*)$"
    local read = readers[trim(key or attribute):lower()]
    given = trim(given or "")
    if read and #given <= MAX_ATTRIBUTE then read(found, given) end
  end
  return found
end

--- An address has no domains above it.
local function is_address(host)
  local last = host:match "[^.]*$"
  return host:find ":" ~= nil or last:find "^%d+$" ~= nil
end

--- Whether a host is the domain or below it.
---@param host string
---@param domain string
---@return boolean
function cookie.domain_matches(host, domain)
  if host == domain then return true end
  return host:sub(-#domain - 1) == "." .. domain and not is_address(host)
end

--- Whether a path is the cookie's or below it.
---@param path string
---@param of_cookie string
---@return boolean
function cookie.path_matches(path, of_cookie)
  if path:sub(1, #of_cookie) ~= of_cookie then return false end
  return #path == #of_cookie
    or of_cookie:sub(-1) == "/"
    or path:sub(#of_cookie + 1, #of_cookie + 1) == "/"
end

local told = false

--- Without the list a cookie is never for more than its host.
local function tell()
  if told then return end
  told = true
  log.warn "libpsl is not installed: cookies are kept for the host that sent them alone"
end

--- For whom it is: domain, host_only; nil when the place may not set it.
local function domain_of(found, place)
  local domain = found.domain
  if domain == nil or domain == "" then return place.host, true end
  if domain:find "[\128-\255]" or not cookie.domain_matches(place.host, domain) then return nil end
  if is_address(place.host) then return place.host, true end
  local public, known = suffix.is_public(domain)
  if not known then
    tell()
    return place.host, true
  elseif public then
    if domain ~= place.host then return nil end
    return domain, true
  end
  return domain, false
end

--- The folder of the place's path.
local function default_path(path)
  local folder = path:match "^(/.*)/[^/]*$"
  return folder or "/"
end

local function expiry(found, now)
  local at = found.expires
  if found.max_age then at = found.max_age > 0 and now + found.max_age or 0 end
  return at and math.min(at, now + LONGEST)
end

--- The prefixes of names that promise something; of values, too, when there is no name.
local function keeps_promise(made, found)
  local label = (made.name == "" and made.value or made.name):lower()
  local secure, host = label:find "^__secure%-", label:find "^__host%-"
  if (secure or host) and made.name == "" then return false end
  if secure then return made.secure end
  if host then return made.secure and made.host_only and found.path == "/" end
  return true
end

--- What is to be kept of a Set-Cookie from a place; nil when the place may not set it.
---@param line string
---@param place perilune.internal.http.Place
---@param now integer Seconds since 1970.
---@return perilune.http.Cookie? made
function cookie.accept(line, place, now)
  local found = cookie.parse(line)
  if not found then return nil end
  local domain, host_only = domain_of(found, place)
  if not domain or found.secure and not place.secure then return nil end
  local made = {
    name = found.name,
    value = found.value,
    domain = domain,
    host_only = host_only,
    path = found.path or default_path(place.path),
    secure = found.secure,
    http_only = found.http_only,
    expires = expiry(found, now),
  }
  if keeps_promise(made, found) then return made end
end

--- Whether a cookie goes to a place.
---@param made perilune.http.Cookie
---@param place perilune.internal.http.Place
---@param now integer
---@return boolean
function cookie.goes_to(made, place, now)
  if made.expires and made.expires <= now then return false end
  if made.secure and not place.secure then return false end
  if made.host_only and made.domain ~= place.host then return false end
  return cookie.domain_matches(place.host, made.domain)
    and cookie.path_matches(place.path, made.path)
end

return cookie
