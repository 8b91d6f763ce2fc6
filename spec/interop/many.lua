--- A server for as many peers as there are descriptors. The text "all" goes to everybody; who says
--- "flood" is written to until it has to be buffered; "who" is answered with counts.
local json = require "perilune.json"
local shared = require "perilune.shared"
local worker = require "perilune.worker"
local server = require("perilune.server").new {
  port = 0,
  heartbeat = false,
  limits = { connections_per_address = 20000, send_queue = 2 * 1024 * 1024 },
}

local PAYLOAD = ("x"):rep(64 * 1024)

function server.OnConnect() shared.increment("worker " .. worker.id) end

function server.OnMessage(conn, text)
  if text == "all" then
    server:broadcast(text)
  elseif text == "flood" then
    local taken = 0
    repeat
      local _, buffered = conn:write(PAYLOAD)
      taken = taken + 1
    until buffered
    shared.set("flooded", taken)
  else
    conn:write(json.encode {
      count = server:count(),
      workers = { shared.get "worker 1" or 0, shared.get "worker 2" or 0 },
      flooded = shared.get "flooded" or 0,
    })
  end
end

assert(server:start())
print("worker " .. worker.id .. " serves")
