--- JSON (RFC 8259): text to Lua values and back, strict and exact.
---
--- Objects are tables with string keys, arrays are tables with the keys 1 to n, null is
--- `json.null`. Both ways, what cannot be done returns nil, message, code.
local core = require "perilune.core.json"
local options = require "perilune.internal.options"

local json = {}

--- Stands for null, which nil cannot do in a table. It is true in a condition: compare with it.
---@type userdata
json.null = core.null

--- The metatable of arrays. `json.decode` gives it to every array and `json.array` to yours;
--- it has no fields and only says that an empty table is `[]`.
---@type table
json.array_mt = core.array_mt

--- How deep arrays and objects may be nested: 1000.
---@type integer
json.max_depth = core.max_depth

--- Marks a table as an array, so that it is `[]` and not `{}` while it is empty.
---@generic T
---@param list? T[] Default: a new table. It must not have another metatable.
---@return T[] list The same table.
function json.array(list)
  if list == nil then
    list = {}
  elseif type(list) ~= "table" then
    error(("json.array takes a table, got a %s"):format(type(list)), 2)
  end
  local metatable = getmetatable(list)
  if metatable ~= nil and metatable ~= json.array_mt then
    error("json.array takes a table without a metatable", 2)
  end
  return setmetatable(list, json.array_mt)
end

--- Reads a text. Numbers become the nearest double; integers are exact up to 2^53. Of equal
--- names in an object the last one counts. Throws when `text` is not a string.
---@type fun(text: string): any, string?, string?
---
--- Returns the value; or nil, a message with line and column, and "EJSON" (no JSON), "EUTF8"
--- (a string is not UTF-8) or "ELIMIT" (nested deeper than `max_depth`).
json.decode = core.decode

---@class perilune.json.EncodeOptions
---@field pretty? boolean A line for each element and member, indented by two spaces.
---@field sort? boolean Members in the order of their names' bytes.

local schema = {
  pretty = { type = "boolean", default = false },
  sort = { type = "boolean", default = false },
}

--- Writes a value: nil or null, boolean, finite number, UTF-8 string, or table of these.
--- Metatables other than `array_mt` are not looked at.
---@param value any
---@param given? perilune.json.EncodeOptions
---@return string? text
---@return string? message Names the place: "cannot encode a.b[2]: JSON has no function".
---@return string? code "EJSON" (JSON has no such value or table), "EUTF8" or "ELIMIT"
function json.encode(value, given)
  if given == nil then return core.encode(value) end
  local settings = options.check("json.encode", schema, given)
  return core.encode(value, settings.pretty, settings.sort)
end

return json
