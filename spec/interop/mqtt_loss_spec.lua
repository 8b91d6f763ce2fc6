--- Programs that publish and receive, and the broker between them, are killed in the middle of it:
--- nothing is lost, and of QoS 2 nothing doubled. PERILUNE_KILLS: how often; 5 by default.
local brokers = require "spec.interop.mqtt_brokers"
local certificates = require "spec.support.certificates"
local clock = require "spec.support.clock"
local fixture = require "spec.support.fixture"
local peers = require "spec.support.peers"
local process = require "spec.support.process"
local timer = require "perilune.timer"

local KILLS = tonumber(os.getenv "PERILUNE_KILLS") or 5
local RABBITMQ_KILLS = tonumber(os.getenv "PERILUNE_KILLS") or 1

local SHOWN = 20 -- of what is wrong

local CONFIG = [[
user root
allow_anonymous true
max_queued_messages 0
listener %d 127.0.0.1
]]

local CLIENT = [[
local mqtt = require "perilune.mqtt"
local timer = require "perilune.timer"
local url, version, folder, qos = arg[1], arg[2], arg[3], tonumber(arg[4])
local function client(name)
  return mqtt.client {
    url = url,
    version = version,
    client_identifier = name,
    clean_session = false,
    connect_properties = version == "5.0" and { session_expiry_interval = 3600 } or nil,
    persistence = arg[5] == "file" and { file = folder .. "/" .. name, sync = false } or nil,
    watchdog = { interval = 0.1 },
  }
end
local function connect(one)
  while not one:connect() do -- its broker may be on its way
    timer.sleep(0.05)
  end
end
]]

-- Numbers what it publishes, and goes on behind what the session has taken already, until there is
-- a file "enough".
local PUBLISHER = CLIENT
  .. [[
local one = client "publisher"
connect(one)
local i, enough = one.accepted, nil
while not enough do
  i = i + 1
  local each = qos == 2 and i % 2 + 1 or 1
  assert(one:publish("q" .. each, tostring(i), each))
  if i % 10 == 0 then
    repeat
      timer.sleep(0.001)
    until one.pending < 5000
    enough = io.open(folder .. "/enough")
  end
end
while one.pending > 0 do
  timer.sleep(0.01)
end
one:disconnect()
print("published " .. i)
]]

-- Writes a line for each message, which the system has when the handler returns.
local RECEIVER = CLIENT
  .. [[
local file = assert(io.open(folder .. "/received", "a"))
local one = client "receiver"
function one.OnMQTTPublish(_, topic, text, properties)
  file:write(topic, " ", text, properties.duplicate and " again" or " new", "\n")
  file:flush()
end
connect(one)
while not one:subscribe_and_wait({ "q1", "q2" }, qos) do -- the broker went meanwhile
  timer.sleep(0.05)
end
print "ready"
]]

