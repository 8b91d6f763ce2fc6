--- Publishes what it is subscribed to: spec/bench/mqtt says how. Arguments: port, QoS, seconds.
local mqtt = require "perilune.mqtt"
local timer = require "perilune.timer"

local WINDOW, WARMUP, TOPIC, TEXT = 256, 1, "bench/t", ("x"):rep(100)
local port, qos, seconds = arg[1], tonumber(arg[2]), tonumber(arg[3])
local client = mqtt.client {
  url = "mqtt://127.0.0.1:" .. port,
  limits = { in_flight = WINDOW },
}
local received = 0

local function publish() assert(client:publish(TOPIC, TEXT, qos)) end

function client.OnMQTTPublish()
  received = received + 1
  publish()
end

assert(client:connect())
assert(client:subscribe_and_wait(TOPIC, qos))
for _ = 1, WINDOW do
  publish()
end
timer.sleep(WARMUP)
local before, cpu, started = received, os.clock(), timer.now()
timer.sleep(seconds)
local count, used, passed = received - before, os.clock() - cpu, timer.now() - started
print(("%.0f %.3f"):format(count / passed, used / count * 1e6))
os.exit(0)
