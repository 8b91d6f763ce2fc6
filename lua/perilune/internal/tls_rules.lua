--- What the option `tls` of servers and of clients has alike.
local paths = require "perilune.internal.paths"

local rules = {}

local file = { type = "string", min = 1 }
local text = { type = "string", min = 1 }
local version = { type = "string", values = { "1.0", "1.1", "1.2", "1.3" } }

--- A certificate and its key.
rules.identity = {
  cert_file = file,
  key_file = file,
  p12_file = file,
  legacy = { type = "boolean", default = false },
  password = { type = "string", min = 1, secret = true },
}

--- What is agreed upon, and who is believed.
rules.fields = {
  root_cert_file = file,
  crl_file = file,
  verify_depth = { type = "integer", min = 0, max = 100 },
  min_version = version,
  max_version = version,
  cipher_list = text,
  curves = text,
}

--- A schema of these and the fields of both tables above.
---@param more table<string, perilune.options.Field>
---@return table<string, perilune.options.Field>
function rules.with(more)
  local all = {}
  for _, fields in ipairs { rules.identity, rules.fields, more } do
    for name, field in pairs(fields) do
      all[name] = field
    end
  end
  return all
end

--- That one option needs another one.
---@param what string "server.new"
---@param prefix string "tls."
---@return string message
function rules.needs(what, prefix, name, other)
  return ("option '%s%s' of %s needs '%s%s'"):format(prefix, name, what, prefix, other)
end

local function is_p12(path)
  local ending = path and path:lower():sub(-4)
  return ending == ".p12" or ending == ".pfx"
end

--- What is wrong with the certificate and the key; nil: nothing. `cert_file` may name a P12 file.
local function identity_fault(what, prefix, given)
  if given.p12_file and given.cert_file or given.p12_file and given.key_file then
    local other = given.cert_file and "cert_file" or "key_file"
    return ("options '%s%s' and '%sp12_file' of %s exclude each other"):format(
      prefix,
      other,
      prefix,
      what
    )
  elseif given.legacy and not given.p12_file then
    return rules.needs(what, prefix, "legacy", "p12_file")
  elseif given.key_file and not given.cert_file then
    return rules.needs(what, prefix, "key_file", "cert_file")
  elseif given.password and not given.cert_file and not given.p12_file then
    return rules.needs(what, prefix, "password", "cert_file")
  end
end

--- Completes a certificate and its key, in place.
---@param what string "server.new"
---@param prefix string "tls."
---@param given table Checked.
---@return string? message What is wrong.
function rules.finish_identity(what, prefix, given)
  if is_p12(given.cert_file) and not given.p12_file then
    given.p12_file, given.cert_file = given.cert_file, nil
  end
  local message = identity_fault(what, prefix, given)
  for _, name in ipairs { "cert_file", "key_file", "p12_file" } do
    given[name] = paths.from_script(given[name])
  end
  return message
end

--- The other files, in place.
---@param given table Checked.
function rules.finish_files(given)
  given.root_cert_file = paths.from_script(given.root_cert_file)
  given.crl_file = paths.from_script(given.crl_file)
end

return rules
