--- The option `tls` of clients, and the contexts that are made of it.
local core = require "perilune.core.tls_client"
local options = require "perilune.internal.options"
local rules = require "perilune.internal.tls_rules"

local tls_client = {}

---@class perilune.tls_client.Settings Made by `finish`; not to be changed.

local fields = rules.with {
  verify = { type = "boolean", default = true },
  host_name = { type = "string", min = 1, max = 253 },
  alpn = { type = "list", min = 1, max = 32, of = { type = "string", min = 1, max = 255 } },
  sessions = { type = "integer", off = true, default = 64, min = 1, max = 1024 },
}

--- true is the same as {}; false, where a component allows it, is for it to explain.
tls_client.option = { type = { "boolean", "table" }, fields = fields }

--- Without verification these would be believed to do something.
local verifying = { "root_cert_file", "crl_file", "verify_depth" }

local function fault(what, prefix, given)
  if given.host_name and not given.host_name:find "^[%w_.:-]+$" then
    return ("option '%shost_name' of %s takes the name or address of a host"):format(prefix, what)
  end
  for _, name in ipairs(verifying) do
    if given[name] and not given.verify then return rules.needs(what, prefix, name, "verify") end
  end
end

--- Completes what was checked already.
---@param path string The option: "tls", "proxy.tls".
---@param given true|table
---@param what string The function that took it: "client.new".
---@return perilune.tls_client.Settings? settings `host_name` is for the caller; or nil
---@return string? message
function tls_client.finish(path, given, what)
  if given == true then given = assert(options.complete(what, fields, {})) end
  local prefix = path .. "."
  local message = rules.finish_identity(what, prefix, given) or fault(what, prefix, given)
  if message then return nil, message end
  rules.finish_files(given)
  return given
end

local names = {}
for name in pairs(fields) do
  if name ~= "alpn" and name ~= "host_name" then names[#names + 1] = name end
end
table.sort(names)

local files = { "cert_file", "key_file", "p12_file", "root_cert_file", "crl_file" }

--- The same text for the same context, and no other: another one when a file has changed.
local function key_of(settings, alpn)
  local parts = {}
  for _, name in ipairs(names) do
    local value = settings[name]
    if value ~= nil then parts[#parts + 1] = ("%s=%q"):format(name, tostring(value)) end
  end
  for _, name in ipairs(files) do
    local path = settings[name]
    if path then parts[#parts + 1] = ("%q"):format(core.stamp(path)) end
  end
  for _, name in ipairs(alpn) do
    parts[#parts + 1] = ("%q"):format(name)
  end
  return table.concat(parts, ",")
end

-- All contexts that somebody has, and those that were used last: requests come and go.
local HELD = 16
local contexts = setmetatable({}, { __mode = "v" })
local held = {}

local function hold(context)
  if held[#held] == context then return end
  for i, other in ipairs(held) do
    if other == context then
      table.remove(held, i)
      break
    end
  end
  held[#held + 1] = context
  if #held > HELD then table.remove(held, 1) end
end

--- The context for these settings: the same one for the same settings and files, so that
--- connections are kept and resumed, and files are read once.
---@param settings perilune.tls_client.Settings
---@param alpn? string[] Offered when the settings name none.
---@return userdata? context Of the kind PL_TLS_CLIENT_KIND; or nil
---@return string? message "tls: key file '/x/key.pem': wrong password"
---@return string? code
function tls_client.context(settings, alpn)
  alpn = settings.alpn or alpn or {}
  local key = key_of(settings, alpn)
  local context = contexts[key]
  if context then
    hold(context)
    return context
  end
  local given = { alpn = alpn }
  for _, name in ipairs(names) do
    given[name] = settings[name]
  end
  local message, code
  context, message, code = core.context(given)
  if not context then return nil, message, code end
  contexts[key] = context
  hold(context)
  return context
end

return tls_client
