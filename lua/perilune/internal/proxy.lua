--- The option `proxy` of what connects somewhere: a URL, a table, or what the environment says.
local tls_client = require "perilune.internal.tls_client"
local url = require "perilune.core.url"

local proxy = {}

local PORTS = { http = 3128, https = 443, socks4 = 1080, socks4a = 1080, socks5 = 1080 }

-- socks5h is curl's word for what SOCKS5 is here in any case: the proxy resolves.
local KINDS = {
  http = "http",
  https = "https",
  socks4 = "socks4",
  socks4a = "socks4a",
  socks5 = "socks5",
  socks5h = "socks5",
}

---@class perilune.ProxyOptions
---@field kind? "http"|"https"|"socks4"|"socks4a"|"socks5" https: TLS to the proxy. Default "http".
---@field host string
---@field port? integer Default 3128, 443 for https, 1080 for SOCKS.
---@field user? string
---@field password? string
---@field tls? perilune.client.TLS Of the connection to an https proxy.

--- What `finish` gives; `kind` is "http" with `tls` for https.
---@class perilune.internal.Proxy
---@field kind "http"|"socks4"|"socks4a"|"socks5"
---@field host string
---@field port integer
---@field user? string
---@field password? string
---@field tls? perilune.tls_client.Settings

local fields = {
  kind = {
    type = "string",
    default = "http",
    values = { "http", "https", "socks4", "socks4a", "socks5" },
  },
  host = { type = "string", required = true, min = 1, max = 255 },
  port = { type = "integer", min = 1, max = 65535 },
  user = { type = "string", max = 255 },
  password = { type = "string", max = 255, secret = true },
  tls = tls_client.option,
}

--- For schemas. A URL may have a password in it.
proxy.option = { type = { "string", "table" }, min = 1, off = true, fields = fields, secret = true }

--- The table that a URL stands for; nil and what is wrong, which never repeats the URL.
---@param text string
---@return perilune.ProxyOptions?
---@return string? message
function proxy.read_url(text)
  local parts, message = url.split_url(text)
  if not parts then return nil, message end
  local kind = KINDS[parts.scheme]
  if not kind then
    return nil, "its scheme is none of http, https, socks4, socks4a, socks5, socks5h"
  elseif parts.target ~= "/" or parts.fragment then
    return nil, "it has more than a host and a port"
  end
  return {
    kind = kind,
    host = parts.host,
    port = parts.named_port and parts.port or nil,
    user = parts.user,
    password = parts.password,
  }
end

--- What the schema cannot say.
local function fault(given)
  local user, password = given.user or "", given.password or ""
  if (user .. password):find "[%z\1-\31\127]" then
    return "takes user and password without control characters"
  elseif given.host:find "[%c%s]" then
    return "takes a host without spaces and control characters"
  elseif given.password and not given.user or password ~= "" and user == "" then
    return "takes a password with a user"
  elseif given.kind:find "^http" and user:find ":" then
    return "takes a user without a colon"
  elseif given.kind == "socks5" and user ~= "" and password == "" then
    return "takes a user with a password: SOCKS5 has no empty one (RFC 1929)"
  elseif given.kind:find "^socks4" and given.password then
    return "takes no password: SOCKS4 has none"
  elseif given.tls and given.kind ~= "https" then
    return "takes tls only with kind = 'https'"
  elseif given.tls == false and given.kind == "https" then
    return "takes no tls = false with kind = 'https'"
  elseif given.tls and given.tls ~= true and given.tls.host_name then
    return "takes no tls.host_name: the proxy's is that of its host"
  end
end

local function complete(what, path, given)
  local wrong = fault(given)
  if wrong then return nil, ("option '%s' of %s %s"):format(path, what, wrong) end
  local made = {
    kind = given.kind == "https" and "http" or given.kind,
    host = given.host:match "^%[(.*:.*)%]$" or given.host,
    port = given.port or PORTS[given.kind],
    user = given.user,
    password = given.password,
  }
  if given.kind == "https" then
    local message
    made.tls, message = tls_client.finish(path .. ".tls", given.tls or true, what)
    if not made.tls then return nil, message end
  end
  return made
end

--- Completes what was checked already: nil and false are no proxy, "environment" stays.
---@param what string The function that took it: "http.get".
---@param path string The option: "proxy".
---@param given string|table|false|nil
---@return perilune.internal.Proxy|"environment"|false|nil
---@return string? message
function proxy.finish(what, path, given)
  if not given then return false end
  if given == "environment" then return given end
  if type(given) == "table" then return complete(what, path, given) end
  local read, message = proxy.read_url(given)
  if not read then
    local text = "option '%s' of %s takes the URL of a proxy or \"environment\": %s"
    return nil, text:format(path, what, message)
  end
  return complete(what, path, read)
end

--- A variable, in lower or upper case. HTTP_PROXY is not read: a web server sets it for CGI
--- programs from a header of the request.
local function variable(name)
  local value = os.getenv(name)
  if not value and name ~= "http_proxy" then value = os.getenv(name:upper()) end
  return value ~= "" and value or nil
end

--- Whether no_proxy names the host: itself, a domain above it, "*"; with a port only that one.
local function is_excepted(host, port)
  for entry in (variable "no_proxy" or ""):lower():gmatch "[^,%s]+" do
    local name, named_port = entry:match "^%[(.*)%]:?(%d*)$"
    if not name then
      name, named_port = entry:match "^([^:]+):(%d+)$"
    end
    name = (name or entry):gsub("^%*?%.", "")
    local same_port = not named_port or named_port == "" or tonumber(named_port) == port
    local below = host:sub(-#name - 1) == "." .. name
    if same_port and (name == "*" or host == name or below) then return true end
  end
  return false
end

local SECURE = { https = true, wss = true, tls = true }

--- What http_proxy, https_proxy, all_proxy and no_proxy say of a destination.
---@param scheme string
---@param host string Lower-case.
---@param port integer
---@return perilune.internal.Proxy|false|nil found false: none; or nil
---@return string? message
---@return string? code "EINVAL": a variable is no URL of a proxy.
function proxy.from_environment(scheme, host, port)
  local name = SECURE[scheme] and "https_proxy" or "http_proxy"
  local value = variable(name)
  if not value then
    name = "all_proxy"
    value = variable(name)
  end
  if not value or is_excepted(host, port) then return false end
  -- Proxies are often named without a scheme.
  local read, message = proxy.read_url(value:find "://" and value or "http://" .. value)
  local made
  if read then
    made, message = complete("the environment", name, read)
  end
  if made then return made end
  return nil, ("the environment's %s cannot be used: %s"):format(name, message), "EINVAL"
end

return proxy
