-- What one connection sends, all subscribers get: `perilune slow_consumers.lua PORT POLICY`.
local server = require("perilune.server").new {
  port = tonumber(arg[1]),
  slow_consumers = { channels = { { channel = "all", policy = arg[2] } } },
  metrics = true,
  limits = { connections_per_address = 2000, send_queue = 2 ^ 20 },
}

function server.OnConnect(conn)
  if conn.url ~= "/publish" then conn:subscribe "all" end
end

function server.OnBinary(_, bytes) server:broadcast_binary(bytes, "all") end

assert(server:start())
