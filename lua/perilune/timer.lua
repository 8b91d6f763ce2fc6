--- Functions called later, and waiting.
local component = require "perilune.internal.component"
local core = require "perilune.core.timer"
local options = require "perilune.internal.options"
local process = require "perilune.core.process"

local timer = {}

local LONGEST = 2147483 -- seconds: what fits into 31 bits of milliseconds

local schema = {
  worker = {
    type = "integer",
    min = 1,
    max = process.worker_count,
    doc = "the one worker on which the timer runs",
  },
}

core.set_metatable(component.build {
  name = "timer",
  methods = { cancel = core.cancel },
  getters = { active = core.active },
})

local function check_seconds(what, seconds)
  if type(seconds) ~= "number" or seconds ~= seconds or seconds < 0 or seconds > LONGEST then
    error(("%s takes seconds from 0 to %d, got %s"):format(what, LONGEST, tostring(seconds)), 3)
  end
end

local function check_function(what, callback)
  if type(callback) ~= "function" then
    error(("%s takes a function, got a %s"):format(what, type(callback)), 3)
  end
end

--- Calls `callback` once.
---@param seconds number From now; fractions are allowed.
---@param callback fun()
---@return perilune.Timer
function timer.after(seconds, callback)
  check_seconds("timer.after", seconds)
  check_function("timer.after", callback)
  return core.start(seconds, callback, false)
end

--- Calls `callback` again and again, at a fixed rate. A tick that finds the previous call still
--- waiting is left out.
---@param seconds number Between two calls; the first comes after as much. At least 0.001.
---@param callback fun()
---@param given? { worker?: integer } Runs on this worker only.
---@return perilune.Timer? timer nil on another worker
function timer.every(seconds, callback, given)
  check_seconds("timer.every", seconds)
  if seconds < 0.001 then error("timer.every takes at least 0.001 seconds", 2) end
  check_function("timer.every", callback)
  local settings = options.check("timer.every", schema, given or {})
  if settings.worker and settings.worker ~= process.worker_id then return nil end
  return core.start(seconds, callback, true)
end

--- Waits; everything else goes on meanwhile.
---@param seconds number
function timer.sleep(seconds)
  check_seconds("timer.sleep", seconds)
  core.sleep(seconds) -- no tail call: pcall(timer.sleep, 1) has to catch that the task is cancelled
end

--- A clock that nobody sets: the difference of two looks at it is what has passed.
---@return number seconds Since some time before the program began.
function timer.now() return core.now() end

return timer
