--- The option `authentication` of servers: who is let in.
local core = require "perilune.core.server"
local response_headers = require "perilune.internal.response_headers"

local authentication = {}

local WHAT = "server.new"
local LONGEST = 1024 -- bytes of a user and of a password

local switch = { type = "boolean", default = true }

authentication.option = {
  type = { "boolean", "table" },
  default = false,
  fields = {
    auth_users = { type = "table", default = {}, secret = true },
    basic = switch,
    session = {
      type = { "boolean", "table" },
      default = true,
      fields = {
        lifetime = { type = "number", default = 3600, min = 1, max = 2592000, unit = "seconds" },
      },
    },
    url = switch,
    realm = { type = "string", default = "Perilune", min = 1, max = 200 },
    public_paths = { type = "list", of = { type = "string", min = 1, max = 4096 }, default = {} },
    custom_headers = { type = "table", default = {} },
  },
}

--- The events that mean nothing without the option.
authentication.events = {
  OnAuthentication = true,
  OnUnknownAuthentication = true,
  OnBeforeCommand = true,
}

local function at(name) return ("option 'authentication.%s' of %s "):format(name, WHAT) end

--- "user=password", or a name and a password, as { name, password }; or nil and what is wrong.
local function entry(key, value)
  if type(value) ~= "string" then return nil, "takes strings, got a " .. type(value) end
  local name, password = key, value
  if type(key) == "number" then
    name, password = value:match "^([^=]*)=(.*)$"
    if not name then return nil, ("has no '=' in its line %d: 'user=password'"):format(key) end
  elseif type(key) ~= "string" then
    return nil, "takes lines 'user=password', or names as keys"
  end
  if name == "" then
    return nil, "has a user without a name"
  elseif name:find "[:%c\127]" then
    return nil, "takes users without colons (RFC 7617) and control characters"
  elseif #name > LONGEST or #password > LONGEST then
    return nil, ("takes users and passwords of at most %d bytes"):format(LONGEST)
  elseif password == "" then
    return nil, ("has no password for '%s'"):format(name)
  elseif password:find "[%c\127]" then
    return nil, "takes passwords without control characters"
  elseif core.is_password_hash(password) == false then
    return nil, ("has no good scrypt hash for '%s': see 'perilune password'"):format(name)
  end
  return { name, password }
end

--- The users as a list of { name, password }, in the order of the names.
local function finish_users(given)
  local list, seen = {}, {}
  for key, value in pairs(given) do
    local one, message = entry(key, value)
    if one and seen[one[1]] then message = ("has '%s' twice"):format(one[1]) end
    if message then return nil, at "auth_users" .. message end
    seen[one[1]] = true
    list[#list + 1] = one
  end
  table.sort(list, function(a, b) return a[1] < b[1] end)
  return list
end

local function paths_fault(paths)
  for i, path in ipairs(paths) do
    if not path:find "^/" or path:find "[%c\127?#]" then
      return at(("public_paths[%d]"):format(i)) .. "takes a path such as '/login' or '/public/*'"
    end
  end
end

--- Completes what was checked already.
---@param given boolean|table
---@return table|false? complete For C; or nil
---@return string? message
function authentication.finish(given)
  local message
  if not given then return false end
  if given == true then
    given = {
      auth_users = {},
      basic = true,
      session = true,
      url = true,
      realm = "Perilune",
      public_paths = {},
      custom_headers = {},
    }
  end
  if given.session == true then given.session = { lifetime = 3600 } end
  given.auth_users, message = finish_users(given.auth_users)
  if message then return nil, message end
  if given.realm:find '[%c\127"\\]' then
    return nil, at "realm" .. "takes text without quotation marks, backslashes, control characters"
  end
  message = paths_fault(given.public_paths)
    or response_headers.check(given.custom_headers, "authentication.custom_headers")
  if message then return nil, message end
  return given
end

return authentication
