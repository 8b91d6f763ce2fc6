--- Functions that run beside each other, and what they wait for each other with.
---
---     local answer = task.start(function() return ask(question) end)
---     local text, message = answer:wait(5)
local core = require "perilune.core.task"
local hidden = require "perilune.internal.hidden"
local new_queue = require "perilune.internal.queue"
local new_semaphore = require "perilune.internal.semaphore"
local process = require "perilune.core.process"

local task = {}

local ALL = math.huge
local QUEUE_LIMIT = 1024

-- Tasks.

---@class perilune.task.State
---@field gate userdata The task itself, where others wait for its end.
---@field gates userdata[] That, and those of `all` and `race`.
---@field cancelled boolean
---@field failed? boolean It threw or was cancelled.
---@field results? { n: integer, [integer]: any } When it has ended.

local running = {} -- state by what process.task() says

local function awaited(state)
  for _, gate in ipairs(state.gates) do
    if core.awaited(gate) then return true end
  end
  return false
end

local function finish(state, ...)
  state.results = { n = select("#", ...), ... }
  for _, gate in ipairs(state.gates) do
    core.open(gate, ALL, true)
  end
  state.gates = {}
end

--- The error as wait() returns it, and the text for the log.
local function describe(problem)
  if problem == core.CANCELLED then return problem end
  local metatable = getmetatable(problem) -- of whatever type a __metatable is
  local shown = type(problem) == "string" or type(metatable) == "table" and metatable.__tostring
  local ok, text = pcall(tostring, problem)
  if not (ok and shown) then text = ("(error object is a %s value)"):format(type(problem)) end
  return { message = text, trace = debug.traceback(text, 2) }
end

local function fail(state, message, code)
  state.failed = true
  finish(state, nil, message, code)
end

local function conclude(state, ok, ...)
  running[process.task()] = nil
  if ok then return finish(state, ...) end
  local problem = ...
  if problem == core.CANCELLED and state.cancelled then
    return fail(state, core.CANCELLED, "ECANCELED")
  end
  -- It is a text when there was no memory for more, and when it is that of cancelling.
  if type(problem) ~= "table" then problem = { message = problem, trace = problem } end
  if not awaited(state) then process.log("error", problem.trace) end
  fail(state, problem.message, "EEXCEPTION")
end

local function run(state, f, ...)
  running[process.task()] = state
  conclude(state, xpcall(hidden.call, describe, f, ...))
end

---@class perilune.Task
---@field active boolean Whether it has not ended. Read only.
local Task = {}

--- Waits until it has ended.
---@param timeout? number Seconds; default: for ever. 0 does not wait.
---@return any ... What its function returned; or nil, message, code: "EEXCEPTION" when it threw,
--- "ECANCELED" when it was cancelled, "ETIMEDOUT".
function Task.wait(state, timeout)
  hidden.check_timeout("task:wait", timeout)
  if running[process.task()] == state then error("a task cannot wait for itself", 2) end
  if not state.results then
    if timeout == 0 or not core.wait(state.gate, timeout) then return hidden.timed_out() end
    -- A task for whose results there was no memory has ended in the log.
    if not state.results then return nil, "out of memory", "ENOMEM" end
  end
  return unpack(state.results, 1, state.results.n)
end

--- Ends it: where it waits, or at its next wait, the error "the task was cancelled" is thrown,
--- once. One that has not begun never does.
---@return boolean was_active
function Task.cancel(state)
  if state.results then return false end
  state.cancelled = true
  local how = core.cancel(state.gate)
  if how == "never" then fail(state, core.CANCELLED, "ECANCELED") end
  return how ~= nil
end

local make_task, state_of = hidden.class("task", Task, {
  active = function(state) return state.results == nil end,
})

--- Runs a function beside all else. It begins when the caller waits or has returned.
---@param f function
---@param ... any What it is called with.
---@return perilune.Task
function task.start(f, ...)
  if type(f) ~= "function" then
    error(("task.start takes a function, got a %s"):format(type(f)), 2)
  end
  local state = { gates = {}, cancelled = false }
  state.gate = core.start(run, state, f, ...)
  state.gates[1] = state.gate
  return make_task(state)
end

--- The states of a list of tasks.
local function states_of(what, list)
  if type(list) ~= "table" then error(what .. " takes a list of tasks", 3) end
  local found = {}
  for i, each in ipairs(list) do
    local state = state_of(each)
    if not state then error(("%s takes a list of tasks; [%d] is none"):format(what, i), 3) end
    if running[process.task()] == state then error("a task cannot wait for itself", 3) end
    found[i] = state
  end
  return found
end

local function take_off(list, gate)
  for i = #list, 1, -1 do
    if list[i] == gate then table.remove(list, i) end
  end
end

--- Waits at the gate until `over()` is true or time is.
local function wait_until(over, gate, timeout)
  local deadline = timeout and core.now() + timeout
  while not over() do
    local left = deadline and deadline - core.now()
    if left and left <= 0 then return end
    core.wait(gate, left)
  end
end

--- Waits until `over()`, which is asked whenever one of the tasks has ended.
local function watch(list, timeout, over)
  if over() or timeout == 0 then return end
  local gate = core.gate()
  for _, state in ipairs(list) do
    table.insert(state.gates, gate)
  end
  local ok, message = pcall(wait_until, over, gate, timeout)
  for _, state in ipairs(list) do
    take_off(state.gates, gate)
  end
  if not ok then error(message, 0) end
end

--- Waits until all of them have ended, or one of them has failed; the others go on then.
---@param list perilune.Task[]
---@param timeout? number Seconds; default: for ever.
---@return any[]? results The first result of each.
---@return string? message Of the first in the list that has failed.
---@return string? code
function task.all(list, timeout)
  local all = states_of("task.all", list)
  hidden.check_timeout("task.all", timeout)
  local failed, ended
  local function over()
    ended = 0
    for _, state in ipairs(all) do
      failed = failed or state.failed and state
      ended = ended + (state.results and 1 or 0)
    end
    return failed or ended == #all
  end
  watch(all, timeout, over)
  if failed then return nil, failed.results[2], failed.results[3] end
  if ended < #all then return hidden.timed_out() end
  local results = {}
  for i, state in ipairs(all) do
    results[i] = state.results[1]
  end
  return results
end

--- Waits until one of them has ended; the others go on.
---@param list perilune.Task[] At least one.
---@param timeout? number Seconds; default: for ever.
---@return perilune.Task? first The first in the list that has ended.
---@return any ... What its function returned, or nil, message, code, as from task:wait().
function task.race(list, timeout)
  local all = states_of("task.race", list)
  if #all == 0 then error("task.race takes at least one task", 2) end
  hidden.check_timeout("task.race", timeout)
  local first
  local function over()
    for i, state in ipairs(all) do
      first = first or state.results and i
    end
    return first
  end
  watch(all, timeout, over)
  if not first then return hidden.timed_out() end
  local results = all[first].results
  return list[first], unpack(results, 1, results.n)
end

-- What tasks wait for each other with.

local positive = { type = "integer", min = 1 }

--- How many tasks may do something at once.
---@param count? integer Default 1.
---@return perilune.Semaphore
function task.semaphore(count)
  count = count == nil and 1 or count
  hidden.check("task.semaphore", positive, count)
  return new_semaphore(count)
end

--- Values from tasks to tasks.
---@param limit? integer How many it keeps before `push` waits; default 1024.
---@return perilune.Queue
function task.queue(limit)
  limit = limit == nil and QUEUE_LIMIT or limit
  hidden.check("task.queue", positive, limit)
  return new_queue(limit)
end

return task
