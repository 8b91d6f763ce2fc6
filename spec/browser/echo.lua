--- Says back what it hears; "close 4002 some reason" makes it close, "type tick text" says "text"
--- as an event of the type "tick", "wait 0.5" makes it wait.
local timer = require "perilune.timer"
local server = require("perilune.server").new { port = tonumber(arg[1]) }

function server.OnMessage(conn, text)
  local code, reason = text:match "^close (%d+) ?(.*)$"
  if code then return conn:close(tonumber(code), reason) end
  local seconds = text:match "^wait ([%d.]+)$"
  if seconds then timer.sleep(tonumber(seconds)) end
  local type_of, told = text:match "^type (%S+) (.*)$"
  if type_of then return conn:write(told, { event = type_of }) end
  conn:write(text)
end

function server.OnBinary(conn, bytes) conn:write_binary(bytes) end

assert(server:start())
