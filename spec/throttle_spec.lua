--- The option `throttle` of servers and clients: measured rates, bits on the wire.
local certificates = require "spec.support.certificates"
local clock = require "spec.support.clock"
local fixture = require "spec.support.fixture"
local process = require "spec.support.process"
local timer = require "perilune.timer"
local websocket = require "spec.support.websocket"

local RATE = 800000 -- 100,000 bytes a second
local BYTES = 60000 -- 10,000 of them at once, 50,000 in half a second

describe("throttle", function()
  after_each(fixture.clean)

  --- Bytes a second between the first and the last of these that arrive.
  local function measured(began, bytes) return bytes / (clock.now() - began) end

  local function assert_half_a_second(began)
    local took = clock.now() - began
    assert.is_true(took > 0.4 and took < 3, ("%.3f s"):format(took))
  end

  local function echo(options)
    return fixture.server(
      options,
      { OnBinary = function(conn, bytes) conn:write_binary(bytes) end }
    )
  end

  local function wait_for_binary(client)
    local got
    function client.OnBinary(_, bytes) got = bytes end
    return function()
      return clock.wait_for(function() return got end)
    end
  end

  it("bounds what a server sends to each", function()
    local server = fixture.server { throttle = { write = RATE } }
    local first, second = fixture.connect(server), fixture.connect(server)
    local began = clock.now()
    server:broadcast_binary(("x"):rep(BYTES))
    assert.equal(BYTES, #first:read())
    assert_half_a_second(began)
    assert.equal(BYTES, #second:read())
    -- At the same time as the first one.
    assert.is_true(measured(began, 2 * BYTES) > 1.2 * RATE / 8)
  end)

  it("bounds what a server reads", function()
    local server = echo { throttle = { read = RATE } }
    local peer = fixture.connect(server)
    local began = clock.now()
    peer.socket:send(websocket.frame(websocket.BINARY, ("x"):rep(BYTES)))
    assert.equal(BYTES, #peer:read())
    assert_half_a_second(began)
  end)

  it("bounds both ways of a client", function()
    local server = echo()
    for _, way in ipairs { "read", "write" } do
      local client = fixture.client(server, { throttle = { [way] = RATE } })
      local answer = wait_for_binary(client)
      local began = clock.now()
      client:write_binary(("x"):rep(BYTES))
      assert.equal(BYTES, #answer())
      assert_half_a_second(began)
    end
  end)

  it("counts what TLS sends, and keeps its order", function()
    local folder = certificates.folder("localhost")
    local server = echo { tls = certificates.tls(folder), throttle = { read = RATE, write = RATE } }
    local client = fixture.client {
      url = ("wss://localhost:%d/"):format(server.port),
      tls = { root_cert_file = folder .. "/ca.pem" },
    }
    local answer = wait_for_binary(client)
    local began = clock.now()
    local bytes = ("0123456789"):rep(BYTES / 10)
    client:write_binary(bytes)
    assert.equal(bytes, answer())
    -- In one half of a second, out the next.
    local took = clock.now() - began
    assert.is_true(took > 0.85 and took < 5, ("%.3f s"):format(took))
  end)

  it("says buffered, and sends what is left before a Close", function()
    local server = fixture.server {
      throttle = { write = RATE },
      limits = { high_water = 20000, low_water = 1000 },
    }
    local drained
    function server.OnDrain() drained = true end
    local peer, conn = fixture.pair(server)
    local ok, word = conn:write_binary(("x"):rep(BYTES))
    assert.is_true(ok)
    assert.equal("buffered", word)
    assert.equal(BYTES, #peer:read())
    clock.wait_for(function() return drained end)
    conn:write_binary(("y"):rep(BYTES))
    conn:close(1000, "enough")
    assert.equal(BYTES, #peer:read())
    assert.equal(websocket.CLOSE, assert(peer:read_frame()).opcode)
  end)

  it("lets pings pass between the fragments of what waits", function()
    local server = fixture.server { throttle = { write = RATE } }
    local peer, conn = fixture.pair(server)
    conn:write_binary(("x"):rep(BYTES), 4096)
    timer.sleep(0.05)
    conn:ping(0.01)
    local frames = 0
    repeat
      local frame = assert(peer:read_frame())
      frames = frames + 1
    until frame.opcode == websocket.PING
    assert.is_true(frames < 12, frames .. " frames came first")
  end)

  it("bounds all connections of a server together", function()
    local server = fixture.server { throttle = { total = { write = RATE } } }
    local peers = {}
    for i = 1, 4 do
      peers[i] = fixture.connect(server)
    end
    local began = clock.now()
    server:broadcast_binary(("x"):rep(BYTES / 4))
    for _, peer in ipairs(peers) do
      assert.equal(BYTES / 4, #peer:read())
    end
    assert_half_a_second(began)
  end)

  it("gives each worker its part of the total", function()
    local path = fixture.script [[
      local server = require("perilune.server").new {
        port = 0,
        throttle = { total = { write = 1600000 } },
      }
      function server.OnConnect(conn) conn:write_binary(("x"):rep(60000)) end
      server:start()
    ]]
    local program = process.perilune { "--workers", "2", path }
    local client = fixture.new_client { url = "ws://127.0.0.1:" .. program:wait_port() }
    local answer = wait_for_binary(client)
    local began = clock.now()
    assert(client:connect())
    assert.equal(BYTES, #answer())
    assert_half_a_second(began)
  end)

  it("takes rates of at least 1000 bits per second", function()
    assert.has_error(
      function() fixture.new_server { throttle = { read = 999 } } end,
      "option 'throttle.read' of server.new takes an integer of bits per second from 1000 to "
        .. "1000000000000 or false, got 999 (a number)"
    )
    assert.has_error(
      function() fixture.new_client { url = "ws://127.0.0.1/", throttle = { total = {} } } end,
      "unknown option 'throttle.total' of client.new; there is read, write"
    )
    fixture.server { throttle = false }
    fixture.server { throttle = { read = false, write = 1e12 } }
  end)
end)
