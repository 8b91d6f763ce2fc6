local capture = require "spec.support.capture"
local clock = require "spec.support.clock"
local fixture = require "spec.support.fixture"
local server = require "perilune.server"
local timer = require "perilune.timer"
local websocket = require "spec.support.websocket"

describe("limits:", function()
  after_each(fixture.clean)

  --- True when the server lets a connection in.
  local function admitted(made)
    local peer = fixture.socket(made)
    peer:send(websocket.compose())
    return (peer:read_through "\r\n\r\n") ~= nil
  end

  local function check_count_limit(name)
    local made = fixture.server { limits = { [name] = 2 } }
    local first = fixture.connect(made)
    assert.is_true(admitted(made))
    local log = capture(function()
      assert.is_false(admitted(made))
      assert.is_false(admitted(made))
    end)
    local _, told = log:gsub("turned away: " .. name .. "\n", "")
    assert.equal(1, told)
    first:close()
    clock.wait_for(function() return made:count() == 1 end)
    assert.is_true(admitted(made))
  end

  it("connections", function() check_count_limit "connections" end)

  it("connections_per_address", function() check_count_limit "connections_per_address" end)

  it("message: 1009, whatever the way", function()
    local made = fixture.server { limits = { message = 1000 } }
    local got = {}
    function made.OnMessage(_, text) got[#got + 1] = #text end
    local peer = fixture.connect(made)
    peer:send(("x"):rep(1000))
    clock.wait_for(function() return got[1] == 1000 end)
    peer:send(("x"):rep(1001))
    assert.equal(1009, (peer:read_close()))
    peer = fixture.connect(made)
    peer:send_frame(websocket.TEXT, ("x"):rep(600), { fin = false })
    peer:send_frame(websocket.CONTINUATION, ("x"):rep(401))
    assert.equal(1009, (peer:read_close()))
    assert.same({ 1000 }, got)
  end)

  it("fragments: 1009", function()
    local made = fixture.server { limits = { fragments = 3 } }
    local peer = fixture.connect(made)
    peer:send_frame(websocket.TEXT, "a", { fin = false })
    for _ = 1, 3 do
      peer:send_frame(websocket.CONTINUATION, "b", { fin = false })
    end
    assert.equal(1009, (peer:read_close()))
  end)

  it("channels_per_connection", function()
    local made = fixture.server { limits = { channels_per_connection = 2 } }
    local _, conn = fixture.pair(made)
    assert.is_true(conn:subscribe "a")
    assert.is_true(conn:subscribe "b")
    assert.is_true(conn:subscribe "b")
    local ok, message, code = conn:subscribe "c"
    assert.is_nil(ok)
    assert.is_string(message)
    assert.equal("ELIMIT", code)
    assert.is_true(conn:unsubscribe "a")
    assert.is_true(conn:subscribe "c")
  end)

  it("header_timeout: who is slow is sent away", function()
    local made = fixture.server { limits = { header_timeout = 0.05, keep_alive = 0.1 } }
    local silent, slow = fixture.socket(made), fixture.socket(made)
    slow:send "GET / HTTP/1.1\r\nHost: x\r\n"
    local text, why = slow:read_all(1)
    assert.matches("^HTTP/1.1 408 ", text)
    assert.equal("end", why)
    assert.equal("end", select(2, silent:read_all(1)))
  end)

  it("keep_alive: an idle connection is closed", function()
    local made = fixture.server { limits = { keep_alive = 0.05 } }
    local peer = fixture.socket(made)
    peer:send "GET / HTTP/1.1\r\nHost: x\r\n\r\n"
    local _, why = peer:read_all(1)
    assert.equal("end", why)
  end)

  it("close_timeout: who does not answer a Close is dropped", function()
    local code
    local made = fixture.server({ limits = { close_timeout = 0.05 } }, {
      OnConnect = function(conn) conn:close(4000) end,
      OnDisconnect = function(_, number) code = number end,
    })
    fixture.connect(made)
    clock.wait_for(function() return code end, 1)
    assert.equal(1006, code)
  end)

  it("have bounds", function()
    assert.has_error(function() server.new { limits = { message = 0 } } end)
    assert.has_error(function() server.new { limits = { header_timeout = 0 } } end)
    assert.has_error(function() server.new { limits = { connections = 1.5 } } end)
  end)
end)

describe("the heartbeat:", function()
  after_each(fixture.clean)

  --- How many pings come in three and a half intervals to a peer that may talk all the time.
  local function pings(interval, options, talks)
    local heartbeat = { interval = interval, type = options and options.type }
    local made = fixture.server { heartbeat = options ~= false and heartbeat }
    local peer = fixture.connect(made)
    local count, deadline = 0, clock.now() + 3.5 * interval
    while clock.now() < deadline do
      if talks then peer:send "x" end
      local frame = peer:read_frame(0.01)
      if frame and frame.opcode == websocket.PING then
        count = count + 1
        peer:send_frame(websocket.PONG, frame.payload)
      end
    end
    return count
  end

  it("pings who is silent", function() assert.is_true(pings(0.1) >= 2) end)

  it("does not ping who talks", function() assert.equal(0, pings(0.2, nil, true)) end)

  it(
    "always pings when told so",
    function() assert.is_true(pings(0.1, { type = "always" }, true) >= 2) end
  )

  it("is off", function() assert.equal(0, pings(0.1, false)) end)

  it("drops who does not answer", function()
    local code
    local made = fixture.server({ heartbeat = { interval = 0.1, timeout = 0.05 } }, {
      OnDisconnect = function(_, number) code = number end,
    })
    fixture.connect(made)
    clock.wait_for(function() return code end, 1)
    assert.equal(1006, code)
    assert.equal(0, made:count())
  end)

  it("does not count while a handler waits and reading is paused", function()
    local waiting, code = true, nil
    local made = fixture.server(
      { heartbeat = { interval = 0.1, timeout = 0.05 }, limits = { pending_events = 1 } },
      {
        OnMessage = function()
          clock.wait_for(function() return not waiting end)
        end,
        OnDisconnect = function(_, number) code = number end,
      }
    )
    local peer = fixture.connect(made)
    peer:send "one"
    peer:send "two"
    timer.sleep(0.4)
    assert.is_nil(code)
    waiting = false
    peer:close(4000)
    clock.wait_for(function() return code == 4000 end)
  end)
end)
