local server = require("perilune.server").new { port = tonumber(arg[1]) or 0 }

function server.OnMessage(conn, text) conn:write(text) end

assert(server:start())
