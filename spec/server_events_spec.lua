-- covers: lua/lua_events.c
local capture = require "spec.support.capture"
local clock = require "spec.support.clock"
local fixture = require "spec.support.fixture"
local recorder = require "spec.support.recorder"
local timer = require "perilune.timer"
local websocket = require "spec.support.websocket"

describe("server events:", function()
  after_each(fixture.clean)

  it("come in order", function()
    local seen, events = recorder.new()
    local made = fixture.server(nil, events)
    local peer = fixture.connect(made)
    peer:send "one"
    peer:send_binary "two"
    peer:send "three"
    peer:close(3000, "bye")
    made:stop()
    assert.same({
      "startup",
      "connect",
      "message one",
      "binary two",
      "message three",
      "disconnect 3000 bye",
      "shutdown",
    }, seen)
  end)

  it("get every byte", function()
    local bytes = {}
    for i = 0, 255 do
      bytes[i + 1] = string.char(i)
    end
    local all = table.concat(bytes)
    local got, text
    local made = fixture.server(nil, {
      OnBinary = function(_, data) got = data end,
      OnMessage = function(_, data) text = data end,
    })
    local peer = fixture.connect(made)
    peer:send_binary(all)
    peer:send ""
    clock.wait_for(function() return text end)
    assert.equal(all, got)
    assert.equal("", text)
  end)

  it("OnDisconnect gets the code and reason of the peer", function()
    local cases = {
      { 1000, "", "disconnect 1000 " },
      { 1001, "gone", "disconnect 1001 gone" },
      { 3999, "Grüße", "disconnect 3999 Grüße" },
      { 4999, ("x"):rep(123), "disconnect 4999 " .. ("x"):rep(123) },
    }
    for _, case in ipairs(cases) do
      local seen, events = recorder.new()
      local made = fixture.server(nil, events)
      fixture.connect(made):close(case[1], case[2])
      recorder.assert_seen({ "startup", "connect", case[3] }, seen)
    end
  end)

  it("OnDisconnect gets 1005 for a Close without code", function()
    local seen, events = recorder.new()
    local peer = fixture.connect(fixture.server(nil, events))
    peer:send_close()
    peer:read_close()
    peer.socket:close()
    recorder.assert_seen({ "startup", "connect", "disconnect 1005 " }, seen)
  end)

  it("OnDisconnect gets 1006 for an end without Close", function()
    for _, how in ipairs { "close", "reset", "shutdown" } do
      local seen, events = recorder.new()
      local peer = fixture.connect(fixture.server(nil, events))
      peer.socket[how](peer.socket)
      clock.wait_for(function() return seen[3] end)
      assert.matches("^disconnect 1006", seen[3])
    end
  end)

  it("OnDisconnect gets what the server closed with", function()
    local seen, events = recorder.new()
    events.OnMessage = function(conn) conn:close(4001, "enough") end
    local peer = fixture.connect(fixture.server(nil, events))
    peer:send "x"
    local code, reason = peer:read_close()
    assert.equal(4001, code)
    assert.equal("enough", reason)
    peer:close(4001)
    clock.wait_for(function() return seen[3] end)
    assert.matches("^disconnect 4001", seen[3])
  end)

  it("are none for a connection that carried only HTTP", function()
    local seen, events = recorder.new()
    local made = fixture.server(nil, events)
    local peer = fixture.socket(made)
    peer:send "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    peer:read_all()
    made:stop()
    assert.same({ "startup", "shutdown" }, seen)
  end)

  it("can be assigned while connections are open", function()
    local made = fixture.server()
    local peer = fixture.connect(made)
    peer:send "nobody hears this"
    peer:send_frame(websocket.PING, "")
    peer:read_frame()
    local got
    function made.OnMessage(_, text) got = text end
    peer:send "first"
    clock.wait_for(function() return got == "first" end)
    function made.OnMessage(_, text) got = "other " .. text end
    peer:send "second"
    clock.wait_for(function() return got == "other second" end)
    made.OnMessage = nil
    peer:send "third"
    peer:send_frame(websocket.PING, "")
    peer:read_frame()
    assert.equal("other second", got)
  end)

  it("OnConnect may close, and no message comes then", function()
    local seen, events = recorder.new()
    events.OnConnect = function(conn)
      seen[#seen + 1] = "connect"
      conn:disconnect(4000)
    end
    local peer = fixture.connect(fixture.server(nil, events))
    peer:send "x"
    assert.equal(4000, (peer:read_close()))
    peer.socket:close()
    recorder.assert_seen({ "startup", "connect", "disconnect 4000 " }, seen)
  end)

  it("OnConnect may write, before any message is read", function()
    local made = fixture.server(nil, {
      OnConnect = function(conn) conn:write "welcome" end,
      OnMessage = function(conn, text) conn:write(text) end,
    })
    local peer = fixture.socket(made)
    peer:send(websocket.compose() .. websocket.frame(websocket.TEXT, "early"))
    assert.matches("^HTTP/1.1 101 ", peer:read_through "\r\n\r\n")
    assert.equal("\129\7welcome\129\5early", peer:read(16))
  end)

  it("OnStartup may throw, and the server runs", function()
    local log = capture(function()
      local made = fixture.server(nil, { OnStartup = function() error "no start" end })
      fixture.connect(made)
    end)
    assert.matches("no start", log, 1, true)
  end)

  it("OnShutdown may wait", function()
    local done
    local made = fixture.server(nil, {
      OnShutdown = function()
        timer.sleep(0.01)
        done = true
      end,
    })
    made:stop()
    clock.wait_for(function() return done end)
  end)
end)

describe("a handler that throws:", function()
  after_each(fixture.clean)

  local function failing(text)
    if text == "table" then error { 1 } end
    if text == "nil" then error() end
    if text == "named" then
      error(setmetatable({}, { __tostring = function() return "my error" end }))
    end
    if text == "badly named" then
      error(setmetatable({}, { __tostring = function() error "again" end }))
    end
    if text == "waiting" then
      error(setmetatable({}, { __tostring = function() timer.sleep(1) end }))
    end
    if text == "deep" then
      local function dive() return 1 + dive() end
      return dive()
    end
    error "what a pity"
  end

  it("is told to OnException with a traceback, and the connection lives", function()
    local got_conn, got_message
    local made = fixture.server(nil, {
      OnMessage = function(conn, text)
        if text == "throw" then failing(text) end
        conn:write(text)
      end,
      OnException = function(conn, message)
        got_conn, got_message = conn, message
      end,
    })
    local peer, conn = fixture.pair(made)
    peer:send "throw"
    peer:send "after"
    assert.equal("after", peer:read())
    assert.equal(conn, got_conn)
    assert.matches("server_events_spec.lua:%d+: what a pity", got_message)
    assert.matches("stack traceback:", got_message, 1, true)
    assert.matches("in function 'failing'", got_message, 1, true)
  end)

  it("may throw anything", function()
    local messages = {}
    local made = fixture.server(nil, {
      OnMessage = function(_, text) failing(text) end,
      OnException = function(_, message) messages[#messages + 1] = message end,
    })
    local peer = fixture.connect(made)
    for _, text in ipairs { "table", "nil", "named", "badly named", "waiting", "deep" } do
      peer:send(text)
    end
    clock.wait_for(function() return #messages == 6 end)
    assert.matches("^%(error object is a table value%)\nstack traceback:", messages[1])
    assert.matches("^%(error object is a nil value%)\n", messages[2])
    assert.matches("^my error\n", messages[3])
    assert.matches("^%(error object whose __tostring failed%)\n", messages[4])
    assert.matches("^%(error object whose __tostring failed%)\n", messages[5])
    assert.matches("stack overflow", messages[6], 1, true)
  end)

  it("is logged without OnException", function()
    local log = capture(function()
      local made = fixture.server(nil, {
        OnMessage = function(conn, text)
          conn:write(text)
          failing(text)
        end,
      })
      local peer = fixture.connect(made)
      peer:send "one"
      peer:send "two"
      assert.equal("one", peer:read())
      assert.equal("two", peer:read())
    end)
    local _, count = log:gsub("what a pity", "")
    assert.equal(2, count)
    assert.matches("in function 'failing'", log, 1, true)
  end)

  it("may throw after it has waited", function()
    local message
    local made = fixture.server(nil, {
      OnMessage = function()
        timer.sleep(0.005)
        failing ""
      end,
      OnException = function(_, text) message = text end,
    })
    fixture.connect(made):send "x"
    clock.wait_for(function() return message end)
    assert.matches("what a pity", message, 1, true)
  end)

  it("may throw in OnConnect and OnDisconnect", function()
    local count = 0
    local made = fixture.server(nil, {
      OnConnect = failing,
      OnDisconnect = failing,
      OnException = function() count = count + 1 end,
    })
    fixture.connect(made):close()
    clock.wait_for(function() return count == 2 end)
  end)

  it("may throw in OnException", function()
    local log = capture(function()
      local made = fixture.server(nil, {
        OnMessage = function(conn, text)
          conn:write(text)
          failing(text)
        end,
        OnException = function() error "not this one too" end,
      })
      local peer = fixture.connect(made)
      peer:send "one"
      peer:send "two"
      assert.equal("one", peer:read())
      assert.equal("two", peer:read())
    end)
    assert.matches("not this one too", log, 1, true)
  end)
end)

describe("a handler that waits:", function()
  after_each(fixture.clean)

  it("keeps the order of its connection", function()
    local seen = {}
    local made = fixture.server(nil, {
      OnMessage = function(_, text)
        timer.sleep(0.002)
        seen[#seen + 1] = text
      end,
      OnBinary = function(_, bytes) seen[#seen + 1] = bytes end,
    })
    local peer = fixture.connect(made)
    for i = 1, 5 do
      peer:send("text " .. i)
      peer:send_binary("binary " .. i)
    end
    local expected = {}
    for i = 1, 5 do
      expected[2 * i - 1], expected[2 * i] = "text " .. i, "binary " .. i
    end
    recorder.assert_seen(expected, seen)
  end)

  it("does not hold up other connections", function()
    local waiting = true
    local made = fixture.server(nil, {
      OnMessage = function(conn, text)
        if text == "wait" then clock.wait_for(function() return not waiting end) end
        conn:write(text)
      end,
    })
    local slow, quick = fixture.connect(made), fixture.connect(made)
    slow:send "wait"
    quick:send "hello"
    assert.equal("hello", quick:read())
    assert.is_true(slow:is_silent())
    waiting = false
    assert.equal("wait", slow:read())
  end)

  it("does not hold up pings", function()
    local waiting = true
    local made = fixture.server(nil, {
      OnMessage = function()
        clock.wait_for(function() return not waiting end)
      end,
    })
    local peer = fixture.connect(made)
    peer:send "wait"
    peer:send_frame(websocket.PING, "are you there")
    local frame = peer:read_frame()
    assert.equal(websocket.PONG, frame.opcode)
    assert.equal("are you there", frame.payload)
    waiting = false
  end)

  it("does not hold up a Close; OnDisconnect comes when it has ended", function()
    local seen, waiting = {}, true
    local made = fixture.server(nil, {
      OnMessage = function(conn, text)
        clock.wait_for(function() return not waiting end)
        seen[#seen + 1] = text
        seen[#seen + 1] = select(3, conn:write "too late")
      end,
      OnDisconnect = function(_, code) seen[#seen + 1] = code end,
    })
    local peer = fixture.connect(made)
    peer:send "first"
    peer:send "dropped"
    peer:send_close(4000)
    assert.equal(4000, (peer:read_close()))
    peer.socket:close()
    clock.wait_for(function() return made:count() == 0 end)
    assert.same({}, seen)
    waiting = false
    recorder.assert_seen({ "first", "ECLOSED", 4000 }, seen)
    timer.sleep(0.01)
    assert.equal(3, #seen)
  end)

  it("has OnConnect end before the first message", function()
    local seen = {}
    local made = fixture.server(nil, {
      OnConnect = function()
        timer.sleep(0.01)
        seen[#seen + 1] = "connect"
      end,
      OnMessage = function(_, text) seen[#seen + 1] = text end,
    })
    local peer = fixture.connect(made)
    peer:send "hello"
    recorder.assert_seen({ "connect", "hello" }, seen)
  end)

  it("gets all messages, however many come meanwhile", function()
    local count, last, waiting = 0, nil, true
    local made = fixture.server({ limits = { pending_events = 4 } }, {
      OnMessage = function(_, text)
        if waiting then clock.wait_for(function() return not waiting end) end
        count, last = count + 1, text
      end,
    })
    local peer = fixture.connect(made)
    local bytes = {}
    for i = 1, 2000 do
      bytes[i] = websocket.frame(websocket.TEXT, "message " .. i)
    end
    peer.socket:send(table.concat(bytes))
    timer.sleep(0.02)
    assert.equal(0, count)
    waiting = false
    clock.wait_for(function() return count == 2000 end)
    assert.equal("message 2000", last)
  end)

  it("reads no more than it may keep", function()
    local waiting = true
    local made = fixture.server({ limits = { pending_events = 4 } }, {
      OnMessage = function()
        if waiting then clock.wait_for(function() return not waiting end, 20) end
      end,
    })
    local peer, conn = fixture.pair(made)
    local frame = websocket.frame(websocket.BINARY, ("x"):rep(60000))
    local sent = 0
    made.OnBinary = made.OnMessage
    local deadline = clock.now() + 0.3
    while clock.now() < deadline do
      sent = sent + (peer.socket:send_some(frame) or 0)
      timer.sleep(0.001)
    end
    assert.is_true(conn.rec_bytes < 1024 * 1024, conn.rec_bytes .. " bytes read")
    assert.is_true(conn.rec_bytes < sent)
    waiting = false
  end)

  it("does not keep the server from stopping", function()
    local waiting = true
    local made = fixture.server(nil, {
      OnMessage = function()
        clock.wait_for(function() return not waiting end)
      end,
    })
    local peer = fixture.connect(made)
    peer:send "x"
    timer.sleep(0.005)
    local answer = peer:leave_when_closed()
    assert.is_true(made:stop())
    waiting = false
    assert.equal(1001, answer[1])
  end)
end)
