--- Time for specs, and waiting until something has come true.
local ffi = require "ffi"
local timer = require "perilune.timer"

ffi.cdef [[ int clock_gettime(int clock, long *seconds_and_nanoseconds); ]]

local MONOTONIC = 1

local clock = {
  PATIENCE = 20, -- seconds, for what should come at once, on a machine that is busy
}

--- Seconds that only go forward.
function clock.now()
  local time = ffi.new "long[2]"
  ffi.C.clock_gettime(MONOTONIC, time)
  return tonumber(time[0]) + tonumber(time[1]) / 1e9
end

--- Calls f until it returns something true, and returns that; nil after `timeout` seconds.
function clock.try(f, timeout)
  local deadline = clock.now() + (timeout or clock.PATIENCE)
  while true do
    local result = f()
    if result then return result end
    if clock.now() > deadline then return nil end
    timer.sleep(0.001)
  end
end

--- As clock.try; throws when f stays false.
function clock.wait_for(f, timeout)
  local result = clock.try(f, timeout)
  if not result then error("this did not come true in time", 2) end
  return result
end

return clock
