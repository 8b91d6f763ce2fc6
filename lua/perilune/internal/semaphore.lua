--- How many tasks may do something at once.
local core = require "perilune.core.task"
local hidden = require "perilune.internal.hidden"

---@class perilune.Semaphore
---@field free integer How many may enter without waiting. Read only.
local Semaphore = {}

--- Enters. Who comes first is first.
---@param timeout? number Seconds; default: for ever. 0 does not wait.
---@return boolean? entered
---@return string? message
---@return string? code "ETIMEDOUT"
function Semaphore.acquire(state, timeout)
  hidden.check_timeout("semaphore:acquire", timeout)
  if state.free > 0 then
    state.free = state.free - 1
    return true
  elseif timeout == 0 or not core.wait(state.gate, timeout) then
    return hidden.timed_out()
  end
  return true
end

--- Leaves. The first that waits enters instead.
function Semaphore.release(state)
  if core.open(state.gate, 1, true) == 1 then return end
  if state.free == state.count then error("semaphore:release without acquire", 2) end
  state.free = state.free + 1
end

local function leave(state, ok, ...)
  Semaphore.release(state)
  if ok then return ... end
  error((...), 0)
end

--- Enters, calls the function and leaves, also when it throws.
---@param f function
---@param ... any What it is called with.
---@return any ... What it returned.
function Semaphore.with(state, f, ...)
  if type(f) ~= "function" then
    error(("semaphore:with takes a function, got a %s"):format(type(f)), 2)
  end
  Semaphore.acquire(state)
  return leave(state, pcall(hidden.call, f, ...))
end

local make = hidden.class("semaphore", Semaphore, {
  free = function(state) return state.free end,
})

return function(count) return make { count = count, free = count, gate = core.gate() } end
