--- Option tables: checked by name, type and range, and made complete.
---
--- A schema is a table of fields by option name. A function that takes options calls
---
---     local settings = options.check("server.new", schema, given)
---
--- and gets a new table with every default in it. A schema does not change once it was used.
--- Wrong use throws at the line that called that function; so `return options.check(…)` must
--- not be a tail call.

---@alias perilune.options.Type
---| "string" # `values` makes it an enumeration; `min` and `max` bound its length in bytes
---| "boolean"
---| "number" # finite; `min` and `max` bound it
---| "integer" # exact, up to 2^53
---| "function"
---| "table" # checked by `fields` when that is given, else taken as it is
---| "list" # 1..n, each checked by `of`; `min` and `max` bound its length
---| "component" # made by component.lua or hidden.lua, of the kind `component`
---| "any"

---@class perilune.options.Field
---@field type perilune.options.Type|perilune.options.Type[] One of these.
---@field default? any Taken when the option is absent; a table is itself checked and completed.
---@field required? boolean
---@field off? boolean `false` is allowed and turns the option off.
---@field min? number
---@field max? number
---@field unit? string "seconds", "bytes"; for messages.
---@field values? string[]
---@field fields? table<string, perilune.options.Field>
---@field of? perilune.options.Field
---@field component? string
---@field secret? boolean The value is never shown.
---@field doc? string What it is for, in one line.

local options = {}

local LARGEST_INTEGER = 2 ^ 53
local SHOWN = 40 -- bytes of a wrong string that a message repeats

--- Lower case without underscores, so that "HeartBeat" is near "heartbeat".
local function plain(name) return (name:lower():gsub("_", "")) end

