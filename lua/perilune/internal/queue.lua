--- Values from tasks to tasks, in order; who adds to a full one waits.
local core = require "perilune.core.task"
local hidden = require "perilune.internal.hidden"

---@class perilune.Queue
---@field count integer How many values are in it. Read only.
---@field closed boolean Read only.
local Queue = {}

local ALL = math.huge
local CLOSED = {} -- what close() wakes those with that wait

local function closed() return nil, "the queue is closed", "ECLOSED" end

--- Gives a value to the first that waits for one, else keeps it. There is room.
local function put(state, value)
  if core.open(state.takers, 1, value) == 1 then return end
  state.last = state.last + 1
  state[state.last] = value
end

local function count(state) return state.last - state.first + 1 end

--- Adds a value; waits while the queue is full.
---@param value any Not nil.
---@param timeout? number Seconds; default: for ever. 0 does not wait.
---@return boolean? added
---@return string? message
---@return string? code "ETIMEDOUT", "ECLOSED"
function Queue.push(state, value, timeout)
  if value == nil then error("queue:push takes a value, got nil", 2) end
  hidden.check_timeout("queue:push", timeout)
  if state.closed then return closed() end
  if count(state) + state.reserved >= state.limit then
    if timeout == 0 then return hidden.timed_out() end
    local woken = core.wait(state.givers, timeout)
    if not woken then return hidden.timed_out() end
    if woken == CLOSED then return closed() end
    state.reserved = state.reserved - 1
    if state.closed then return closed() end
  end
  put(state, value)
  return true
end

--- Takes the oldest value; waits until there is one. Of a closed queue first what is left.
---@param timeout? number Seconds; default: for ever. 0 does not wait.
---@return any value
---@return string? message
---@return string? code "ETIMEDOUT", "ECLOSED"
function Queue.pop(state, timeout)
  hidden.check_timeout("queue:pop", timeout)
  if count(state) == 0 then
    if state.closed then return closed() end
    if timeout == 0 then return hidden.timed_out() end
    local value = core.wait(state.takers, timeout)
    if value == nil then return hidden.timed_out() end
    if value == CLOSED then return closed() end
    return value
  end
  local value = state[state.first]
  state[state.first] = nil
  state.first = state.first + 1
  -- The place is kept for the first that waits with a value: it comes to it at the turn's end.
  if core.open(state.givers, 1, true) == 1 then state.reserved = state.reserved + 1 end
  return value
end

--- `for value in queue:values()`: until it is closed and empty.
---@return fun(): any
function Queue.values(state)
  return function() return (Queue.pop(state)) end
end

--- No value is added any more: push fails, also for those that wait; pop gives what is left.
function Queue.close(state)
  if state.closed then return end
  state.closed = true
  core.open(state.takers, ALL, CLOSED)
  core.open(state.givers, ALL, CLOSED)
end

local make = hidden.class("queue", Queue, {
  count = count,
  closed = function(state) return state.closed end,
})

return function(limit)
  return make {
    limit = limit,
    first = 1,
    last = 0,
    reserved = 0,
    closed = false,
    takers = core.gate(),
    givers = core.gate(),
  }
end
