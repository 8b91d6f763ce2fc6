--- Our MQTT client and brokers that we did not write: what each of them has, over each of its ways.
local brokers = require "spec.interop.mqtt_brokers"
local certificates = require "spec.support.certificates"
local clock = require "spec.support.clock"
local mqtt = require "perilune.mqtt"
local peers = require "spec.support.peers"
local timer = require "perilune.timer"

local TIMEOUT = 60 -- seconds, for a broker that begins

local function tests(name, kind)
  local folder, broker, made

  setup(function()
    folder = certificates.folder "127.0.0.1"
    broker = kind.start(folder)
    if name == "ejabberd" then broker.process:wait_output("(listening)", TIMEOUT) end
  end)
  teardown(peers.clean)
  before_each(function() made = {} end)
  after_each(function()
    for _, one in ipairs(made) do
      if one.active then one:stop() end
    end
  end)

  local function new(version, carrier, more)
    local one = mqtt.client(brokers.options(kind, broker, folder, version, carrier, more))
    made[#made + 1] = one
    return one
  end

  local function connected(...)
    local one = new(...)
    assert(one:connect(TIMEOUT))
    return one
  end

  --- What it receives: "topic=text".
  local function heard(one)
    local got = {}
    function one.OnMQTTPublish(_, topic, text, p)
      got[#got + 1] = topic .. "=" .. text
      got.properties = p
    end
    return got
  end

  local function wait_count(got, count)
    clock.wait_for(function() return #got >= count end)
  end

  --- A round trip over the broker: what was sent before has been delivered.
  local function flush(one, got)
    local n = #got
    assert(one:publish_and_wait("flush", "end", 1))
    clock.wait_for(function() return #got > n and got[#got]:match "^flush" end)
    table.remove(got)
  end

  for _, version in ipairs(kind.versions) do
    local five = version == "5.0"

    for _, carrier in ipairs { "TCP", "TLS", "WebSocket" } do
      it(("%s over %s: messages of each QoS, both ways"):format(version, carrier), function()
        local one, got, wanted = connected(version, carrier), {}, {}
        function one.OnMQTTPublish(_, topic, text, p)
          got[#got + 1] = ("%s %d %s"):format(topic, p.qos, text)
        end
        assert(one:subscribe_and_wait("t/#", kind.qos))
        local large = ("x"):rep(carrier == "WebSocket" and kind.piece or 200000)
        for qos = 0, kind.qos do
          assert(one:publish_and_wait("t/small", "\0\255", qos, false, nil, 30))
          wanted[#wanted + 1] = ("t/small %d \0\255"):format(qos)
          wait_count(got, #wanted)
          assert(one:publish_and_wait("t/large", large, qos, false, nil, 30))
          wanted[#wanted + 1] = ("t/large %d %s"):format(qos, large)
          wait_count(got, #wanted)
        end
        assert.is_true(#got == #wanted)
        for i, word in ipairs(wanted) do
          assert.is_true(got[i] == word, "message " .. i)
        end
        assert(one:unsubscribe_and_wait "t/#")
        assert(one:subscribe_and_wait("flush", 1))
        one:publish_and_wait("t/small", "late", 1)
        flush(one, got)
        assert.equal(#wanted, #got)
        assert.is_true((one:disconnect()))
      end)
    end

    it(version .. ": who may come in", function()
      if kind.anonymous then connected(version, "TCP", { authentication = false }) end
      local login = { username = kind.user, password = "wrong" }
      local one = new(version, "TCP", { authentication = login })
      local done, _, code = one:connect(TIMEOUT)
      assert.is_nil(done)
      if five then
        assert.is_true(code == 134 or code == 135, tostring(code))
      else
        assert.is_true(code == 4 or code == 5, tostring(code))
      end
      assert.is_nil(one.connected or nil)
    end)

    it(version .. ": retained messages", function()
      local kept = "kept/" .. version:sub(1, 1) -- RabbitMQ turns a dot into a slash
      local one = connected(version, "TCP")
      assert(one:publish_and_wait(kept, "for later", 1, true))
      local two = connected(version, "TCP")
      local got = heard(two)
      assert(two:subscribe_and_wait(kept, 1))
      wait_count(got, 1)
      assert.same({ kept .. "=for later" }, { got[1] })
      assert.is_true(got.properties.retain)
      assert(one:publish_and_wait(kept, "", 1, true))
      wait_count(got, 2)
      local three = connected(version, "TCP")
      local later = heard(three)
      assert(three:subscribe_and_wait({ kept, "flush" }, 1))
      flush(three, later)
      assert.same(0, #later)
    end)

    it(version .. ": wills", function()
      local one = connected(version, "TCP")
      local got = heard(one)
      assert(one:subscribe_and_wait({ "will", "flush" }, 1))
      local will = { topic = "will", text = "gone", qos = 1 }
      connected(version, "TCP", { last_will_testament = will }).conn:disconnect()
      wait_count(got, 1)
      connected(version, "TCP", { last_will_testament = will }):disconnect()
      flush(one, got)
      assert.same({ "will=gone" }, { unpack(got) })
      if not five then return end
      connected(version, "TCP", { last_will_testament = will }):disconnect(4)
      wait_count(got, 2)
      local from = clock.now()
      will.properties = { will_delay_interval = 1 }
      local other = connected(version, "TCP", {
        last_will_testament = will,
        client_identifier = "delayed",
        connect_properties = { session_expiry_interval = 60 },
      })
      other.conn:disconnect()
      wait_count(got, 3)
      assert.is_true(clock.now() - from >= 0.9)
    end)

    it(version .. ": a session goes on", function()
      local options = { client_identifier = "s" .. version:sub(1, 1), clean_session = false }
      if five then options.connect_properties = { session_expiry_interval = 60 } end
      local one = new(version, "TCP", options)
      local got = heard(one)
      assert.same({ true, false }, { one:connect(TIMEOUT) })
      assert(one:subscribe_and_wait("away/#", kind.qos))
      assert(one:disconnect())
      local other = connected(version, "TCP")
      local wanted = {}
      for qos = 1, kind.qos do
        assert(other:publish_and_wait("away/" .. qos, "text", qos))
        wanted[qos] = ("away/%d=text"):format(qos)
      end
      assert.same({ true, true }, { one:connect(TIMEOUT) })
      wait_count(got, kind.qos)
      table.sort(got) -- only those of a topic have an order (4.6)
      assert.same(wanted, { unpack(got) })
      assert(one:disconnect())
      options.clean_session = true
      options.connect_properties = nil
      assert.same({ true, false }, { new(version, "TCP", options):connect(TIMEOUT) })
    end)

    it(version .. ": many messages, in their order", function()
      local one, got = connected(version, "TCP"), {}
      function one.OnMQTTPublish(_, topic, text)
        got[topic] = got[topic] or {}
        table.insert(got[topic], tonumber(text))
      end
      assert(one:subscribe_and_wait("many/+", kind.qos))
      local wanted = {}
      for i = 1, 300 do
        wanted[i] = i
        for qos = 1, kind.qos do
          assert(one:publish("many/" .. qos, tostring(i), qos))
        end
      end
      for qos = 1, kind.qos do
        local topic = "many/" .. qos
        clock.wait_for(function() return got[topic] and #got[topic] >= 300 end)
      end
      clock.wait_for(function() return one.pending == 0 end)
      for qos = 1, kind.qos do
        assert.same(wanted, got["many/" .. qos])
      end
    end)

    it(version .. ": keep-alive", function()
      local one = connected(version, "TCP", { keep_alive = 1 })
      local pings = 0
      function one.OnMQTTPing() pings = pings + 1 end
      clock.wait_for(function() return pings == 3 end)
      assert.is_true(one.connected)
    end)

    if five then
      it("5.0: properties and requests", function()
        local one = connected("5.0", "TCP")
        local got = heard(one)
        assert(one:subscribe_and_wait("props", 1))
        assert(one:publish_and_wait("props", "text", 1, false, {
          content_type = "text/plain",
          message_expiry_interval = 60,
          payload_format_indicator = true,
          correlation_data = "\0\1",
          response_topic = "answer",
          user_properties = { { "x", "1" }, { "x", "2" } },
        }))
        wait_count(got, 1)
        local p = got.properties
        assert.equal("text/plain", p.content_type)
        assert.equal("\0\1", p.correlation_data)
        assert.equal("answer", p.response_topic)
        assert.equal(1, p.payload_format_indicator)
        assert.is_true(p.message_expiry_interval <= 60)
        assert.same({ { "x", "1" }, { "x", "2" } }, p.user_property_list)
        one:on("sum", function(_, _, text, ask)
          local answer = { correlation_data = ask.correlation_data }
          one:publish(ask.response_topic, text .. "!", 1, false, answer)
        end)
        assert(one:subscribe_and_wait "sum")
        assert.equal("42!", (one:request("sum", "42")))
      end)

      it("5.0: topic aliases, both ways", function()
        local more = { topic_aliases = 5, connect_properties = { topic_alias_maximum = 5 } }
        local one = connected("5.0", "TCP", more)
        local got, wanted = heard(one), {}
        assert(one:subscribe_and_wait("alias/#", 1))
        for i = 1, 30 do
          assert(one:publish_and_wait("alias/" .. i % 8, tostring(i), 1))
          wanted[i] = ("alias/%d=%d"):format(i % 8, i)
        end
        wait_count(got, 30)
        assert.same(wanted, { unpack(got) })
      end)

      if kind.receive_maximum then
        it("5.0: receive maximum: not more than so many at a time", function()
          local one = connected("5.0", "TCP", { connect_properties = { receive_maximum = 2 } })
          local other = connected("5.0", "TCP")
          local inside, most, count = 0, 0, 0
          function one.OnMQTTPublish()
            inside = inside + 1
            most = math.max(most, inside)
            timer.sleep(0.01)
            inside, count = inside - 1, count + 1
          end
          assert(one:subscribe_and_wait("slow", 1))
          for i = 1, 20 do
            assert(other:publish("slow", tostring(i), 1))
          end
          clock.wait_for(function() return count == 20 end)
          assert.is_true(most <= 2)
          assert.is_true(one.connected)
        end)
      end

      it("5.0: sessions and messages that expire", function()
        local options = { client_identifier = "expires", clean_session = false }
        options.connect_properties = { session_expiry_interval = 60 }
        local one = new("5.0", "TCP", options)
        local got = heard(one)
        assert(one:connect(TIMEOUT))
        assert(one:subscribe_and_wait("short", 1))
        assert(one:disconnect())
        local other = connected("5.0", "TCP")
        local short = { message_expiry_interval = 1 }
        assert(other:publish_and_wait("short", "late", 1, false, short))
        assert(other:publish_and_wait("short", "kept", 1))
        timer.sleep(2.2)
        assert.same({ true, true }, { one:connect(TIMEOUT) })
        local wanted = kind.keeps_expired and { "short=late", "short=kept" } or { "short=kept" }
        wait_count(got, #wanted)
        assert.same(wanted, { unpack(got) })
        assert(one:disconnect(0, { session_expiry_interval = 1 }))
        timer.sleep(2.2)
        assert.same({ true, false }, { one:connect(TIMEOUT) })
      end)

      it("5.0: options of a subscription", function()
        local one = connected("5.0", "TCP")
        local got = heard(one)
        assert(one:publish_and_wait("o/kept", "kept", 1, true))
        assert(one:subscribe_and_wait { filter = "o/own", qos = 1, no_local = true })
        assert(one:subscribe_and_wait { filter = "o/kept", qos = 1, retain_handling = "never" })
        assert(one:subscribe_and_wait("flush", 1))
        assert(one:publish_and_wait("o/own", "mine", 1))
        flush(one, got)
        assert.equal(0, #got)
        assert(one:subscribe_and_wait { filter = "o/new", qos = 1, retain_as_published = true })
        local again = { filter = "o/kept", qos = 1 }
        again.retain_handling = "send_new" -- it is not new
        assert(one:subscribe_and_wait(again))
        flush(one, got)
        assert.equal(0, #got)
        assert(one:publish_and_wait("o/new", "new", 1, true))
        wait_count(got, 1)
        assert.is_true(got.properties.retain)
        assert(one:publish_and_wait("o/kept", "", 1, true))
        assert(one:publish_and_wait("o/new", "", 1, true))
      end)

      it("5.0: shared subscriptions", function()
        local one, two = connected("5.0", "TCP"), connected("5.0", "TCP")
        local first, second = heard(one), heard(two)
        if not kind.shared then
          local done, _, code = one:subscribe_and_wait("$share/g/work", 1)
          assert.is_nil(done)
          assert.is_true(code == "ENOTSUP" or code == 158, tostring(code))
          return
        end
        assert(one:subscribe_and_wait("$share/g/work", 1))
        assert(two:subscribe_and_wait("$share/g/work", 1))
        for i = 1, 20 do
          assert(one:publish_and_wait("work", tostring(i), 1))
        end
        clock.wait_for(function() return #first + #second == 20 end)
        assert.is_true(#first > 0 and #second > 0)
      end)
    end

    it(version .. ": it is killed and comes back", function()
      local one = connected(version, "TCP", { watchdog = { interval = 0.05 } })
      local got = heard(one)
      assert(one:subscribe_and_wait("back", 1))
      broker.process:kill()
      clock.wait_for(function() return not one.connected end)
      assert.equal("buffered", select(2, one:publish("back", "meanwhile", 1)))
      broker.again()
      clock.wait_for(function() return #got == 1 and one.pending == 0 end, 120)
      assert.same({ "back=meanwhile" }, { unpack(got) })
    end)
  end
end

for _, name in ipairs { "mosquitto", "aedes", "ejabberd", "rabbitmq" } do
  describe(name .. ":", function() tests(name, brokers[name]) end)
end
