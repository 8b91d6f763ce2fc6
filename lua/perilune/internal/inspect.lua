--- Values as text that people read: strings quoted, tables with their fields, within limits.
local json = require "perilune.json"

local inspect = {}

inspect.limits = { depth = 4, fields = 100, string = 10000, text = 65536, line = 72 }

local escapes = { ['"'] = '\\"', ["\\"] = "\\\\", ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t" }

local function escape(byte) return escapes[byte] or ("\\%03d"):format(byte:byte()) end

--- Bytes that are no UTF-8, and control characters but for line ends and tabs, as \ddd.
---@param text string
---@return string
function inspect.clean(text)
  text = text:gsub("[%z\1-\8\11-\31\127]", escape)
  if text:find "[\128-\255]" and not json.encode(text) then
    text = text:gsub("[\128-\255]", escape)
  end
  return text
end

local function quote(text)
  local limit = inspect.limits.string
  local rest = #text - limit
  local shown = inspect.clean((text:sub(1, limit):gsub('[%c"\\]', escape)))
  if rest <= 0 then return '"' .. shown .. '"' end
  return ('"%s"... (%d bytes more)'):format(shown, rest)
end

local reserved = {}
for word in
  ([[and break do else elseif end false for function goto if in local nil not or repeat return
     then true until while]]):gmatch "%a+"
do
  reserved[word] = true
end

local order = { number = 1, string = 2, boolean = 3 }

local function before(a, b)
  local x, y = order[type(a)] or 4, order[type(b)] or 4
  if x ~= y then return x < y end
  if x <= 2 then return a < b end
  return tostring(a) < tostring(b)
end

local show

--- What its __tostring says, if it has one that works.
local function described(value)
  local metatable = debug.getmetatable(value)
  local own = type(metatable) == "table" and rawget(metatable, "__tostring")
  if not own then return nil end
  local ok, text = pcall(tostring, value)
  if ok and type(text) == "string" then return inspect.clean(text) end
  return ("<%s whose __tostring failed>"):format(type(value))
end

local function name_of(state, key)
  if type(key) == "string" and key:find "^[%a_][%w_]*$" and not reserved[key] then return key end
  return "[" .. show(state, key, inspect.limits.depth) .. "]"
end

--- The fields as texts: those of the list first, without their numbers.
local function fields_of(state, value, depth)
  local parts, count, keys = {}, 0, {}
  local length = 0
  while rawget(value, length + 1) ~= nil do
    length = length + 1
  end
  for key in next, value do
    local listed = type(key) == "number" and key >= 1 and key <= length and key % 1 == 0
    count = count + 1
    if not listed then keys[#keys + 1] = key end
  end
  table.sort(keys, before)
  for i = 1, length + #keys do
    if i > inspect.limits.fields or state.size > inspect.limits.text then break end
    local key = keys[i - length]
    local text = show(state, rawget(value, i <= length and i or key), depth + 1)
    parts[i] = i <= length and text or ("%s = %s"):format(name_of(state, key), text)
    state.size = state.size + #parts[i] + 2
  end
  if count > #parts then parts[#parts + 1] = ("... (%d more)"):format(count - #parts) end
  return parts
end

local function show_table(state, value, depth)
  if state.inside[value] then return "<itself>" end
  if next(value) == nil then return "{}" end
  if depth > inspect.limits.depth then return "{...}" end
  state.inside[value] = true
  local parts = fields_of(state, value, depth)
  state.inside[value] = nil
  local line = "{ " .. table.concat(parts, ", ") .. " }"
  if #line <= inspect.limits.line and not line:find "\n" then return line end
  local indent = ("  "):rep(depth)
  return ("{\n%s%s\n%s}"):format(
    indent,
    table.concat(parts, ",\n" .. indent),
    ("  "):rep(depth - 1)
  )
end

function show(state, value, depth)
  local kind = type(value)
  if kind == "string" then return quote(value) end
  if kind == "number" then return ("%.14g"):format(value) end
  if kind == "table" then return described(value) or show_table(state, value, depth) end
  return described(value) or inspect.clean(tostring(value))
end

--- A value as text.
---@param value any
---@return string
function inspect.value(value)
  local text = show({ inside = {}, size = 0 }, value, 1)
  local limit = inspect.limits.text
  if #text <= limit then return text end
  return inspect.clean(text:sub(1, limit)) .. ("... (%d bytes more)"):format(#text - limit)
end

return inspect
