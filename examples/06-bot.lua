--- A bot that stays connected: it answers "time", says what is wrong, and comes back when the
--- server or the network was away. perilune examples/06-bot.lua [ws://127.0.0.1:8080/]
local client = require("perilune.client").new {
  url = arg[1] or "ws://127.0.0.1:8080/",
  watchdog = { interval = 0.5, factor = 2, max_interval = 30, jitter = true },
  heartbeat = { interval = 20, timeout = 10 },
  keep_messages = true, -- what is said meanwhile is not lost
}
local timer = require "perilune.timer"

function client.OnConnect(conn)
  print("connected to " .. client.url)
  conn:write "the bot is here"
end

function client.OnMessage(conn, text)
  if text == "time" then conn:write(os.date "%H:%M:%S") end
end

function client.OnDisconnect(_, code, reason) print("lost the server:", code, reason) end

function client.OnError(_, message) print(message) end

function client.OnBeforeWatchDog(attempt) print("attempt " .. attempt) end

timer.every(60, function() client:write "still here" end)
assert(client:start())
