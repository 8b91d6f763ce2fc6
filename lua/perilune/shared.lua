--- Values that all workers see. Every function is whole in itself: no other worker comes between.
---
---     local visits = shared.increment "visits"
local core = require "perilune.core.shared"

local shared = {}

local LONGEST = 3155760000 -- seconds: a century

local function check_name(what, name)
  if type(name) ~= "string" or name == "" or #name > core.name_max then
    local got = type(name) == "string" and ("one of %d"):format(#name) or "a " .. type(name)
    error(("shared.%s takes a name of 1 to %d bytes, got %s"):format(what, core.name_max, got), 3)
  end
end

local kinds = { string = true, number = true, boolean = true, ["nil"] = true }

local function check_value(what, value)
  if kinds[type(value)] then return end
  local message = "shared.%s takes a string, a number, a boolean or nil, got a %s"
  local hint = type(value) == "table" and " (perilune.json makes a string of it)" or ""
  error(message:format(what, type(value)) .. hint, 3)
end

local function check_seconds(what, seconds)
  if seconds == nil then return end
  if type(seconds) ~= "number" or not (seconds > 0 and seconds <= LONGEST) then
    error(("shared.%s takes seconds above 0, got %s"):format(what, tostring(seconds)), 3)
  end
end

--- The value, or nil.
---@param name string
---@return string|number|boolean|nil
function shared.get(name)
  check_name("get", name)
  return core.get(name)
end

--- The value, or nil; then it is gone. Of several workers that take, one gets it.
---@param name string
---@return string|number|boolean|nil
function shared.take(name)
  check_name("take", name)
  return core.take(name)
end

--- Sets or replaces.
---@param name string 1 to 1024 bytes.
---@param value string|number|boolean|nil nil takes the name away.
---@param seconds? number Until it is gone by itself; default: never.
---@return true? done
---@return string? message
---@return string? code "ELIMIT" when all that may be held is held
function shared.set(name, value, seconds)
  check_name("set", name)
  check_value("set", value)
  check_seconds("set", seconds)
  return core.set(name, value, seconds)
end

--- Sets if there is nothing of that name.
---@param name string
---@param value string|number|boolean
---@param seconds? number Until it is gone by itself; default: never.
---@return boolean? added
---@return string? message
---@return string? code "ELIMIT"
function shared.add(name, value, seconds)
  check_name("add", name)
  check_value("add", value)
  check_seconds("add", seconds)
  return core.swap(name, nil, value, seconds)
end

--- Sets if the present value is `expected`.
---@param name string
---@param expected string|number|boolean|nil nil: there is none.
---@param value string|number|boolean|nil nil takes the name away.
---@param seconds? number Until it is gone by itself; default: never.
---@return boolean? swapped
---@return string? message
---@return string? code "ELIMIT"
function shared.swap(name, expected, value, seconds)
  check_name("swap", name)
  check_value("swap", expected)
  check_value("swap", value)
  check_seconds("swap", seconds)
  return core.swap(name, expected, value, seconds)
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
