--- Standard input and output: lines, keys, passwords, colours.
---
---     local name = terminal.read_line "Your name: "
local component = require "perilune.internal.component"
local clock = require("perilune.core.task").now
local core = require "perilune.core.terminal"
local keys = require "perilune.internal.keys"
local options = require "perilune.internal.options"
local process = require "perilune.core.process"
local task = require "perilune.task"

---@class perilune.terminal
---@field colors boolean Whether style() colours: standard output is a terminal, its TERM is not
--- "dumb", and NO_COLOR is not set. Read only.
---@field OnLine? fun(line: string) Each line of standard input.
---@field OnKey? fun(key: string) Each key.
---@field OnEnd? fun() Standard input has ended.
---@field OnResize? fun(columns: integer, rows: integer)
local terminal = {}

local MAX_LINE = 2 ^ 20
local KEY_PAUSE = 0.05 -- seconds within which the bytes of one key come
local STDOUT, STDERR = 1, 2

local descriptors = { stdin = 0, stdout = STDOUT, stderr = STDERR }
local stream_field = { type = "string", values = { "stdin", "stdout", "stderr" } }
local seconds_field = { type = "number", min = 0, max = 2147483, unit = "seconds" }

local function check(what, field, value)
  if options.match(value, field) then return end
  local message = "%s takes %s, got %s"
  error(message:format(what, options.describe(field), tostring(value)), 3)
end

local function check_prompt(what, prompt, timeout)
  if prompt ~= nil and type(prompt) ~= "string" then
    error(("%s takes a prompt, got a %s"):format(what, type(prompt)), 3)
  end
  if timeout ~= nil and not options.match(timeout, seconds_field) then
    error(("%s takes %s"):format(what, options.describe(seconds_field)), 3)
  end
end

-- Output.

--- Writes to standard output, behind what print has written.
---@param text string
---@return boolean? done
---@return string? message
---@return string? code "EPIPE" when nobody reads any more.
function terminal.write(text)
  if type(text) ~= "string" then
    error(("terminal.write takes a string, got a %s"):format(type(text)), 2)
  end
  return core.write(STDOUT, text)
end

--- Whether a stream is a terminal.
---@param stream? "stdin"|"stdout"|"stderr" Default "stdout".
---@return boolean
function terminal.is_tty(stream)
  stream = stream or "stdout"
  check("terminal.is_tty", stream_field, stream)
  return core.is_tty(descriptors[stream])
end

--- How large the terminal is.
---@return integer? columns
---@return integer|string rows Or the message.
---@return string? code "ENOTSUP"
function terminal.size()
  local columns, rows = core.size()
  if not columns then return nil, "there is no terminal", "ENOTSUP" end
  return columns, rows
end

local codes = { bold = 1, dim = 2, italic = 3, underline = 4, inverse = 7 }
for i, color in ipairs { "black", "red", "green", "yellow", "blue", "magenta", "cyan", "white" } do
  codes[color], codes["bright_" .. color] = 29 + i, 89 + i
  codes["on_" .. color], codes["on_bright_" .. color] = 39 + i, 99 + i
end

