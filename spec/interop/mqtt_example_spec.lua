--- examples/15-mqtt.lua on mosquitto, with mosquitto_pub and mosquitto_sub at the other side.
local peers = require "spec.support.peers"
local process = require "spec.support.process"

local PATIENCE = 30 -- seconds, on a machine that is busy
local TRIES = 20

local function start_broker()
  return peers.start {
    argv = function(own, port)
      local config = ("user root\nallow_anonymous true\nlistener %d 127.0.0.1\n"):format(port)
      return { "mosquitto", "-c", own:write("mosquitto.conf", config) }
    end,
  }
end

describe("examples/15-mqtt:", function()
  local port, run

  before_each(function()
    port = tostring(start_broker().port)
    run = process.perilune { "examples/15-mqtt.lua", "mqtt://127.0.0.1:" .. port }
    run:wait_output("connected as (%w+)\n", PATIENCE)
  end)
  after_each(peers.clean)

  --- Asks for a topic's retained message until it is this one: it may still be on its way.
  local function retains(topic, text)
    local argv = { "mosquitto_sub", "-p", port, "-t", topic, "-C", "1", "-W", "2", "-F", "%r %p" }
    local output = ""
    for _ = 1, TRIES do
      output = process.run(argv, { timeout = PATIENCE }).output
      if output == "1 " .. text .. "\n" then return end
    end
    error(("%s has %q, not %q"):format(topic, output, text), 2)
  end

  local function say(room, text)
    local topic = "home/" .. room .. "/temperature"
    local told = process.run { "mosquitto_pub", "-p", port, "-q", "1", "-t", topic, "-m", text }
    assert.equal(0, told.code, told.errors)
  end

  it("heats where it is cold, and says so retained", function()
    retains("home/thermostat", "here")
    say("kitchen", "18.5")
    run:wait_output("kitchen\t18.5\ton\n", PATIENCE)
    retains("home/kitchen/heat", "on")
    say("kitchen", "20")
    run:wait_output("kitchen\t20\toff\n", PATIENCE)
    retains("home/kitchen/heat", "off")
    run:signal "TERM"
    assert.equal(0, run:wait(), run.errors)
  end)

  it("leaves rooms that it does not have, and what is no temperature", function()
    say("cellar", "1")
    say("bedroom", "0x10")
    run:wait_output("bedroom says what is no temperature\n", PATIENCE)
    say("bedroom", "-3")
    run:wait_output("bedroom\t%-3\ton\n", PATIENCE)
    retains("home/bedroom/heat", "on")
    assert.is_nil(run.output:find("cellar", 1, true))
  end)

  it("is told of as lost when it is killed", function()
    run:kill()
    retains("home/thermostat", "lost")
  end)
end)
