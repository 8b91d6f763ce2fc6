--- The option `tls` of servers.
local options = require "perilune.internal.options"
local paths = require "perilune.internal.paths"

local tls = {}

local file = { type = "string", min = 1 }
local version = { type = "string", values = { "1.0", "1.1", "1.2", "1.3" } }
local secret = { type = "string", min = 1, secret = true }

local identity = {
  cert_file = { type = "string", min = 1, required = true },
  key_file = file,
  password = secret,
}

--- The fields, without the port that only the server's own table has.
tls.fields = {
  cert_file = identity.cert_file,
  key_file = file,
  password = secret,
  root_cert_file = file,
  min_version = version,
  max_version = version,
  cipher_list = { type = "string", min = 1 },
  curves = { type = "string", min = 1 },
  verify_certificate = { type = "boolean", default = false },
  fail_if_no_peer_certificate = { type = "boolean", default = false },
  verify_client_once = { type = "boolean", default = true },
  verify_depth = { type = "integer", min = 0, max = 100 },
  crl_file = file,
  ticket_lifetime = {
    type = "integer",
    off = true,
    default = 43200,
    min = 1,
    max = 604800,
    unit = "seconds",
  },
  sni = { type = "table", default = {} },
}

local with_port = { port = { type = "integer", min = 0, max = 65535 } }
for name, field in pairs(tls.fields) do
  with_port[name] = field
end

tls.option = { type = { "string", "table" }, min = 1, off = true, fields = with_port }

local function whole_paths(given)
  given.cert_file = paths.from_script(given.cert_file)
  given.key_file = paths.from_script(given.key_file)
end

--- The certificates of other names as a list in the order of the names; or nil and what is wrong.
local function sni_list(path, sni)
  local list = {}
  for name, given in pairs(sni) do
    if type(name) ~= "string" or not name:find "^%*?[%w_.-]+$" then
      return nil, ("option '%s.sni' of server.new takes host names as keys"):format(path)
    end
    local what = ("option '%s.sni' (%s) of server.new"):format(path, name)
    local complete, message = options.complete(what, identity, given)
    if not complete then return nil, message end
    whole_paths(complete)
    complete.name = name
    list[#list + 1] = complete
  end
  table.sort(list, function(a, b) return a.name < b.name end)
  return list
end

--- Completes what was checked already. A string is a folder as `perilune cert` makes it.
---@param path string The option: "tls", "bindings[2].tls".
---@param given string|table
---@return table? complete For C; or nil
---@return string? message
function tls.finish(path, given)
  if type(given) == "string" then
    local files = { cert_file = given .. "/cert.pem", key_file = given .. "/key.pem" }
    given = assert(options.complete("server.new", tls.fields, files))
  end
  local needs = "option '%s.%s' of server.new needs '%s.%s'"
  if given.verify_certificate and not given.root_cert_file then
    return nil, needs:format(path, "verify_certificate", path, "root_cert_file")
  elseif given.fail_if_no_peer_certificate and not given.verify_certificate then
    return nil, needs:format(path, "fail_if_no_peer_certificate", path, "verify_certificate")
  elseif given.crl_file and not given.verify_certificate then
    return nil, needs:format(path, "crl_file", path, "verify_certificate")
  end
  local message
  whole_paths(given)
  given.root_cert_file = paths.from_script(given.root_cert_file)
  given.crl_file = paths.from_script(given.crl_file)
  given.sni, message = sni_list(path, given.sni)
  if message then return nil, message end
  return given
end

return tls
