--- Brokers that break the rules, and our MQTT client (attacks D-34).
local clock = require "spec.support.clock"
local hostile = require "spec.support.hostile"
local mqtt = require "perilune.mqtt"
local peers = require "spec.support.peers"
local timer = require "perilune.timer"

-- The reasons of DISCONNECT (5.0, 3.14.2.1).
local MALFORMED, PROTOCOL, TOPIC, RECEIVE, ALIAS, TOO_LARGE = 0x81, 0x82, 0x90, 0x93, 0x94, 0x95

--- What must not come in the place of CONNACK, and the code of what connect() returns then.
local ANSWERS = hostile.merge(
  hostile.expect(
    "EPROTO",
    "no MQTT",
    "five bytes of length",
    "flags",
    "reserved bits",
    "a session that nobody has",
    "an unknown reason",
    "nothing in it",
    "one of 3.1.1",
    "more than its properties",
    "properties longer than it",
    "a property twice",
    "a property of another packet",
    "an unknown property",
    "a property that is cut",
    "receive maximum 0",
    "maximum QoS 2",
    "a publication",
    "PINGRESP",
    "AUTH"
  ),
  hostile.expect("EPROTO ETOOBIG", "a length of 256 MiB"),
  hostile.expect("EUTF8", "a broken identifier"),
  hostile.expect("ETIMEDOUT", "silence"),
  hostile.expect("ECONNRESET ECLOSED", "nothing, and the end", "reset"),
  hostile.expect(
    "ECONNRESET ECLOSED EPROTO",
    "1 bytes of it",
    "2 bytes of it",
    "3 bytes of it",
    "4 bytes of it"
  )
)

--- What must not come later, and the reason that the client gives when it leaves.
local PACKETS = {
  ["CONNACK twice"] = PROTOCOL,
  ["five bytes of length"] = MALFORMED,
  ["too large"] = TOO_LARGE,
  ["a packet of type 0"] = MALFORMED,
  ["CONNECT of a server"] = PROTOCOL,
  ["SUBSCRIBE of a server"] = PROTOCOL,
  ["UNSUBSCRIBE of a server"] = PROTOCOL,
  ["PINGREQ of a server"] = PROTOCOL,
  ["AUTH unasked"] = PROTOCOL,
  ["a topic with NUL"] = MALFORMED,
  ["a topic with +"] = TOPIC,
  ["a topic with #"] = TOPIC,
  ["a topic of bytes"] = MALFORMED,
  ["a topic with a surrogate"] = MALFORMED,
  ["no topic"] = PROTOCOL,
  ["an alias that nobody allowed"] = ALIAS,
  ["alias 0"] = ALIAS,
  ["QoS 3"] = MALFORMED,
  ["QoS 0 again"] = MALFORMED,
  ["identifier 0"] = PROTOCOL,
  ["no identifier"] = MALFORMED,
  ["PUBACK of nothing"] = PROTOCOL,
  ["SUBACK of nothing"] = PROTOCOL,
  ["UNSUBACK of nothing"] = PROTOCOL,
  ["PUBREL without its flags"] = MALFORMED,
  ["DISCONNECT with an unknown reason"] = PROTOCOL,
  ["more than it may"] = RECEIVE,
  ["endless properties"] = TOO_LARGE,
}

local SUBACKS = {
  ["SUBACK without codes"] = PROTOCOL,
  ["SUBACK with two codes for one"] = PROTOCOL,
  ["SUBACK with an unknown code"] = PROTOCOL,
  ["SUBACK without properties"] = MALFORMED,
}

