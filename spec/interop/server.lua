--- An echo for foreign clients, which also does what it is told: "!close 4001 why", "!ping",
--- "!fragments 3 text".
local server = require("perilune.server").new {
  port = 0,
  protocols = { "echo", "chat" },
  limits = { message = 4 * 1024 * 1024 },
}

local commands = {}

function commands.close(conn, rest)
  local code, reason = rest:match "^(%d+) ?(.*)$"
  conn:close(tonumber(code), reason)
end

function commands.ping(conn) conn:write(conn:ping(5) and "pong" or "no pong") end

function commands.fragments(conn, rest)
  local size, text = rest:match "^(%d+) (.*)$"
  conn:write(text, tonumber(size))
end

function server.OnMessage(conn, text)
  local name, rest = text:match "^!(%a+) ?(.*)$"
  if name then
    commands[name](conn, rest)
  else
    conn:write(text)
  end
end

function server.OnBinary(conn, bytes) conn:write_binary(bytes) end

assert(server:start())
