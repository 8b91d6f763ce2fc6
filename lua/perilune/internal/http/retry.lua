--- Whether and when a request is sent again.
local text = require "perilune.core.text"

local retry = {}

local function set_of(list)
  local set = {}
  for _, value in ipairs(list) do
    set[value] = true
  end
  return set
end

local idempotent = { "GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE" } -- RFC 9110 9.2.2

--- Methods that may be sent twice.
retry.IDEMPOTENT = set_of(idempotent)

-- What may be otherwise next time; what broke a rule or was refused for a reason stays so.
local PASSING = {
  ECONNREFUSED = true,
  ECONNRESET = true,
  EPIPE = true,
  ETIMEDOUT = true,
  EHOST = true,
}

local seconds = { type = "number", min = 0, max = 86400, unit = "seconds" }

local function with_default(default)
  return {
    type = "number",
    min = seconds.min,
    max = seconds.max,
    unit = seconds.unit,
    default = default,
  }
end

local fields = {
  max = { type = "integer", min = 1, max = 100, default = 2 },
  statuses = {
    type = "list",
    of = { type = "integer", min = 400, max = 599 },
    default = { 408, 429, 502, 503, 504 },
  },
  methods = { type = "list", of = { type = "string", min = 1 }, default = idempotent },
  delay = with_default(0.5),
  max_delay = with_default(30),
  max_retry_after = with_default(60),
}

retry.option = { type = { "integer", "table" }, min = 1, max = 100, off = true, fields = fields }

--- Completes what was checked already.
---@param given integer|table|false|nil
---@return table|false
function retry.finish(given)
  if not given then return false end
  local made = {}
  for name, field in pairs(fields) do
    made[name] = field.default
  end
  if type(given) == "number" then
    made.max = given
  else
    for name, value in pairs(given) do
      made[name] = value
    end
  end
  made.methods, made.statuses = set_of(made.methods), set_of(made.statuses)
  return made
end

--- Half of it to all of it: those who failed together do not come back together.
local function jittered(delay)
  local high, low = text.random(2):byte(1, 2)
  return delay * (0.5 + (high * 256 + low) / 65535 / 2)
end

local function back_off(policy, attempt)
  return jittered(math.min(policy.max_delay, policy.delay * 2 ^ (attempt - 1)))
end

--- Seconds that a Retry-After asks for (RFC 9110 10.2.3); nil when it is none.
---@param value string?
---@param now number Seconds since 1970.
---@return number? delay
function retry.after(value, now)
  if not value then return nil end
  if value:find "^%d+$" then return tonumber(value) end
  local date = text.http_date(value)
  return date and math.max(0, date - now)
end

--- Seconds until a request is sent again; nil when it is not.
---@param policy table|false From `finish`.
---@param attempt integer How often it has been sent.
---@param method string
---@param outcome { code?: string, status?: integer, retry_after?: string }
---@param now number Seconds since 1970.
---@return number? delay
function retry.delay(policy, attempt, method, outcome, now)
  if not policy or attempt > policy.max or not policy.methods[method] then return nil end
  if outcome.code then return PASSING[outcome.code] and back_off(policy, attempt) or nil end
  if not policy.statuses[outcome.status] then return nil end
  local asked = retry.after(outcome.retry_after, now)
  if not asked then return back_off(policy, attempt) end
  return asked <= policy.max_retry_after and asked or nil
end

return retry
