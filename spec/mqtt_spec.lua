--- The MQTT client against a broker of ours that does as it is told.
--- covers: lua/lua_mqtt.c lua/lua_mqtt_events.c lua/lua_mqtt_properties.c
--- covers: internal/mqtt_client.lua internal/mqtt_options.lua
local clock = require "spec.support.clock"
local files = require "spec.support.files"
local fixture = require "spec.support.fixture"
local mqtt = require "perilune.mqtt"
local mqtt_broker = require "spec.support.mqtt_broker"
local process = require "spec.support.process"

local made = {}

local function new(broker, options)
  local complete = { url = broker.url }
  for name, value in pairs(options or {}) do
    complete[name] = value
  end
  local one = mqtt.client(complete)
  made[#made + 1] = one
  return one
end

local function connected(broker, options)
  local one = new(broker, options)
  assert(one:connect())
  broker.take()
  return one
end

local function ready(list, count)
  clock.wait_for(function() return #list >= count end)
  return list
end

describe("an MQTT client", function()
  after_each(function()
    for _, one in ipairs(made) do
      if one.active then one:stop() end
    end
    made = {}
    fixture.clean()
  end)

  for _, version in ipairs { "3.1.1", "5.0" } do
    describe("of " .. version, function()
      local function of(broker, options)
        options = options or {}
        options.version = version
        return connected(broker, options)
      end

      it("connects and disconnects", function()
        local broker = mqtt_broker.start()
        local one = new(broker, { version = version, client_identifier = "me" })
        local told = {}
        function one.OnMQTTBeforeConnect(conn, clean, identifier)
          assert.is_userdata(conn)
          told[#told + 1] = { clean, identifier }
        end
        function one.OnMQTTConnect(_, session, code, _, properties)
          assert.is_table(properties)
          told[#told + 1] = { session, code }
        end
        function one.OnMQTTDisconnect(_, code) told[#told + 1] = code end
        local done, session = one:connect()
        assert.is_true(done)
        assert.is_false(session)
        assert.is_true(one.connected and one.active)
        assert.equal("me", one.client_identifier)
        assert.is_true((one:disconnect()))
        assert.is_false(one.connected or one.active)
        assert.same({ { true, "me" }, { false, 0 }, 0 }, told)
        assert.same({ "CONNECT me clean", "DISCONNECT 0" }, broker.take())
      end)

      it("sends no more at a time than a server takes", function()
        local broker = mqtt_broker.start { silent = true }
        local one = of(broker)
        for _ = 1, 1100 do
          one:publish("t", "", 1)
        end
        one:publish("end", "", 0)
        local heard = {}
        clock.wait_for(function()
          for _, line in ipairs(broker.take()) do
            heard[#heard + 1] = line
          end
          return #heard > 0 and heard[#heard]:find "end" ~= nil
        end)
        assert.equal((version == "5.0" and 1024 or 20) + 1, #heard)
      end)

      it("is refused", function()
        local broker = mqtt_broker.start { refuses = version == "5.0" and "\135" or "\5" }
        local one = new(broker, { version = version })
        local done, message, code = one:connect()
        assert.is_nil(done)
        assert.truthy(message:lower():find("not authorized", 1, true), message)
        assert.equal(version == "5.0" and 135 or 5, code)
      end)

      it("publishes, and waits until that is acknowledged", function()
        local broker = mqtt_broker.start()
        local one, acks = of(broker), {}
        function one.OnMQTTPubAck(_, id, code) acks[#acks + 1] = { "ack", id, code } end
        function one.OnMQTTPubRec(_, id, code) acks[#acks + 1] = { "rec", id, code } end
        function one.OnMQTTPubComp(_, id, code) acks[#acks + 1] = { "comp", id, code } end
        assert.is_true((one:publish_and_wait("a", "zero")))
        assert.is_true((one:publish_and_wait("a", "one", 1)))
        assert.is_true((one:publish_and_wait("a", "two\0", 2)))
        assert.equal(3, (one:publish("b", "three", 1)))
        assert.equal(0, (one:publish("b", "four")))
        ready(broker.heard, 6)
        assert.same({
          "PUBLISH a zero qos0 new",
          "PUBLISH a one qos1 new",
          "PUBLISH a two\0 qos2 new",
          "PUBREL",
          "PUBLISH b three qos1 new",
          "PUBLISH b four qos0 new",
        }, broker.take())
        ready(acks, 4)
        assert.same({ { "ack", 1, 0 }, { "rec", 2, 0 }, { "comp", 2, 0 }, { "ack", 3, 0 } }, acks)
        clock.wait_for(function() return one.pending == 0 end)
        assert.equal(3, one.accepted)
      end)

      it("does not wait for ever", function()
        local one = of(mqtt_broker.start { silent = true })
        local done, _, code = one:publish_and_wait("a", "x", 1, false, nil, 0.05)
        assert.is_nil(done)
        assert.equal("ETIMEDOUT", code)
        assert.equal(1, one.pending)
      end)

      it("gets messages, and acknowledges them when they are handled", function()
        local broker = mqtt_broker.start()
        local one, got, go = of(broker), {}, false
        function one.OnMQTTPublish(_, topic, text, properties)
          got[#got + 1] = { topic, text, properties.qos, properties.duplicate }
          if text == "wait" then clock.wait_for(function() return go end) end
        end
        broker.publish("a", "zero")
        broker.publish("a/b", "one", 1, 11)
        broker.publish("c", "wait", 2, 12)
        broker.publish("c", "wait", 2, 12, 8)
        broker.publish("d", "last", 1, 13)
        ready(got, 3)
        ready(broker.heard, 1)
        assert.same({ "PUBACK 11" }, broker.take())
        go = true
        ready(got, 4)
        ready(broker.heard, 3)
        assert.same({
          { "a", "zero", 0 },
          { "a/b", "one", 1 },
          { "c", "wait", 2 },
          { "d", "last", 1 },
        }, got)
        local heard = table.concat(broker.take(), ",")
        assert.truthy(heard:find "PUBREC 12.*PUBACK 13", heard)
        clock.wait_for(
          function() return (heard .. table.concat(broker.heard, ",")):find "PUBCOMP 12" end
        )
      end)

      it("waits within a handler for what it sends", function()
        local broker = mqtt_broker.start()
        local one, results = of(broker), {}
        function one.OnMQTTPublish(_, topic)
          results[#results + 1] = { one:publish_and_wait("answer/" .. topic, "x", 2) }
        end
        broker.publish("a", "1")
        broker.publish("b", "2")
        ready(results, 2)
        assert.same({ { true }, { true } }, results)
      end)

      it("subscribes and unsubscribes", function()
        local broker = mqtt_broker.start()
        local one, told = of(broker), {}
        function one.OnMQTTSubscribe(_, id, codes) told[#told + 1] = { id, codes } end
        function one.OnMQTTUnSubscribe(_, id) told[#told + 1] = id end
        assert.is_true((one:subscribe_and_wait("a/#", 1)))
        assert.equal(2, one:subscribe { "b", { filter = "c", qos = 2 } })
        assert.is_true((one:unsubscribe_and_wait { "a/#", "b" }))
        assert.same({ { 1, { 1 } }, { 2, { 0, 2 } }, 3 }, ready(told, 3))
        assert.same({
          "SUBSCRIBE a/# qos1",
          "SUBSCRIBE b qos0",
          "SUBSCRIBE c qos2",
          "UNSUBSCRIBE a/#",
          "UNSUBSCRIBE b",
        }, broker.take())
        broker.reason = "\128"
        local done, _, code = one:subscribe_and_wait "secret"
        assert.is_nil(done)
        assert.equal(128, code)
      end)

      it("comes back, says again what was not acknowledged, and subscribes again", function()
        local broker = mqtt_broker.start { silent = true }
        local one = of(broker, { watchdog = { interval = 0.02 } })
        local connects = 0
        function one.OnMQTTConnect() connects = connects + 1 end
        one:subscribe_and_wait("a", 1)
        one:publish("b", "kept", 1)
        clock.wait_for(function() return #broker.heard == 2 end)
        broker.take()
        broker.silent = false
        broker.cut()
        clock.wait_for(function() return connects == 1 and one.pending == 0 end)
        ready(broker.heard, 3)
        assert.same({
          ("CONNECT %s clean"):format(one.client_identifier),
          "SUBSCRIBE a qos1",
          "PUBLISH b kept qos1 new",
        }, broker.take())
        one:publish("b", "more", 2)
        clock.wait_for(function() return one.pending == 0 end)
      end)

      it("goes on with a session", function()
        local broker = mqtt_broker.start { silent = true }
        local one = of(broker, {
          client_identifier = "me",
          clean_session = false,
          watchdog = { interval = 0.02 },
        })
        one:publish("a", "1", 1)
        one:publish("a", "2", 2)
        ready(broker.heard, 2)
        broker.take()
        broker.silent = false
        broker.cut()
        clock.wait_for(function() return one.pending == 0 end)
        assert.same({
          "CONNECT me resumes",
          "PUBLISH a 1 qos1 dup",
          "PUBLISH a 2 qos2 dup",
          "PUBREL",
        }, broker.take())
      end)

      it("keeps a session in a file", function()
        local folder = files.folder()
        local broker = mqtt_broker.start { silent = true }
        local options = {
          version = version,
          clean_session = false,
          persistence = { file = folder.path .. "/session", sync = false },
        }
        local one = connected(broker, options)
        local identifier = one.client_identifier
        one:publish("a", "1", 1)
        one:publish("a", "2", 2)
        ready(broker.heard, 2)
        one:disconnect()
        one = nil
        made = {}
        assert.is_nil(one)
        collectgarbage()
        collectgarbage()
        broker.take()
        broker.silent = false
        one = new(broker, options)
        assert.same({ true, true }, { one:connect() })
        assert.equal(identifier, one.client_identifier)
        assert.equal(2, one.accepted)
        clock.wait_for(function() return one.pending == 0 end)
        assert.same({
          ("CONNECT %s resumes"):format(identifier),
          "PUBLISH a 1 qos1 dup",
          "PUBLISH a 2 qos2 dup",
          "PUBREL",
        }, broker.take())
        one:disconnect()
        folder:remove()
      end)
    end)
  end

  describe("with a file", function()
    local broker, folder, path
    before_each(function()
      broker = mqtt_broker.start { silent = true }
      folder = files.folder()
      path = folder.path .. "/session"
    end)
    after_each(function() folder:remove() end)

    local function stored()
      return new(broker, { clean_session = false, persistence = { file = path, sync = false } })
    end

    --- Another program leaves a message in the file, which the server has not acknowledged.
    local function leave_message()
      local run = fixture.run(
        [[
          local mqtt = require("perilune.mqtt").client {
            url = arg[1],
            client_identifier = "me",
            clean_session = false,
            persistence = { file = arg[2], sync = false },
          }
          assert(mqtt:connect())
          assert(mqtt:publish("a", "kept", 1))
          require("perilune.timer").sleep(0.1)
          assert(mqtt:disconnect())
        ]],
        broker.url,
        path
      )
      assert.equal(0, run.code, run.errors)
      broker.take()
    end

    local function delivers_message()
      broker.silent = false
      local one = stored()
      assert(one:connect())
      clock.wait_for(function() return one.pending == 0 end)
      assert.same({ "CONNECT me resumes", "PUBLISH a kept qos1 dup" }, broker.take())
    end

    local function is_refused(one, expected, code)
      local done, message, got = one:connect()
      assert.is_nil(done)
      assert.equal(code, got, message)
      assert.is_truthy(message:find(expected, 1, true), message)
      one:stop()
      assert.same({}, broker.take())
    end

    it("is one program's at a time", function()
      leave_message()
      broker.silent = false
      local one = stored()
      assert(one:connect())
      clock.wait_for(function() return one.pending == 0 end)
      broker.take()
      is_refused(stored(), "is in use by another program", "EBUSY")
      assert(one:publish_and_wait("a", "goes on", 1))
    end)

    it("refuses the session of another version, and keeps it", function()
      leave_message()
      local file = assert(io.open(path, "r+b"))
      file:seek("set", 60) -- user_version, in the head of a file of SQLite
      file:write "\0\0\0\9"
      file:close()
      is_refused(stored(), "is of another version of this program", "EINVAL")
      file = assert(io.open(path, "r+b"))
      file:seek("set", 60)
      file:write "\0\0\0\1"
      file:close()
      delivers_message()
    end)

    it("refuses the session of another identifier, and keeps it", function()
      leave_message()
      local run = fixture.run(
        [[
          print(select(2, require("perilune.mqtt").client({
            url = arg[1],
            client_identifier = "you",
            clean_session = false,
            persistence = { file = arg[2], sync = false },
          }):connect()))
        ]],
        broker.url,
        path
      )
      local expected = "the file of 'persistence' holds the session of another client identifier"
      assert.equal(expected .. "\tEINVAL\n", run.output)
      assert.equal(0, run.code, run.errors)
      assert.same({}, broker.take())
      delivers_message()
    end)

    it("refuses new messages while the disk is full, and loses none that it took", function()
      broker.silent = false
      local script = fixture.script [[
        local disk = arg[2]
        local one = require("perilune.mqtt").client {
          url = arg[1],
          client_identifier = "me",
          clean_session = false,
          persistence = { file = disk .. "/session" },
        }
        assert(one:connect())
        assert(one:publish_and_wait("a", "before", 1))
        os.execute(("head -c 600000 /dev/zero >%s/filler 2>/dev/null"):format(disk))
        print(one:publish_and_wait("a", ("x"):rep(50000), 1))
        os.remove(disk .. "/filler")
        print((one:publish_and_wait("a", "after", 2)))
        print(one.pending)
        one:disconnect()
      ]]
      local mount = 'mount -t tmpfs -o size=512k perilune "$1" && exec "$2" "$3" "$4" "$1"'
      local argv = { "unshare", "--mount", "sh", "-c", mount, "sh", folder.path }
      for _, word in ipairs { process.PERILUNE, script, broker.url } do
        argv[#argv + 1] = word
      end
      local run = process.run(argv)
      assert.equal("nil\tno space left on the device\tENOSPC\ntrue\n0\n", run.output, run.errors)
      assert.same({
        "CONNECT me resumes",
        "PUBLISH a before qos1 new",
        "PUBLISH a after qos2 new",
        "PUBREL",
        "DISCONNECT 0",
      }, broker.take())
    end)

    it("leaves a damaged file as it is", function()
      leave_message()
      local file = assert(io.open(path, "r+b"))
      file:write(("no database "):rep(20))
      file:close()
      local before = assert(io.open(path, "rb")):read "*a"
      is_refused(stored(), "is no stored session, or is damaged", "EINVAL")
      assert.is_true(before == assert(io.open(path, "rb")):read "*a")
    end)
  end)

  it("speaks over WebSocket", function()
    local broker = mqtt_broker.start()
    local one = connected { url = broker.url:gsub("^mqtt", "ws") .. "/mqtt", take = broker.take }
    assert.equal("mqtt", one.conn.protocol)
    assert.is_true((one:publish_and_wait("a", "x", 2)))
    assert.same({ "PUBLISH a x qos2 new", "PUBREL" }, broker.take())
  end)

  it("speaks over a client that is given", function()
    local broker = mqtt_broker.start()
    local below = fixture.new_client { url = broker.url:gsub("^mqtt", "ws") }
    local one = mqtt.client { client = below }
    assert.equal(below, one.client)
    assert(below:connect())
    clock.wait_for(function() return one.connected end)
    assert.is_true((one:publish_and_wait("a", "x", 1)))
    assert.has_error(function() mqtt.client { client = below } end)
    below = fixture.new_client({ url = "ws://127.0.0.1:1" }, { keep_messages = true })
    assert.error_matches(function() mqtt.client { client = below } end, "without keep_messages")
  end)

  it("tells what properties say", function()
    local broker = mqtt_broker.start()
    local one, got = connected(broker, { version = "5.0" }), {}
    function one.OnMQTTPublish(_, _, _, properties) got[#got + 1] = properties end
    local properties = "\1\1" .. "\2\0\0\0\60" .. "\38\0\1a\0\1b" .. "\38\0\1a\0\1c" .. "\11\5"
    local body = "\0\1t" .. string.char(#properties) .. properties .. "x"
    broker.link.conn:write_binary(mqtt_broker.packet(3, body, 1))
    ready(got, 1)
    assert.same({
      qos = 0,
      retain = true,
      payload_format_indicator = 1,
      message_expiry_interval = 60,
      subscription_identifiers = { 5 },
      user_properties = { a = "c" },
      user_property_list = { { "a", "b" }, { "a", "c" } },
    }, got[1])
  end)

  it("refuses properties that are none", function()
    local one = connected(mqtt_broker.start(), { version = "5.0" })
    local function publish(properties)
      return function() one:publish("a", "x", 0, false, properties) end
    end
    assert.error_matches(publish { content_type = 5 }, "'content_type' takes a text")
    assert.error_matches(publish { message_expiry_interval = -1 }, "takes an integer from 0")
    assert.error_matches(publish { user_properties = { a = 1 } }, "user_properties")
    local done, _, code = one:publish("a", "x", 0, false, { server_keep_alive = 5 })
    assert.is_nil(done)
    assert.equal("EINVAL", code)
    done, _, code = connected(mqtt_broker.start()):publish("a", "x", 0, false, { topic_alias = 1 })
    assert.is_nil(done)
    assert.equal("ENOTSUP", code)
  end)

  it("calls the functions of topics", function()
    local broker = mqtt_broker.start()
    local one, got = connected(broker), {}
    one:on("home/+/t", function(_, topic, text) got[#got + 1] = "on " .. topic .. text end)
    one:on("home/#", function(_, _, text) got[#got + 1] = "all " .. text end)
    function one.OnMQTTPublish(_, topic) got[#got + 1] = "event " .. topic end
    broker.publish("home/kitchen/t", "20")
    broker.publish("home/kitchen", "x")
    ready(got, 5)
    assert.same({
      "on home/kitchen/t20",
      "all 20",
      "event home/kitchen/t",
      "all x",
      "event home/kitchen",
    }, got)
    one:on("home/#", nil)
    broker.publish("home", "y")
    ready(got, 6)
    assert.equal("event home", got[6])
    assert.error_matches(function() one:on("a/#/b", print) end, "a/#/b")
  end)

  it("pings, and leaves a server that is silent", function()
    local broker = mqtt_broker.start()
    local one = new(broker, { heartbeat = { interval = 0.1, timeout = 0.1 } })
    local pings, ended = 0, nil
    function one.OnMQTTPing() pings = pings + 1 end
    function one.OnMQTTDisconnect(_, _, name) ended = name end
    assert(one:connect())
    clock.wait_for(function() return pings >= 2 end)
    broker.link.conn = { write_binary = function() end }
    clock.wait_for(function() return ended end)
    assert.truthy(ended:find "ping", ended)
  end)

  it("tells of a message that cannot be delivered", function()
    local broker = mqtt_broker.start { silent = true }
    local one = connected(broker, { watchdog = { interval = 0.02 } })
    local told
    function one.OnError(_, message, code) told = { message, code } end
    one:publish("a", "x", 2)
    ready(broker.heard, 1)
    broker.cut()
    clock.wait_for(function() return told end)
    assert.equal("ELOST", told[2])
    assert.truthy(told[1]:find("topic 'a'", 1, true), told[1])
  end)

  it("takes no wrong options", function()
    local wrong = {
      { {}, "takes 'url'" },
      { { url = "http://a" }, "begins with mqtt://" },
      { { url = "mqtt://a", version = "4" }, "version" },
      { { url = "mqtt://a", clean_session = false }, "client_identifier" },
      { { url = "mqtt://a", persistence = { file = "x" } }, "clean_session = false" },
      { { url = "mqtt://a", connect_properties = { receive_maximum = 1 } }, "needs version" },
      { { url = "mqtt://a", keepalive = 5 }, "keep_alive" },
      { { url = "mqtt://a", last_will_testament = {} }, "topic" },
      { { url = "mqtt://a", authentication = { password = "x" } }, "username" },
    }
    for _, case in ipairs(wrong) do
      assert.error_matches(function() mqtt.client(case[1]) end, case[2], nil, true)
    end
    local one = mqtt.client { url = "mqtt://127.0.0.1" }
    assert.error_matches(function() one.OnMQTTPublsh = print end, "did you mean 'OnMQTTPublish'")
    assert.error_matches(function() one:publish(1, "x") end, "topic")
    assert.error_matches(function() one:publish("a", "x", 3) end, "qos")
    assert.error_matches(function() one:subscribe "a/#/b" end, "a/#/b")
    assert.same({ nil, "the connection is closed", "ECLOSED" }, { one:publish("a", "x") })
    assert.same({ nil, "the connection is closed", "ECLOSED" }, { one:subscribe "a" })
  end)

  it("lets a program end in which messages wait", function()
    local run = fixture.run [[
      local task = require "perilune.task"
      local timer = require "perilune.timer"
      local one = require("perilune.mqtt").client {
        url = "mqtt://127.0.0.1:1",
        clean_session = false,
        client_identifier = "x",
        watchdog = { interval = 0.1 },
      }
      task.start(function() one:connect(0.1) end)
      timer.sleep(0.3)
      task.start(function() print(one:publish_and_wait("a", "x", 1)) end)
      timer.sleep(0.1)
      print(one.pending)
      os.exit(0)
    ]]
    assert.equal("1\n", run.output)
    assert.equal(0, run.code, run.errors)
  end)

  it("matches topics", function()
    assert.is_true(mqtt.matches("a/+/c", "a/b/c"))
    assert.is_true(mqtt.matches("a/#", "a"))
    assert.is_false(mqtt.matches("#", "$SYS/x"))
    assert.has_error(function() mqtt.matches("a#", "a") end)
    assert.has_error(function() mqtt.matches("a", "a/+") end)
  end)
end)
