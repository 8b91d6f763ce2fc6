--- Names and values as HTML forms send them: application/x-www-form-urlencoded (WHATWG URL 5).
local form = {}

form.NO_LIST = "takes a list without holes as table, no names within"

form.TYPE = "application/x-www-form-urlencoded"

local function escape(character) return ("%%%02X"):format(character:byte()) end

--- One name or value.
---@param text string
---@return string
function form.escape(text)
  local escaped = text:gsub("[^%w*%-._ ]", escape):gsub(" ", "+")
  return escaped
end

--- Whole numbers up to 2^53 in full, others with as many digits as they need.
local function number(value)
  if value % 1 == 0 and math.abs(value) <= 2 ^ 53 then return ("%.0f"):format(value) end
  local short = ("%.14g"):format(value)
  return tonumber(short) == value and short or ("%.17g"):format(value)
end

--- A value as text; nil when it is none.
---@param value any
---@return string?
function form.text(value)
  local kind = type(value)
  if kind == "string" then
    return value
  elseif kind == "number" and value - value == 0 then
    return number(value)
  elseif kind == "boolean" then
    return tostring(value)
  end
end

--- Whether a table is a list without holes, and has nothing else.
---@param value table
---@return boolean
function form.is_list(value)
  local count = 0
  for key in pairs(value) do
    if type(key) ~= "number" then return false end
    count = count + 1
  end
  return count == #value
end

--- The keys of a table in order; those that are no strings make it fail.
---@param fields table
---@return string[]? names
---@return any wrong The key that is none.
function form.names(fields)
  local names = {}
  for name in pairs(fields) do
    if type(name) ~= "string" then return nil, name end
    names[#names + 1] = name
  end
  table.sort(names)
  return names
end

local function add(pieces, name, value)
  local text = form.text(value)
  if not text then return ("takes strings, numbers and booleans, got a %s"):format(type(value)) end
  pieces[#pieces + 1] = form.escape(name) .. "=" .. form.escape(text)
end

local function add_all(pieces, name, value)
  if type(value) ~= "table" then return add(pieces, name, value) end
  if not form.is_list(value) then return form.NO_LIST end
  for _, each in ipairs(value) do
    local message = add(pieces, name, each)
    if message then return message end
  end
end

--- In the order that the list of pairs has.
local function encode_pairs(fields)
  local pieces = {}
  if not form.is_list(fields) then return nil, "", "takes names, or a list of pairs, not both" end
  for i, pair in ipairs(fields) do
    if type(pair) ~= "table" or type(pair[1]) ~= "string" or #pair > 2 then
      return nil, ("[%d]"):format(i), "takes { name, value }"
    end
    local message = add(pieces, pair[1], pair[2])
    if message then return nil, ("[%d]"):format(i), message end
  end
  return table.concat(pieces, "&")
end

--- Fields by name, in the order of the names; a list as value repeats its name. Or a list of
--- { name, value }, in its own order.
---@param fields table
---@return string? encoded
---@return string? place Where it is wrong: ".name", "[2]".
---@return string? message
function form.encode(fields)
  if #fields > 0 then return encode_pairs(fields) end
  local names, wrong = form.names(fields)
  if not names then return nil, ("[%s]"):format(tostring(wrong)), "takes names as keys" end
  local pieces = {}
  for _, name in ipairs(names) do
    local message = add_all(pieces, name, fields[name])
    if message then return nil, "." .. name, message end
  end
  return table.concat(pieces, "&")
end

return form
