--- Numbers of a script's own, beside those of the runtime, for Prometheus.
---
---     local orders = metrics.counter { name = "orders_total", labels = { "kind" } }
---     orders:add(1, "book")
local core = require "perilune.core.metrics"
local log = require "perilune.log"
local options = require "perilune.internal.options"

local metrics = {}

---@class perilune.metrics.Options
---@field name string Letters, digits, "_", ":"; not one that begins with "perilune_" or "process_".
---@field help? string What it is, in a line.
---@field labels? string[] What its series differ in, at most 10. Default: none, one series.

---@class perilune.metrics.HistogramOptions : perilune.metrics.Options
---@field buckets? number[] Bounds, rising, at most 50. Default 0.005 to 10, for seconds.

local fields = {
  name = { type = "string", min = 1, max = 200, required = true },
  help = { type = "string", max = 1000, default = "" },
  labels = { type = "list", of = { type = "string", min = 1, max = 100 }, max = 10, default = {} },
}

local histogram_fields = {
  name = fields.name,
  help = fields.help,
  labels = fields.labels,
  buckets = {
    type = "list",
    of = { type = "number" },
    min = 1,
    max = 50,
    default = { 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10 },
  },
}

local warned = {} -- names of metrics

local function refused(self, message, code)
  if code == "ELIMIT" and not warned[self.name] then
    warned[self.name] = true
    log.warn(("metrics: no other series of '%s': the limit is reached"):format(self.name))
  end
  return nil, message, code
end

--- Under what this worker keeps a series, and the values of two labels and more. False: it does
--- not, because the key could be another's.
local function key_of(self, ...)
  local count = #self.labels
  if select("#", ...) ~= count then
    local message = "metric '%s' takes %d values of labels, got %d"
    error(message:format(self.name, count, select("#", ...)), 4)
  end
  if count == 0 then
    return ""
  elseif count == 1 then
    return tostring((...))
  end
  local values, apart = { ... }, true
  for i = 1, count do
    values[i] = tostring(values[i])
    apart = apart and not values[i]:find("\0", 1, true)
  end
  return apart and table.concat(values, "\0"), values
end

--- The series with these values. Of a metric without labels it is there already.
local function find(self, ...)
  local key, values = key_of(self, ...)
  local series = key and self.series[key]
  if series then return series end
  local message, code
  if values then
    series, message, code = core.series(self.core, unpack(values))
  elseif #self.labels == 1 then
    series, message, code = core.series(self.core, key)
  else
    series, message, code = core.series(self.core)
  end
  if not series then return refused(self, message, code) end
  if key then self.series[key] = series end
  return series
end

local function check_number(self, what, number)
  if type(number) ~= "number" or number - number ~= 0 then
    error(("%s of '%s' takes a number, got %s"):format(what, self.name, tostring(number)), 3)
  end
end

---@class perilune.metrics.Counter
local Counter = {}
Counter.__index = Counter

--- Adds to a series.
---@param amount? number Default 1; not below 0.
---@param ... string|number|boolean The values of the labels, in their order.
---@return true? ok
---@return string? message
---@return string? code "ELIMIT", "ETOOBIG", "EUTF8"
function Counter:add(amount, ...)
  amount = amount or 1
  check_number(self, "add", amount)
  if amount < 0 then error(("add of '%s' takes no number below 0"):format(self.name), 2) end
  local series, message, code = find(self, ...)
  if not series then return nil, message, code end
  core.add(series, amount)
  return true
end

--- The sum of all workers.
---@param ... string|number|boolean
---@return number? value
---@return string? message
---@return string? code
function Counter:value(...)
  local series, message, code = find(self, ...)
  if not series then return nil, message, code end
  return core.value(series)
end

---@class perilune.metrics.Gauge
local Gauge = { value = Counter.value }
Gauge.__index = Gauge

--- Sets the part of this worker: what is told is the sum of all.
---@param value number
---@param ... string|number|boolean
---@return true? ok
---@return string? message
---@return string? code
function Gauge:set(value, ...)
  check_number(self, "set", value)
  local series, message, code = find(self, ...)
  if not series then return nil, message, code end
  core.set(series, value)
  return true
end

--- Adds; what is below 0 takes away.
---@param amount? number Default 1.
---@param ... string|number|boolean
---@return true? ok
---@return string? message
---@return string? code
function Gauge:add(amount, ...)
  amount = amount or 1
  check_number(self, "add", amount)
  local series, message, code = find(self, ...)
  if not series then return nil, message, code end
  core.add(series, amount)
  return true
end

---@class perilune.metrics.Histogram
local Histogram = { value = Counter.value }
Histogram.__index = Histogram

--- Enters a value.
---@param value number
---@param ... string|number|boolean
---@return true? ok
---@return string? message
---@return string? code
function Histogram:observe(value, ...)
  check_number(self, "observe", value)
  local series, message, code = find(self, ...)
  if not series then return nil, message, code end
  core.observe(series, value)
  return true
end

local reasons = {
  EINVAL = "a name cannot be, or the buckets do not rise",
  EEXIST = "its lines have the names of another's",
  ESTATE = "it was defined in another way before",
  ELIMIT = "there are as many as the limit allows",
}

local function make(kind, class, settings)
  local made, message, code =
    core.define(kind, settings.name, settings.help, settings.labels, settings.buckets or {})
  if not made then
    error(("metrics.%s '%s': %s"):format(kind, settings.name, reasons[code] or message), 3)
  end
  local self = setmetatable(
    { name = settings.name, labels = settings.labels, core = made, series = {} },
    class
  )
  if #settings.labels == 0 then find(self) end
  return self
end

--- What only grows. The same name gives the same metric, in every worker.
---@param given perilune.metrics.Options
---@return perilune.metrics.Counter
function metrics.counter(given)
  local settings = options.check("metrics.counter", fields, given)
  return make("counter", Counter, settings)
end

--- What goes up and down.
---@param given perilune.metrics.Options
---@return perilune.metrics.Gauge
function metrics.gauge(given)
  local settings = options.check("metrics.gauge", fields, given)
  return make("gauge", Gauge, settings)
end

--- How values are distributed: how many are at most each bound.
---@param given perilune.metrics.HistogramOptions
---@return perilune.metrics.Histogram
function metrics.histogram(given)
  local settings = options.check("metrics.histogram", histogram_fields, given)
  return make("histogram", Histogram, settings)
end

--- Sets how many series the scripts' metrics may have in all, and how many metrics there may be.
---@param series integer From 0; 10000 at first.
function metrics.limit(series)
  if type(series) ~= "number" or not (series >= 0 and series <= 1e7 and series % 1 == 0) then
    error(("metrics.limit takes an integer from 0 to 10000000, got %s"):format(tostring(series)), 2)
  end
  core.limit(series)
end

--- Everything as Prometheus reads it: the runtime's numbers, the process's, the scripts'. Waits.
---@return string? text
---@return string? message
---@return string? code
function metrics.text() return core.text() end

return metrics
