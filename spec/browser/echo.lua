--- Says back what it hears; "close 4002 some reason" makes it close.
local server = require("perilune.server").new { port = tonumber(arg[1]) }

function server.OnMessage(conn, text)
  local code, reason = text:match "^close (%d+) ?(.*)$"
  if code then return conn:close(tonumber(code), reason) end
  conn:write(text)
end

function server.OnBinary(conn, bytes) conn:write_binary(bytes) end

assert(server:start())
