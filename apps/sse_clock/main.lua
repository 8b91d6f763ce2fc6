--- Clock: the server's time, every second, as server-sent events. README.md says more.
local settings = require("perilune.args").parse {
  name = "sse_clock",
  summary = "The server's time, every second, as server-sent events.",
  serves = true,
  {
    "retry",
    type = "number",
    default = 3,
    min = 0.1,
    max = 3600,
    value = "SECONDS",
    help = "After a break, pages come back in so long",
  },
}
local timer = require "perilune.timer"

local server = require("perilune.server").new {
  host = settings.host,
  port = settings.port,
  tls = settings.tls,
  document_root = "public",
  fallback = { server_sent_events = { retry = settings.retry } },
  limits = { body = 0, message = 1 }, -- nobody has anything to say here
}

--- The id of an event is its time: who comes back says what it has got last.
local function tell(send, now)
  return send(os.date("Server Time: %H:%M:%S", now), { id = ("%d"):format(now) })
end

function server.OnConnect(conn)
  local now, last = os.time(), tonumber(conn.last_event_id)
  if last and last < now then conn:write(("%d"):format(now - last), { event = "missed" }) end
  tell(function(...) return conn:write(...) end, now)
end

assert(server:start())
timer.every(1, function()
  tell(function(...) return server:broadcast(...) end, os.time())
end, { worker = 1 })
