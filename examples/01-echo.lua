--- Says back what it hears. Run it, then open http://127.0.0.1:8080/sgcWebSockets.html
local server = require("perilune.server").new { port = tonumber(arg[1]) or 8080 }
function server.OnMessage(conn, text) conn:write(text) end
function server.OnBinary(conn, bytes) conn:write_binary(bytes) end
assert(server:start())
