--- Our MQTT client and mosquitto, over TCP, TLS and WebSocket, with mosquitto's own clients.
local certificates = require "spec.support.certificates"
local clock = require "spec.support.clock"
local fixture = require "spec.support.fixture"
local mqtt = require "perilune.mqtt"
local peers = require "spec.support.peers"
local process = require "spec.support.process"

local CONFIG = [[
user root
allow_anonymous true
max_queued_messages 0
listener @PLAIN@ 127.0.0.1
listener @WS@ 127.0.0.1
protocol websockets
listener @TLS@ 127.0.0.1
certfile @FOLDER@/cert.pem
keyfile @FOLDER@/key.pem
]]

local function start(folder)
  return peers.start {
    ports = 3,
    argv = function(own, plain, ws, tls)
      local values = { PLAIN = plain, WS = ws, TLS = tls, FOLDER = folder }
      local config = CONFIG:gsub("@([A-Z]+)@", values)
      return { "mosquitto", "-c", own:write("mosquitto.conf", config) }
    end,
  }
end

describe("mosquitto:", function()
  local folder, broker, made

  before_each(function()
    made = {}
    folder = certificates.folder "127.0.0.1"
    broker = start(folder)
  end)

  after_each(function()
    for _, one in ipairs(made) do
      if one.active then one:stop() end
    end
    peers.clean()
    fixture.clean()
  end)

  local carriers = {
    TCP = function() return ("mqtt://127.0.0.1:%d"):format(broker.ports[1]) end,
    WebSocket = function() return ("ws://127.0.0.1:%d/mqtt"):format(broker.ports[2]) end,
    TLS = function() return ("mqtts://127.0.0.1:%d"):format(broker.ports[3]) end,
  }

  local function new(version, carrier, options)
    local complete = { version = version, url = carriers[carrier]() }
    if carrier == "TLS" then complete.tls = { root_cert_file = folder .. "/ca.pem" } end
    for name, value in pairs(options or {}) do
      complete[name] = value
    end
    local one = mqtt.client(complete)
    made[#made + 1] = one
    return one
  end

  local function connected(...)
    local one = new(...)
    assert(one:connect())
    return one
  end

  for _, version in ipairs { "3.1.1", "5.0" } do
    for carrier in pairs(carriers) do
      it(("%s over %s: messages of each QoS, both ways"):format(version, carrier), function()
        local one, got = connected(version, carrier), {}
        function one.OnMQTTPublish(_, topic, text, p)
          got[#got + 1] = ("%s=%d bytes, %d"):format(topic, #text, p.qos)
        end
        assert.is_true((one:subscribe_and_wait("t/#", 2)))
        -- mosquitto takes 4096 bytes of a WebSocket in a turn, and those last 0.1 s
        local large = ("x"):rep(carrier == "WebSocket" and 12000 or 300000)
        for qos = 0, 2 do
          assert.is_true((one:publish_and_wait("t/small", "\0\255", qos)))
          assert.is_true((one:publish_and_wait("t/large", large, qos)))
        end
        clock.wait_for(function() return #got == 6 end)
        assert.same({
          "t/small=2 bytes, 0",
          ("t/large=%d bytes, 0"):format(#large),
          "t/small=2 bytes, 1",
          ("t/large=%d bytes, 1"):format(#large),
          "t/small=2 bytes, 2",
          ("t/large=%d bytes, 2"):format(#large),
        }, got)
        assert.is_true((one:unsubscribe_and_wait "t/#"))
        one:publish_and_wait("t/small", "late", 2)
        assert.equal(6, #got)
        assert.is_true((one:disconnect()))
      end)
    end

    it(version .. ": a thousand messages of each QoS, in their order", function()
      local one, got = connected(version, "TCP"), {}
      function one.OnMQTTPublish(_, topic, text) table.insert(got, topic .. text) end
      assert.is_true((one:subscribe_and_wait("+", 2)))
      local wanted = {}
      for i = 1, 3000 do
        local qos = i % 2 + 1
        assert(one:publish("q" .. qos, tostring(i), qos))
        wanted[i] = ("q%d%d"):format(qos, i)
      end
      clock.wait_for(function() return #got == 3000 and one.pending == 0 end)
      table.sort(wanted)
      local sorted = { unpack(got) }
      table.sort(sorted)
      assert.same(wanted, sorted)
      local last = {}
      for _, word in ipairs(got) do -- ordered for each topic and QoS (4.6)
        local topic, number = word:sub(1, 2), tonumber(word:sub(3))
        assert.is_true(number > (last[topic] or 0))
        last[topic] = number
      end
    end)

    it(version .. ": sessions, retained messages and wills", function()
      local one = connected(version, "TCP", {
        client_identifier = "one",
        clean_session = false,
        connect_properties = version == "5.0" and { session_expiry_interval = 60 } or nil,
      })
      one:subscribe_and_wait("t", 1)
      one:disconnect()
      local will = { topic = "will", text = "gone", qos = 1 }
      local other = connected(version, "TCP", { last_will_testament = will })
      other:publish_and_wait("t", "while you were away", 1)
      other:publish_and_wait("kept", "for later", 1, true)
      local got = {}
      function one.OnMQTTPublish(_, topic, text, p)
        got[#got + 1] = ("%s=%s %s"):format(topic, text, p.retain and "retained" or "live")
      end
      assert.same({ true, true }, { one:connect() })
      one:subscribe_and_wait { "kept", "will" }
      clock.wait_for(function() return #got == 2 end)
      other.conn:disconnect()
      clock.wait_for(function() return #got == 3 end)
      assert.same(
        { "t=while you were away live", "kept=for later retained", "will=gone live" },
        got
      )
      one:publish_and_wait("kept", "", 1, true)
    end)

    it(version .. ": mosquitto_pub and mosquitto_sub", function()
      local one, got = connected(version, "TCP"), {}
      function one.OnMQTTPublish(_, topic, text) got[#got + 1] = topic .. "=" .. text end
      one:subscribe_and_wait("from/#", 2)
      local port, level = tostring(broker.port), version == "5.0" and "mqttv5" or "mqttv311"
      local base = { "-h", "127.0.0.1", "-p", port, "-V", level, "-q", "2" }
      one:publish_and_wait("to/1", "one", 1, true)
      one:publish_and_wait("to/2", "two", 2, true)
      local sub = process.run { "mosquitto_sub", "-t", "to/#", "-v", "-C", "2", unpack(base) }
      assert.equal(0, sub.code, sub.errors)
      assert.equal("to/1 one\nto/2 two\n", sub.output)
      local pub = process.run { "mosquitto_pub", "-t", "from/them", "-m", "hello", unpack(base) }
      assert.equal(0, pub.code, pub.errors)
      clock.wait_for(function() return #got == 1 end)
      assert.same({ "from/them=hello" }, got)
    end)
  end

  it("5.0: properties, aliases and requests", function()
    local options = { topic_aliases = 10, connect_properties = { topic_alias_maximum = 10 } }
    local one = connected("5.0", "TCP", options)
    local got = {}
    function one.OnMQTTPublish(_, topic, text, p) got[#got + 1] = { topic, text, p } end
    one:subscribe_and_wait({ filter = "a", qos = 1 }, nil, { subscription_identifier = 7 })
    local given = {
      content_type = "text/plain",
      message_expiry_interval = 60,
      payload_format_indicator = true,
      user_properties = { { "x", "1" }, { "x", "2" } },
    }
    one:publish_and_wait("a", "one", 1, false, given)
    one:publish_and_wait("a", "two", 1)
    clock.wait_for(function() return #got == 2 end)
    local p = got[1][3]
    assert.equal("text/plain", p.content_type)
    assert.equal(1, p.payload_format_indicator)
    assert.same({ { "x", "1" }, { "x", "2" } }, p.user_property_list)
    assert.same({ 7 }, p.subscription_identifiers)
    assert.equal("two", got[2][2])
    assert.equal("a", got[2][1])
    one:on("sum", function(_, _, text, ask)
      local a, b = text:match "(%d+) (%d+)"
      local answer = { correlation_data = ask.correlation_data }
      one:publish(ask.response_topic, tostring(a + b), 1, false, answer)
    end)
    one:subscribe_and_wait "sum"
    assert.equal("42", (one:request("sum", "40 2")))
  end)

  it("a broker that is killed and comes back", function()
    local one = connected("5.0", "TCP", { watchdog = { interval = 0.05 } })
    local connects = 0
    function one.OnMQTTConnect() connects = connects + 1 end
    local got = {}
    function one.OnMQTTPublish(_, _, text) got[#got + 1] = text end
    one:subscribe_and_wait("t", 1)
    broker.process:signal "KILL"
    clock.wait_for(function() return not one.connected end)
    assert.equal("buffered", select(2, one:publish("t", "while it is away", 1)))
    local config = broker.folder.path .. "/mosquitto.conf"
    local again = process.start { "mosquitto", "-c", config }
    clock.wait_for(function() return connects == 1 and #got == 1 end)
    assert.same({ "while it is away" }, got)
    one:disconnect()
    again:signal "TERM"
    again:wait()
  end)
end)