describe("hostile brokers of MQTT:", function()
  local peer

  setup(function() peer = hostile.start(nil, "over_mqtt") end)
  teardown(peers.clean)

  local function new(name, more)
    local options = {
      url = ("mqtt://127.0.0.1:%d"):format(peer.ports[name]),
      version = "5.0",
      limits = { message = 65536, handshake_timeout = hostile.DEADLINE },
    }
    if name:find "silence" then options.limits.handshake_timeout = hostile.SILENCE end
    for key, value in pairs(more or {}) do
      options[key] = value
    end
    return mqtt.client(options)
  end

  --- The reason of the client's DISCONNECT.
  local function reason_of(name)
    return peer:wait_event(function(event) return event.case == name and event.reason end).reason
  end

  it(
    "answers that are none",
    peers.telling(function()
      hostile.assert_no_descriptors(function()
        local results = hostile.run(ANSWERS, function(name)
          local one = new("answer: " .. name)
          local ok, message, code = one:connect()
          one:stop()
          return ok, message, code
        end)
        hostile.assert_refused(ANSWERS, results)
      end)
    end)
  )

  it(
    "an answer byte by byte is one",
    peers.telling(function()
      local one = new "answer: slowly"
      assert(one:connect())
      one:disconnect()
      assert.equal(0, reason_of "answer: slowly")
    end)
  )

  --- Connects to each, and compares the reasons with which the client leaves.
  local function assert_reasons(cases, f)
    hostile.assert_no_descriptors(function()
      local wrong = {}
      hostile.run(cases, function(name, expected)
        local one = new(name, { connect_properties = { receive_maximum = 10 } })
        local reason
        function one.OnMQTTPublish() timer.sleep(0.1) end -- what it handles is not acknowledged yet
        function one.OnMQTTDisconnect(_, code) reason = code end
        local ok, message = one:connect()
        if ok and f then f(one) end
        local told = reason_of(name)
        clock.wait_for(function() return reason ~= nil end)
        one:stop()
        if not ok or told ~= expected or reason ~= expected then
          local said = "%s: %s, told 0x%x and 0x%x, not 0x%x"
          wrong[#wrong + 1] = said:format(name, tostring(message), told % 256, reason, expected)
        end
      end)
      table.sort(wrong)
      assert.equal("", table.concat(wrong, "\n"))
    end)
  end

  it("packets that are none", peers.telling(function() assert_reasons(PACKETS) end))

  it(
    "acknowledgements that are none",
    peers.telling(function()
      assert_reasons(SUBACKS, function(one)
        local done, message, code = one:subscribe_and_wait("t", 1)
        assert.is_nil(done)
        assert.is_string(message)
        assert.truthy(code)
      end)
    end)
  )

  it(
    "what an old session may have left is borne with (4.4)",
    peers.telling(function()
      local answers = { ["PUBREC of nothing"] = "6203000792", ["PUBCOMP of nothing"] = "" }
      for name, wanted in pairs(answers) do
        local one = new(name)
        assert(one:connect())
        assert.equal(wanted, peer:wait_event(function(event) return event.case == name end).heard)
        assert.is_true(one.connected)
        one:disconnect()
      end
    end)
  )

  it(
    "a message of QoS 2 is given out once",
    peers.telling(function()
      local one, got = new "QoS 2 again and again", {}
      function one.OnMQTTPublish(_, _, text) got[#got + 1] = text end
      assert(one:connect())
      assert(one:subscribe_and_wait("t", 2))
      clock.wait_for(function() return got[#got] == "last" end)
      assert.same({ "x", "last" }, got)
      one:disconnect()
    end)
  )

  it(
    "without acknowledgements there is back-pressure, and no identifier comes twice",
    peers.telling(function()
      local one = new("never acknowledges", {
        limits = { in_flight = 65535, kept_messages = 4 * 1024 * 1024 },
      })
      assert(one:connect())
      local count, code = 0, nil
      while not code and count < 70000 do
        local ok, _, why = one:publish("t", "", 1)
        if ok then
          count = count + 1
        else
          code = why
        end
      end
      assert.equal("ELIMIT", code)
      assert.is_true(count > 1000 and count <= 65535, count)
      local sent = peer:wait_event(
        function(event) return event.case == "never acknowledges" and event.published == count end
      )
      assert.equal(count, sent.identifiers)
      assert.equal(count, one.pending)
      one:stop()
    end)
  )

  it(
    "a flood is heard one by one, and others go on meanwhile",
    peers.telling(function()
      local one, count = new "flood", 0
      function one.OnMQTTPublish() count = count + 1 end
      assert(one:connect())
      local ticks = 0
      local ticking = timer.every(0.01, function() ticks = ticks + 1 end)
      clock.wait_for(function() return count > 100000 and ticks > 2 end)
      ticking:cancel()
      one:stop()
    end)
  )

  it(
    "who does not read is given up, and what waits for it is told",
    peers.telling(function()
      local one = new("deaf", {
        limits = { write_timeout = 0.5, close_timeout = 0.5, handshake_timeout = 5 },
      })
      assert(one:connect())
      local ended
      function one.OnMQTTDisconnect() ended = true end
      local text, code = ("x"):rep(60000), nil
      while not code and one:publish("t", text, 0) do
        clock.try(function() return false end, 0.001)
      end
      clock.wait_for(function() return ended end)
      one:stop()
    end)
  )
end)
