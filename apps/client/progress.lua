--- How far a long transfer is, on standard error: a line that changes for somebody who looks.
local printer = require "printer"
local terminal = require "perilune.terminal"
local timer = require "perilune.timer"

local progress = {}

local FIRST = 1 -- seconds without which nobody asks how far it is

local function describe(verb, done, total, seconds)
  local rate = seconds > 0 and done / seconds or 0
  local share = ""
  if total and total > 0 then
    share = (" of %s (%d %%)"):format(printer.size(total), math.floor(100 * done / total))
  end
  return ("%s %s%s, %s/s"):format(verb, printer.size(done), share, printer.size(rate))
end

--- Shows what `look()` says (a verb, bytes so far, all bytes or nil) until stop(). `always`: also
--- when nobody looks, and of what is short.
---@param look fun(): string, number, number?
---@param always boolean
---@return fun() stop
function progress.show(look, always)
  local tty = terminal.is_tty "stderr"
  if not (tty or always) then
    return function() end
  end
  local began, shown = timer.now(), false
  local function draw(last)
    local seconds = timer.now() - began
    local verb, done, total = look()
    if done == 0 or not always and seconds < FIRST then return end
    shown = true
    local text = describe(verb, done, total, seconds)
    io.stderr:write(tty and "\r\27[K" or "", text, (last or not tty) and "\n" or "")
  end
  local ticking = timer.every(tty and 0.25 or 1, draw)
  return function()
    ticking:cancel()
    if shown or always then draw(true) end
  end
end

return progress
