--- Where a client goes: URLs, and hosts with ports, as places that C knows.
local url = require "perilune.core.url"

local client_place = {}

---@class perilune.internal.Place
---@field scheme "ws"|"wss"|"tcp"|"tls"
---@field tcp boolean Bytes alone.
---@field secure boolean
---@field host string Lower-case, IPv6 without brackets.
---@field port integer
---@field target string

-- The manual writes its servers with http.
local schemes = {
  ws = "ws",
  wss = "wss",
  http = "ws",
  https = "wss",
  tcp = "tcp",
  tls = "tls",
}

local standard_ports = { ws = 80, wss = 443 }

local function fault(parts, scheme)
  if not scheme then
    return "a URL that begins with ws://, wss://, tcp:// or tls://"
  elseif parts.user then
    return "a URL without user and password: there is 'authentication'"
  elseif parts.fragment then
    return "a URL without '#'"
  elseif parts.host == "" then
    return "a URL with a host"
  elseif standard_ports[scheme] then
    return nil
  elseif not parts.named_port then
    return ("a port in a URL with %s://"):format(scheme)
  elseif parts.target ~= "/" then
    return ("no path in a URL with %s://"):format(scheme)
  end
end

--- What a URL says, or nil and what it has to be. The text is never repeated: it may hold a secret.
---@param text string
---@return perilune.internal.Place? place
---@return string? message
function client_place.parse(text)
  local parts, message = url.split_url(text)
  if not parts then return nil, ("a URL (%s)"):format(message) end
  local scheme = schemes[parts.scheme]
  message = fault(parts, scheme)
  if message then return nil, message end
  return {
    scheme = scheme,
    tcp = not standard_ports[scheme],
    secure = scheme == "wss" or scheme == "tls",
    host = parts.host,
    port = parts.named_port and parts.port or standard_ports[scheme],
    target = parts.target,
  }
end

local function authority(place)
  local host = place.host:find(":", 1, true) and "[" .. place.host .. "]" or place.host
  return standard_ports[place.scheme] == place.port and host or host .. ":" .. place.port
end

--- The place as a URL.
---@param place perilune.internal.Place
---@return string
function client_place.text(place)
  return ("%s://%s%s"):format(place.scheme, authority(place), place.tcp and "" or place.target)
end

--- The origin of the place's HTTP server.
function client_place.http(place)
  local scheme = place.secure and "wss" or "ws"
  local shown = authority { scheme = scheme, host = place.host, port = place.port }
  return (place.secure and "https://" or "http://") .. shown
end

--- A WebSocket's place of its parts; or nil, the part that is wrong, and what it has to be.
---@param host string
---@param port? integer
---@param secure boolean
---@param parameters? string
---@return perilune.internal.Place? place
---@return string? part
---@return string? message
function client_place.make(host, port, secure, parameters)
  local plain = host:match "^%[(.*)%]$" or host
  local shown = plain:find(":", 1, true) and "[" .. plain .. "]" or plain
  local scheme = secure and "wss" or "ws"
  local place = client_place.parse(("%s://%s/"):format(scheme, shown))
  if not place or place.host ~= plain:lower() then
    return nil, "host", "the name or address of a host"
  end
  place.port = port or place.port
  if not parameters or parameters == "" then return place end
  local first = parameters:sub(1, 1)
  local whole = (first == "/" or first == "?")
    and client_place.parse(("%s://h%s"):format(scheme, parameters))
  if not whole then return nil, "parameters", "a path with its query, like '/tea?cup=2'" end
  place.target = whole.target
  return place
end

return client_place
