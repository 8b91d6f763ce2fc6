-- options.fragmented_messages: messages as they come. covers: lua/lua_conn.c
local capture = require "spec.support.capture"
local clock = require "spec.support.clock"
local fixture = require "spec.support.fixture"
local server = require "perilune.server"
local task = require "perilune.task"
local timer = require "perilune.timer"
local websocket = require "spec.support.websocket"

local MORE = { fin = false }
local DEFLATED = { rsv = 4 }
local DEFLATED_MORE = { rsv = 4, fin = false }

describe("fragmented_messages:", function()
  local events, peer

  after_each(fixture.clean)

  local function open(mode, more)
    local options = { options = { fragmented_messages = mode } }
    for name, value in pairs(more or {}) do
      options[name] = value
    end
    events = {}
    local function note(name)
      return function(_, ...) events[#events + 1] = { name, ... } end
    end
    local made = fixture.server(options, {
      OnMessage = note "message",
      OnBinary = note "binary",
      OnFragmented = note "fragment",
      OnDisconnect = note "end",
    })
    peer = fixture.connect(made, {
      headers = { "Sec-WebSocket-Extensions: permessage-deflate" },
    })
  end

  --- What the handlers were called with, when all that was sent is handled.
  local function noted()
    assert.is_true(peer:ping "mark")
    return events
  end

  local function send_three()
    peer:send_frame(websocket.TEXT, "ab", MORE)
    peer:send_frame(websocket.CONTINUATION, "", MORE)
    peer:send_frame(websocket.CONTINUATION, "c")
    peer:send_frame(websocket.BINARY, "\0\1")
  end

  it("are whole by default", function()
    open()
    send_three()
    assert.same({ { "message", "abc" }, { "binary", "\0\1" } }, noted())
  end)

  it("come fragment by fragment", function()
    open "only_fragmented"
    send_three()
    assert.same({
      { "fragment", "ab", "text", true },
      { "fragment", "", "text", true },
      { "fragment", "c", "text", false },
      { "fragment", "\0\1", "binary", false },
    }, noted())
  end)

  it("grow, and come whole in the end", function()
    open "all"
    send_three()
    assert.same({
      { "fragment", "ab", "text", true },
      { "fragment", "ab", "text", true },
      { "fragment", "abc", "text", false },
      { "message", "abc" },
      { "fragment", "\0\1", "binary", false },
      { "binary", "\0\1" },
    }, noted())
  end)

  it("are inflated as they come", function()
    open("only_fragmented", { extensions = { permessage_deflate = {} } })
    peer:send_frame(websocket.TEXT, "\xf2\x48\xcd", DEFLATED_MORE)
    assert.same({ { "fragment", "He", "text", true } }, noted())
    peer:send_frame(websocket.CONTINUATION, "\xc9\xc9\x07\x00")
    peer:send_frame(websocket.TEXT, "\xf2\x48\xcd\xc9\xc9\x07\x00", DEFLATED)
    assert.same({
      { "fragment", "He", "text", true },
      { "fragment", "llo", "text", false },
      { "fragment", "Hello", "text", false },
    }, noted())
  end)

  it("have a frame in pieces that is larger than 256 KiB", function()
    open "only_fragmented"
    local piece = 256 * 1024
    local bytes = ("0123456789"):rep(60000)
    peer:send_binary(bytes)
    local sizes, got = {}, {}
    for i, event in ipairs(noted()) do
      sizes[i], got[i] = #event[2], event[2]
      assert.equal(i < 3, event[4])
    end
    assert.same({ piece, piece, 600000 - 2 * piece }, sizes)
    assert.equal(bytes, table.concat(got))
  end)

  it("have the limits of whole messages", function()
    open("only_fragmented", { limits = { message = 5 } })
    peer:send_frame(websocket.BINARY, "abc", MORE)
    peer:send_frame(websocket.CONTINUATION, "def", MORE)
    assert.equal(1009, (peer:read_close()))
  end)

  it("show at most fragmented_bytes", function()
    open("all", { limits = { fragmented_bytes = 5 } })
    peer:send_frame(websocket.BINARY, "ab", MORE)
    peer:send_frame(websocket.CONTINUATION, "c", MORE)
    peer:send_frame(websocket.CONTINUATION, "")
    assert.equal(1009, (peer:read_close()))
    assert.same({ { "fragment", "ab", "binary", true }, { "fragment", "abc", "binary", true } }, {
      events[1],
      events[2],
    })
  end)

  it("take nothing else", function()
    local ok, message = pcall(server.new, { options = { fragmented_messages = "fragments" } })
    assert.is_false(ok)
    assert.truthy(message:find("options.fragmented_messages", 1, true))
    assert.truthy(message:find("only_fragmented", 1, true))
  end)
end)

describe("OnFragmented:", function()
  after_each(fixture.clean)

  --- The handler waits; the peer sends 64 MiB. What is read meanwhile is bounded.
  it("holds back who sends faster", function()
    local conn, go_on
    local total, calls = 0, 0
    local made = fixture.server({
      limits = { message = 128 * 1024 * 1024 },
      options = { fragmented_messages = "only_fragmented" },
    }, {
      OnFragmented = function(from, bytes)
        conn = from
        calls = calls + 1
        total = total + #bytes
        while not go_on do
          timer.sleep(0.01)
        end
      end,
    })
    local peer = fixture.connect(made)
    local chunk = ("x"):rep(1024 * 1024)
    local done
    task.start(function()
      peer:send_frame(websocket.BINARY, chunk, MORE)
      for _ = 2, 63 do
        peer:send_frame(websocket.CONTINUATION, chunk, MORE)
      end
      peer:send_frame(websocket.CONTINUATION, chunk)
      done = true
    end)
    timer.sleep(0.5)
    assert.equal(1, calls)
    assert.is_nil(done)
    assert.is_true(conn.rec_bytes < 4 * 1024 * 1024)
    go_on = true
    for _ = 1, 1000 do
      if total == 64 * 1024 * 1024 then break end
      timer.sleep(0.01)
    end
    assert.equal(64 * 1024 * 1024, total)
    assert.equal(256, calls)
  end)
end)

describe("OnBeforeHeartBeat:", function()
  after_each(fixture.clean)

  local function beating(handler, timeout)
    local heartbeat = { interval = 0.1, timeout = timeout or 0, type = "always" }
    local made = fixture.server({ heartbeat = heartbeat }, { OnBeforeHeartBeat = handler })
    return fixture.pair(made)
  end

  it("takes the place of the ping when it returns true", function()
    local peer = beating(function(conn)
      conn:write "are you there"
      return true
    end, 0.1)
    for _ = 1, 4 do
      local frame = assert(peer:read_frame(2))
      assert.same({ websocket.TEXT, "are you there" }, { frame.opcode, frame.payload })
    end
  end)

  it("lets the ping go when it returns nothing, or throws", function()
    local calls = 0
    local peer = beating(function()
      calls = calls + 1
      if calls == 2 then error "no" end
    end)
    capture(function()
      for _ = 1, 3 do
        assert.equal(websocket.PING, assert(peer:read_frame(2)).opcode)
      end
    end)
    assert.is_true(calls >= 3)
  end)

  it("may wait, and is not waited for longer than an interval", function()
    local calls = 0
    local peer = beating(function()
      calls = calls + 1
      timer.sleep(calls == 1 and 0.02 or 0.35)
      return calls == 1
    end)
    assert.equal(websocket.PING, assert(peer:read_frame(2)).opcode)
    assert.equal(2, calls)
  end)

  it("is not asked again before it has answered; pings go meanwhile", function()
    local calls, waits = 0, true
    local peer = beating(function()
      calls = calls + 1
      if calls == 1 then clock.wait_for(function() return not waits end) end
      return true
    end)
    for _ = 1, 4 do
      assert.equal(websocket.PING, assert(peer:read_frame(2)).opcode)
    end
    assert.equal(1, calls)
    waits = false
    clock.wait_for(function() return calls > 1 end)
  end)

  it("is not asked while the connection has just been heard", function()
    local calls = 0
    local made = fixture.server({
      heartbeat = { interval = 0.3, timeout = 0, type = "if_no_message" },
    }, {
      OnBeforeHeartBeat = function()
        calls = calls + 1
        return true
      end,
    })
    local peer = fixture.pair(made)
    for _ = 1, 8 do
      peer:send "hello"
      timer.sleep(0.1)
    end
    assert.equal(0, calls)
    timer.sleep(0.5)
    assert.is_true(calls >= 1)
  end)
end)
