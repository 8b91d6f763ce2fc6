--- Bytes on their way out: many small pieces are one write, and who brings too many waits.
local task = require "perilune.task"

local writer = {}

local WAITING = 2 ^ 18 -- bytes that wait to be written

local Writer = {}
Writer.__index = Writer

--- Writes what has collected, as long as there is any.
local function run(self)
  while self.size > 0 and not self.broken do
    local text = table.concat(self.pieces)
    self.pieces, self.size = {}, 0
    local ok, message, code = self.write(text)
    if not ok then
      self.broken = true
      self.failed(message, code)
    end
  end
  self.task = nil
end

--- Takes a piece; waits while there are too many. What comes behind a failure is dropped.
function Writer:add(text)
  if self.broken then return end
  self.pieces[#self.pieces + 1] = text
  self.size = self.size + #text
  self.task = self.task or task.start(run, self)
  if self.size > WAITING then self.task:wait() end
end

--- Waits until all is written.
function Writer:finish()
  while self.task and self.task.active do
    self.task:wait()
  end
end

---@param write fun(text: string): boolean?, string?, string?
---@param failed fun(message: string, code: string) Called once.
function writer.new(write, failed)
  return setmetatable({ write = write, failed = failed, pieces = {}, size = 0 }, Writer)
end

return writer
