--- A foreign server that is killed under a client with the watchdog, again and again.
local attack = require "spec.support.attack"
local client = require "perilune.client"
local clock = require "spec.support.clock"
local log = require "perilune.log"
local peers = require "spec.support.peers"
local process = require "spec.support.process"
local socket = require "spec.support.socket"

local TIMES = 20

local SERVER = [[
  const { WebSocketServer } = require("ws");
  const server = new WebSocketServer({ host: "127.0.0.1", port: Number(process.argv[1]) });
  server.on("connection", (ws) => ws.on("message", (data) => ws.send(String(data))));
]]

local function serve(port)
  return process.start({ "node", "-e", SERVER, tostring(port) }, { folder = "spec/interop" })
end

describe("kill -9 of a foreign server under a client", function()
  setup(function() log.set_level "error" end) -- each failed attempt is a line
  teardown(function() log.set_level "info" end)
  after_each(peers.clean)

  it(
    ("%d times: it comes back each time, and nothing stays open"):format(TIMES),
    peers.telling(function()
      local port = socket.free_port()
      local connects, disconnects, codes = 0, 0, {}
      local made = client.new {
        url = ("ws://127.0.0.1:%d/"):format(port),
        watchdog = { interval = 0.05 },
        connect_timeout = 2,
      }
      function made.OnConnect() connects = connects + 1 end
      function made.OnDisconnect(_, code)
        disconnects = disconnects + 1
        codes[code] = (codes[code] or 0) + 1
      end
      assert(made:start())
      local before
      for i = 1, TIMES do
        local server = serve(port)
        clock.wait_for(function() return connects == i end)
        assert.equal("hello " .. i, assert(made:write_and_wait("hello " .. i, 10)))
        before = before or attack.descriptors()
        assert.is_true(attack.descriptors() <= before)
        server:kill()
        clock.wait_for(function() return disconnects == i end)
        assert.is_nil(made.conn)
      end
      assert.same({ [1006] = TIMES }, codes)
      assert.equal(TIMES, connects)
      made:stop()
      clock.wait_for(function() return not made.active end)
      -- The server and its pipes, and the connection, are gone.
      clock.wait_for(function() return attack.descriptors() < before end)
    end)
  )
end)
