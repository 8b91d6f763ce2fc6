--- What an operator wants to know: /metrics with numbers of the script's own, /healthz, /readyz,
--- and the dashboard, whose address is in the log.
local metrics = require "perilune.metrics"
local server = require("perilune.server").new {
  port = tonumber(arg[1]) or 8080,
  metrics = true,
  dashboard = { port = tonumber(arg[2]) or 0 },
  watchdog = { interval = 60, monitor = { timeout = 10 } },
}

local words = metrics.counter { name = "words_total", help = "Words that were said." }
local lengths = metrics.histogram { name = "message_words", buckets = { 1, 3, 10, 30, 100 } }

function server.OnMessage(_, text)
  local _, count = text:gsub("%S+", "")
  words:add(count)
  lengths:observe(count)
  server:broadcast(text)
end

assert(server:start())
