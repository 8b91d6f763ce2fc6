--- MQTT: a page that shows the topics of a broker as they change. README.md says more; client.lua
--- is for the terminal.
local json = require "perilune.json"
local mqtt = require "perilune.mqtt"
local settings = require("perilune.args").parse {
  name = "mqtt",
  summary = "A page that shows the topics of an MQTT broker as they change.",
  serves = true,
  {
    "broker",
    short = "b",
    default = "mqtt://127.0.0.1:1883",
    value = "URL",
    help = "mqtt://, mqtts://, ws:// or wss://",
  },
  { "topic", short = "t", many = true, value = "FILTER", help = "What is shown; default: #" },
  { "mqtt-version", default = "3.1.1", values = { "3.1.1", "5.0" }, help = "Of MQTT" },
  { "user", short = "u", value = "NAME[:PASSWORD]", help = "For the broker." },
  { "ca", type = "path", value = "FILE", help = "Authorities in place of the system's." },
  {
    "topics",
    type = "integer",
    default = 1000,
    min = 1,
    max = 100000,
    value = "N",
    help = "So many are kept; others are only counted",
  },
  { "publish", type = "boolean", help = "Pages may publish." },
}
local timer = require "perilune.timer"
local topics = require "topics"
local worker = require "perilune.worker"

local INTERVAL = 0.25 -- seconds from one look at what has changed to the next
local HERE = "worker " .. worker.id -- its pages; each worker has a client of its own
local FILTERS = #settings.topic > 0 and settings.topic or { "#" }

local server = require("perilune.server").new {
  host = settings.host,
  port = settings.port,
  tls = settings.tls,
  document_root = "public",
  extensions = { permessage_deflate = {} },
  limits = { message = 65536, send_queue = 16 * 1024 * 1024 },
}

local function login()
  if not settings.user then return nil end
  local name, password = settings.user:match "^([^:]*):?(.*)$"
  return { username = name, password = password ~= "" and password or nil }
end

local function refuse(message)
  io.stderr:write("mqtt: ", message, " (try --help)\n")
  os.exit(2)
end

local made, broker = pcall(mqtt.client, {
  url = settings.broker,
  version = settings.mqtt_version,
  authentication = login(),
  tls = settings.ca and { root_cert_file = settings.ca } or nil,
  watchdog = { interval = 1, factor = 2, max_interval = 30, jitter = true },
})
if not made then refuse((tostring(broker):gsub("^.-:%d+: ", ""))) end

local known = topics.new(settings.topics)
local state = { type = "broker", connected = false, message = "connecting" }

local function tell(message) server:broadcast(json.encode(message), HERE) end

local function set_state(connected, message)
  state.connected, state.message = connected, message
  tell(state)
end

function broker.OnMQTTConnect()
  broker:subscribe(FILTERS)
  set_state(true, settings.broker:gsub("//.*@", "//"))
end

function broker.OnMQTTSubscribe(_, _, codes)
  for i, code in ipairs(codes) do
    if code >= 128 then set_state(true, "the broker refuses " .. FILTERS[i]) end
  end
end

function broker.OnMQTTDisconnect(_, _, reason) set_state(false, reason) end

function broker.OnError(_, message) set_state(broker.connected, message) end

function broker.OnMQTTPublish(_, topic, text, properties) known:add(topic, text, properties) end

-- Pages.

--- Pages of others must not publish in the name of who visits them.
function server.OnHandshake(conn)
  local origin = conn.headers_request.origin
  if origin and origin:match "^https?://(.*)$" ~= conn.headers_request.host then return false end
end

function server.OnConnect(conn)
  conn:write(json.encode {
    type = "all",
    topics = known:all(),
    others = known.others,
    publish = settings.publish,
  })
  conn:write(json.encode(state))
  conn:subscribe(HERE)
end

--- Why a message cannot be published; nil: it can.
local function problem(message)
  if not settings.publish then return "this page is started without --publish" end
  if type(message.topic) ~= "string" or message.topic == "" or message.topic:find "[#+]" then
    return "a topic has no # and no +"
  elseif type(message.text) ~= "string" then
    return "the text is none"
  elseif message.qos ~= 0 and message.qos ~= 1 and message.qos ~= 2 then
    return "the QoS is 0, 1 or 2"
  end
end

local function publish(message)
  local why = problem(message)
  if why then return nil, why end
  if not broker.connected then return nil, "the broker is not there" end
  local retain = message.retain == true
  if message.qos == 0 then return broker:publish(message.topic, message.text, 0, retain) end
  return broker:publish_and_wait(message.topic, message.text, message.qos, retain)
end

function server.OnMessage(conn, text)
  local message = json.decode(text)
  if type(message) ~= "table" or message.type ~= "publish" then return end
  local id = type(message.id) == "number" and message.id or nil
  local done, why = publish(message)
  conn:write(json.encode { type = "published", id = id, error = not done and why or nil })
end

timer.every(INTERVAL, function()
  local list = known:take_changed()
  if list then tell { type = "topics", topics = list, others = known.others } end
end)

assert(server:start())
local started, why = broker:start()
if not started then refuse(why) end
