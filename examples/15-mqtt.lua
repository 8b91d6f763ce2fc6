--- A thermostat by MQTT: it hears its rooms' temperatures and says, retained, where to heat; its
--- will tells when it was lost. perilune examples/15-mqtt.lua [mqtt://127.0.0.1:1883]
local WANTED = 20 -- degrees
local STATE = "home/thermostat"

local client = require("perilune.mqtt").client {
  url = arg[1] or "mqtt://127.0.0.1:1883",
  last_will_testament = { topic = STATE, text = "lost", qos = 1, retain = true },
  watchdog = { interval = 0.5, factor = 2, max_interval = 30, jitter = true },
}
local heats = { kitchen = "unknown", bedroom = "unknown" }

function client.OnMQTTConnect()
  client:subscribe("home/+/temperature", 1)
  client:publish(STATE, "here", 1, true)
  print("connected as " .. client.client_identifier)
end

client:on("home/+/temperature", function(_, topic, text)
  local room = topic:match "^home/(.*)/temperature$"
  if not heats[room] then return end
  local degrees = tonumber(text:match "^%-?%d+%.?%d*$")
  if not degrees then return print(room .. " says what is no temperature") end
  local heat = degrees < WANTED and "on" or "off"
  if heats[room] == heat then return end
  heats[room] = heat
  print(room, degrees, heat)
  client:publish("home/" .. room .. "/heat", heat, 1, true)
end)

function client.OnMQTTDisconnect(_, _, reason) print("lost the broker:", reason) end

function client.OnError(_, message) print(message) end

assert(client:start())
