--- How far a transfer is, on standard error: a line that changes for somebody who looks.
local printer = require "printer"
local terminal = require "perilune.terminal"
local timer = require "perilune.timer"

local progress = {}

local FIRST = 1 -- seconds without which nobody asks how far it is

local Progress = {}
Progress.__index = Progress

--- Since the first bytes of this direction, until now or until they were all there.
local function pace(self, way, bytes, done)
  local known = self.ways[way]
  local now = timer.now()
  if bytes == 0 then
    known.began = now
  elseif not (done and known.ended) then
    known.ended = now
  end
  return known.ended and known.ended - known.began or 0
end

local function rate_of(bytes, seconds)
  return printer.size(seconds > 0 and bytes / seconds or 0) .. "/s"
end

--- "sent 3.1 MiB of 9.0 MiB (34 %), 1.1 MiB/s, 6 s left"
local function sent_text(sent, total, seconds)
  local rate = rate_of(sent, seconds)
  if not total then return ("sent %s, %s"):format(printer.size(sent), rate) end
  local share = total > 0 and math.floor(100 * sent / total) or 100
  local text = ("sent %s of %s (%d %%), %s"):format(
    printer.size(sent),
    printer.size(total),
    share,
    rate
  )
  if sent >= total or sent == 0 then return text end
  return ("%s, %d s left"):format(text, math.ceil((total - sent) / (sent / seconds)))
end

local function describe(self, sent, total, received)
  local parts = {}
  local seconds = pace(self, "sent", sent, total and sent >= total)
  if sent > 0 or total then parts[1] = sent_text(sent, total, seconds) end
  seconds = pace(self, "received", received)
  if received > 0 or not parts[1] then
    parts[#parts + 1] = ("received %s, %s"):format(
      printer.size(received),
      rate_of(received, seconds)
    )
  end
  return table.concat(parts, "; ")
end

function Progress:draw(last)
  local sent, total, received = self.look()
  local text = describe(self, sent, total, received)
  local long = timer.now() - self.began >= FIRST and sent + received > 0
  if not (last or self.always or long) then return end
  io.stderr:write(self.tty and "\r\27[K" or "", text, (last or not self.tty) and "\n" or "")
  self.drawn = self.tty and not last
  self.shown = true
end

--- Takes the line away, so that something else can be written there.
function Progress:clear()
  if not self.drawn then return end
  self.drawn = false
  io.stderr:write "\r\27[K"
end

function Progress:stop()
  if not self.ticking then return end
  self.ticking:cancel()
  if self.shown or self.always then self:draw(true) end
end

--- Shows what `look()` says until stop(): bytes sent, all that are to be sent, bytes received.
--- `always`: also when nobody looks, and of what is short.
---@param look fun(): number, number?, number
---@param wanted boolean Somebody who looks wants to see it.
---@param always boolean
function progress.new(look, wanted, always)
  local self = setmetatable({ look = look, always = always }, Progress)
  self.tty = terminal.is_tty "stderr"
  if not (always or wanted and self.tty) then return self end
  self.began = timer.now()
  self.ways = { sent = { began = self.began }, received = { began = self.began } }
  self.ticking = timer.every(self.tty and 0.25 or 1, function() self:draw(false) end)
  return self
end

return progress
