--- A chat of lines for `nc 127.0.0.1 8080` and for WebSockets, on one port.
local server = require("perilune.server").new {
  port = tonumber(arg[1]) or 8080,
  end_of_frame = { bytes = "\n", strip = true },
}

local function say(conn, text)
  server:broadcast(("%s: %s\n"):format(conn.transport, text), { exclude = { conn.guid } })
end

function server.OnUnknownProtocol() return true end

function server.OnConnect(conn) say(conn, "is here") end

function server.OnBinary(conn, line) say(conn, line) end -- of TCP

function server.OnMessage(conn, text) say(conn, text) end -- of WebSockets

function server.OnDisconnect(conn) say(conn, "has gone") end

assert(server:start())
