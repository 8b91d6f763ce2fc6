-- covers: internal/conn.lua lua/lua_conn_events.c lua/lua_conn_flush.c lua/lua_conn_ping.c
-- covers: lua/lua_value.c
local capture = require "spec.support.capture"
local clock = require "spec.support.clock"
local fixture = require "spec.support.fixture"
local timer = require "perilune.timer"
local websocket = require "spec.support.websocket"

local MIB = 1024 * 1024

--- nil, a message and this code.
local function assert_fails(code, ok, message, got)
  assert.is_nil(ok)
  assert.is_string(message)
  assert.equal(code, got)
end

--- Opcode, fin and payload of the next frame.
local function frame_of(peer)
  local frame = assert(peer:read_frame())
  assert.is_false(frame.masked)
  assert.equal(0, frame.rsv)
  return { frame.opcode, frame.fin, frame.payload }
end

describe("conn:write", function()
  local peer, conn

  before_each(function()
    peer, conn = fixture.pair(fixture.server())
  end)
  after_each(fixture.clean)

  it("sends text", function()
    assert.same({ true }, { conn:write "Grüße" })
    assert.same({ websocket.TEXT, true, "Grüße" }, frame_of(peer))
    conn:write ""
    assert.same({ websocket.TEXT, true, "" }, frame_of(peer))
  end)

  it("sends binary", function()
    assert.same({ true }, { conn:write_binary "\0\255\128" })
    assert.same({ websocket.BINARY, true, "\0\255\128" }, frame_of(peer))
  end)

  it("writes every length in its shortest form", function()
    for _, length in ipairs { 0, 1, 125, 126, 127, 65535, 65536, 65537 } do
      local text = ("x"):rep(length)
      conn:write(text)
      local head = peer.socket:read(2)
      local extended = length > 65535 and 8 or length > 125 and 2 or 0
      assert.equal(extended == 8 and 127 or extended == 2 and 126 or length, head:byte(2))
      peer.socket:read(extended)
      assert.equal(text, peer.socket:read(length))
    end
  end)

  it("sends in fragments of a size", function()
    conn:write("abcdefg", 3)
    assert.same({ websocket.TEXT, false, "abc" }, frame_of(peer))
    assert.same({ websocket.CONTINUATION, false, "def" }, frame_of(peer))
    assert.same({ websocket.CONTINUATION, true, "g" }, frame_of(peer))
    conn:write_binary("abcdef", 3)
    assert.same({ websocket.BINARY, false, "abc" }, frame_of(peer))
    assert.same({ websocket.CONTINUATION, true, "def" }, frame_of(peer))
    conn:write("abc", 3)
    assert.same({ websocket.TEXT, true, "abc" }, frame_of(peer))
    conn:write("", 3)
    assert.same({ websocket.TEXT, true, "" }, frame_of(peer))
    conn:write("é", 1)
    assert.same({ websocket.TEXT, false, "\195" }, frame_of(peer))
    assert.same({ websocket.CONTINUATION, true, "\169" }, frame_of(peer))
  end)

  it("keeps the order", function()
    for i = 1, 1000 do
      conn:write("message " .. i)
    end
    for i = 1, 1000 do
      assert.equal("message " .. i, peer:read())
    end
  end)

  it("sends what is larger than any buffer", function()
    local text = ("0123456789abcdef"):rep(MIB / 4)
    conn:write(text)
    assert.equal(text, (peer:read()))
    conn:write(text, 100000)
    assert.equal(text, (peer:read()))
  end)

  it("refuses text that is not UTF-8, and goes on", function()
    for _, text in ipairs { "\255", "a\195", "\237\160\128", "\192\128", "\244\144\128\128" } do
      assert_fails("EUTF8", conn:write(text))
    end
    assert_fails("EUTF8", conn:write("ab\255", 1))
    conn:write "after"
    assert.equal("after", peer:read())
  end)

  it("throws for what is no text", function()
    for _, value in ipairs { {}, true, print } do
      assert.has_error(function() conn:write(value) end)
    end
    assert.has_error(function() conn:write() end)
    assert.has_error(function() conn:write("x", -1) end)
    assert.has_error(function() conn:write("x", "three") end)
    assert.has_error(function() conn.write("x") end)
  end)
end)

