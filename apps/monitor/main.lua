--- Monitor: memory, cores and network of this machine, live. README.md describes the messages.
local json = require "perilune.json"
local log = require "perilune.log"
local machine = require "machine"
local settings = require("perilune.args").parse {
  name = "monitor",
  summary = "Memory, cores and network of this machine, live in browsers.",
  serves = true,
  { "demo", type = "boolean", help = "Values at random." },
  {
    "link",
    type = "number",
    default = 1000,
    min = 0.001,
    max = 1e6,
    value = "MBIT",
    help = "Per second: what is 100 % of the network",
  },
}
local shared = require "perilune.shared"
local timer = require "perilune.timer"

local INTERVAL = 0.5
local KEPT = 240 -- samples of the history: two minutes
local CHANNELS = { memory = true, cpu = true, network = true }

local server = require("perilune.server").new {
  host = settings.host,
  port = settings.port,
  tls = settings.tls,
  document_root = "public",
  limits = { message = 4096, channels_per_connection = 3 },
}
local sgc = require("perilune.sgc").server { server = server }
local source = settings.demo and machine.demo() or machine.new(settings.link)

function sgc.OnSubscribe(_, channel) return CHANNELS[channel] == true end

function sgc.OnPublish() return false end -- the values are ours alone

local function no_history() return { interval = INTERVAL, samples = json.array {} } end

function sgc.OnRPC(_, method)
  if method == "history" then return shared.get "history" or no_history() end
  return nil, "there is no such method", -32601
end

local function keep(values)
  return shared.update("history", function(history)
    history = history or no_history()
    table.insert(history.samples, { values.memory, values.cpu, values.network })
    if #history.samples > KEPT then table.remove(history.samples, 1) end
    return history
  end)
end

local failing = false
local function tick()
  local values, message = source:sample()
  if not values then
    if not failing then log.error("monitor: " .. message) end
    failing = true
    return
  end
  failing = false
  keep(values)
  for channel in pairs(CHANNELS) do
    server:broadcast(tostring(values[channel]), channel)
  end
end

local able, why = source:sample()
if not able then
  io.stderr:write("monitor: ", why, " (--demo shows values at random)\n")
  os.exit(1)
end
assert(server:start())
timer.every(INTERVAL, tick, { worker = 1 })
