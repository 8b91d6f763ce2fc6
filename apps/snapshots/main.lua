--- Snapshots: a picture for everybody, every few seconds. README.md says more.
local moon = require "moon"
local settings = require("perilune.args").parse {
  name = "snapshots",
  summary = "Sends everybody a picture, every few seconds.",
  serves = true,
  {
    "interval",
    type = "number",
    default = 5,
    min = 0.1,
    max = 86400,
    value = "SECONDS",
    help = "From one picture to the next",
  },
}
local shared = require "perilune.shared"
local timer = require "perilune.timer"
local worker = require "perilune.worker"

local server = require("perilune.server").new {
  host = settings.host,
  port = settings.port,
  tls = settings.tls,
  document_root = "public",
  extensions = { permessage_deflate = {} },
  -- Who is slow misses pictures: some wait, then the connection ends. What clients send is nothing.
  limits = { message = 1024, send_queue = 2 * 1024 * 1024 },
}

--- Any but the one that is shown.
local function another(number)
  if not number then return math.random(moon.COUNT) end
  return (number - 1 + math.random(moon.COUNT - 1)) % moon.COUNT + 1
end

local function show()
  local number = shared.update("picture", another)
  server:broadcast_binary(moon.picture(number))
end

function server.OnConnect(conn)
  local number = shared.get "picture"
  if number then conn:write_binary(moon.picture(number)) end
end

math.randomseed(os.time())
assert(server:start())
if worker.id == 1 then show() end
timer.every(settings.interval, show, { worker = 1 })
