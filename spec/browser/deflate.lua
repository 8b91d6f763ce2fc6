--- Says back what it hears, through permessage-deflate: "own" as the second argument lets every
--- connection have its own compression state.
local own = arg[2] == "own"
local server = require("perilune.server").new {
  port = tonumber(arg[1]),
  extensions = {
    permessage_deflate = {
      server_no_context_takeover = not own,
      client_no_context_takeover = not own,
    },
  },
}

function server.OnMessage(conn, text) conn:write(text) end

function server.OnBinary(conn, bytes) conn:write_binary(bytes) end

assert(server:start())