--- Edits that turn a into b, where swapping two neighbours is one edit.
local function distance(a, b)
  local before, row = {}, {}
  for j = 0, #b do
    row[j] = j
  end
  for i = 1, #a do
    local above = row
    row = { [0] = i }
    for j = 1, #b do
      local cost = a:byte(i) == b:byte(j) and 0 or 1
      local best = math.min(above[j] + 1, row[j - 1] + 1, above[j - 1] + cost)
      if i > 1 and j > 1 and a:byte(i) == b:byte(j - 1) and a:byte(i - 1) == b:byte(j) then
        best = math.min(best, before[j - 2] + 1)
      end
      row[j] = best
    end
    before = above
  end
  return row[#b]
end

--- The name that was probably meant: at most a third of it differs.
---@param name any What was written.
---@param names string[] What there is.
---@return string? nearest
function options.nearest(name, names)
  if type(name) ~= "string" or #name > 100 then return nil end
  local wanted = plain(name)
  local best, best_distance
  for _, known in ipairs(names) do
    local edits = distance(wanted, plain(known))
    local near = edits <= math.max(1, math.floor(#known / 3))
    local nearer = near and (not best or edits < best_distance)
    if nearer or near and edits == best_distance and known < best then
      best, best_distance = known, edits
    end
  end
  return best
end

local names_by_fields = setmetatable({}, { __mode = "k" })

--- The names in the order of the alphabet, so that the first fault is always the same one.
local function sorted_names(fields)
  local names = names_by_fields[fields]
  if names then return names end
  names = {}
  for name in pairs(fields) do
    names[#names + 1] = name
  end
  table.sort(names)
  names_by_fields[fields] = names
  return names
end

local function article(word) return (word:find "^[aeio]" and "an " or "a ") .. word end

local function quoted(text)
  if #text > SHOWN then text = text:sub(1, SHOWN) .. "..." end
  local escaped = text:gsub(
    '[%c\127"\\]',
    function(c) return c:find "%c" and ("\\%d"):format(c:byte()) or "\\" .. c end
  )
  return '"' .. escaped .. '"'
end

local function show(value, secret)
  local kind = type(value)
  if secret and (kind == "string" or kind == "number") then
    return article(kind)
  elseif kind == "string" then
    return quoted(value) .. " (a string)"
  elseif kind == "number" or kind == "boolean" then
    return ("%s (a %s)"):format(tostring(value), kind)
  elseif kind == "userdata" and type(getmetatable(value)) == "string" then
    return article(getmetatable(value))
  end
  return kind == "nil" and "nil" or article(kind)
end

--- " from 1 to 9", " of at least 1", " of at most 9" or nothing.
local function range(field)
  if field.min and field.max then
    return (" from %.14g to %.14g"):format(field.min, field.max)
  elseif field.min then
    return (" of at least %.14g"):format(field.min)
  elseif field.max then
    return (" of at most %.14g"):format(field.max)
  end
  return ""
end

local function describe_number(name, field)
  return article(name) .. (field.unit and " of " .. field.unit or "") .. range(field)
end

local function describe_length(text, field, unit)
  local bounds = range(field)
  return bounds == "" and text or text .. bounds:gsub("^ of", " with"):gsub("$", " " .. unit)
end

local describers = {
  number = describe_number,
  integer = describe_number,
  string = function(_, field)
    if not field.values then
      local plain_text = field.min == 1 and not field.max
      return plain_text and "a non-empty string" or describe_length("a string", field, "bytes")
    end
    local shown = {}
    for i, value in ipairs(field.values) do
      shown[i] = quoted(value)
    end
    return "one of " .. table.concat(shown, ", ")
  end,
  list = function(_, field)
    local text = field.of and "a list, each " .. options.describe(field.of) or "a list"
    return describe_length(text, field, "elements")
  end,
  component = function(_, field) return article(field.component) end,
  any = function() return "any value" end,
}

local function types_of(field)
  local types = field.type
  return type(types) == "table" and types or { types }
end

--- What a field takes, in words: "an integer from 0 to 65535".
---@param field perilune.options.Field
---@return string
function options.describe(field)
  local parts = {}
  for _, name in ipairs(types_of(field)) do
    parts[#parts + 1] = (describers[name] or article)(name, field)
  end
  if field.off then parts[#parts + 1] = "false" end
  return table.concat(parts, " or ")
end

local function in_range(number, field)
  return number >= (field.min or -math.huge) and number <= (field.max or math.huge)
end

local function is_number(value, field)
  -- The difference is not a number for NaN and the infinities.
  return type(value) == "number" and value - value == 0 and in_range(value, field)
end

local function is_list(value)
  if type(value) ~= "table" then return false end
  local count = 0
  for _ in pairs(value) do
    count = count + 1
  end
  return count == #value
end

local function contains(list, value)
  for _, known in ipairs(list) do
    if known == value then return true end
  end
  return false
end

local matchers = {
  any = function() return true end,
  string = function(value, field)
    return type(value) == "string"
      and in_range(#value, field)
      and (not field.values or contains(field.values, value))
  end,
  number = is_number,
  integer = function(value, field)
    return is_number(value, field)
      and value % 1 == 0
      and value >= -LARGEST_INTEGER
      and value <= LARGEST_INTEGER
  end,
  list = function(value, field) return is_list(value) and in_range(#value, field) end,
  component = function(value, field)
    return type(value) ~= "string" and getmetatable(value) == field.component
  end,
}
for _, name in ipairs { "boolean", "function", "table" } do
  matchers[name] = function(value) return type(value) == name end
end

--- The first of the field's types that the value is, within its bounds.
---@param value any
---@param field perilune.options.Field
---@return perilune.options.Type?
function options.match(value, field)
  for _, name in ipairs(types_of(field)) do
    local matches = matchers[name] or error(("a schema has the type %q"):format(tostring(name)))
    if matches(value, field) then return name end
  end
end

local check_fields, check_value

-- The checks below return the completed value, or nil and what is wrong.

local function check_list(what, path, field, given)
  local list = {}
  for i = 1, #given do
    local message
    list[i], message = check_value(what, ("%s[%d]"):format(path, i), field.of, given[i])
    if message then return nil, message end
  end
  return list
end

--- Checks one value that is there.
function check_value(what, path, field, value)
  if value == false and field.off then return false end
  local name = options.match(value, field)
  if not name then
    local got = show(value, field.secret)
    return nil,
      ("option '%s' of %s takes %s, got %s"):format(path, what, options.describe(field), got)
  elseif name == "table" and field.fields then
    return check_fields(what, path .. ".", field.fields, value)
  elseif name == "list" and field.of then
    return check_list(what, path, field, value)
  end
  return value
end

local function check_field(what, path, field, value)
  if value == nil then value = field.default end
  if value ~= nil then
    return check_value(what, path, field, value)
  elseif field.required then
    return nil,
      ("option '%s' of %s is missing; it takes %s"):format(path, what, options.describe(field))
  end
end

local function unknown(what, prefix, name, fields)
  local names = sorted_names(fields)
  local shown = type(name) == "string" and name or ("[%s]"):format(tostring(name))
  local message = ("unknown option '%s%s' of %s"):format(prefix, shown, what)
  local nearest = options.nearest(name, names)
  if nearest then return ("%s: did you mean '%s%s'?"):format(message, prefix, nearest) end
  return ("%s; there is %s"):format(message, table.concat(names, ", "))
end

function check_fields(what, prefix, fields, given)
  for name in pairs(given) do
    if not fields[name] then return nil, unknown(what, prefix, name, fields) end
  end
  local complete = {}
  for _, name in ipairs(sorted_names(fields)) do
    local message
    complete[name], message = check_field(what, prefix .. name, fields[name], given[name])
    if message then return nil, message end
  end
  return complete
end

--- Checks `given` against `schema` without throwing.
---@param what string The function that took the options: "server.new".
---@param schema table<string, perilune.options.Field>
---@param given table? What the user gave; nil is an empty table.
---@return table? complete A new table.
---@return string? message
function options.complete(what, schema, given)
  if given ~= nil and type(given) ~= "table" then
    return nil, ("%s takes a table of options, got %s"):format(what, show(given))
  end
  return check_fields(what, "", schema, given or {})
end

--- Checks `given` against `schema`; what is wrong throws at the line that called the caller.
---@param what string
---@param schema table<string, perilune.options.Field>
---@param given table?
---@return table complete
function options.check(what, schema, given)
  local complete, message = options.complete(what, schema, given)
  if not complete then error(message, 3) end
  return complete
end

return options
