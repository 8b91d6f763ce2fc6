--- A room an address: who is connected to ws://127.0.0.1:8080/tea hears the others at /tea.
local server = require("perilune.server").new { port = tonumber(arg[1]) or 8080 }

function server.OnConnect(conn) conn:subscribe(conn.url) end

function server.OnMessage(conn, text)
  server:broadcast(text, { channel = conn.url, exclude = { conn.guid } })
end

assert(server:start())
