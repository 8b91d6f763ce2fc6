-- covers: internal/client_route.lua lua/lua_client_answer.c lua/lua_client_settings.c
local client = require "perilune.client"
local clock = require "spec.support.clock"
local fixture = require "spec.support.fixture"
local recorder = require "spec.support.recorder"
local socket = require "spec.support.socket"
local task = require "perilune.task"
local timer = require "perilune.timer"

local function echo(conn, text) conn:write(text) end

local function echo_server(options)
  return fixture.server(options, {
    OnMessage = echo,
    OnBinary = function(conn, bytes) conn:write_binary(bytes) end,
  })
end

--- nil, a message and this code.
local function assert_fails(code, ok, message, got)
  assert.is_nil(ok)
  assert.is_string(message)
  assert.equal(code, got, message)
  return message
end

--- A port where nobody listens.
local function free_port()
  local listener = socket.listen()
  local port = listener.port
  listener:close()
  return port
end

describe("client:start", function()
  after_each(fixture.clean)

  it("connects, and tells of all that happens", function()
    local made = echo_server()
    local seen, events = recorder.new()
    events.OnStartup, events.OnShutdown = nil, nil
    local one = fixture.new_client(made, nil, events)
    assert.same({ false, false }, { one.active, one.connected })
    assert.is_nil(one.conn)
    assert.is_true(one:start())
    assert.same({ true, false }, { one.active, one.connected })
    clock.wait_for(function() return one.connected end)
    assert.is_true(one:write "hello")
    assert.is_true(one:write_binary "\0\255")
    recorder.assert_seen({ "connect", "message hello", "binary \0\255" }, seen)
    assert.is_true(one:stop())
    recorder.assert_seen({ "connect", "message hello", "binary \0\255", "disconnect 1000 " }, seen)
    clock.wait_for(function() return not one.active end)
    assert.is_nil(one.conn)
  end)

  it("is refused twice, and stop without it", function()
    local one = fixture.new_client(echo_server())
    assert_fails("ESTATE", one:stop())
    assert.is_true(one:start())
    assert_fails("ESTATE", one:start())
    one:disconnect()
    assert_fails("ESTATE", one:stop())
    assert.is_true(one:start())
  end)

  it("begins again right behind stop", function()
    local made = echo_server()
    local connects = 0
    local one = fixture.client(made)
    function one.OnConnect() connects = connects + 1 end
    one:stop()
    assert.is_true(one:start())
    clock.wait_for(function() return connects == 1 and one.connected end)
    assert.equal("hello", one:write_and_wait "hello")
    one:stop()
    assert.is_true(one:connect())
    assert.is_true(one:disconnect())
    assert.is_false(one.active)
    assert.is_nil(one.conn)
  end)

  it("takes a worker", function()
    local one = fixture.new_client(echo_server())
    assert.is_true(one:start { worker = 2 })
    assert.is_false(one.active)
    assert.is_true(one:start { worker = 1 })
    assert.is_true(one.active)
    assert.has_error(function() one:start { workers = 1 } end)
  end)

  it("says what failed", function()
    local told = {}
    local port = free_port()
    local one = fixture.new_client({ url = "ws://127.0.0.1:" .. port }, nil)
    function one.OnError(conn, message, code, status)
      told[#told + 1] = { tostring(conn), message, code, tostring(status) }
    end
    assert.is_true(one:start())
    clock.wait_for(function() return not one.active end)
    assert.equal(1, #told)
    assert.same({ "nil", "ECONNREFUSED", "nil" }, { told[1][1], told[1][3], told[1][4] })
    assert.matches("127.0.0.1:" .. port, told[1][2], 1, true)
  end)

  it("tells the status of an answer that is none of WebSocket's", function()
    local made = fixture.server { protocols = { "chat" } }
    local status
    local one = fixture.new_client(made, { protocols = { "tea" } })
    function one.OnError(_, _, _, number) status = number end
    assert_fails("ENOTSUP", one:connect())
    assert.equal(400, status)
  end)

  it("logs a failure that nobody hears", function()
    local one = fixture.new_client { url = "ws://127.0.0.1:" .. free_port() .. "/secret" }
    local text = require "spec.support.capture"(function()
      one:start()
      clock.wait_for(function() return not one.active end)
    end)
    assert.matches("client: .*127.0.0.1:%d+.*refused", text)
    assert.is_nil(text:find "secret")
  end)
end)

describe("client:connect", function()
  after_each(fixture.clean)

  it("waits until it is connected", function()
    local one = fixture.new_client(echo_server())
    assert.is_true(one:connect())
    assert.is_true(one.connected)
    assert.is_true(one:connect())
    assert.is_true(one:disconnect())
    assert.same({ false, false }, { one.active, one.connected })
    assert.is_true(one:disconnect())
    assert.is_true(one:connect(5))
    assert.equal("again", one:write_and_wait "again")
  end)

  it("fails with a sentence", function()
    local port = free_port()
    local one = fixture.new_client { url = "ws://127.0.0.1:" .. port }
    local message = assert_fails("ECONNREFUSED", one:connect())
    assert.matches("127.0.0.1:" .. port, message, 1, true)
    assert.is_false(one.active)
    one = fixture.new_client { url = "ws://nobody.invalid/" }
    assert_fails("EHOST", one:connect())
  end)

  it("gives up in time", function()
    local listener = fixture.listener() -- which never answers
    local one = fixture.new_client { url = "ws://127.0.0.1:" .. listener.port }
    assert_fails("ETIMEDOUT", one:connect(0.05))
    clock.wait_for(function() return not one.active end)
    one = fixture.new_client(
      { url = "ws://127.0.0.1:" .. listener.port },
      { connect_timeout = 0.05 }
    )
    local message = assert_fails("ETIMEDOUT", one:connect())
    assert.matches(tostring(listener.port), message, 1, true)
  end)

  it("takes seconds", function()
    local one = fixture.new_client(echo_server())
    for _, bad in ipairs { 0, -1, 86401, "x", 0 / 0 } do
      assert.has_error(function() one:connect(bad) end)
      assert.has_error(function() one:disconnect(bad) end)
    end
    assert.is_false(one.active)
  end)

  it("tries the servers in their order", function()
    local made = echo_server()
    local dead = "ws://127.0.0.1:" .. free_port()
    local alive = "ws://127.0.0.1:" .. made.port .. "/alive"
    local told = 0
    local one = fixture.new_client({ url = dead, servers = { dead, alive, dead } })
    function one.OnError() told = told + 1 end
    assert.is_true(one:connect())
    assert.equal(2, told)
    assert.equal("/alive", one.conn.url)
    one = fixture.new_client { servers = { dead, alive } }
    assert.is_true(one:connect())
    one = fixture.new_client { servers = { dead, dead } }
    assert_fails("ECONNREFUSED", one:connect())
  end)

  it("asks for subprotocols that were registered", function()
    local made = fixture.server { protocols = { "tea", "mqtt" } }
    local one = fixture.new_client(made, { protocols = { "coffee" } })
    assert_fails("ENOTSUP", one:connect())
    assert.is_true(one:register_protocol "mqtt")
    assert.is_true(one:register_protocol "mqtt")
    assert.is_true(one:connect())
    assert.equal("mqtt", one.conn.protocol)
    for _, bad in ipairs { "a b", "", 1, false } do
      assert.has_error(
        function() one:register_protocol(bad) end,
        "client:register_protocol takes a token, got " .. tostring(bad)
      )
    end
    for i = 3, 64 do
      assert.is_true(one:register_protocol("p" .. i))
    end
    assert_fails("ELIMIT", one:register_protocol "one-more")
    assert.is_true(one:register_protocol "p64")
    assert.is_true(one:disconnect())
    assert.is_true(one:connect())
    assert.equal(
      64,
      select(2, one.conn.headers_request["sec-websocket-protocol"]:gsub("[^, ]+", ""))
    )
  end)

  it("ends when the client is stopped", function()
    local listener = fixture.listener()
    local one = fixture.new_client { url = "ws://127.0.0.1:" .. listener.port }
    local result
    local waiting = task.start(function() result = { one:connect() } end)
    timer.sleep(0.01)
    one:stop()
    waiting:wait()
    assert_fails("ECANCELED", unpack(result, 1, 3))
    assert.is_false(one.active)
  end)

  it("can be cancelled", function()
    local listener = fixture.listener()
    local one = fixture.new_client { url = "ws://127.0.0.1:" .. listener.port }
    local waiting = task.start(function() one:connect() end)
    timer.sleep(0.01)
    waiting:cancel()
    waiting:wait()
    one:disconnect()
    assert.is_false(one.active)
  end)
end)

describe("a client's conn", function()
  after_each(fixture.clean)

  it("is that of the server, seen from here", function()
    local made = echo_server { protocols = { "chat", "tea" } }
    local one = fixture.client(made, {
      url = ("ws://127.0.0.1:%d/pot?cup=2"):format(made.port),
      protocols = { "tea", "chat" },
      origin = "http://a.example",
      headers = { ["X-Name"] = "kitchen" },
    })
    local conn = one.conn
    assert.equal(conn, one.conn)
    local there = made:connection(made:connections()[1].guid)
    assert.same({ "127.0.0.1", made.port }, { conn.ip, conn.port })
    assert.same({ there.ip, there.port }, { conn.local_ip, conn.local_port })
    assert.same({ "/pot?cup=2", "tea", "rfc6455" }, { conn.url, conn.protocol, conn.transport })
    assert.equal("kitchen", conn.headers_request["x-name"])
    assert.equal("kitchen", there.headers_request["x-name"])
    assert.equal("http://a.example", there.headers_request.origin)
    assert.equal("websocket", conn.headers_response.upgrade)
    assert.matches("^%x+$", conn.guid)
    conn.data.mine = 1
    assert.equal(1, one.conn.data.mine)
    assert.equal("four", one:write_and_wait "four")
    assert.same({ 10, 6 }, { conn.send_bytes, conn.rec_bytes })
  end)

  it("has no channels", function()
    local conn = fixture.client(echo_server()).conn
    assert_fails("ENOTSUP", conn:subscribe "tea")
    assert_fails("ENOTSUP", conn:unsubscribe "tea")
  end)

  it("outlives its connection", function()
    local made = echo_server()
    local one = fixture.client(made)
    local conn = one.conn
    made:stop()
    clock.wait_for(function() return not one.active end)
    assert_fails("ECLOSED", conn:write "x")
    assert_fails("ECLOSED", conn:ping(1))
    one = nil -- luacheck: ignore 311
    collectgarbage()
    collectgarbage()
    assert_fails("ECLOSED", conn:subscribe "x")
    assert_fails("ECLOSED", conn:unsubscribe "x")
    assert.equal("/", conn.url)
  end)

  it("sends Close", function()
    local seen, events = recorder.new()
    events.OnStartup, events.OnShutdown, events.OnConnect = nil, nil, nil
    local made = fixture.server(nil, events)
    local one = fixture.client(made)
    assert.is_true(one.conn:close(3000, "bye"))
    recorder.assert_seen({ "disconnect 3000 bye" }, seen)
    clock.wait_for(function() return not one.active end)
  end)
end)

--- What the system says of the timer of a connection (proc(5), /proc/net/tcp): 2 is keep-alive.
local function timer_of(conn)
  local ports = (":%04X %%x+:%04X "):format(conn.local_port, conn.port)
  for line in io.lines "/proc/net/tcp" do
    if line:find(ports) then
      local kind, left = line:match "%x+:%x+ (%x%x):(%x+)"
      return tonumber(kind, 16), tonumber(left, 16) / 100
    end
  end
end

describe("a client's socket", function()
  after_each(fixture.clean)

  it("has the address and the port that it is to have", function()
    local made = echo_server()
    local first = free_port()
    local last = math.min(first + 20, 65535)
    local one = fixture.client(made, {
      bound_ip = "127.0.0.2",
      bound_port_min = first,
      bound_port_max = last,
    })
    local there = made:connections()[1]
    assert.equal("127.0.0.2", there.ip)
    assert.equal("127.0.0.2", one.conn.local_ip)
    local port = made:connection(there.guid).port
    assert.is_true(port >= first and port <= last, port)
  end)

  it("is refused an address that is not ours, and a port that is another's", function()
    local made, other = echo_server(), fixture.listener()
    local one = fixture.new_client(made, { bound_ip = "192.0.2.1" })
    assert_fails("EADDRNOTAVAIL", one:connect())
    one = fixture.new_client(made, {
      bound_ip = "127.0.0.1",
      bound_port_min = other.port,
      bound_port_max = other.port,
    })
    assert_fails("EADDRINUSE", one:connect())
  end)

  it("leads to public addresses only with guard", function()
    local made = echo_server()
    local one = fixture.new_client(made, { guard = true })
    local message = assert_fails("EACCES", one:connect())
    assert.matches("the address 127.0.0.1 is not allowed", message, 1, true)
    one.url = ("ws://[::ffff:127.0.0.1]:%d/"):format(made.port)
    assert_fails("EACCES", one:connect())
    assert.equal(0, made:count())
  end)

  it("is kept alive when that is asked for", function()
    local made = echo_server()
    local one = fixture.client(made, { heartbeat = false })
    assert.equal("x", one:write_and_wait "x")
    clock.wait_for(function() return timer_of(one.conn) == 0 end) -- all is acknowledged
    one = fixture.client(made, { heartbeat = false, tcp_keepalive = { time = 3000 } })
    assert.equal("x", one:write_and_wait "x")
    clock.wait_for(function() return timer_of(one.conn) == 2 end)
    local _, left = timer_of(one.conn)
    assert.is_true(left > 2000 and left <= 3000, left)
  end)

  it("is reset with linger_state = 0", function()
    for state, ending in pairs { [-1] = "end", [0] = "reset" } do
      local listener = fixture.listener()
      local one = fixture.new_client(
        { url = "tcp://127.0.0.1:" .. listener.port },
        { linger_state = state }
      )
      assert.is_true(one:connect())
      local peer = fixture.accept(listener)
      assert.is_true(one:disconnect())
      assert.equal(ending, select(2, peer:read_all()))
    end
  end)
end)

describe("client:disconnect", function()
  after_each(fixture.clean)

  --- Seconds that it takes with a server that answers no Close, whose end it is.
  local function time_of(options)
    local listener = fixture.listener()
    local one = fixture.new_client({ url = "ws://127.0.0.1:" .. listener.port }, options)
    one:start()
    local peer = require("spec.support.websocket").serve(fixture.accept(listener))
    clock.wait_for(function() return one.connected end)
    local began = clock.now()
    assert.is_true(one:disconnect())
    return clock.now() - began, peer
  end

  it("waits for the answer to our Close, for a time", function()
    local time = time_of { limits = { close_timeout = 0.3 } }
    assert.is_true(time >= 0.29, time)
  end)

  it("waits for none without clean_disconnect", function()
    local time = time_of { options = { clean_disconnect = false }, limits = { close_timeout = 60 } }
    assert.is_true(time < 10, time)
  end)
end)

describe("client:write", function()
  after_each(fixture.clean)

  it("needs a connection", function()
    local one = fixture.new_client(echo_server())
    assert_fails("ECLOSED", one:write "x")
    assert_fails("ECLOSED", one:write_binary "x")
    assert_fails("ECLOSED", one:write_and_wait "x")
    assert_fails("ECLOSED", one:ping())
    one:start()
    assert_fails("ECLOSED", one:write "x")
    assert_fails("ECLOSED", one:ping(1))
    one:connect()
    one:disconnect()
    assert_fails("ECLOSED", one:write "x")
  end)

  it("masks what it sends, in fragments of a size", function()
    local listener = fixture.listener()
    local one = fixture.new_client { url = "ws://127.0.0.1:" .. listener.port }
    one:start()
    local peer = require("spec.support.websocket").serve(fixture.accept(listener))
    clock.wait_for(function() return one.connected end)
    assert.is_true(one:write("abcdefg", 3))
    local shown = {}
    for i = 1, 3 do
      local frame = peer:read_frame()
      shown[i] = { frame.opcode, frame.fin, frame.masked, frame.payload }
    end
    assert.same({
      { 1, false, true, "abc" },
      { 0, false, true, "def" },
      { 0, true, true, "g" },
    }, shown)
    assert.has_error(function() one:write("x", -1) end)
    assert_fails("EUTF8", one:write "\255")
  end)

  it("compresses when both want it", function()
    local made = echo_server { extensions = { permessage_deflate = {} } }
    local one = fixture.client(made, { extensions = { permessage_deflate = {} } })
    local text = ("tea "):rep(5000)
    assert.equal(text, one:write_and_wait(text))
    assert.is_true(one.conn.send_bytes < 1000)
    assert.is_true(one.conn.rec_bytes < 1000)
    assert.matches("permessage%-deflate", one.conn.headers_response["sec-websocket-extensions"])
  end)

  it("compresses frame by frame where that is what both know", function()
    local frame, both = { deflate_frame = {} }, { deflate_frame = {}, permessage_deflate = {} }
    local narrow = {
      deflate_frame = { server_max_window_bits = 9, server_no_context_takeover = true },
    }
    local asks =
      { deflate_frame = { client_max_window_bits = 9, client_no_context_takeover = true } }
    local text = ("tea "):rep(5000)
    for _, case in ipairs {
      { frame, frame, "^deflate%-frame$" },
      { frame, both, "^deflate%-frame$" },
      { both, frame, "^deflate%-frame$" },
      { both, both, "^permessage%-deflate" },
      { frame, narrow, "^deflate%-frame$" },
      { asks, frame, "^deflate%-frame; no_context_takeover; max_window_bits=9$" },
    } do
      local one = fixture.client(echo_server { extensions = case[1] }, { extensions = case[2] })
      for _ = 1, 3 do
        assert.equal(text, one:write_and_wait(text))
      end
      assert.is_true(one.conn.send_bytes < 2000)
      assert.is_true(one.conn.rec_bytes < 2000)
      assert.matches(case[3], one.conn.headers_response["sec-websocket-extensions"])
    end
    local one = fixture.client(echo_server(), { extensions = both })
    assert.equal(text, one:write_and_wait(text))
    assert.is_nil(one.conn.headers_response["sec-websocket-extensions"])
    local offer = "deflate-frame, x-webkit-deflate-frame"
    one = fixture.client(echo_server(), { extensions = frame })
    assert.equal(offer, one.conn.headers_request["sec-websocket-extensions"])
  end)
end)

describe("client:write_and_wait", function()
  after_each(fixture.clean)

  it("gets the next message of its kind", function()
    local heard = {}
    local made = fixture.server(nil, {
      OnMessage = function(conn, text)
        conn:write_binary "noise"
        conn:write(text .. "!")
        conn:write "more"
      end,
      OnBinary = function(conn, bytes)
        conn:write "noise"
        conn:write_binary(bytes .. "!")
      end,
    })
    local one = fixture.client(made, nil, {
      OnMessage = function(_, text) heard[#heard + 1] = text end,
      OnBinary = function(_, bytes) heard[#heard + 1] = bytes end,
    })
    assert.equal("a!", one:write_and_wait "a")
    assert.equal("b!", one:write_binary_and_wait("b", 5))
    recorder.assert_seen({ "noise", "more", "noise" }, heard)
  end)

  it("works inside the client's own handler", function()
    local answer
    local made = fixture.server(nil, {
      OnConnect = function(conn) conn:write "who?" end,
      OnMessage = echo,
    })
    local one = fixture.new_client(made, nil, {})
    function one.OnMessage(_, text)
      if text == "who?" then answer = one:write_and_wait "me" end
    end
    one:start()
    assert.equal("me", clock.wait_for(function() return answer end))
  end)

  it("works when as many messages wait as may", function()
    local answer
    local made = fixture.server(nil, {
      OnConnect = function(conn)
        for i = 1, 100 do
          conn:write("noise " .. i)
        end
      end,
      OnMessage = function(conn, text) conn:write_binary(text) end,
    })
    local heard = 0
    local one = fixture.new_client(made, { limits = { pending_events = 2 } })
    function one.OnMessage()
      heard = heard + 1
      if heard > 1 then return end
      timer.sleep(0.05)
      one:write "please"
      local conn = one.conn
      function one.OnBinary(_, bytes) answer = bytes end
      assert(conn)
    end
    one:start()
    assert.equal("please", clock.wait_for(function() return answer end))
    assert.equal(100, heard)
  end)

  it("gives several that wait one answer each, in order", function()
    local one = fixture.client(echo_server())
    local jobs, got = {}, {}
    for i = 1, 3 do
      jobs[i] = task.start(function() got[i] = one:write_and_wait("number " .. i) end)
    end
    for _, job in ipairs(jobs) do
      job:wait()
    end
    assert.same({ "number 1", "number 2", "number 3" }, got)
  end)

  it("ends with the time, or the connection", function()
    local made = fixture.server()
    local one = fixture.client(made)
    assert_fails("ETIMEDOUT", one:write_and_wait("x", 0.02))
    timer.after(0.02, function() made:disconnect_all(3000) end)
    assert_fails("ECLOSED", one:write_and_wait("x", 5))
    for _, bad in ipairs { 0, -1, 86401, "x" } do
      assert.has_error(function() one:write_and_wait("x", bad) end)
    end
  end)

  it("can be cancelled", function()
    local one = fixture.client(echo_server())
    local waiting = task.start(function() one:write_binary_and_wait("x", 5) end)
    waiting:cancel()
    assert.is_nil((waiting:wait()))
    assert.equal("still there", one:write_and_wait "still there")
  end)

  it("needs whole messages", function()
    local made = echo_server()
    local one = fixture.client(made, { options = { fragmented_messages = "only_fragmented" } })
    assert_fails("ENOTSUP", one:write_and_wait "x")
    one = fixture.client(made, { options = { fragmented_messages = "all" } })
    assert.equal("x", one:write_and_wait "x")
  end)
end)

describe("client:ping", function()
  after_each(fixture.clean)

  it("waits for the answer", function()
    local one = fixture.client(echo_server())
    assert.is_true(one:ping())
    assert.is_true(one:ping(5))
  end)

  it("disconnects who gives none", function()
    local listener = fixture.listener()
    local one = fixture.new_client { url = "ws://127.0.0.1:" .. listener.port }
    one:start()
    require("spec.support.websocket").serve(fixture.accept(listener))
    clock.wait_for(function() return one.connected end)
    assert_fails("ETIMEDOUT", one:ping(0.02))
    clock.wait_for(function() return not one.active end)
  end)
end)

describe("client.new", function()
  it("takes events of clients alone", function()
    local one = client.new { url = "ws://127.0.0.1:1" }
    for _, name in ipairs {
      "OnConnect",
      "OnDisconnect",
      "OnMessage",
      "OnBinary",
      "OnFragmented",
      "OnError",
      "OnException",
      "OnHandshake",
      "OnSSLVerifyPeer",
      "OnBeforeConnect",
      "OnBeforeHeartBeat",
      "OnBeforeWatchDog",
      "OnDrain",
      "OnPing",
    } do
      one[name] = print
      assert.equal(print, one[name])
      one[name] = nil
      assert.is_nil(one[name])
    end
    for _, name in ipairs { "OnStartup", "OnShutdown", "OnTCPConnect", "OnCommandGet" } do
      assert.has_error(function() one[name] = print end)
    end
    local made = require("perilune.server").new { port = 0 }
    for _, name in ipairs { "OnBeforeConnect", "OnBeforeWatchDog" } do
      assert.has_error(function() made[name] = print end)
    end
  end)

  it("is collected when nobody has it", function()
    local weak = setmetatable({}, { __mode = "k" })
    weak[client.new { url = "ws://127.0.0.1:1" }] = true
    collectgarbage()
    collectgarbage()
    assert.is_nil(next(weak))
  end)
end)
