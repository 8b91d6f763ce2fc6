--- Listens to server-sent events: to a clock, which runs here so that there is something to hear.
-- The clock closes each stream after its third tick; the client comes back and goes on from there.
local server = require("perilune.server").new { port = tonumber(arg[1]) or 8080 }
local sse = require "perilune.sse"
local timer = require "perilune.timer"

function server.OnConnect(conn)
  local tick = tonumber(conn.last_event_id) or 0
  for id = tick + 1, tick + 3 do
    timer.sleep(0.1)
    if not conn:write(os.date(), { id = tostring(id), event = "tick", retry = 0.2 }) then return end
  end
  conn:close()
end

assert(server:start())

local client = sse.client {
  url = ("http://127.0.0.1:%d/clock"):format(server.port),
  idle_timeout = 60,
  watchdog = { jitter = true, statuses = { 502, 503, 504 } },
}

function client.OnMessage(_, text, event, id) print(id, event, text) end

function client.OnDisconnect(_, message) print(message) end

function client.OnError(_, message) print("no events: " .. message) end

client:start()
