--- A line that is edited below what is printed: for programs that people talk with.
---
---     local prompt = require("perilune.prompt").new { text = "> " }
---     for line in prompt:lines() do prompt:print("you said", line) end
local clock = require("perilune.core.task").now
local component = require "perilune.internal.component"
local hidden = require "perilune.internal.hidden"
local line_editor = require "perilune.internal.line_editor"
local options = require "perilune.internal.options"
local terminal = require "perilune.terminal"

local prompt = {}

local schema = {
  text = { type = "string", default = "> ", max = 200 },
  history = { type = "integer", default = 500, min = 0, max = 100000 },
}

---@class perilune.prompt.Options
---@field text? string Before the line; default "> ".
---@field history? integer Lines that are kept; default 500.

---@class perilune.Prompt
---@field text string May be assigned.
---@field interactive boolean Whether standard input and output are a terminal. Read only.
local Prompt = {}

local STATE = {}

local function state_of(object)
  local state = type(object) == "table" and rawget(object, STATE)
  return state or error("a method of a prompt is called with ':'", 3)
end

local function columns() return terminal.size() or 80 end

--- The prompt and the line behind it, on the last row.
local function drawing(state) return "\r\27[K" .. state.editor:draw(state.text, columns()) end

local function show(state)
  if state.reading then terminal.write(drawing(state)) end
end

local function finish_line(state, text)
  state.reading = false
  terminal.write("\r\27[K" .. text)
end

--- One key; the line when that ended it, or "end".
local function take_key(state, key)
  local editor = state.editor
  local line, over = editor:take(key)
  if over then return nil, true end
  if not line then
    if key == "ctrl+l" then terminal.write "\27[H\27[2J" end
    show(state)
    return nil
  end
  editor:remember(line)
  finish_line(state, state.text .. line .. "\n")
  return line
end

local function edit(state, left)
  state.reading = true
  show(state)
  while true do
    local key, message, code = terminal.read_key(left())
    if not key then
      if code ~= "ETIMEDOUT" then finish_line(state, "") end
      return nil, message, code
    end
    local line, over = take_key(state, key)
    if over then finish_line(state, "") end
    if line or over then return line end
  end
end

local function countdown(timeout)
  local deadline = timeout and clock() + timeout
  return function() return deadline and math.max(0, deadline - clock()) end
end

--- Reads a line. What was typed when the time is over is there again with the next call.
---@param timeout? number Seconds; default: for ever.
---@return string? line nil at the end of the input (Ctrl-D in an empty line).
---@return string? message
---@return string? code
function Prompt:read(timeout)
  local state = state_of(self)
  hidden.check_timeout("prompt:read", timeout)
  if not state.interactive then
    local line, message, code = terminal.read_line(nil, timeout)
    return line, message, code
  end
  local ok, message, code = terminal.set_raw(true)
  if not ok then return nil, message, code end
  local done, line
  done, line, message, code = pcall(edit, state, countdown(timeout))
  if not done then
    state.reading = false
    error(line, 0)
  end
  return line, message, code
end

--- `for line in prompt:lines() do`: until the input ends. What fails throws.
---@return fun(): string?
function Prompt:lines()
  state_of(self)
  return function()
    local line, message = self:read()
    if not line and message then error(message, 2) end
    return line
  end
end

--- Writes above the line that is being edited.
---@param ... any As of print.
---@return boolean? done
---@return string? message
---@return string? code "EPIPE"
function Prompt:print(...)
  local state = state_of(self)
  local words = { ... }
  for i = 1, select("#", ...) do
    words[i] = tostring(words[i])
  end
  local text = table.concat(words, "\t") .. "\n"
  if not state.reading then return terminal.write(text) end
  return terminal.write("\r\27[K" .. text .. drawing(state))
end

--- Takes the line away and puts the terminal back; another read() begins anew.
function Prompt:close()
  local state = state_of(self)
  if state.reading then finish_line(state, "") end
  if state.interactive then terminal.set_raw(false) end
end

local metatable = component.build {
  name = "prompt",
  methods = Prompt,
  getters = {
    text = function(self) return self[STATE].text end,
    interactive = function(self) return self[STATE].interactive end,
  },
  setters = {
    text = function(self, value)
      hidden.check("prompt.text", schema.text, value)
      self[STATE].text = value
      show(self[STATE])
    end,
  },
}

--- Makes a prompt; there is use for one at a time.
---@param given? perilune.prompt.Options
---@return perilune.Prompt
function prompt.new(given)
  local settings = options.check("prompt.new", schema, given)
  local state = {
    text = settings.text,
    interactive = terminal.is_tty "stdin" and terminal.is_tty "stdout",
    editor = line_editor.new(settings.history),
    reading = false,
  }
  return setmetatable({ [STATE] = state }, metatable)
end

return prompt
