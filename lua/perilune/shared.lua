--- Values that all workers see. Every function is whole in itself: no other worker comes between.
---
---     local visits = shared.increment "visits"
local core = require "perilune.core.shared"
local json = require "perilune.json"

local shared = {}

---@alias perilune.shared.Value string|number|boolean|table Tables hold what JSON can say.

local LONGEST = 3155760000 -- seconds: a century

local function check_name(what, name)
  if type(name) ~= "string" or name == "" or #name > core.name_max then
    local got = type(name) == "string" and ("one of %d"):format(#name) or "a " .. type(name)
    error(("shared.%s takes a name of 1 to %d bytes, got %s"):format(what, core.name_max, got), 3)
  end
end

local kinds = { string = true, number = true, boolean = true, ["nil"] = true }

--- A value as it is kept, and whether it is a table, in JSON.
local function encode(what, value)
  if type(value) == "table" then
    local text, message = json.encode(value)
    if not text then error(("shared.%s: %s"):format(what, message), 3) end
    return text, true
  elseif kinds[type(value)] then
    return value, false
  end
  local message = "shared.%s takes a string, a number, a boolean, a table or nil, got a %s"
  error(message:format(what, type(value)), 3)
end

local function decode(value, is_table)
  if is_table then return json.decode(value) end
  return value
end

local function check_seconds(what, seconds)
  if seconds == nil then return end
  if type(seconds) ~= "number" or not (seconds > 0 and seconds <= LONGEST) then
    error(("shared.%s takes seconds above 0, got %s"):format(what, tostring(seconds)), 3)
  end
end

--- The value, or nil.
---@param name string
---@return perilune.shared.Value? value A table is a copy.
function shared.get(name)
  check_name("get", name)
  return decode(core.get(name))
end

--- The value, or nil; then it is gone. Of several workers that take, one gets it.
---@param name string
---@return perilune.shared.Value? value
function shared.take(name)
  check_name("take", name)
  return decode(core.take(name))
end

--- Sets or replaces.
---@param name string 1 to 1024 bytes.
---@param value perilune.shared.Value? nil takes the name away.
---@param seconds? number Until it is gone by itself; default: never.
---@return true? done
---@return string? message
---@return string? code "ELIMIT" when all that may be held is held
function shared.set(name, value, seconds)
  check_name("set", name)
  check_seconds("set", seconds)
  local kept, is_table = encode("set", value)
  return core.set(name, kept, is_table, seconds)
end

--- Sets if there is nothing of that name.
---@param name string
---@param value perilune.shared.Value
---@param seconds? number Until it is gone by itself; default: never.
---@return boolean? added
---@return string? message
---@return string? code "ELIMIT"
function shared.add(name, value, seconds)
  check_name("add", name)
  check_seconds("add", seconds)
  local kept, is_table = encode("add", value)
  return core.swap(name, nil, false, kept, is_table, seconds)
end

--- Sets if the present value is `expected`.
---@param name string
---@param expected string|number|boolean|nil nil: there is none. Tables cannot be compared.
---@param value perilune.shared.Value? nil takes the name away.
---@param seconds? number Until it is gone by itself; default: never.
---@return boolean? swapped
---@return string? message
---@return string? code "ELIMIT"
function shared.swap(name, expected, value, seconds)
  check_name("swap", name)
  if not kinds[type(expected)] then
    local message = "shared.swap expects a string, a number, a boolean or nil, got a %s"
    error(message:format(type(expected)), 2)
  end
  check_seconds("swap", seconds)
  local kept, is_table = encode("swap", value)
  return core.swap(name, expected, false, kept, is_table, seconds)
end

--- What makes a new value of the present one: nil takes the name away. The second result is the
--- seconds until the value is gone by itself.
---@alias perilune.shared.Change fun(value: perilune.shared.Value?): perilune.shared.Value?, number?

--- Sets what `change` makes of the present value. When another worker comes between, `change` is
--- called again with what is there then.
---@param name string
---@param change perilune.shared.Change
---@return perilune.shared.Value? value The new one.
---@return string? message
---@return string? code "ELIMIT"
function shared.update(name, change)
  check_name("update", name)
  if type(change) ~= "function" then
    error(("shared.update takes a function, got a %s"):format(type(change)), 2)
  end
  while true do
    local before, was_table = core.get(name)
    local value, seconds = change(decode(before, was_table))
    check_seconds("update", seconds)
    local kept, is_table = encode("update", value)
    local done, message, code = core.swap(name, before, was_table, kept, is_table, seconds)
    if done then return value end
    if done == nil then return nil, message, code end
  end
end

--- Adds to a number. What is not there counts from 0.
---@param name string
---@param by? number Default 1; may be negative.
---@param seconds? number The lifetime of what was not there; what was keeps its own.
---@return number? value The new one.
---@return string? message
---@return string? code "ESTATE" when the value is no number; "ELIMIT"
function shared.increment(name, by, seconds)
  check_name("increment", name)
  if by == nil then by = 1 end
  if type(by) ~= "number" then
    error(("shared.increment takes a number, got a %s"):format(type(by)), 2)
  end
  check_seconds("increment", seconds)
  return core.increment(name, by, seconds)
end

--- Takes away.
---@param name string
---@return boolean existed
function shared.delete(name)
  check_name("delete", name)
  return core.take(name) ~= nil
end

--- The names that there are, in no order.
---@param prefix? string Only those that begin so; default all.
---@param most? integer Default 10000.
---@return string[]
function shared.names(prefix, most)
  if prefix ~= nil and type(prefix) ~= "string" then
    error(("shared.names takes a string, got a %s"):format(type(prefix)), 2)
  end
  if most ~= nil and (type(most) ~= "number" or not (most >= 1 and most % 1 == 0)) then
    error(("shared.names takes an integer from 1, got %s"):format(tostring(most)), 2)
  end
  return core.names(prefix or "", most or 10000)
end

--- What is held.
---@return integer values
---@return integer bytes Names and strings, and 128 bytes for each value.
---@return integer limit
function shared.size() return core.size() end

--- Sets how many bytes may be held. What is held stays.
---@param bytes integer From 0; 67108864 (64 MiB) at first.
function shared.limit(bytes)
  if type(bytes) ~= "number" or not (bytes >= 0 and bytes <= 2 ^ 53 and bytes % 1 == 0) then
    error(("shared.limit takes a number of bytes, got %s"):format(tostring(bytes)), 2)
  end
  core.limit(bytes)
end

return shared
