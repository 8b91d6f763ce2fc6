--- A server for dashboard.test.mjs: says back what it hears; "slow" takes its time.
local log = require "perilune.log"
local server = require("perilune.server").new {
  port = tonumber(arg[1]) or 0,
  dashboard = { port = tonumber(arg[2]) or 0 },
}

function server.OnConnect(conn) conn:subscribe "lobby" end

function server.OnMessage(conn, text)
  if text == "slow" then
    local over = os.clock() + 0.1
    repeat
    until os.clock() > over
  elseif text == "log" then
    log.warn "<b>a line</b> of the log"
  end
  conn:write(text)
end

assert(server:start())
