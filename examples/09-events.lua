--- Listens to server-sent events: to a clock, which runs here so that there is something to hear.
-- The clock ends its stream after each third tick; the client comes back and goes on from there.
local server = require("perilune.server").new { port = tonumber(arg[1]) or 8080 }
local sse = require "perilune.sse"
local timer = require "perilune.timer"

function server.OnCommandGet(_, request, response)
  local tick = tonumber(request.headers["last-event-id"]) or 0
  response.content_type = "text/event-stream"
  response:write "retry: 200\n\n"
  for id = tick + 1, tick + 3 do
    timer.sleep(0.1)
    if not response:write(("id: %d\nevent: tick\ndata: %s\n\n"):format(id, os.date())) then
      return
    end
  end
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
