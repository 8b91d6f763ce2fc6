--- The option `tls` of servers.
local options = require "perilune.internal.options"
local rules = require "perilune.internal.tls_rules"

local tls = {}

local WHAT = "server.new"

--- The fields, without the port that only the server's own table has.
tls.fields = rules.with {
  verify_certificate = { type = "boolean", default = false },
  fail_if_no_peer_certificate = { type = "boolean", default = false },
  verify_client_once = { type = "boolean", default = true },
  ticket_lifetime = {
    type = "integer",
    off = true,
    default = 43200,
    min = 1,
    max = 604800,
    unit = "seconds",
  },
  reload_interval = {
    type = "number",
    off = true,
    default = 10,
    min = 0.1,
    max = 86400,
    unit = "seconds",
  },
  sni = { type = "table", default = {} },
}

local with_port = { port = { type = "integer", min = 0, max = 65535 } }
for name, field in pairs(tls.fields) do
  with_port[name] = field
end

tls.option = { type = { "string", "table" }, min = 1, off = true, fields = with_port }

--- A server without a certificate is none.
local function finish_identity(what, prefix, given)
  local message = rules.finish_identity(what, prefix, given)
  if message or given.cert_file or given.p12_file then return message end
  return ("option '%scert_file' of %s is missing; it takes a non-empty string"):format(prefix, what)
end

--- The certificates of other names as a list in the order of the names; or nil and what is wrong.
local function sni_list(path, sni)
  local list = {}
  for name, given in pairs(sni) do
    if type(name) ~= "string" or not name:find "^%*?[%w_.-]+$" then
      return nil, ("option '%s.sni' of %s takes host names as keys"):format(path, WHAT)
    end
    local what = ("option '%s.sni' (%s) of %s"):format(path, name, WHAT)
    local complete, message = options.complete(what, rules.identity, given)
    if not complete then return nil, message end
    message = finish_identity(what, "", complete)
    if message then return nil, message end
    complete.name = name
    list[#list + 1] = complete
  end
  table.sort(list, function(a, b) return a.name < b.name end)
  return list
end

--- What is wrong with the rules for clients; nil: nothing.
local function clients_fault(prefix, given)
  if given.fail_if_no_peer_certificate and not given.verify_certificate then
    return rules.needs(WHAT, prefix, "fail_if_no_peer_certificate", "verify_certificate")
  elseif given.crl_file and not given.verify_certificate then
    return rules.needs(WHAT, prefix, "crl_file", "verify_certificate")
  end
end

--- Completes what was checked already. A string is a folder as `perilune cert` makes it.
---@param path string The option: "tls", "bindings[2].tls".
---@param given string|table
---@return table? complete For C; or nil
---@return string? message
function tls.finish(path, given)
  if type(given) == "string" then
    local files = { cert_file = given .. "/cert.pem", key_file = given .. "/key.pem" }
    given = assert(options.complete(WHAT, tls.fields, files))
  end
  local prefix = path .. "."
  local message = finish_identity(WHAT, prefix, given) or clients_fault(prefix, given)
  if message then return nil, message end
  rules.finish_files(given)
  given.sni, message = sni_list(path, given.sni)
  if message then return nil, message end
  return given
end

return tls