describe("OnPing", function()
  after_each(fixture.clean)

  it("tells of pings, which are answered, in order with messages", function()
    local notes = {}
    local server = fixture.server({}, {
      OnMessage = function(_, text) notes[#notes + 1] = text end,
      OnPing = function(_, bytes) notes[#notes + 1] = "ping " .. bytes end,
    })
    local peer = fixture.connect(server)
    peer:send "1"
    peer:send_frame(websocket.PING, "a\0b")
    peer:send_frame(websocket.PING, "")
    peer:send "2"
    assert.same({ websocket.PONG, true, "a\0b" }, frame_of(peer))
    assert.same({ websocket.PONG, true, "" }, frame_of(peer))
    clock.wait_for(function() return #notes == 4 end)
    assert.same({ "1", "ping a\0b", "ping ", "2" }, notes)
    server.OnPing = nil
    peer:ping "c"
    assert.equal(4, #notes)
  end)

  it("waits like messages, and no more than of these", function()
    local notes, go = {}, false
    local server = fixture.server({ limits = { pending_events = 4 } }, {
      OnPing = function(_, bytes)
        while not go do
          timer.sleep(0.01)
        end
        notes[#notes + 1] = bytes
      end,
    })
    local peer = fixture.connect(server)
    for i = 1, 500 do
      peer:send_frame(websocket.PING, tostring(i))
    end
    timer.sleep(0.1)
    go = true
    clock.wait_for(function() return #notes == 500 end)
    assert.equal("500", notes[500])
  end)
end)

describe("a peer that does not read:", function()
  after_each(fixture.clean)

  local function pair(limits, events)
    local made = fixture.server({ limits = limits }, events)
    local peer, conn = fixture.pair(made, { receive_buffer = 65536 })
    return peer, conn, made
  end

  --- Writes until the peer is behind; returns how many messages.
  local function fill(conn, text)
    for count = 1, 10000 do
      local ok, how = conn:write(text)
      assert.is_true(ok)
      if how then
        assert.equal("buffered", how)
        return count
      end
      if count % 16 == 0 then timer.sleep(0) end
    end
    error "it is never behind"
  end

  it("makes write say so, and OnDrain come once when it reads again", function()
    local drained = 0
    local peer, conn = pair(nil, { OnDrain = function() drained = drained + 1 end })
    local text = ("x"):rep(100000)
    local count = fill(conn, text)
    timer.sleep(0.02)
    assert.equal(0, drained)
    for _ = 1, count do
      assert.equal(#text, #peer:read())
    end
    clock.wait_for(function() return drained > 0 end)
    assert.equal(1, drained)
    assert.same({ true }, { conn:write "small" })
    assert.equal("small", peer:read())
  end)

  it("has marks that are options", function()
    local drained = false
    local peer, conn = pair(
      { high_water = 200000, low_water = 0, send_queue = 64 * MIB },
      { OnDrain = function() drained = true end }
    )
    local count = fill(conn, ("x"):rep(10000))
    for _ = 1, count - 1 do
      peer:read()
    end
    peer:read()
    clock.wait_for(function() return drained end)
  end)

  it("gets all in order, from OnDrain too", function()
    local next_number, last = 1, 200
    local function pour(conn)
      while next_number <= last do
        local ok, how = conn:write(("%08d"):format(next_number) .. ("x"):rep(20000))
        assert.is_true(ok)
        next_number = next_number + 1
        if how then return end
      end
    end
    local peer = pair({ high_water = 100000, low_water = 50000 }, {
      OnConnect = pour,
      OnDrain = pour,
    })
    for i = 1, last do
      assert.equal(("%08d"):format(i), peer:read():sub(1, 8))
    end
  end)

  it("is dropped at send_queue, with a line in the log", function()
    local code
    local peer, conn, made
    local log = capture(function()
      peer, conn, made = pair(
        { send_queue = MIB, high_water = 100000 },
        { OnDisconnect = function(_, number) code = number end }
      )
      local text, failed = ("x"):rep(50000), nil
      for _ = 1, 1000 do
        local ok, _, name = conn:write(text)
        failed = not ok and name
        if failed then break end
        timer.sleep(0)
      end
      assert.equal("ELIMIT", failed)
      assert_fails("ECLOSED", conn:write "more")
      clock.wait_for(function() return made:count() == 0 end)
    end)
    assert.equal(1006, code)
    assert.matches("send_queue of 1048576 bytes is full", log, 1, true)
    peer.socket:close()
  end)

  it("does not hold up a broadcast to the others", function()
    local log = capture(function()
      local _, _, made = pair { send_queue = MIB, high_water = 100000 }
      local quick = fixture.connect(made)
      local text = ("x"):rep(50000)
      for _ = 1, 400 do
        made:broadcast(text)
        assert.equal(#text, #quick:read())
      end
      assert.equal(1, made:count())
      quick:close()
    end)
    assert.matches("send_queue", log, 1, true)
  end)

  it("is sent its Close when it reads again", function()
    local peer, conn = pair()
    local count = fill(conn, ("x"):rep(100000))
    conn:close(4000, "slow")
    for _ = 1, count do
      assert.equal(100000, #peer:read())
    end
    assert.same({ 4000, "slow" }, { peer:read_close() })
  end)

  it("is dropped by disconnect without waiting", function()
    local code
    local peer, conn, made = pair(nil, { OnDisconnect = function(_, number) code = number end })
    fill(conn, ("x"):rep(100000))
    conn:disconnect(4000)
    clock.wait_for(function() return made:count() == 0 end, 1)
    assert.equal(4000, code)
    peer.socket:close()
  end)

  it("gets one answer to its many pings", function()
    local peer, conn = pair()
    local count = fill(conn, ("x"):rep(100000))
    for i = 1, 1000 do
      peer:send_frame(websocket.PING, tostring(i))
    end
    timer.sleep(0.05)
    local pongs, messages = {}, 0
    while messages < count or #pongs == 0 or pongs[#pongs] ~= "1000" do
      local frame = assert(peer:read_frame())
      if frame.opcode == websocket.PONG then
        pongs[#pongs + 1] = frame.payload
      else
        messages = messages + 1
      end
    end
    assert.is_true(#pongs < 20, #pongs .. " answers")
  end)
end)

describe("closing:", function()
  local made, peer, conn, seen

  before_each(function()
    seen = {}
    made = fixture.server(nil, {
      OnMessage = function(_, text) seen[#seen + 1] = text end,
      OnDisconnect = function(_, code, reason) seen[#seen + 1] = code .. " " .. reason end,
    })
    peer, conn = fixture.pair(made)
  end)
  after_each(fixture.clean)

  local function ended() return made:count() == 0 end

  it("close sends code and reason, and waits for the peer's Close", function()
    assert.is_true(conn:close(4000, "Schluß"))
    assert.same({ 4000, "Schluß" }, { peer:read_close() })
    assert.equal(1, made:count())
    peer:send_close(4000)
    peer.socket:close()
    clock.wait_for(ended)
  end)

  it("close has 1000 as its code", function()
    conn:close()
    assert.same({ 1000, "" }, { peer:read_close() })
  end)

  it("a negative code sends none", function()
    conn:close(-1)
    assert.same({ 1005, "" }, { peer:read_close() })
  end)

  it("close sends what was written before", function()
    conn:write "one"
    conn:write_binary "two"
    conn:close()
    assert.equal("one", peer:read())
    assert.equal("two", peer:read())
    assert.equal(1000, (peer:read_close()))
  end)

  it("after close nothing is sent or heard", function()
    conn:close()
    assert_fails("ECLOSED", conn:write "late")
    assert_fails("ECLOSED", conn:write_binary "late")
    assert_fails("ECLOSED", conn:ping())
    assert_fails("ECLOSED", conn:subscribe "news")
    assert.is_true(conn:close())
    peer:send "late"
    peer:close()
    clock.wait_for(ended)
    assert.equal(1, #seen)
  end)

  it("disconnect sends a Close and ends without waiting", function()
    assert.is_true(conn:disconnect(4000))
    assert.same({ 4000, "" }, { peer:read_close() })
    local _, why = peer.socket:read_all()
    assert.equal("end", why)
    peer.socket:close()
    clock.wait_for(ended)
    assert.same({ "4000 " }, seen)
  end)

  it("disconnect with a negative code sends an empty Close", function()
    conn:disconnect(-1)
    assert.same({ 1005, "" }, { peer:read_close() })
  end)

  it("disconnect after close does not wait any longer", function()
    conn:close(4000)
    assert.is_true(conn:disconnect())
    assert.equal(4000, (peer:read_close()))
    local _, why = peer.socket:read_all(1)
    assert.equal("end", why)
  end)

  it("takes only codes that may be sent", function()
    for _, code in ipairs { 0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65536, 70000 } do
      assert.has_error(function() conn:close(code) end)
      assert.has_error(function() conn:disconnect(code) end)
    end
    assert.has_error(function() conn:close "code" end)
    conn:write "still open"
    assert.equal("still open", peer:read())
  end)

  it("takes only reasons that are UTF-8", function()
    assert.has_error(function() conn:close(1000, "\255") end)
    assert.has_error(function() conn:close(1000, {}) end)
  end)

  it("cuts a reason that is too long, between two characters", function()
    conn:close(1000, ("é"):rep(100))
    assert.same({ 1000, ("é"):rep(61) }, { peer:read_close() })
  end)

  it("answers the peer's Close with its code", function()
    peer:send_close(4999, "bye")
    assert.equal(4999, (peer:read_close()))
    peer.socket:close()
    clock.wait_for(ended)
    assert.same({ "4999 bye" }, seen)
  end)
end)

describe("after the end:", function()
  local conn, guid, port

  before_each(function()
    local made = fixture.server { protocols = { "a" } }
    local peer
    peer, conn = fixture.pair(made, {
      path = "/room?x=1",
      headers = { "Sec-WebSocket-Protocol: a", "X-Name: Ada" },
    })
    guid, port = conn.guid, conn.port
    conn.data.name = "Ada"
    conn:write "hello"
    peer:read()
    peer:close()
    clock.wait_for(function() return made:count() == 0 end)
  end)
  after_each(fixture.clean)

  it("methods give ECLOSED", function()
    assert_fails("ECLOSED", conn:write "x")
    assert_fails("ECLOSED", conn:write_binary "x")
    assert_fails("ECLOSED", conn:close())
    assert_fails("ECLOSED", conn:disconnect())
    assert_fails("ECLOSED", conn:ping())
    assert_fails("ECLOSED", conn:ping(1))
    assert_fails("ECLOSED", conn:subscribe "news")
    assert_fails("ECLOSED", conn:unsubscribe "news")
  end)

  it("properties stay", function()
    assert.equal(guid, conn.guid)
    assert.equal(port, conn.port)
    assert.equal("127.0.0.1", conn.ip)
    assert.equal("/room?x=1", conn.url)
    assert.equal("a", conn.protocol)
    assert.equal("Ada", conn.data.name)
    assert.equal("Ada", conn.headers_request["x-name"])
    assert.is_true(conn.rec_bytes > 0)
    assert.is_true(conn.send_bytes > 0)
  end)
end)

describe("a handler that waits for its connection:", function()
  after_each(fixture.clean)

  it("ends first, then OnDisconnect comes, once", function()
    local waits = {
      flush = function(conn)
        local chunk = ("x"):rep(65536)
        repeat
          local _, state = conn:write(chunk)
        until state
        return conn:flush()
      end,
      ping = function(conn) return conn:ping(clock.PATIENCE) end,
    }
    for name, wait in pairs(waits) do
      local seen = {}
      local made = fixture.server(nil, {
        OnMessage = function(conn) seen[#seen + 1] = select(3, wait(conn)) end,
        OnDisconnect = function(conn, code) seen[#seen + 1] = type(conn) .. " " .. code end,
      })
      local peer = fixture.pair(made, { receive_buffer = 4096 })
      peer:send "go"
      timer.sleep(0.02)
      peer.socket:reset()
      clock.wait_for(function() return #seen >= 2 end)
      timer.sleep(0.02)
      assert.same({ name, "ECLOSED", "userdata 1006" }, { name, unpack(seen) })
    end
  end)
end)

describe("properties:", function()
  after_each(fixture.clean)

  it("tell of both ends", function()
    local made = fixture.server()
    local peer, conn = fixture.pair(made, { path = "/a%20b?c=d" })
    assert.equal("127.0.0.1", conn.ip)
    assert.equal(peer.socket:local_port(), conn.port)
    assert.equal("127.0.0.1", conn.local_ip)
    assert.equal(made.port, conn.local_port)
    assert.equal("/a%20b?c=d", conn.url)
    assert.equal("", conn.protocol)
    assert.equal("rfc6455", conn.transport)
    assert.matches("^%x+", conn.guid)
    assert.equal(1, conn.generation)
    assert.is_nil(conn.nonsense)
  end)

  it("tell that there is no session yet", function()
    local results
    local made = fixture.server(nil, {
      OnCommandGet = function(conn)
        results = {
          { conn:write "x" },
          { conn:write_binary "x" },
          { conn:ping() },
          { conn:ping(1) },
          { conn:subscribe "news" },
        }
        conn:disconnect()
        results[#results + 1] = { conn:unsubscribe "news" }
      end,
    })
    local peer = fixture.socket(made)
    peer:send "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    peer:read_all()
    clock.wait_for(function() return results and results[6] end)
    for i = 1, 5 do
      assert.same({ nil, "the connection carries no messages yet", "ESTATE" }, results[i])
    end
    assert.same({ false }, results[6])
  end)

  it("have both heads", function()
    local made = fixture.server()
    local headers = { "X-Name: Ada", "x-list: 1", "X-List: 2" }
    local _, conn = fixture.pair(made, { headers = headers })
    local request, response = conn.headers_request, conn.headers_response
    assert.equal("Ada", request["x-name"])
    assert.equal("1, 2", request["x-list"])
    assert.equal("test", request.host)
    assert.equal("websocket", request.upgrade)
    assert.equal("websocket", response.upgrade)
    assert.equal("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", response["sec-websocket-accept"])
    assert.equal("Perilune", response.server)
  end)

  it("cannot be assigned", function()
    local _, conn = fixture.pair(fixture.server())
    for _, name in ipairs { "guid", "ip", "write", "anything", "OnMessage" } do
      assert.has_error(function() conn[name] = 1 end)
    end
  end)

  it("data is the script's own table", function()
    local made = fixture.server(nil, {
      OnMessage = function(conn, text)
        conn.data.count = (conn.data.count or 0) + #text
        conn:write(tostring(conn.data.count))
      end,
    })
    local one, other = fixture.connect(made), fixture.connect(made)
    one:send "abc"
    other:send "x"
    one:send "de"
    assert.equal("3", one:read())
    assert.equal("5", one:read())
    assert.equal("1", other:read())
    local _, conn = fixture.pair(made)
    local own = { 1 }
    conn.data = own
    assert.equal(own, conn.data)
    assert.has_error(function() conn.data = 5 end)
    assert.has_error(function() conn.data = nil end)
  end)

  it("are the same userdata in every handler", function()
    local conns = {}
    local function note(conn) conns[#conns + 1] = conn end
    local made = fixture.server(nil, {
      OnConnect = note,
      OnMessage = note,
      OnBinary = note,
      OnDisconnect = note,
    })
    local peer = fixture.connect(made)
    peer:send "x"
    peer:send_binary "y"
    peer:close()
    clock.wait_for(function() return #conns == 4 end)
    for i = 2, 4 do
      assert.equal(conns[1], conns[i])
    end
    assert.equal("conn", getmetatable(conns[1]))
  end)

  it("count bytes", function()
    local peer, conn = fixture.pair(fixture.server())
    local received, sent = conn.rec_bytes, conn.send_bytes
    peer:send(("x"):rep(100))
    peer:ping ""
    assert.equal(received + 106 + 6, conn.rec_bytes)
    assert.equal(sent + 2, conn.send_bytes)
    conn:write(("x"):rep(200))
    peer:read()
    assert.equal(sent + 2 + 204, conn.send_bytes)
  end)

  it("count what the system has not taken yet", function()
    local peer, conn = fixture.pair(fixture.server {})
    assert.equal(0, conn.queued_bytes)
    assert(conn:write_binary(("x"):rep(15 * 2 ^ 20)))
    local first = conn.queued_bytes
    assert.is_true(first > 0 and first <= 15 * 2 ^ 20 + 10)
    peer:read()
    clock.wait_for(function() return conn.queued_bytes == 0 end)
    conn:disconnect()
    clock.wait_for(function() return conn.queued_bytes == 0 end)
  end)
end)

describe("conn:ping", function()
  after_each(fixture.clean)

  it("sends a ping", function()
    local peer, conn = fixture.pair(fixture.server())
    assert.is_true(conn:ping())
    assert.equal(websocket.PING, peer:read_frame().opcode)
  end)

  --- Calls conn:ping(timeout) beside the test; the table returned gets the results.
  local function ping_aside(conn, timeout)
    local results = {}
    timer.after(0, function()
      results.ok, results.message, results.code = conn:ping(timeout)
      results.done = true
    end)
    return results
  end

  it("waits for the answer", function()
    local peer, conn = fixture.pair(fixture.server())
    local results = ping_aside(conn, 5)
    local frame = peer:read_frame()
    assert.equal(websocket.PING, frame.opcode)
    peer:send_frame(websocket.PONG, "another")
    timer.sleep(0.01)
    assert.is_nil(results.done)
    peer:send_frame(websocket.PONG, frame.payload)
    clock.wait_for(function() return results.done end)
    assert.is_true(results.ok)
  end)

  it("closes who does not answer", function()
    local made = fixture.server()
    local _, conn = fixture.pair(made)
    local results = ping_aside(conn, 0.03)
    clock.wait_for(function() return results.done end)
    assert_fails("ETIMEDOUT", results.ok, results.message, results.code)
    assert_fails("ECLOSED", conn:write "x")
  end)

  it("ends when the connection does", function()
    local peer, conn = fixture.pair(fixture.server())
    local results, others = ping_aside(conn, 5), ping_aside(conn, 5)
    peer:read_frame()
    peer.socket:reset()
    clock.wait_for(function() return results.done and others.done end)
    assert_fails("ECLOSED", results.ok, results.message, results.code)
    assert_fails("ECLOSED", others.ok, others.message, others.code)
  end)

  it("gives each its own answer", function()
    local peer, conn = fixture.pair(fixture.server())
    local first, second = ping_aside(conn, 5), ping_aside(conn, 5)
    local one, two = peer:read_frame(), peer:read_frame()
    assert.are_not.equal(one.payload, two.payload)
    peer:send_frame(websocket.PONG, two.payload)
    clock.wait_for(function() return first.done or second.done end)
    timer.sleep(0.005)
    assert.is_true((first.done and 1 or 0) + (second.done and 1 or 0) == 1)
    peer:send_frame(websocket.PONG, one.payload)
    clock.wait_for(function() return first.done and second.done end)
    assert.is_true(first.ok)
    assert.is_true(second.ok)
  end)

  it("works within a handler of the same connection", function()
    local result
    local made = fixture.server(nil, {
      OnMessage = function(conn) result = { conn:ping(5) } end,
    })
    local peer = fixture.connect(made)
    peer:send "x"
    peer:send_frame(websocket.PONG, peer:read_frame().payload)
    clock.wait_for(function() return result end)
    assert.same({ true }, result)
  end)

  it("takes seconds", function()
    local _, conn = fixture.pair(fixture.server())
    for _, value in ipairs { 0, -1, 0 / 0, "soon", 1e9 } do
      assert.has_error(function() conn:ping(value) end)
    end
  end)
end)

describe("conn:flush", function()
  after_each(fixture.clean)

  local chunk = ("x"):rep(65536)

  --- Writes until the system takes no more.
  local function fill(conn)
    for _ = 1, 128 do
      local ok, state = conn:write(chunk)
      assert.is_true(ok)
      if state == "buffered" then return end
    end
    error "it is never full"
  end

  --- Reads in the background, to the end.
  local function read_on(peer)
    timer.after(0, function()
      while peer.socket.fd do
        peer.socket:fill()
        peer.socket.unread = ""
        timer.sleep(0.001)
      end
    end)
  end

  it("does not wait for what leaves at once", function()
    local peer, conn = fixture.pair(fixture.server())
    assert.is_true(conn:flush())
    conn:write "hello"
    assert.is_true(conn:flush(0.01))
    assert.equal("hello", peer:read())
  end)

  it("waits until all that was written is sent", function()
    local peer, conn = fixture.pair(fixture.server(), { receive_buffer = 4096 })
    local flushed, order = {}, {}
    fill(conn)
    for i = 1, 3 do
      conn:write(tostring(i))
      timer.after(0, function()
        flushed[i] = { conn:flush() }
        order[#order + 1] = i
      end)
    end
    timer.sleep(0.02)
    assert.same({}, flushed)
    read_on(peer)
    clock.wait_for(function() return #order == 3 end)
    assert.same({ { true }, { true }, { true } }, flushed)
    assert.same({ 1, 2, 3 }, order)
    peer.socket:close()
  end)

  it("goes on although more is written meanwhile", function()
    local peer, conn = fixture.pair(fixture.server(), { receive_buffer = 4096 })
    local flushed
    fill(conn)
    timer.after(0, function() flushed = conn:flush() end)
    timer.sleep(0.01)
    for _ = 1, 64 do
      conn:write(chunk)
    end
    read_on(peer)
    clock.wait_for(function()
      conn:write(chunk)
      return flushed
    end)
    peer.socket:close()
  end)

  it("fails with ETIMEDOUT when it takes longer; the connection stays", function()
    local peer, conn = fixture.pair(fixture.server(), { receive_buffer = 4096 })
    fill(conn)
    assert.same({ nil, "timed out", "ETIMEDOUT" }, { conn:flush(0.02) })
    assert.is_true((conn:write "x"))
    read_on(peer)
    assert.is_true(conn:flush(clock.PATIENCE))
    peer.socket:close()
  end)

  it("fails with ECLOSED when the connection ends, or has ended", function()
    local peer, conn = fixture.pair(fixture.server(), { receive_buffer = 4096 })
    local result
    fill(conn)
    timer.after(0, function() result = { conn:flush() } end)
    timer.sleep(0.01)
    peer.socket:reset()
    clock.wait_for(function() return result end)
    assert.same({ nil, "the connection is closed", "ECLOSED" }, result)
    assert_fails("ECLOSED", conn:flush())
    assert_fails("ECLOSED", conn:flush(1))
  end)

  it("fails with ECLOSED after close", function()
    local peer, conn = fixture.pair(fixture.server())
    conn:close()
    assert_fails("ECLOSED", conn:flush())
    peer:close()
  end)

  it("is for HTTP too", function()
    local http = require "spec.support.http"
    local results = {}
    local made = fixture.server(nil, {
      OnCommandGet = function(conn, _, response)
        results[1] = conn:flush()
        response:write "hello"
        results[2] = conn:flush()
      end,
    })
    assert.equal("hello", http.request(made.port, "/").body)
    assert.same({ true, true }, results)
  end)

  it("takes seconds, and throws where it cannot wait", function()
    local _, conn = fixture.pair(fixture.server())
    for _, value in ipairs { 0, -1, 0 / 0, "soon", 1e9 } do
      assert.has_error(function() conn:flush(value) end)
    end
    assert.has_error(function()
      string.gsub("a", "a", function() conn:flush() end)
    end)
  end)
end)

describe("channels:", function()
  local made, peer, conn

  before_each(function()
    made = fixture.server()
    peer, conn = fixture.pair(made)
  end)
  after_each(fixture.clean)

  it("are joined once, however often", function()
    assert.is_true(conn:subscribe "news")
    assert.is_true(conn:subscribe "news")
    assert.same({ true, 1 }, { made:broadcast("one", "news") })
    assert.equal("one", peer:read())
    assert.is_true(peer:is_silent(0.01))
  end)

  it("are left", function()
    conn:subscribe "news"
    assert.is_true(conn:unsubscribe "news")
    assert.is_false(conn:unsubscribe "news")
    assert.same({ true, 0 }, { made:broadcast("one", "news") })
  end)

  it("are left at the end of the connection", function()
    conn:subscribe "news"
    peer:close()
    clock.wait_for(function() return made:count() == 0 end)
    assert.same({ true, 0 }, { made:broadcast("one", "news") })
  end)

  it("have names of any bytes, by letter", function()
    for _, name in ipairs { "a\0b", "\255", "News", " ", ("x"):rep(1024) } do
      conn:subscribe(name)
      assert.same({ true, 1 }, { made:broadcast("x", name) })
    end
    assert.same({ true, 0 }, { made:broadcast("x", "news") })
    assert.same({ true, 0 }, { made:broadcast("x", "a") })
  end)

  it("refuse an empty or endless name", function()
    assert.has_error(function() conn:subscribe "" end)
    assert.has_error(function() conn:subscribe(("x"):rep(1025)) end)
    assert.has_error(function() conn:subscribe(nil) end)
    assert.has_error(function() conn:subscribe {} end)
  end)
end)
