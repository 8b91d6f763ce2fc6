--- MQTT 3.1.1 and 5.0 over TCP, TLS and WebSocket.
---
---     local mqtt = require("perilune.mqtt").client { url = "mqtt://127.0.0.1" }
---     function mqtt.OnMQTTConnect() mqtt:subscribe("home/+/temperature", 1) end
---     function mqtt.OnMQTTPublish(conn, topic, text) print(topic, text) end
---     assert(mqtt:start())
local core = require "perilune.core.mqtt"
local mqtt_client = require "perilune.internal.mqtt_client"

local mqtt = {}

--- Makes a client. It does nothing until `mqtt:start()` or `mqtt:connect()`.
---@param given perilune.mqtt.client.Options
---@return perilune.mqtt.Client
function mqtt.client(given) return mqtt_client.new(given) end

local function check(what, text, version, is_name)
  if type(text) ~= "string" then
    error(("mqtt.matches takes a topic %s, got a %s"):format(what, type(text)), 3)
  end
  local wrong = core.check(text, version, is_name)
  if wrong then error(("mqtt.matches: %s: %s"):format(what, wrong), 3) end
end

--- Whether a topic filter takes in a topic name (MQTT 5.0 4.7); throws for what is none.
---@param filter string
---@param name string
---@return boolean
function mqtt.matches(filter, name)
  check("filter", filter, 5)
  check("name", name, 5, true)
  return core.matches(filter, name)
end

return mqtt
