--- Answers those who attach to this worker: lines of JSON over its control socket. What they send
--- is evaluated in the worker's state, one chunk after the other for each of them.
---
--- To us:   {"lua": "return 1"}, and the byte 3, which interrupts.
--- From us: {"worker": 1, "workers": 2, "pid": 7} at first; then for each chunk any number of
---          {"print": "text"} and one of {"values": ["1"]}, {"error": "text"}, {"more": true}:
---          the chunk is not complete.
local alive = require "perilune.internal.alive"
local core = require "perilune.core.control"
local inspect = require "perilune.internal.inspect"
local json = require "perilune.json"
local lines = require "perilune.internal.lines"
local log = require "perilune.log"
local process = require "perilune.core.process"
local task = require "perilune.task"

local attached = {}

--- What those who attach can make a worker keep.
attached.limits = {
  sessions = 8, -- at a time
  chunk = 1048576, -- bytes of a line that comes
  chunks = 32, -- that wait
  output = 1048576, -- bytes that a chunk prints
  queued = 4194304, -- bytes that the terminal has not taken
  values = 100, -- of one chunk
}

local limits = attached.limits
local INTERRUPT, STOPS = "\3", "[\n\3]"
local CHUNK = "=attached"
local CANCELLED = require("perilune.core.task").CANCELLED

---@class perilune.internal.attached.Session
---@field socket userdata
---@field input perilune.internal.Lines
---@field chunks (string|false)[] Those that wait; false: that was interrupted.
---@field running? perilune.Task
---@field begun? boolean Whether that runs already.
---@field told? boolean Whether the log has it: who only looks whether we listen sends nothing.
---@field printed integer Bytes of the chunk that runs.
local Session = {}
Session.__index = Session

local sessions, count = {}, 0

--- Nothing more is done for it.
function Session:leave()
  sessions[self.socket] = nil
  count = count - 1
  self.chunks = {}
  if self.running then self.running:cancel() end
end

local function send(self, message)
  if not sessions[self.socket] then return end
  local text = json.encode(message)
  if self.socket:queued() > limits.queued then
    self:leave()
    return self.socket:close()
  end
  self.socket:write((text or '{"error":"the answer cannot be written"}') .. "\n")
end

-- What a chunk sees: the globals of the script, and these.

local function print_to(self, ...)
  local words = { ... }
  for i = 1, select("#", ...) do
    words[i] = inspect.clean(tostring(words[i]))
  end
  local text = table.concat(words, "\t")
  local before = self.printed
  self.printed = before + #text + 1
  if self.printed <= limits.output then
    send(self, { print = text })
  elseif before <= limits.output then
    send(self, { print = "... (a chunk prints " .. limits.output .. " bytes, no more)" })
  end
end

local lists = { servers = "server", clients = "client" }

local function look_up(_, name)
  if lists[name] and rawget(_G, name) == nil then return alive.list(lists[name]) end
  return _G[name]
end

local function environment(self)
  local own = { print = function(...) print_to(self, ...) end, inspect = inspect.value }
  return setmetatable(own, { __index = look_up, __newindex = _G })
end

--- The chunk as a function; nil, message; or nil when there is more of it to come.
local function compile(text)
  local expression = text:match "^%s*=(.*)$" or text
  local chunk = load("return " .. expression, CHUNK)
  local message
  if not chunk then
    chunk, message = load(text, CHUNK)
  end
  if chunk then return chunk end
  if message:find "'<eof>'$" then return nil end
  return nil, message
end

--- Without what is ours: the chunk was called by it.
local function trace(message)
  if type(message) ~= "string" then message = inspect.value(message) end
  local text = debug.traceback(message, 2)
  return (text:gsub("\n%s+%[C%]: in function 'xpcall'.*$", ""))
end

local function take_results(ok, ...)
  if not ok then
    local text = ...
    return { error = inspect.clean((text:gsub("^" .. CANCELLED, "interrupted"))) }
  end
  local values = json.array {}
  for i = 1, math.min(select("#", ...), limits.values) do
    values[i] = inspect.value((select(i, ...)))
  end
  return { values = values }, (...)
end

local function evaluate(self, text)
  local chunk, message = compile(text)
  if not chunk then return message and { error = inspect.clean(message) } or { more = true } end
  setfenv(chunk, self.environment)
  core.watch(self.socket)
  local answer, first = take_results(xpcall(chunk, trace))
  local was_interrupted = core.watch(nil)
  if answer.error and was_interrupted and not answer.error:find "^interrupted" then
    answer.error = "interrupted"
  end
  if answer.values then rawset(self.environment, "_", first) end
  return answer
end

--- Each chunk is a task of its own, so that cancelling one is over with it.
local function run(self, text)
  self.begun = true
  self.printed = 0
  local done, answer = pcall(evaluate, self, text)
  send(self, done and answer or { error = inspect.clean(tostring(answer)) })
  self.running, self.begun = nil, nil
  self:go_on()
end

function Session:go_on()
  while not self.running and #self.chunks > 0 and sessions[self.socket] do
    local text = table.remove(self.chunks, 1)
    if text then
      self.running = task.start(run, self, text)
    else
      send(self, { error = "interrupted" })
    end
  end
end

function Session:add(line)
  if #line > limits.chunk then return send(self, { error = "the chunk is too long" }) end
  local request = json.decode(line)
  if type(request) ~= "table" or type(request.lua) ~= "string" then
    return send(self, { error = 'a request is a line of JSON: {"lua": "return 1"}' })
  elseif #self.chunks >= limits.chunks then
    return send(self, { error = "too many chunks wait" })
  end
  if not self.told then
    log.info(("attached to this worker: process %d of user %d"):format(self.socket:peer()))
    self.told = true
  end
  self.chunks[#self.chunks + 1] = request.lua
  self:go_on()
end

--- What runs, and what waits behind it, each with an answer of its own.
function Session:interrupt()
  for i = 1, #self.chunks do
    self.chunks[i] = false
  end
  if not self.running then return end
  self.running:cancel()
  if self.begun then return end
  self.running = nil -- it never will
  send(self, { error = "interrupted" })
  self:go_on()
end

function Session:take(bytes)
  for line, stop in self.input:take(bytes) do
    if line:find "%S" then self:add(line) end
    if stop == INTERRUPT then self:interrupt() end
  end
  if self.input.size <= limits.chunk then return end
  send(self, { error = ("a chunk has at most %d bytes"):format(limits.chunk) })
  self:leave()
  self.socket:close()
end

-- Who comes and goes.

local events = {}

function events.open(socket)
  if count >= limits.sessions then
    socket:write(assert(json.encode { error = "too many are attached to this worker" }) .. "\n")
    return socket:close()
  end
  local self =
    setmetatable({ socket = socket, input = lines.new(STOPS), chunks = {}, printed = 0 }, Session)
  self.environment = environment(self)
  sessions[socket] = self
  count = count + 1
  send(self, {
    worker = process.worker_id,
    workers = process.worker_count,
    pid = process.pid,
  })
end

function events.data(socket, bytes)
  local self = sessions[socket]
  if self then self:take(bytes) end
end

function events.closed(socket)
  local self = sessions[socket]
  if self then self:leave() end
end

core.listen(function(event, socket, bytes) events[event](socket, bytes) end)

return attached
