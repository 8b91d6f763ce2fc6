--- Work beside the conversation: "3 5" sleeps 3 s and 5 s at once and says when each has ended,
--- "stop" gives up. Two at most work for one connection.
local server = require("perilune.server").new { port = tonumber(arg[1]) or 8080 }
local task = require "perilune.task"
local timer = require "perilune.timer"

local function work(conn, seconds)
  conn.data.places:with(function()
    timer.sleep(seconds)
    conn:write(("%g is done"):format(seconds))
  end)
end

local function stop(conn)
  for job in pairs(conn.data.jobs) do
    job:cancel()
  end
  conn.data.jobs = {}
end

function server.OnConnect(conn) conn.data = { jobs = {}, places = task.semaphore(2) } end

function server.OnMessage(conn, text)
  if text == "stop" then
    stop(conn)
    return conn:write "stopped"
  end
  for number in text:gmatch "%d[%d.]*" do
    conn.data.jobs[task.start(work, conn, tonumber(number) or 0)] = true
  end
end

function server.OnDisconnect(conn) stop(conn) end

assert(server:start())