local function unknown_style(name)
  local names = {}
  for known in pairs(codes) do
    names[#names + 1] = known
  end
  table.sort(names)
  local nearest = options.nearest(name, names)
  local hint = nearest and ("did you mean '%s'?"):format(nearest) or table.concat(names, ", ")
  error(("terminal.style has no style '%s': %s"):format(tostring(name), hint), 3)
end

local function has_colors()
  local none = os.getenv "NO_COLOR"
  return core.is_tty(STDOUT) and (none == nil or none == "") and os.getenv "TERM" ~= "dumb"
end

--- The text in colours; as it is when `terminal.colors` is false.
---@param text string
---@param ... string "bold", "dim", "italic", "underline", "inverse"; "red" and the other seven,
--- "bright_red", "on_red", "on_bright_red".
---@return string
function terminal.style(text, ...)
  local list = { ... }
  for i, name in ipairs(list) do
    list[i] = codes[name] or unknown_style(name)
  end
  if #list == 0 or not has_colors() then return tostring(text) end
  return ("\27[%sm%s\27[0m"):format(table.concat(list, ";"), tostring(text))
end

-- Input: bytes that were read and not used yet, from `at` on; one task reads at a time.

local buffer, at = "", 1
local turn = task.semaphore()

local function available() return #buffer - at + 1 end

--- Reads more; true, nothing at the end, or nil and why.
local function fill(timeout)
  local bytes, message, code = core.read(timeout)
  if not bytes then return nil, message, code end
  buffer, at = buffer:sub(at) .. bytes, 1
  return true
end

local function take(length)
  at = at + length
  return buffer:sub(at - length, at - 1)
end

--- What is left of the time that begins now.
local function countdown(timeout)
  local deadline = timeout and clock() + timeout
  return function() return deadline and math.max(0, deadline - clock()) end
end

local skipping = false -- what comes up to the line's end belongs to one that was too long

local function too_long()
  local message = ("a line of more than %d bytes"):format(MAX_LINE)
  return nil, message, "ETOOBIG"
end

--- Looks for a line's end behind the first `searched` bytes; true when it is there. Then the line,
--- or nil and why; or nothing when it was the rest of one that was too long.
local function take_line(searched)
  local stop = buffer:find("\n", at + searched, true)
  if not stop then return end
  local line = take(stop - at + 1)
  if skipping then
    skipping = false
    return true
  end
  if #line > MAX_LINE + 1 then return true, too_long() end
  return true, line:sub(1, -2)
end

--- What is left at the end of the input.
local function last_line()
  skipping = false
  if available() > 0 then return take(available()) end
end

local function next_line(timeout)
  local left, searched = countdown(timeout), 0
  while true do
    local found, line, message, code = take_line(searched)
    if line or message then return line, message, code end
    searched = found and 0 or available()
    if not found and (skipping or searched > MAX_LINE) then
      take(searched)
      searched = 0
      if not skipping then
        skipping = true
        return too_long()
      end
    end
    if not found then
      local more
      more, message, code = fill(left())
      if message then return nil, message, code end
      if not more then return last_line() end
    end
  end
end

local function next_key(timeout)
  skipping = false
  if available() == 0 then
    local more, message, code = fill(timeout)
    if not more then return nil, message, code end
  end
  local key, length = keys.decode(buffer:sub(at))
  while not key and fill(KEY_PAUSE) do
    key, length = keys.decode(buffer:sub(at))
  end
  if not key then
    key, length = keys.decode_last(buffer:sub(at))
  end
  take(length)
  return key
end

local function next_bytes(timeout)
  skipping = false
  if available() == 0 then
    local more, message, code = fill(timeout)
    if not more then return nil, message, code end
  end
  return take(available())
end

local function reads_here() return process.worker_id == 1 end

local function write_prompt(prompt)
  if prompt then core.write(core.is_tty(STDOUT) and STDOUT or STDERR, prompt) end
end

local function prompt_and_read(f, prompt, timeout)
  write_prompt(prompt)
  local result, message, code = f(timeout)
  return result, message, code
end

--- Reads in turn; other tasks wait until this one has what it wants.
local function read(f, timeout, prompt)
  if not reads_here() then return nil, "standard input is read by worker 1", "ENOTSUP" end
  local left = countdown(timeout)
  local entered, message, code = turn:acquire(timeout)
  if not entered then return nil, message, code end
  local ok, result
  ok, result, message, code = pcall(prompt_and_read, f, prompt, left())
  turn:release()
  if not ok then error(result, 0) end
  return result, message, code
end

--- Reads what comes of standard input, as it is.
---@param timeout? number Seconds; default: for ever.
---@return string? bytes At least one; nil at the end.
---@return string? message
---@return string? code "ETIMEDOUT"
function terminal.read(timeout)
  check_prompt("terminal.read", nil, timeout)
  return read(next_bytes, timeout)
end

--- Reads a line of standard input, without its end.
---@param prompt? string Written before.
---@param timeout? number Seconds; default: for ever.
---@return string? line nil at the end.
---@return string? message
---@return string? code "ETIMEDOUT", "ETOOBIG" (more than 1 MiB)
function terminal.read_line(prompt, timeout)
  check_prompt("terminal.read_line", prompt, timeout)
  return read(next_line, timeout, prompt)
end

--- `for line in terminal.lines() do`: until standard input ends. What fails throws.
---@return fun(): string?
function terminal.lines()
  return function()
    local line, message = read(next_line)
    if not line and message then error(message, 2) end
    return line
  end
end

--- Reads a key. Without terminal.set_raw() a terminal gives its keys line by line.
---@param timeout? number Seconds; default: for ever.
---@return string? key "a", "ä", "enter", "up", "ctrl+c", "alt+x", "f5"; nil at the end.
---@return string? message
---@return string? code "ETIMEDOUT"
function terminal.read_key(timeout)
  check_prompt("terminal.read_key", nil, timeout)
  return read(next_key, timeout)
end

--- `for key in terminal.keys() do`: until standard input ends. What fails throws.
---@return fun(): string?
function terminal.keys()
  return function()
    local key, message = read(next_key)
    if not key and message then error(message, 2) end
    return key
  end
end

local mode = "normal"

local raw_schema = { signals = { type = "boolean", default = true } }

--- Lets keys come one by one, unseen. The terminal is put back when the program ends, however it
--- does, and while it is stopped.
---@param on boolean
---@param given? { signals?: boolean } false: Ctrl-C, Ctrl-Z and Ctrl-\ are keys, too.
---@return boolean? done
---@return string? message
---@return string? code "ENOTSUP": standard input is no terminal.
function terminal.set_raw(on, given)
  if type(on) ~= "boolean" then
    error(("terminal.set_raw takes a boolean, got a %s"):format(type(on)), 2)
  end
  local settings = options.check("terminal.set_raw", raw_schema, given)
  local wanted = not on and "normal" or settings.signals and "keys" or "raw"
  local done, message, code = core.set_mode(wanted)
  if done then mode = wanted end
  return done, message, code
end

--- Unseen from before the prompt on. Of what is no terminal nothing is shown anyway.
local function password_reader(prompt)
  return function(timeout)
    core.set_mode "no_echo"
    local ok, line, message, code = pcall(prompt_and_read, next_line, prompt, timeout)
    core.set_mode(mode)
    if not ok then error(line, 0) end
    return line, message, code
  end
end

--- Reads a line that is not shown.
---@param prompt? string
---@param timeout? number Seconds; default: for ever.
---@return string? line nil at the end.
---@return string? message
---@return string? code
function terminal.read_password(prompt, timeout)
  check_prompt("terminal.read_password", prompt, timeout)
  return read(password_reader(prompt), timeout)
end

-- Events.

local handlers = {}
local readers = {} -- the task that serves an event
local waiting = {} -- the events whose reader waits, and does not run a handler

--- Calls a handler; what it throws goes to the log.
local function raise(event, ...)
  local handler = handlers[event]
  if not handler then return end
  local ok, trace = xpcall(
    handler,
    function(message) return debug.traceback(tostring(message), 2) end,
    ...
  )
  if not ok then process.log("error", trace) end
end

--- Behind a line that is too long comes another; any other error is the end of the input.
local function serve_input(event, next_piece)
  while handlers[event] do
    waiting[event] = true
    local piece, message, code = read(next_piece)
    waiting[event] = nil
    if message then process.log("error", "standard input: " .. message) end
    if piece then
      raise(event, piece)
    elseif code ~= "ETOOBIG" then
      return raise "OnEnd"
    end
  end
end

--- A change between two looks is seen by the next: the signal is heeded before the first.
local function serve_resize(columns, rows)
  local wait = core.new_wait()
  core.heed_resize()
  while handlers.OnResize do
    local now_columns, now_rows = core.size()
    if now_columns and (now_columns ~= columns or now_rows ~= rows) then
      columns, rows = now_columns, now_rows
      raise("OnResize", columns, rows)
    else
      waiting.OnResize = true
      core.wait_resize(wait)
      waiting.OnResize = nil
    end
  end
end

local servers = {
  OnLine = function() serve_input("OnLine", next_line) end,
  OnKey = function() serve_input("OnKey", next_key) end,
  OnResize = serve_resize,
}

--- Who takes a handler off while it runs does not end it: its reader ends when it has returned.
local function set_handler(_, event, handler)
  local other = event == "OnLine" and "OnKey" or event == "OnKey" and "OnLine"
  if handler and other and handlers[other] then
    error(("terminal.%s and terminal.%s exclude each other"):format(event, other), 3)
  end
  handlers[event] = handler
  local reader = readers[event]
  if not handler and reader then
    if not waiting[event] then return end
    waiting[event], readers[event] = nil, nil
    reader:cancel()
  elseif handler and servers[event] and reads_here() and not (reader and reader.active) then
    readers[event] = task.start(servers[event], core.size())
  end
end

return setmetatable(
  {},
  component.build {
    name = "terminal",
    methods = terminal,
    getters = { colors = has_colors },
    events = { "OnLine", "OnKey", "OnEnd", "OnResize" },
    get_handler = function(_, event) return handlers[event] end,
    set_handler = set_handler,
  }
)
