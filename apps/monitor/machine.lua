--- How busy this machine is, in whole percent, as Linux tells it in /proc.
local fs = require "perilune.fs"
local timer = require "perilune.timer"

local machine = {}

local Machine = {}
Machine.__index = Machine

--- Memory that programs could not have any more.
local function memory()
  local text, message = fs.read "/proc/meminfo"
  if not text then return nil, message end
  local total = tonumber(text:match "MemTotal:%s+(%d+)")
  local free = tonumber(text:match "MemAvailable:%s+(%d+)")
  if not total or not free then return nil, "/proc/meminfo has no MemAvailable" end
  return 100 * (total - free) / total
end

--- Ticks in which all cores together were busy, and all ticks, since the machine was started.
local function ticks()
  local text, message = fs.read "/proc/stat"
  if not text then return nil, message end
  local busy, all, column = 0, 0, 0
  for word in (text:match "^cpu ([^\n]*)" or ""):gmatch "%d+" do
    column = column + 1
    if column > 8 then break end -- guests are counted as users already
    all = all + tonumber(word)
    local is_idle = column == 4 or column == 5
    if not is_idle then busy = busy + tonumber(word) end
  end
  if all == 0 then return nil, "/proc/stat has no line of the cores" end
  return busy, all
end

--- Bytes that came and went, by all interfaces but the loopback, since the machine was started.
local function traffic()
  local text, message = fs.read "/proc/net/dev"
  if not text then return nil, message end
  local bytes = 0
  for name, line in text:gmatch "([^%s:]+):([^\n]*)" do
    local received, sent = line:match "^%s*(%d+)%s+%d+%s+%d+%s+%d+%s+%d+%s+%d+%s+%d+%s+%d+%s+(%d+)"
    if received and name ~= "lo" then bytes = bytes + tonumber(received) + tonumber(sent) end
  end
  return bytes
end

--- A counter may have gone back: an interface has left, or a core.
local function percent(part, whole)
  if whole <= 0 then return 0 end
  return math.floor(math.max(0, math.min(100, 100 * part / whole)) + 0.5)
end

--- The present values of { memory, cpu, network }; the last two since the call before, and 0 in the
--- first one. Waits.
---@return table? values
---@return string? message
function Machine:sample()
  local used, no_memory = memory()
  if not used then return nil, no_memory end
  local busy, all = ticks()
  if not busy then return nil, all end
  local bytes, no_traffic = traffic()
  if not bytes then return nil, no_traffic end
  local now, last = timer.now(), self.last
  self.last = { time = now, busy = busy, all = all, bytes = bytes }
  last = last or self.last
  return {
    memory = percent(used, 100),
    cpu = percent(busy - last.busy, all - last.all),
    network = percent(bytes - last.bytes, (now - last.time) * self.bytes_per_second),
  }
end

--- `link`: megabits per second that are 100 % of the network.
function machine.new(link) return setmetatable({ bytes_per_second = link * 1e6 / 8 }, Machine) end

--- Values that wander at random, for where there is no /proc, or nothing happens.
function machine.demo()
  math.randomseed(os.time())
  local values = { memory = 30, cpu = 55, network = 68 }
  return {
    sample = function()
      local copy = {}
      for name, value in pairs(values) do
        values[name] = math.max(0, math.min(100, value + math.random(-12, 12)))
        copy[name] = values[name]
      end
      return copy
    end,
  }
end

return machine
