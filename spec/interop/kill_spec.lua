--- Foreign servers that are killed under a client, again and again.
local attack = require "spec.support.attack"
local certificates = require "spec.support.certificates"
local client = require "perilune.client"
local clock = require "spec.support.clock"
local log = require "perilune.log"
local peers = require "spec.support.peers"
local socket = require "spec.support.socket"

local TIMES = 20

--- The server, on a port that it had before.
local function serve(port, ...)
  return peers.announced { "node", "spec/interop/ws_server.mjs", "--port", tostring(port), ... }
end

describe("kill -9 of a foreign server under", function()
  setup(function() log.set_level "error" end) -- each failed attempt is a line
  teardown(function() log.set_level "info" end)
  after_each(peers.clean)

  --- Kills the server of a client with the watchdog, which comes back each time.
  local function assert_comes_back(times, options, ...)
    local port = socket.free_port()
    options.url = options.url:format(port)
    options.watchdog = { interval = 0.05 }
    options.connect_timeout = 5
    local connects, codes = 0, {}
    local made = client.new(options)
    function made.OnConnect() connects = connects + 1 end
    function made.OnDisconnect(_, code) codes[#codes + 1] = code end
    assert(made:start())
    local most
    for i = 1, times do
      local server = serve(port, ...)
      clock.wait_for(function() return connects == i end)
      assert.equal("hello " .. i, assert(made:write_and_wait("hello " .. i, 10)))
      most = most or attack.descriptors()
      assert.is_true(attack.descriptors() <= most)
      server.process:kill()
      clock.wait_for(function() return #codes == i end)
      assert.equal(1006, codes[i])
      assert.is_nil(made.conn)
    end
    assert.equal(times, connects)
    made:stop()
    clock.wait_for(function() return not made.active end)
    -- The server's pipes and the connection are gone.
    clock.wait_for(function() return attack.descriptors() < most end)
  end

  it(
    ("a client, %d times: it comes back each time, and nothing stays open"):format(TIMES),
    peers.telling(function() assert_comes_back(TIMES, { url = "ws://127.0.0.1:%d/" }) end)
  )

  it(
    "a client over TLS, 5 times",
    peers.telling(function()
      local folder = certificates.folder()
      assert_comes_back(
        5,
        { url = "wss://localhost:%d/", tls = { root_cert_file = folder .. "/ca.pem" } },
        "--tls",
        folder .. "/cert.pem",
        folder .. "/key.pem"
      )
    end)
  )

  it(
    "a client that keeps its messages: what was written meanwhile arrives, in order",
    peers.telling(function()
      local port = socket.free_port()
      local heard = {}
      local made = client.new {
        url = ("ws://127.0.0.1:%d/"):format(port),
        watchdog = { interval = 0.05 },
        keep_messages = true,
      }
      function made.OnMessage(_, text) heard[#heard + 1] = tonumber(text) end
      assert(made:start())
      local written = 0
      for _ = 1, 5 do
        for _ = 1, 10 do
          written = written + 1
          local ok, how = made:write(tostring(written))
          assert.is_true(ok)
          assert.equal("kept", how)
        end
        local server = serve(port)
        clock.wait_for(function() return #heard == written end)
        server.process:kill()
        clock.wait_for(function() return not made.conn end)
      end
      for i = 1, written do
        assert.equal(i, heard[i])
      end
      made:stop()
      clock.wait_for(function() return not made.active end)
    end)
  )

  it(
    "a client with another server to go to; one that only stops is found by the heartbeat",
    peers.telling(function()
      local first = peers.announced { "node", "spec/interop/ws_server.mjs" }
      local second = peers.announced { "node", "spec/interop/ws_server.mjs" }
      local made = client.new {
        url = ("ws://127.0.0.1:%d/"):format(first.port),
        servers = { ("ws://127.0.0.1:%d/"):format(second.port) },
        watchdog = { interval = 0.05 },
        heartbeat = { interval = 0.3, timeout = 0.3, type = "always" },
        connect_timeout = 1,
      }
      local urls = {}
      function made.OnConnect(conn) urls[#urls + 1] = conn.port end
      assert(made:start())
      clock.wait_for(function() return #urls == 1 end)
      assert.equal(first.port, urls[1])
      first.process:signal "STOP"
      clock.wait_for(function() return #urls == 2 end)
      assert.equal(second.port, urls[2])
      assert.equal("hello", assert(made:write_and_wait "hello"))
      first.process:signal "CONT"
      made:stop()
      clock.wait_for(function() return not made.active end)
    end)
  )
end)
