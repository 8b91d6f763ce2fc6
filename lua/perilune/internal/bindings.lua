--- Where a server listens. The short form (`host`, `port`, `tls`) and the list `bindings` both
--- become one list, which C opens in its order.
local options = require "perilune.internal.options"
local tls = require "perilune.internal.tls"

local bindings = {}

---@class perilune.internal.Binding
---@field host string
---@field port integer
---@field tls table|false
---@field name? string For messages: "bindings[2]"; nil for the short form.

local fields = {
  host = { type = "string", min = 1 },
  port = { type = "integer", min = 0, max = 65535 },
  tls = { type = { "boolean", "string", "table" }, min = 1, fields = tls.fields },
}

--- "127.0.0.1:80", "[::1]:80", "*:80" as fields of a binding; nil for anything else.
local function parse(text)
  local host, port = text:match "^(%[[^%[%]]+%]):(%d+)$"
  if not host then
    host, port = text:match "^([^:%[%]%s]+):(%d+)$"
  end
  if host and #port <= 5 and tonumber(port) <= 65535 then
    return { host = host, port = tonumber(port) }
  end
end

--- The manual's form: several, separated by commas.
local function split(text)
  local list = {}
  for part in (text .. ","):gmatch "([^,]*)," do
    list[#list + 1] = part:match "^%s*(.-)%s*$"
  end
  return list
end

--- One element of the list, checked.
local function read(name, given)
  local what = ("option '%s' of server.new"):format(name)
  if type(given) == "string" then
    local parsed = parse(given)
    if parsed then return parsed end
    return nil, what .. (' takes "address:port", got %q'):format(given)
  elseif type(given) ~= "table" then
    return nil, what .. " takes a table, or address and port as a string"
  end
  return options.complete(what, fields, given)
end

--- Which TLS a binding has: false, the server's own, or one of its own; nil and what is wrong.
local function choose(binding, settings)
  local shared, given = settings.tls, binding.tls
  if given == nil then
    return shared and (not shared.port or shared.port == binding.port) and shared or false
  elseif given == true then
    if shared then return shared end
    return nil, ("option '%s.tls' of server.new is true, which needs 'tls'"):format(binding.name)
  end
  if not given then return false end
  return tls.finish(binding.name .. ".tls", given)
end

local function finish_one(name, given, settings)
  local binding, message = read(name, given)
  if not binding then return nil, message end
  binding.name = name
  binding.host = binding.host or settings.host
  binding.port = binding.port or settings.port
  binding.tls, message = choose(binding, settings)
  return not message and binding or nil, message
end

--- The server's table has to be of use: by a port that is TLS's, by `true` or by default.
local function unused(list, settings)
  local shared = settings.tls
  if not shared then return end
  for _, binding in ipairs(list) do
    if binding.tls == shared then return end
  end
  if shared.port then
    return ("option 'tls.port' of server.new is %d, which no binding has"):format(shared.port)
  end
  return "option 'tls' of server.new is used by no binding"
end

local function long_form(settings)
  local given = settings.bindings
  local list = {}
  for i, element in ipairs(type(given) == "string" and split(given) or given) do
    local binding, message = finish_one(("bindings[%d]"):format(i), element, settings)
    if not binding then return nil, message end
    list[i] = binding
  end
  local message = unused(list, settings)
  if message then return nil, message end
  return list
end

local function short_form(settings)
  local shared = settings.tls
  local first = { host = settings.host, port = settings.port, tls = shared or false }
  if not shared or not shared.port then return { first } end
  if shared.port == settings.port and settings.port ~= 0 then
    return nil,
      "options 'port' and 'tls.port' of server.new are the same; "
        .. "without 'tls.port' TLS has the port for itself"
  end
  first.tls = false
  return { first, { host = settings.host, port = shared.port, tls = shared } }
end

--- Twice the same; what overlaps in another way is for the system to say.
local function find_double(list)
  local seen = {}
  for _, binding in ipairs(list) do
    local key = binding.host .. " " .. binding.port
    if binding.port ~= 0 and seen[key] then
      local message = "options '%s' and '%s' of server.new are the same address and port"
      return message:format(seen[key], binding.name)
    end
    seen[key] = binding.name
  end
end

--- The list of bindings of checked settings, whose `tls` is finished; or nil and what is wrong.
---@return perilune.internal.Binding[]? list
---@return string? message
function bindings.finish(settings)
  local form = settings.bindings and long_form or short_form
  local list, message = form(settings)
  if not list then return nil, message end
  for _, binding in ipairs(list) do
    if binding.host:find "%z" then
      local name = binding.name and binding.name .. ".host" or "host"
      return nil, ("option '%s' of server.new takes text without NUL"):format(name)
    end
    binding.host = binding.host:match "^%[(.*:.*)%]$" or binding.host
  end
  message = find_double(list)
  if message then return nil, message end
  return list
end

return bindings
