--- The option `headers`: fields of a request, checked and in order.
local form = require "perilune.internal.http.form"
local token = require("perilune.internal.fields").TOKEN

local fields = {}

-- They frame the message or speak of the connection (RFC 9110 7.6.1, RFC 9112 6).
local OURS = {
  ["connection"] = true,
  ["content-length"] = true,
  ["expect"] = true,
  ["keep-alive"] = true,
  ["proxy-connection"] = true,
  ["te"] = true,
  ["trailer"] = true,
  ["transfer-encoding"] = true,
  ["upgrade"] = true,
}

local function check_name(name)
  if type(name) ~= "string" or not name:find(token) then
    -- Behind a colon stands what may be a secret.
    local shown = tostring(name):match "^[^:]*"
    return ("takes names of fields as keys, got %q"):format(shown)
  elseif OURS[name:lower()] then
    return ("takes no '%s', which is not the caller's to set"):format(name)
  end
end

local function text_of(value) return type(value) ~= "boolean" and form.text(value) or nil end

local function add(list, name, value)
  local text = text_of(value)
  if not text then
    return ("takes strings, numbers and lists of them, got a %s"):format(type(value))
  elseif text:find "[%z\1-\8\10-\31\127]" then
    return "takes values without control characters"
  end
  list[#list + 1] = { name, text:match "^[ \t]*(.-)[ \t]*$" }
end

local function add_all(list, name, value)
  if type(value) ~= "table" then return add(list, name, value) end
  if not form.is_list(value) then return form.NO_LIST end
  for _, each in ipairs(value) do
    local message = add(list, name, each)
    if message then return message end
  end
end

local function sorted_names(given)
  local names = {}
  for name in pairs(given) do
    local message = check_name(name)
    if message then return nil, "", message end
    names[#names + 1] = name
  end
  table.sort(names, function(a, b)
    local one, other = a:lower(), b:lower()
    return one < other or one == other and a < b
  end)
  return names
end

---@class perilune.internal.http.Fields
---@field list string[][] { name, value }, in the order of the names.
---@field named table<string, boolean> The names in lower case, also of those that are false.
---@field left_out table<string, boolean> Those: what is sent otherwise is left out.

--- Checks fields by name.
---@param given table<string, string|number|string[]|false>
---@return perilune.internal.http.Fields? made
---@return string? place Where it is wrong: ".accept".
---@return string? message
function fields.read(given)
  local names, place, message = sorted_names(given)
  if not names then return nil, place, message end
  local made = { list = {}, named = {}, left_out = {} }
  for _, name in ipairs(names) do
    local lower = name:lower()
    if made.named[lower] then return nil, "." .. name, "is there twice, in another case" end
    made.named[lower] = true
    if given[name] == false then
      made.left_out[lower] = true
    else
      message = add_all(made.list, name, given[name])
      if message then return nil, "." .. name, message end
    end
  end
  return made
end

--- Fields that are put before others of the same name.
---@param first perilune.internal.http.Fields
---@param second perilune.internal.http.Fields
---@return perilune.internal.http.Fields
function fields.merge(first, second)
  local made = { list = {}, named = {}, left_out = {} }
  for name in pairs(second.named) do
    made.named[name] = true
    made.left_out[name] = second.left_out[name]
  end
  for _, field in ipairs(second.list) do
    if not first.named[field[1]:lower()] then made.list[#made.list + 1] = field end
  end
  for name in pairs(first.named) do
    made.named[name] = true
    made.left_out[name] = first.left_out[name]
  end
  for _, field in ipairs(first.list) do
    made.list[#made.list + 1] = field
  end
  return made
end

--- A list without those of some names.
---@param list string[][]
---@param names table<string, boolean> In lower case.
---@return string[][]
function fields.without_names(list, names)
  local kept = {}
  for _, field in ipairs(list) do
    if not names[field[1]:lower()] then kept[#kept + 1] = field end
  end
  return kept
end

--- The same of what `read` gives.
---@param made perilune.internal.http.Fields
---@param names table<string, boolean>
---@return perilune.internal.http.Fields
function fields.without(made, names)
  local named = {}
  for name in pairs(made.named) do
    named[name] = not names[name] or nil
  end
  local list = fields.without_names(made.list, names)
  return { list = list, named = named, left_out = made.left_out }
end

return fields