--- What has been received, in its order: topic, number, "new" or "again"; a line that a kill has
--- torn is none.
local function lines_of(folder)
  local list = {}
  local file = io.open(folder .. "/received")
  if not file then return list end
  for topic, number, kind in file:read("*a"):gmatch "(q%d) (%d+) (%l+)\n" do
    list[#list + 1] = { topic = topic, number = tonumber(number), kind = kind }
  end
  file:close()
  return list
end

local function count_received(folder)
  local seen, count = {}, 0
  for _, line in ipairs(lines_of(folder)) do
    if not seen[line.number] then count = count + 1 end
    seen[line.number] = true
  end
  return count
end

--- What is wrong with what was received. A message whose handler was cut off comes again, and says
--- so; nothing else of QoS 2 comes twice.
local function faults(folder, total)
  local seen, list = {}, {}
  for _, line in ipairs(lines_of(folder)) do
    local doubled = seen[line.number] and line.kind == "new" and line.topic == "q2"
    if doubled then list[#list + 1] = "doubled: " .. line.number end
    seen[line.number] = true
  end
  for i = 1, total do
    if not seen[i] then list[#list + 1] = "lost: " .. i end
  end
  list[SHOWN + 1] = list[SHOWN + 1] and ("and %d more"):format(#list - SHOWN)
  return { unpack(list, 1, SHOWN + 1) }
end

local function start_mosquitto()
  return peers.start {
    argv = function(own, port)
      return { "mosquitto", "-c", own:write("mosquitto.conf", CONFIG:format(port)) }
    end,
  }
end

--- One that saves what it acknowledges before it does: mosquitto would lose what it had
--- acknowledged since it saved last.
local function start_durable()
  local argv
  local broker = peers.start {
    argv = function(own, port)
      local file = own.path .. "/broker.db"
      argv = { "node", "spec/interop/durable_broker.mjs", tostring(port), file }
      return argv
    end,
  }
  broker.again = function() broker.process = process.start(argv) end
  return broker
end

describe("nothing is lost", function()
  after_each(function()
    process.kill_all()
    peers.clean()
    fixture.clean()
  end)

  --- Kills each of the victims in turn, while messages come, and starts it again.
  local function run(broker, version, victims, options)
    local folder = fixture.folder()
    local url = ("mqtt://127.0.0.1:%d"):format(broker.port)
    local scripts = {
      publisher = fixture.script(PUBLISHER),
      receiver = fixture.script(RECEIVER),
    }
    local running = {}
    local function start(name)
      local kept = options.kept or "file"
      local argv = { scripts[name], url, version, folder.path, options.qos or "2", kept }
      running[name] = process.perilune(argv, { env = { PERILUNE_SLOW_HANDLER = "0" } })
    end
    local function kill(name)
      if name == "broker" then
        assert.is_nil(broker.process:poll(), broker.process.errors)
        broker.process:kill()
        return broker.again()
      end
      assert.is_nil(running[name]:poll(), running[name].errors)
      running[name]:kill()
      start(name)
    end
    start "receiver"
    running.receiver:wait_output("ready", options.patience)
    start "publisher"
    for i = 1, options.kills or KILLS do
      for _, name in ipairs(victims) do
        local before = count_received(folder.path)
        local ok = clock.try(function()
          for _, each in pairs(running) do
            assert.is_nil(each:poll(), each.errors)
            each:read() -- a program whose log nobody reads stands still
          end
          -- epmd may not have noticed yet that the former node has gone.
          if options.patience and broker.process:poll() then broker.again() end
          return count_received(folder.path) > before
        end, options.patience)
        if not ok then
          local said = broker:log()
          for who, each in pairs(running) do
            each:read()
            said = said .. ("\n%s, which runs: %s"):format(who, each.errors:sub(-2000))
          end
          error(("after %d kills nothing comes any more; broker: %s"):format(i - 1, said))
        end
        timer.sleep(i % 7 * 0.004)
        kill(name)
      end
    end
    folder:write("enough", "")
    local total = tonumber(running.publisher:wait_output("published (%d+)", 60))
    clock.try(function() return count_received(folder.path) == total end, 60)
    assert.same({}, faults(folder.path, total))
  end

  for _, version in ipairs { "3.1.1", "5.0" } do
    it(
      version .. ": publishers and receivers are killed, beside mosquitto",
      function() run(start_mosquitto(), version, { "publisher", "receiver" }, {}) end
    )

    it(
      version .. ": a broker is killed, and its clients go on",
      function() run(start_durable(), version, { "broker" }, {}) end
    )

    it(
      version .. ": a broker is killed, and clients that keep their session in memory go on",
      function() run(start_durable(), version, { "broker" }, { kept = "memory" }) end
    )

    it(version .. ": a broker and its clients are killed by turns", function()
      local victims = { "broker", "publisher", "broker", "receiver" }
      run(start_durable(), version, victims, {})
    end)
  end

  -- It knows QoS 1 alone, and takes some seconds to start.
  it("3.1.1: RabbitMQ is killed, and its clients go on", function()
    local broker = brokers.rabbitmq.start(certificates.folder())
    run(broker, "3.1.1", { "broker" }, { qos = "1", patience = 120, kills = RABBITMQ_KILLS })
  end)
end)
