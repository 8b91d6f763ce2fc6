--- Ten thousand connections of a client that is not ours, and one that does not read.
local clock = require "spec.support.clock"
local json = require "perilune.json"
local process = require "spec.support.process"

-- The sanitizers' builds are slow: PEERS says how many there are then.
local PEERS = tonumber(os.getenv "PEERS" or 10000)
local PATIENCE = 180 -- seconds

local function try(workers)
  local server = process.perilune { "--workers", tostring(workers), "spec/interop/many.lua" }
  local port = server:wait_port()
  server:wait_output(("worker %d serves"):format(workers))
  local client = process.start {
    "/usr/bin/python3",
    "spec/interop/many.py",
    tostring(port),
    tostring(PEERS),
  }
  local code = client:wait(PATIENCE)
  assert.equal("", client.errors)
  assert.equal(0, code)
  local seen = json.decode(client.output)
  server:signal "TERM"
  assert.equal(0, server:wait(clock.PATIENCE))
  assert.equal("", server.errors)
  return seen
end

describe("many connections:", function()
  teardown(process.kill_all)

  for workers = 1, 2 do
    it(("%d worker(s)"):format(workers), function()
      local seen = try(workers)
      assert.equal(PEERS, seen.count)
      assert.equal(PEERS, seen.workers[1] + seen.workers[2])
      if workers == 2 then
        -- The system shares them out evenly, more or less.
        assert.is_true(math.min(seen.workers[1], seen.workers[2]) > PEERS / 4)
      end
      -- What one does not read is bounded, and does not hold up the others.
      assert.is_true(seen.flooded > 0 and seen.flooded < 1000)
      assert.is_true(seen.beside < 10 * seen.alone + 1)
    end)
  end
end)
