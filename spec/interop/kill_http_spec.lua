--- Foreign HTTP servers that are killed under our clients of HTTP and event streams.
local attack = require "spec.support.attack"
local clock = require "spec.support.clock"
local http = require "perilune.http"
local log = require "perilune.log"
local peers = require "spec.support.peers"
local socket = require "spec.support.socket"
local sse = require "perilune.sse"
local timer = require "perilune.timer"

local TIMES = 10

--- The server, on a port that it had before.
local function serve(port)
  return peers.announced { "node", "spec/interop/http_server.mjs", "--port", tostring(port) }
end

describe("kill -9 of a foreign server under", function()
  setup(function() log.set_level "error" end) -- each failed attempt is a line
  teardown(function() log.set_level "info" end)
  after_each(peers.clean)

  it(
    ("the HTTP client, %d times: kept connections do no harm"):format(TIMES),
    peers.telling(function()
      local port = socket.free_port()
      local own = http.client { timeout = 10 }
      local url = ("http://127.0.0.1:%d/echo"):format(port)
      local most
      for _ = 1, TIMES do
        local server = serve(port)
        for _ = 1, 3 do
          assert.equal(200, assert(own:get(url)).status)
        end
        most = most or attack.descriptors()
        assert.is_true(attack.descriptors() <= most)
        server.process:kill()
      end
      local response, _, code = own:get(url)
      assert.is_nil(response)
      assert.equal("ECONNREFUSED", code)
      own:close()
    end)
  )

  it(
    "an event stream: it goes on where it was",
    peers.telling(function()
      local port = socket.free_port()
      local ids = {}
      local made = sse.client {
        url = ("http://127.0.0.1:%d/events"):format(port),
        retry = 0.1,
        watchdog = { max_interval = 0.1 },
      }
      function made.OnMessage(_, _, _, id) ids[#ids + 1] = tonumber(id) end
      function made.OnError() end
      made:start()
      for i = 1, 5 do
        local server = serve(port)
        local before = #ids
        clock.wait_for(function() return #ids > before and #ids >= 3 * i end)
        server.process:kill()
        timer.sleep(0.05)
      end
      made:stop()
      for i, id in ipairs(ids) do
        assert.equal(i, id)
      end
    end)
  )
end)
