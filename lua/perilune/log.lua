--- Lines for the operator, on standard error.
---
---     log.info("%d people in %s", count, room)
local process = require "perilune.core.process"

local log = {}

local function writer(level)
  return function(format, ...)
    if not process.log_enabled(level) then return end
    if type(format) ~= "string" then
      error(("log.%s takes a format, got a %s"):format(level, type(format)), 2)
    end
    local text = select("#", ...) > 0 and format:format(...) or format
    process.log(level, text)
  end
end

--- Something failed and somebody has to look at it.
---@type fun(format: string, ...: any)
log.error = writer "error"

--- Something is wrong, but the program goes on as it should.
---@type fun(format: string, ...: any)
log.warn = writer "warn"

--- What an operator wants to see.
---@type fun(format: string, ...: any)
log.info = writer "info"

--- What only its developers want to see.
---@type fun(format: string, ...: any)
log.debug = writer "debug"

--- Sets the level below which nothing is written; the program's --log-level sets it at first.
---@param level "error"|"warn"|"info"|"debug"
function log.set_level(level) process.set_log_level(level) end

return log
