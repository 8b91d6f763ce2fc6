-- covers: internal/sgc_server.lua internal/sgc_client.lua internal/sgc_wire.lua internal/router.lua
local capture = require "spec.support.capture"
local client = require "perilune.client"
local clock = require "spec.support.clock"
local fixture = require "spec.support.fixture"
local json = require "perilune.json"
local sgc = require "perilune.sgc"
local task = require "perilune.task"
local timer = require "perilune.timer"
local websocket = require "spec.support.websocket"

--- A server with the protocol, and the protocol's side of it.
local function serving(options, handlers, of_server)
  local made = fixture.server({}, of_server)
  local given = { server = made }
  for name, value in pairs(options or {}) do
    given[name] = value
  end
  local protocol = sgc.server(given)
  for name, handler in pairs(handlers or {}) do
    protocol[name] = handler
  end
  return protocol, made
end

--- How many get it.
local function count(_, got) return got end

local clients, peers = {}, {}

--- A WebSocket that nobody has to close.
local function plain_peer(made, protocol)
  local line = protocol and "Sec-WebSocket-Protocol: " .. protocol
  local peer = websocket.connect(made.port, { headers = { line } })
  peers[#peers + 1] = peer
  return peer
end

--- A client that is connected, and what it hears.
local function connect(made, handlers, options)
  local settings = { url = ("ws://127.0.0.1:%d/"):format(made.port) }
  for name, value in pairs(options or {}) do
    settings[name] = value
  end
  local below = client.new(settings)
  clients[#clients + 1] = below
  local one, heard = sgc.client { client = below }, {}
  for _, event in ipairs { "OnMessage", "OnEvent", "OnSubscribe", "OnUnsubscribe" } do
    one[event] = function(_, ...) heard[#heard + 1] = { event, ... } end
  end
  for name, handler in pairs(handlers or {}) do
    one[name] = handler
  end
  assert(below:connect())
  return one, heard
end

--- A WebSocket of this protocol that says and hears raw messages.
local function raw(made)
  local peer = plain_peer(made, "esegece.com")
  return {
    peer = peer,
    say = function(message)
      if type(message) == "table" then
        message.jsonrpc = "2.0"
        message = assert(json.encode(message))
      end
      peer:send(message)
    end,
    hear = function() return assert(json.decode((assert(peer:read())))) end,
  }
end

local function clean()
  for _, one in ipairs(clients) do
    one:stop()
  end
  for _, peer in ipairs(peers) do
    peer.socket:close()
  end
  clients, peers = {}, {}
  fixture.clean()
end

describe("the sgc protocol", function()
  after_each(clean)

  it("carries texts both ways, and its server and the other one are told of connections", function()
    local told = {}
    local function note(who)
      return function(conn) told[#told + 1] = who .. " " .. conn.protocol end
    end
    local protocol, made = serving(nil, {
      OnConnect = note "protocol connect",
      OnDisconnect = note "protocol disconnect",
    }, {
      OnConnect = note "server connect",
      OnDisconnect = note "server disconnect",
      OnMessage = function() told[#told + 1] = "the server must not hear of it" end,
    })
    function protocol.OnMessage(conn, text) protocol:write(conn.guid, "you said " .. text) end
    local one, heard = connect(made)
    assert.equal("esegece.com", one.client.conn.protocol)
    assert.equal(made, protocol.server)
    assert(one:write "hello")
    clock.wait_for(function() return heard[1] end)
    assert.same({ "OnMessage", "you said hello" }, heard[1])
    one.client:disconnect()
    clock.wait_for(function() return #told == 4 end)
    assert.same({
      "protocol connect esegece.com",
      "server connect esegece.com",
      "protocol disconnect esegece.com",
      "server disconnect esegece.com",
    }, told)
  end)

  it("leaves other connections to the server", function()
    local heard
    local _, made = serving(nil, { OnMessage = function() heard = "protocol" end })
    function made.OnMessage(conn, text)
      heard = "server"
      conn:write(text)
    end
    assert.is_function(made.OnMessage)
    local peer = plain_peer(made)
    peer:send '{"jsonrpc":"2.0","method":"sgc@message"}'
    assert.equal('{"jsonrpc":"2.0","method":"sgc@message"}', (peer:read()))
    assert.equal("server", heard)
  end)

  it("shares its channels with the server", function()
    local protocol, made = serving()
    function made.OnMessage(conn, text) conn:subscribe(text) end
    local one, heard = connect(made)
    assert.is_true(one:subscribe "news")
    local plain = plain_peer(made)
    plain:send "news"
    clock.wait_for(function() return count(made:broadcast("both", "news")) == 2 end)
    clock.wait_for(function() return #heard >= 2 end)
    assert.same({ "OnSubscribe", "news" }, heard[1])
    assert.same({ "OnEvent", "news", "both" }, heard[#heard])
    repeat
      local text = plain:read()
    until text == "both"
    made:broadcast "everybody"
    clock.wait_for(function() return heard[#heard][2] == "everybody" end)
    assert.same({ "OnMessage", "everybody" }, heard[#heard])
    assert.equal("everybody", (plain:read()))
    assert.equal(1, count(protocol:broadcast("of the protocol", "news")))
    assert.equal(2, count(protocol:publish("to all of the channel", "news")))
    clock.wait_for(function() return heard[#heard][3] == "to all of the channel" end)
    assert.equal("to all of the channel", (plain:read()))
    assert.is_true(one:unsubscribe "news")
    assert.equal(1, count(made:broadcast("gone", "news")))
  end)

  it("publishes what clients publish, unless the application does not want it", function()
    local protocol, made = serving()
    function protocol.OnPublish(conn, channel, text)
      assert.is_string(conn.guid)
      return not (channel == "news" and text == "bad")
    end
    function protocol.OnSubscribe(_, channel) return channel ~= "secret" end
    local one, heard = connect(made)
    local other = connect(made)
    assert.is_true(one:subscribe "news")
    assert.same({ nil, "Refused", -32000 }, { one:subscribe "secret" })
    assert.is_true(other:publish("good", "news", { qos = "qosLevel1" }))
    clock.wait_for(function() return heard[2] end)
    assert.same({ "OnEvent", "news", "good" }, heard[2])
    assert(other:publish("bad", "news"))
    assert(other:broadcast "to all")
    clock.wait_for(function() return heard[3] end)
    assert.same({ "OnMessage", "to all" }, heard[3])
  end)

  it("calls methods of the application", function()
    local protocol, made = serving()
    function protocol.OnRPC(_, method, params)
      if method == "add" then
        timer.sleep(0.01)
        return params[1] + params[2]
      elseif method == "nothing" then
        return nil
      elseif method == "throw" then
        error "on purpose"
      end
      return nil, "there is no " .. method, -32601
    end
    local noted
    function protocol.OnNotification(_, method, params) noted = { method, params.x } end
    local one = connect(made)
    assert.equal(3, one:rpc("add", { 1, 2 }))
    assert.equal(json.null, (one:rpc "nothing"))
    assert.same({ nil, "there is no sub", -32601 }, { one:rpc("sub", { 1, 2 }) })
    local log = capture(
      function() assert.same({ nil, "Internal error", -32603 }, { one:rpc "throw" }) end
    )
    assert.matches("on purpose", log)
    assert(one:notify("look", { x = 1 }))
    clock.wait_for(function() return noted end)
    assert.same({ "look", 1 }, noted)
    assert.equal(one:session(), made:connections()[1].guid)
    protocol.OnRPC = nil
    assert.same({ nil, "Method not found", -32601 }, { one:rpc "add" })
  end)

  it("a call does not wait for ever, nor for a connection that has gone", function()
    local protocol, made = serving()
    local ended = 0
    function protocol.OnRPC()
      timer.sleep(0.2)
      ended = ended + 1
    end
    local one = connect(made)
    assert.same({ nil, "timed out", "ETIMEDOUT" }, { one:rpc("slow", nil, 0.02) })
    local result
    task.start(function() result = { one:rpc("slow", nil, 10) } end)
    timer.sleep(0.01)
    one.client:disconnect()
    clock.wait_for(function() return result end)
    assert.same({ nil, "the connection is closed", "ECLOSED" }, result)
    assert.same({ nil, "the connection is closed", "ECLOSED" }, { one:rpc "slow" })
    assert.same({ nil, "the connection is closed", "ECLOSED" }, { one:write "late" })
    clock.wait_for(function() return ended > 0 end)
  end)

  it("subscribes again after a reconnection", function()
    local _, made = serving()
    local one, heard = connect(made, nil, { watchdog = { interval = 0.02 } })
    assert.is_true(one:subscribe "news")
    made:disconnect_all()
    clock.wait_for(function() return count(made:broadcast("back", "news")) == 1 end)
    clock.wait_for(function() return heard[#heard][3] == "back" end)
    one.client:disconnect()
    assert.is_true(one:subscribe "later")
  end)

  it("keeps messages for who comes later, as many as it may", function()
    local protocol, made = serving { queue_limit = 2, queued_channels = 2 }
    local one = connect(made)
    for i = 1, 3 do
      one:publish("all " .. i, "all", { queue = "queueLevel2" })
      one:publish("last " .. i, "last", { queue = "queueLevel1" })
    end
    one:publish("not kept", "none")
    one:session()
    local log = capture(function() protocol:publish("too many", "third", "queueLevel1") end)
    assert.matches("queued_channels", log)
    local other, heard = connect(made)
    for _, channel in ipairs { "all", "last", "none", "third" } do
      assert.is_true(other:subscribe(channel))
    end
    other:session()
    local kept = {}
    for _, each in ipairs(heard) do
      if each[1] == "OnEvent" then kept[#kept + 1] = each[3] end
    end
    assert.same({ "all 2", "all 3", "last 3" }, kept)
  end)

  it("acknowledges by the level of service, and takes a message of level 2 once", function()
    local texts = {}
    local _, made = serving(nil, { OnMessage = function(_, text) texts[#texts + 1] = text end })
    local one = raw(made)
    local function message(qos, id)
      return { method = "sgc@message", params = { message = "m", qos = qos }, id = id }
    end
    one.say(message("qosLevel1", "a"))
    local heard = one.hear()
    assert.same({ "sgc@acknowledgment", "a" }, { heard.result.method, heard.id })
    one.say(message("qosLevel2", 7))
    one.say(message("qosLevel2", 7))
    for _ = 1, 2 do
      heard = one.hear()
      assert.same({ "sgc@pubrec", 7 }, { heard.result.method, heard.id })
    end
    one.say { method = "sgc@pubrel", id = 7 }
    assert.equal("sgc@acknowledgment", one.hear().result.method)
    one.say(message("qosLevel2", 7))
    assert.equal("sgc@pubrec", one.hear().result.method)
    assert.equal(3, #texts)
  end)

  it("a message of level 2 counts until it is released", function()
    local _, made = serving { pending_limit = 2 }
    local one = raw(made)
    for id = 1, 5 do
      one.say { method = "sgc@message", params = { message = "m", qos = "qosLevel2" }, id = id }
      assert.equal("sgc@pubrec", one.hear().result.method)
      one.say { method = "sgc@pubrel", id = id }
      assert.equal("sgc@acknowledgment", one.hear().result.method)
    end
  end)

  it("holds messages back until a transaction ends", function()
    local texts = {}
    local protocol, made = serving { pending_limit = 2 }
    function protocol.OnMessage(_, text) texts[#texts + 1] = text end
    local one, heard = connect(made)
    one:subscribe "news"
    one:start_transaction()
    one:write "first"
    one:write "second"
    one:session()
    assert.same({}, texts)
    one:commit()
    one:session()
    assert.same({ "first", "second" }, texts)
    one:start_transaction "news"
    one:publish("never", "news")
    one:write "not of that channel"
    one:rollback "news"
    one:publish("now", "news")
    clock.wait_for(function() return #heard == 2 end)
    assert.same({ "OnEvent", "news", "now" }, heard[2])
    assert.equal("not of that channel", texts[3])
    local peer = raw(made)
    peer.say { method = "sgc@transaction", params = { channel = "" } }
    for _ = 1, 3 do
      peer.say { method = "sgc@message", params = { message = "m" } }
    end
    assert.equal("too many messages in a transaction", peer.hear().error.message)
  end)

  it("what a client may hold back has limits", function()
    local texts = {}
    local protocol, made = serving { pending_limit = 3, pending_bytes = 1024 }
    function protocol.OnMessage(_, text) texts[#texts + 1] = text end
    local peer = raw(made)
    local function begin(channel)
      peer.say { method = "sgc@transaction", params = { channel = channel } }
    end
    local function say(text, id)
      peer.say { method = "sgc@message", params = { message = text }, id = id }
    end
    for i = 1, 4 do -- transactions count like messages
      begin("c" .. i)
    end
    assert.equal("too many transactions", peer.hear().error.message)
    peer.say { method = "sgc@commit", params = { channel = "c1" } }
    begin ""
    say(("x"):rep(600))
    say(("x"):rep(600), "second")
    local refused = peer.hear()
    assert.same(
      { "too many messages in a transaction", "second" },
      { refused.error.message, refused.id }
    )
    peer.say { method = "sgc@rollback" }
    begin ""
    say(("y"):rep(600)) -- what was held before counts no more
    peer.say { method = "sgc@commit" }
    clock.wait_for(function() return #texts == 1 end)
    assert.equal(("y"):rep(600), texts[1])
  end)

  it("bears with a server that answers nonsense", function()
    local made = fixture.server({ protocols = { "esegece.com" } }, {
      OnMessage = function(conn, text)
        local id = json.decode(text).id
        for _, result in ipairs { 5, true, "text" } do
          conn:write(json.encode { jsonrpc = "2.0", result = result, id = id })
        end
        conn:write '{"jsonrpc":"2.0","result":{"method":"sgc@event","channel":{},"message":null}}'
        conn:write '{"jsonrpc":"2.0","result":{"method":{}},"id":{}}'
      end,
    })
    local one, heard = connect(made)
    local session, message, code = one:session()
    assert.same(
      { nil, "the server does not say what its session is", -32603 },
      { session, message, code }
    )
    assert.equal(5, one:rpc "anything")
    clock.wait_for(function() return #heard == 2 end)
    assert.equal("", heard[1][3])
    assert.has_error(function() one:rpc("x", { f = print }) end)
    assert.equal(5, one:rpc "still there")
  end)

  it("an id is short", function()
    local _, made = serving()
    local peer = raw(made)
    peer.say { method = "sgc@session", id = ("i"):rep(256) }
    assert.truthy(peer.hear().result)
    peer.say { method = "sgc@session", id = ("i"):rep(257) }
    assert.equal(-32600, peer.hear().error.code)
  end)

  it("what is published under a name that cannot be one is refused", function()
    local _, made = serving()
    local peer = raw(made)
    local long = ("c"):rep(2000)
    for _, queue in ipairs { "queueLevel0", "queueLevel2" } do
      peer.say {
        method = "sgc@publish",
        params = { channel = long, message = "m", queue = queue },
        id = queue,
      }
      local answer = peer.hear()
      assert.same({ -32602, queue }, { answer.error and answer.error.code, answer.id })
    end
    peer.say { method = "sgc@subscribe", params = { channel = long }, id = 1 }
    assert.equal(-32602, peer.hear().error.code)
    peer.say { method = "sgc@unsubscribe", params = { channel = long }, id = 1 }
    assert.equal(-32602, peer.hear().error.code)
    peer.say { method = "sgc@session", id = 2 }
    assert.equal(2, peer.hear().id)
  end)

  it("answers when the application's result is none that JSON knows", function()
    local _, made = serving(nil, { OnRPC = function() return { x = 0 / 0, f = print } end })
    local peer = raw(made)
    local log = capture(function()
      peer.say { method = "odd", id = 1 }
      assert.equal(-32603, peer.hear().error.code)
    end)
    assert.matches("OnRPC", log)
  end)

  it("says what it cannot send", function()
    local protocol, made = serving(nil, { OnRPC = function() return nil, "no \255" end })
    local one = connect(made)
    local function refused(code, ...)
      local result, message, got = ...
      assert.is_nil(result)
      assert.is_string(message)
      assert.equal(code, got)
    end
    refused("EUTF8", one:write "a\255")
    refused("EUTF8", one:broadcast "a\255")
    refused("EUTF8", one:publish("a\255", "news"))
    refused("EUTF8", one:publish("a\255", "news", { qos = "qosLevel1" }))
    refused("EUTF8", one:rpc "\255")
    for _, name in ipairs { "rpc", "notify" } do
      local message = "^sgc.client: cannot encode params: JSON has no function"
      assert.error_matches(function() local _ = one[name](one, "odd", print) end, message)
    end
    refused("EUTF8", one:subscribe "\255")
    refused("EUTF8", protocol:write(one:session(), "a\255"))
    refused("EUTF8", protocol:publish("a\255", "news"))
    refused("EUTF8", protocol:publish("a\255", "news", "queueLevel2"))
    local log = capture(function() refused(-32603, one:rpc "odd") end)
    assert.matches("OnRPC returns a message that JSON can say", log)
  end)

  it("answers what is wrong, and goes on", function()
    local _, made = serving()
    local one = raw(made)
    local cases = {
      { "no JSON", -32700 },
      { "[1]", -32600 },
      { "3", -32600 },
      { '"text"', -32600 },
      { '{"jsonrpc":"2.0"}', -32600 },
      { '{"jsonrpc":"2.0","method":"x","id":{}}', -32600 },
      { '{"jsonrpc":"2.0","method":"x","id":1}', -32601 },
      { '{"jsonrpc":"2.0","method":"sgc@subscribe","params":{"channel":""},"id":1}', -32602 },
      { '{"jsonrpc":"2.0","method":"sgc@subscribe","params":[],"id":1}', -32602 },
      { '{"jsonrpc":"2.0","method":"sgc@publish","params":{"channel":5},"id":1}', -32602 },
    }
    for _, case in ipairs(cases) do
      one.say(case[1])
      assert.equal(case[2], one.hear().error.code, case[1])
    end
    one.peer:send_binary "\1\2"
    assert.equal(-32600, one.hear().error.code)
    one.say '{"jsonrpc":"2.0","method":"sgc@session","params":null,"id":null}'
    assert.equal(made:connections()[1].guid, one.hear().result.message)
    one.say '{"jsonrpc":"2.0","method":"sgc@subscribe","params":{"channel":"a"},"id":"s"}'
    assert.same({ method = "sgc@subscribe", channel = "a" }, one.hear().result)
    one.say '{"jsonrpc":"2.0","method":"sgc@channels"}'
    assert.same({ "a" }, one.hear().result.message)
    one.say '{"jsonrpc":"2.0","method":"sgc@unsubscribe_all"}'
    assert.same({ method = "sgc@unsubscribe", channel = "a" }, one.hear().result)
    -- A message that is no text is its JSON.
    one.say '{"jsonrpc":"2.0","method":"sgc@broadcast","params":{"message":{"x":[1]}}}'
    assert.equal('{"x":[1]}', one.hear().result.message)
  end)

  it("limits.channels_per_connection counts", function()
    local made = fixture.server { limits = { channels_per_connection = 1 } }
    sgc.server { server = made }
    local one = connect(made)
    assert.is_true(one:subscribe "a")
    local ok, _, code = one:subscribe "b"
    assert.same({ nil, -32000 }, { ok, code })
  end)

  it("is attached once, to what is not started yet", function()
    local made = fixture.server()
    sgc.server { server = made }
    assert.has_error(
      function() sgc.server { server = made } end,
      "sgc.server: this server has one already"
    )
    local one = connect(made)
    local ok, message = pcall(sgc.client, { client = one.client })
    assert.is_false(ok)
    assert.matches("takes a client that is not started", message)
    ok, message = pcall(sgc.server, { server = one.client })
    assert.is_false(ok)
    assert.equal("option 'server' of sgc.server takes a server, got a client", message)
  end)

  it("lets in who asks for no subprotocol, and nobody who insists on another", function()
    local _, made = serving()
    plain_peer(made)
    assert.is_false((pcall(plain_peer, made, "mqtt")))
    assert(made:register_protocol "mqtt")
    assert.equal("mqtt", plain_peer(made, "mqtt").response.headers["sec-websocket-protocol"])
    assert.has_error(function() made:register_protocol "a b" end)
  end)
end)
