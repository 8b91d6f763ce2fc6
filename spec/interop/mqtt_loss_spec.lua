--- Programs that publish and receive are killed in the middle of it, and nothing is lost, and of
--- QoS 2 nothing doubled: mosquitto is between them. PERILUNE_KILLS: how often; 5 by default.
local clock = require "spec.support.clock"
local fixture = require "spec.support.fixture"
local peers = require "spec.support.peers"
local process = require "spec.support.process"
local timer = require "perilune.timer"

local KILLS = tonumber(os.getenv "PERILUNE_KILLS") or 5

local CONFIG = [[
user root
allow_anonymous true
max_queued_messages 0
listener %d 127.0.0.1
]]

local CLIENT = [[
local mqtt = require "perilune.mqtt"
local url, version, folder = arg[1], arg[2], arg[3]
local function client(name)
  return mqtt.client {
    url = url,
    version = version,
    client_identifier = name,
    clean_session = false,
    connect_properties = version == "5.0" and { session_expiry_interval = 3600 } or nil,
    persistence = { file = folder .. "/" .. name, sync = false },
    watchdog = { interval = 0.1 },
  }
end
]]

-- Numbers what it publishes, and goes on behind what the session has taken already, until there is
-- a file "enough".
local PUBLISHER = CLIENT
  .. [[
local timer = require "perilune.timer"
local one = client "publisher"
assert(one:connect())
local i, enough = one.accepted, nil
while not enough do
  i = i + 1
  assert(one:publish("q" .. i % 2 + 1, tostring(i), i % 2 + 1))
  if i % 10 == 0 then
    timer.sleep(0.001)
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
assert(one:connect())
assert(one:subscribe_and_wait({ "q1", "q2" }, 2))
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
  return list
end

describe("nothing is lost", function()
  local broker

  before_each(function()
    broker = peers.start {
      argv = function(own, port)
        return { "mosquitto", "-c", own:write("mosquitto.conf", CONFIG:format(port)) }
      end,
    }
  end)

  after_each(function()
    process.kill_all()
    peers.clean()
    fixture.clean()
  end)

  for _, version in ipairs { "3.1.1", "5.0" } do
    it(("%s: publishers and receivers are killed"):format(version), function()
      local folder = fixture.folder()
      local url = ("mqtt://127.0.0.1:%d"):format(broker.port)
      local scripts = { publisher = fixture.script(PUBLISHER), receiver = fixture.script(RECEIVER) }
      local running = {}
      local function start(name)
        local run = { scripts[name], url, version, folder.path }
        running[name] = process.perilune(run, { env = { PERILUNE_SLOW_HANDLER = "0" } })
      end
      start "receiver"
      running.receiver:wait_output "ready"
      start "publisher"
      for i = 1, KILLS do
        for _, name in ipairs { "publisher", "receiver" } do
          local before = count_received(folder.path)
          clock.wait_for(function() return count_received(folder.path) > before end)
          timer.sleep(i % 7 * 0.004)
          assert.is_nil(running[name]:poll(), running[name].errors)
          running[name]:kill()
          start(name)
        end
      end
      folder:write("enough", "")
      local total = tonumber(running.publisher:wait_output("published (%d+)", 60))
      clock.wait_for(function() return count_received(folder.path) == total end, 60)
      assert.same({}, faults(folder.path, total))
    end)
  end
end)
