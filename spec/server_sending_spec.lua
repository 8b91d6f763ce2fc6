-- covers: lua/lua_server_send.c
local clock = require "spec.support.clock"
local fixture = require "spec.support.fixture"
local timer = require "perilune.timer"
local websocket = require "spec.support.websocket"

--- The texts that a peer gets before `mark` does.
local function texts_before(peer, mark)
  local texts = {}
  for text in function() return peer:read() end do
    if text == mark then return texts end
    texts[#texts + 1] = text
  end
  error("no " .. mark)
end

describe("broadcast:", function()
  local made, peers, conns

  before_each(function()
    made = fixture.server { protocols = { "red", "blue" } }
    peers, conns = {}, {}
    local protocols = { "red", "blue", "red" }
    for i = 1, 3 do
      local headers = { "Sec-WebSocket-Protocol: " .. protocols[i] }
      peers[i], conns[i] = fixture.pair(made, { headers = headers })
    end
  end)

  after_each(fixture.clean)

  --- Which of the peers got the text and nothing else.
  local function receivers(text)
    made:broadcast "\0end"
    local got = {}
    for i, peer in ipairs(peers) do
      local texts = texts_before(peer, "\0end")
      if #texts > 0 then
        assert.same({ text }, texts)
        got[#got + 1] = i
      end
    end
    return got
  end

  --- Who gets a broadcast so addressed.
  local function reached(addressing)
    local ok, count = made:broadcast("hello", addressing)
    assert.is_true(ok)
    local got = receivers "hello"
    assert.equal(#got, count)
    return got
  end

  it("reaches all", function() assert.same({ 1, 2, 3 }, reached(nil)) end)

  it("reaches a channel", function()
    conns[1]:subscribe "news"
    conns[3]:subscribe "news"
    conns[2]:subscribe "weather"
    assert.same({ 1, 3 }, reached "news")
    assert.same({ 2 }, reached { channel = "weather" })
    assert.same({}, reached "nothing")
    conns[1]:unsubscribe "news"
    assert.same({ 3 }, reached "news")
  end)

  it("leaves out", function()
    assert.same({ 1, 3 }, reached { exclude = { conns[2].guid } })
    assert.same({ 3 }, reached { exclude = { conns[1].guid, conns[2].guid } })
    assert.same({ 1, 2, 3 }, reached { exclude = {} })
  end)

  it("includes only", function()
    assert.same({ 2 }, reached { include = { conns[2].guid } })
    assert.same({ 1, 3 }, reached { include = { conns[3].guid, conns[1].guid, conns[3].guid } })
    assert.same({}, reached { include = {} })
    assert.same({}, reached { include = { ("0"):rep(#conns[1].guid), "no guid" } })
  end)

  it("reaches a subprotocol", function()
    assert.same({ 1, 3 }, reached { protocol = "red" })
    assert.same({ 2 }, reached { protocol = "blue" })
    assert.same({}, reached { protocol = "green" })
  end)

  it("combines them", function()
    conns[1]:subscribe "news"
    conns[2]:subscribe "news"
    assert.same({ 1 }, reached { channel = "news", protocol = "red" })
    assert.same({ 2 }, reached { channel = "news", exclude = { conns[1].guid } })
    assert.same({ 2 }, reached { channel = "news", include = { conns[2].guid, conns[3].guid } })
    assert.same(
      { 3 },
      reached { include = { conns[1].guid, conns[3].guid }, exclude = { conns[1].guid } }
    )
  end)

  it("sends in fragments", function()
    made:broadcast("abcdefgh", { size = 3 })
    for _, peer in ipairs(peers) do
      local first, second, third = peer:read_frame(), peer:read_frame(), peer:read_frame()
      assert.same({ websocket.TEXT, false, "abc" }, { first.opcode, first.fin, first.payload })
      assert.same({ 0, false, "def" }, { second.opcode, second.fin, second.payload })
      assert.same({ 0, true, "gh" }, { third.opcode, third.fin, third.payload })
    end
  end)

  it("sends binary", function()
    local ok, count = made:broadcast_binary("\0\255", { include = { conns[1].guid } })
    assert.is_true(ok)
    assert.equal(1, count)
    local bytes, kind = peers[1]:read()
    assert.equal("\0\255", bytes)
    assert.equal("binary", kind)
  end)

  it("keeps the order of broadcasts and writes", function()
    conns[1]:write "1"
    made:broadcast "2"
    made:write(conns[1].guid, "3")
    made:broadcast("4", { exclude = { conns[2].guid } })
    conns[1]:write "5"
    for i = 1, 5 do
      assert.equal(tostring(i), peers[1]:read())
    end
  end)

  it("leaves out who is closing", function()
    conns[2]:close()
    assert.same({ true, 2 }, { made:broadcast "x" })
  end)

  it("refuses text that is not UTF-8", function()
    local ok, message, code = made:broadcast "\255"
    assert.is_nil(ok)
    assert.is_string(message)
    assert.equal("EUTF8", code)
    assert.same({}, receivers "")
  end)

  it("refuses what it does not know", function()
    local function refuses(pattern, ...)
      local ok, message = pcall(made.broadcast, made, ...)
      assert.is_false(ok)
      assert.matches(pattern, message)
    end
    refuses("string expected", nil)
    refuses("string expected", {})
    refuses("table expected", "x", true)
    refuses("broadcast has no option 'chanel'", "x", { chanel = "news" })
    refuses("channel takes a string", "x", { channel = 1 })
    refuses("exclude takes a guid or a list", "x", { exclude = 1 })
    refuses("element 2 is a number", "x", { exclude = { "a", 2 } })
    refuses("size takes a number", "x", { size = 0 })
    refuses("size takes a number", "x", { size = 0 / 0 })
  end)

  it("is nobody's when nobody is there", function()
    local empty = fixture.server()
    assert.same({ true, 0 }, { empty:broadcast "x" })
    local stopped = fixture.new_server()
    assert.same({ true, 0 }, { stopped:broadcast "x" })
  end)
end)

describe("by guid:", function()
  local made, peers, conns

  before_each(function()
    made = fixture.server()
    peers, conns = {}, {}
    for i = 1, 3 do
      peers[i], conns[i] = fixture.pair(made, { path = "/" .. i })
    end
  end)

  after_each(fixture.clean)

  it("writes to one and to several", function()
    assert.is_true(made:write(conns[1].guid, "one"))
    assert.equal("one", peers[1]:read())
    assert.is_true(made:write({ conns[2].guid, conns[3].guid }, "two"))
    assert.equal("two", peers[2]:read())
    assert.equal("two", peers[3]:read())
    assert.is_true(made:write_binary(conns[1].guid, "\255"))
    assert.same({ "\255", "binary" }, { peers[1]:read() })
    assert.is_true(made:write(conns[1].guid, "abcd", 2))
    assert.is_false(peers[1]:read_frame().fin)
    assert.is_true(peers[1]:read_frame().fin)
    assert.is_true(peers[1]:is_silent(0.01))
  end)

  it("says that there is no such connection", function()
    local gone = conns[1].guid
    peers[1]:close()
    clock.wait_for(function() return made:count() == 2 end)
    for _, guid in ipairs { gone, "nonsense", "", {}, { gone } } do
      local ok, message, code = made:write(guid, "x")
      assert.is_nil(ok)
      assert.is_string(message)
      assert.equal("ENOENT", code)
    end
    local ok, _, code = made:disconnect(gone)
    assert.is_nil(ok)
    assert.equal("ENOENT", code)
    assert.is_nil(made:connection(gone))
    assert.is_nil(made:connection "nonsense")
  end)

  it("finds a connection", function()
    assert.equal(conns[2], made:connection(conns[2].guid))
    assert.has_error(function() made:connection {} end)
  end)

  it("disconnects", function()
    assert.is_true(made:disconnect(conns[1].guid))
    assert.equal(1000, (peers[1]:read_close()))
    assert.is_true(made:disconnect(conns[2].guid, 4002))
    assert.equal(4002, (peers[2]:read_close()))
    assert.has_error(function() made:disconnect(conns[3].guid, 1005) end)
    assert.has_error(function() made:disconnect(conns[3].guid, 999) end)
    assert.has_error(function() made:disconnect(conns[3].guid, 5000) end)
  end)

  it("disconnects all", function()
    assert.equal(3, made:disconnect_all(4003))
    for _, peer in ipairs(peers) do
      assert.equal(4003, (peer:read_close()))
      peer.socket:close()
    end
    clock.wait_for(function() return made:count() == 0 end)
    assert.equal(0, made:disconnect_all())
    assert.is_true(made.active)
  end)

  it("pings all", function()
    assert.equal(3, made:ping())
    for _, peer in ipairs(peers) do
      assert.equal(websocket.PING, peer:read_frame().opcode)
    end
  end)

  it("pings all, and drops who gives no sign of life in time", function()
    for _, heartbeat in ipairs { "default", false } do
      local other = fixture.server { heartbeat = heartbeat ~= "default" and heartbeat or nil }
      local codes = {}
      function other.OnDisconnect(conn, code, reason)
        codes[#codes + 1] = ("%s %d %s"):format(conn.url, code, reason)
      end
      local answering, talking = fixture.connect(other), fixture.connect(other)
      local silent = fixture.connect(other, { path = "/silent" })
      assert.equal(3, other:ping(0.1))
      answering:send_frame(websocket.PONG, answering:read_frame().payload)
      talking:send "still here"
      clock.wait_for(function() return #codes > 0 end)
      assert.same({ "/silent 1006 timed out" }, codes)
      silent.socket:close()
      timer.sleep(0.15)
      assert.equal(2, other:count())
      assert.equal(2, other:ping(0.05))
      clock.wait_for(function() return other:count() == 0 end)
    end
    for _, wrong in ipairs { 0, -1, 0 / 0, 86401, "soon" } do
      assert.has_error(function() made:ping(wrong) end)
    end
  end)

  it("does not drop who is not read", function()
    local go
    function made.OnMessage()
      clock.wait_for(function() return go end)
    end
    for _ = 1, 70 do -- more than limits.pending_events
      peers[1]:send "x"
    end
    timer.sleep(0.05)
    made:ping(0.05)
    for i = 1, 3 do
      peers[i]:send_frame(websocket.PONG, peers[i]:read_frame().payload)
    end
    timer.sleep(0.15)
    go = true
    assert.equal(3, made:count())
  end)

  it("lists connections", function()
    local list = made:connections()
    table.sort(list, function(a, b) return a.url < b.url end)
    assert.equal(3, #list)
    for i, description in ipairs(list) do
      assert.same({
        guid = conns[i].guid,
        ip = "127.0.0.1",
        url = "/" .. i,
        protocol = "",
        worker = 1,
      }, description)
    end
    assert.equal(3, made:count())
  end)

  it("gives every connection a guid of its own", function()
    local seen = {}
    for _, conn in ipairs(conns) do
      assert.matches("^%x[%x-]+$", conn.guid)
      assert.is_nil(seen[conn.guid])
      seen[conn.guid] = true
    end
  end)
end)
