-- covers: internal/brokers.lua internal/broker_wire.lua internal/carrier.lua
local binary = require "perilune.binary"
local broker = require "perilune.broker"
local carrier = require "perilune.internal.carrier"
local client = require "perilune.client"
local clock = require "spec.support.clock"
local fixture = require "spec.support.fixture"
local json = require "perilune.json"
local sgc = require "perilune.sgc"
local websocket = require "spec.support.websocket"

--- A protocol that says back what it hears, of a server or a client, and what it was told.
local function echo(settings, name, side)
  local told = {}
  local function note(event)
    return function(conn, ...)
      assert.equal(name, conn.protocol)
      told[#told + 1] = { event, ... }
    end
  end
  local attach = side == "client" and carrier.dial or carrier.serve
  local below = attach("echo", settings, name, {
    OnConnect = note "connect",
    OnDisconnect = note "disconnect",
    OnMessage = function(conn, text)
      note "text"(conn, text)
      if side ~= "client" then conn:write("echo " .. text) end
    end,
    OnBinary = function(conn, bytes)
      note "bytes"(conn, bytes)
      if side ~= "client" then conn:write_binary(bytes:reverse()) end
    end,
  })
  return below, told
end

local clients, peers = {}, {}

local function connect(made)
  local below = client.new { url = ("ws://127.0.0.1:%d/"):format(made.port) }
  clients[#clients + 1] = below
  return below, broker.client { client = below }
end

local function raw(made)
  local peer = websocket.connect(made.port, {
    headers = { "Sec-WebSocket-Protocol: broker.esegece.com" },
  })
  peers[#peers + 1] = peer
  return peer
end

local function hear(peer) return assert(json.decode((assert(peer:read())))) end

describe("a broker", function()
  after_each(function()
    for _, one in ipairs(clients) do
      one:stop()
    end
    for _, peer in ipairs(peers) do
      peer.socket:close()
    end
    clients, peers = {}, {}
    fixture.clean()
  end)

  it("carries several protocols on one connection", function()
    local made = fixture.server()
    local served = broker.server { server = made }
    local news = sgc.server { broker = served }
    local _, server_told = echo({ broker = served }, "echo")
    function news.OnMessage(conn, text) news:write(conn.guid, "you said " .. text) end
    local below, dialled = connect(made)
    local mine = sgc.client { broker = dialled }
    local one, told = echo({ broker = dialled }, "echo", "client")
    local heard = {}
    function mine.OnMessage(conn, text)
      assert.equal("esegece.com", conn.protocol)
      heard[#heard + 1] = text
    end
    function mine.OnEvent(_, channel, text) heard[#heard + 1] = channel .. ": " .. text end
    assert(below:connect())
    assert.equal("broker.esegece.com", below.conn.protocol)
    assert.equal(1, made:count())
    assert(mine:write "hello")
    assert(one.conn():write "one")
    assert(one.conn():write_binary "abc")
    assert.is_true(mine:subscribe "news")
    assert(made:broadcast("today", "news"))
    assert(news:broadcast "all of sgc")
    clock.wait_for(function() return #heard == 3 and #told == 3 end)
    assert.same({ "you said hello", "news: today", "all of sgc" }, heard)
    assert.same({ { "connect" }, { "text", "echo one" }, { "bytes", "cba" } }, told)
    assert.same({ { "connect" }, { "text", "one" }, { "bytes", "abc" } }, server_told)
    assert.equal(made, served.server)
    assert.equal(below, dialled.client)
    below:disconnect()
    clock.wait_for(function() return server_told[4] end)
    assert.equal("disconnect", server_told[4][1])
    assert.is_nil(one.conn())
  end)

  it("is told of its connections in the server's place", function()
    local told = {}
    local function note(who)
      return function(conn) told[#told + 1] = who .. " " .. conn.protocol end
    end
    local made = fixture.server({}, {
      OnConnect = note "server connect",
      OnDisconnect = note "server disconnect",
      OnMessage = function(conn, text) conn:write(text) end,
    })
    local served = broker.server { server = made }
    served.OnConnect, served.OnDisconnect = note "connect", note "disconnect"
    local peer = raw(made)
    peer:close()
    clock.wait_for(function() return #told == 2 end)
    assert.same({ "connect broker.esegece.com", "disconnect broker.esegece.com" }, told)
    local plain = websocket.connect(made.port)
    peers[#peers + 1] = plain
    plain:send "mine"
    assert.equal("mine", (plain:read()))
    assert.equal("server connect ", told[3])
  end)

  it("says whose a message is, and hears of it", function()
    local made = fixture.server()
    local served = broker.server { server = made }
    echo({ broker = served }, "echo")
    local errors = {}
    function served.OnError(conn, message, code)
      errors[#errors + 1] = { conn.protocol, message, code }
    end
    local peer = raw(made)
    peer:send '{"protocol":"echo","message":"a \\"quoted\\" one"}'
    assert.same({ protocol = "echo", message = 'echo a "quoted" one' }, hear(peer))
    peer:send_binary(binary.write("echo", "\1\2"))
    assert.equal(binary.write("echo", "\2\1"), (peer:read()))
    local wrong = {
      "no JSON",
      "[]",
      '{"protocol":5,"message":"x"}',
      '{"protocol":"echo"}',
      '{"protocol":"echo","message":{}}',
      '{"protocol":"other","message":"x"}',
    }
    for _, message in ipairs(wrong) do
      peer:send(message)
    end
    peer:send_binary "short"
    peer:send '{"protocol":"echo","message":"still"}'
    assert.equal("echo still", hear(peer).message)
    assert.equal(7, #errors)
    assert.same({ "broker.esegece.com", "no such message", "EPROTO" }, errors[1])
    assert.equal('no protocol "other"', errors[6][2])
    -- What the server publishes belongs to none of them.
    made:broadcast "hello"
    assert.same({ protocol = "", message = "hello" }, hear(peer))
  end)

  it("says what cannot be written as a connection does", function()
    local made = fixture.server()
    local served = broker.server { server = made }
    local got = {}
    carrier.serve("echo", { broker = served }, "echo", {
      OnMessage = function(conn)
        got = { conn:write "a\255" }
        for _, name in ipairs { "write", "write_binary" } do
          for _, wrong in ipairs { {}, true, print } do
            assert.error_matches(
              function() conn[name](conn, wrong) end,
              ("conn:%s takes a string, got a %s"):format(name, type(wrong))
            )
          end
        end
        conn:write(5)
      end,
    })
    local peer = raw(made)
    peer:send '{"protocol":"echo","message":"x"}'
    assert.same({ protocol = "echo", message = "5" }, hear(peer))
    assert.same({ nil, "text is not valid UTF-8", "EUTF8" }, got)
  end)

  it("holds nothing of a connection that has ended", function()
    local made = fixture.server()
    local served = broker.server { server = made }
    local seen = setmetatable({}, { __mode = "k" })
    local ended = 0
    carrier.serve("echo", { broker = served }, "echo", {
      OnConnect = function(conn) seen[conn] = true end,
      OnDisconnect = function(conn)
        assert.is_true(seen[conn])
        ended = ended + 1
      end,
    })
    for _ = 1, 5 do
      raw(made):close()
    end
    clock.wait_for(function() return ended == 5 end)
    clock.wait_for(function()
      collectgarbage()
      return next(seen) == nil
    end)
  end)

  it("takes each protocol once, and its options are checked", function()
    local made = fixture.server()
    local served = broker.server { server = made }
    sgc.server { broker = served }
    local function refused(f, given)
      local ok, message = pcall(f, given)
      assert.is_false(ok)
      return (message:gsub("^[^ ]*:%d+: ", ""))
    end
    assert.equal(
      "sgc.server: this broker has one already",
      refused(sgc.server, { broker = served })
    )
    assert.equal("sgc.server takes 'server' or 'broker'", refused(sgc.server, {}))
    assert.equal(
      "sgc.server takes 'server' or 'broker'",
      refused(sgc.server, { broker = served, server = made })
    )
    assert.equal(
      "broker.server: this server has one already",
      refused(broker.server, { server = made })
    )
    assert.equal(
      "option 'broker' of sgc.client takes a broker.client, got a table",
      refused(sgc.client, { broker = served })
    )
    local below = connect(made)
    below:connect()
    assert.equal(
      "broker.client takes a client that is not started",
      refused(broker.client, { client = below })
    )
  end)
end)
