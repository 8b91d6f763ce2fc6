local fixture = require "spec.support.fixture"
local process = require "spec.support.process"
local timer = require "perilune.timer"
local worker = require "perilune.worker"

local SCRIPT = [[
  local timer = require "perilune.timer"
  local worker = require "perilune.worker"
  local made = timer.every(0.01, function() print(worker.id .. "/" .. worker.count) os.exit() end,
    { worker = 2 })
  print(worker.id, made ~= nil)
]]

describe("perilune.worker", function()
  after_each(fixture.clean)

  it("says which one and how many", function()
    assert.equal(1, worker.id)
    assert.equal(1, worker.count)
  end)

  it("what says worker = 2 runs there only", function()
    local run = process.run { process.PERILUNE, "--workers", "2", (fixture.script(SCRIPT)) }
    assert.equal(0, run.code)
    assert.matches("1\tfalse\n", run.output, 1, true)
    assert.matches("2\ttrue\n", run.output, 1, true)
    assert.matches("2/2\n", run.output, 1, true)
  end)

  it("a worker that is not there is refused", function()
    assert.has_error(function()
      timer.every(1, function() end, { worker = 2 })
    end, "option 'worker' of timer.every takes an integer from 1 to 1, got 2 (a number)")
  end)
end)
