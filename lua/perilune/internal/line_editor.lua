--- A line that keys change, the lines before it, and how it looks. Pure: no input, no output.
local line_editor = {}

---@class perilune.internal.LineEditor
---@field characters string[]
---@field at integer Characters in front of the cursor.
---@field history string[]
---@field limit integer
---@field place integer? In the history, when a line of it is shown.
---@field draft string[]? What was there before.
local Editor = {}
Editor.__index = Editor

local function split(text)
  local list = {}
  for character in text:gmatch "[%z\1-\127\192-\255][\128-\191]*" do
    list[#list + 1] = character
  end
  return list
end

-- How wide characters are (of Unicode): ranges of two columns, and of none.
local WIDE = {
  { 0x1100, 0x115F },
  { 0x2E80, 0xA4CF },
  { 0xAC00, 0xD7A3 },
  { 0xF900, 0xFAFF },
  { 0xFE30, 0xFE6F },
  { 0xFF00, 0xFF60 },
  { 0xFFE0, 0xFFE6 },
  { 0x1F300, 0x1FAFF },
  { 0x20000, 0x3FFFD },
}
local NONE = { { 0x300, 0x36F }, { 0x200B, 0x200F }, { 0xFE00, 0xFE0F } }

local function code_point(character)
  local first = character:byte()
  if first < 0x80 then return first end
  local point = first % (first >= 0xF0 and 8 or first >= 0xE0 and 16 or 32)
  for i = 2, #character do
    point = point * 64 + character:byte(i) % 64
  end
  return point
end

local function within(point, ranges)
  for _, range in ipairs(ranges) do
    if point >= range[1] and point <= range[2] then return true end
  end
  return false
end

local function width(character)
  local point = code_point(character)
  if point < 0x300 or within(point, NONE) then return point < 0x300 and 1 or 0 end
  return within(point, WIDE) and 2 or 1
end

--- Columns that characters from..to of a list take.
local function widths(list, from, to)
  local sum = 0
  for i = from, to do
    sum = sum + width(list[i])
  end
  return sum
end

local function set(self, characters)
  self.characters, self.at = characters, #characters
end

local function erase(self, from, to)
  for _ = from, to do
    table.remove(self.characters, from)
  end
  self.at = from - 1
end

--- The start of the word in front of the cursor.
local function word_start(self)
  local at = self.at
  while at > 0 and self.characters[at] == " " do
    at = at - 1
  end
  while at > 0 and self.characters[at] ~= " " do
    at = at - 1
  end
  return at
end

local function word_end(self)
  local at, count = self.at, #self.characters
  while at < count and self.characters[at + 1] == " " do
    at = at + 1
  end
  while at < count and self.characters[at + 1] ~= " " do
    at = at + 1
  end
  return at
end

local function recall(self, place)
  if place < 1 or place > #self.history + 1 then return end
  if not self.place then self.draft = self.characters end
  self.place = place <= #self.history and place or nil
  set(self, self.place and split(self.history[place]) or self.draft)
end

local function forward_delete(self)
  if self.at < #self.characters then table.remove(self.characters, self.at + 1) end
end

local actions = {
  left = function(self) self.at = math.max(0, self.at - 1) end,
  right = function(self) self.at = math.min(#self.characters, self.at + 1) end,
  home = function(self) self.at = 0 end,
  ["end"] = function(self) self.at = #self.characters end,
  backspace = function(self)
    if self.at > 0 then erase(self, self.at, self.at) end
  end,
  delete = forward_delete,
  ["ctrl+u"] = function(self) erase(self, 1, self.at) end,
  ["ctrl+k"] = function(self)
    local at = self.at
    erase(self, at + 1, #self.characters)
  end,
  ["ctrl+w"] = function(self) erase(self, word_start(self) + 1, self.at) end,
  ["ctrl+left"] = function(self) self.at = word_start(self) end,
  ["ctrl+right"] = function(self) self.at = word_end(self) end,
  up = function(self) recall(self, (self.place or #self.history + 1) - 1) end,
  down = function(self) recall(self, (self.place or #self.history + 1) + 1) end,
}
actions["ctrl+a"], actions["ctrl+e"] = actions.home, actions["end"]
actions["ctrl+b"], actions["ctrl+f"] = actions.left, actions.right
actions["ctrl+p"], actions["ctrl+n"] = actions.up, actions.down
actions["ctrl+h"] = actions.backspace

--- Takes a key as perilune.terminal gives it.
---@param key string
---@return string? line When the key ended it.
---@return boolean? over The input is to end.
function Editor:take(key)
  if key == "enter" or key == "ctrl+j" then
    local line = table.concat(self.characters)
    set(self, {})
    self.place, self.draft = nil, nil
    return line
  elseif key == "ctrl+d" then
    if #self.characters == 0 then return nil, true end
    forward_delete(self)
  elseif actions[key] then
    actions[key](self)
  elseif #split(key) == 1 and not key:find "%c" then
    table.insert(self.characters, self.at + 1, key)
    self.at = self.at + 1
  end
end

--- Adds a line to the history, unless it is empty or the same as the last.
---@param line string
function Editor:remember(line)
  if self.limit == 0 or not line:find "%S" or line == self.history[#self.history] then return end
  table.insert(self.history, line)
  if #self.history > self.limit then table.remove(self.history, 1) end
end

--- The part of the line around the cursor that fits, and what leads the cursor there.
---@param before string In front of the line.
---@param columns integer Of the terminal.
---@return string
function Editor:draw(before, columns)
  local list = self.characters
  local plain = split((before:gsub("\27%[[%d;]*m", "")))
  local room = math.max(1, columns - 1 - widths(plain, 1, #plain))
  local from, to = 1, #list
  local front, back = widths(list, 1, self.at), widths(list, self.at + 1, to)
  while front > room do
    front, from = front - width(list[from]), from + 1
  end
  while front + back > room do
    back, to = back - width(list[to]), to - 1
  end
  local text = before .. table.concat(list, "", from, to)
  return back > 0 and ("%s\27[%dD"):format(text, back) or text
end

---@param limit integer Lines of history.
---@return perilune.internal.LineEditor
function line_editor.new(limit)
  return setmetatable({ characters = {}, at = 0, history = {}, limit = limit }, Editor)
end

return line_editor
