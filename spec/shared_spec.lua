local fixture = require "spec.support.fixture"
local process = require "spec.support.process"
local shared = require "perilune.shared"
local timer = require "perilune.timer"

describe("perilune.shared", function()
  after_each(function()
    for _, name in ipairs(shared.names()) do
      shared.delete(name)
    end
    shared.limit(64 * 1024 * 1024)
    fixture.clean()
  end)

  it("keeps strings, numbers and booleans", function()
    for _, value in ipairs { "text\0\255", "", 1.5, -0, true, false } do
      assert.is_true(shared.set("value", value))
      assert.equal(value, shared.get "value")
    end
    assert.is_true(shared.set("value", nil))
    assert.is_nil(shared.get "value")
  end)

  it("adds only what is not there", function()
    assert.is_true(shared.add("lock", 1))
    assert.is_false(shared.add("lock", 2))
    assert.equal(1, shared.get "lock")
  end)

  it("swaps only what is expected", function()
    assert.is_true(shared.swap("state", nil, "open"))
    assert.is_false(shared.swap("state", "closed", "x"))
    assert.is_true(shared.swap("state", "open", "closed"))
    assert.equal("closed", shared.get "state")
    assert.is_true(shared.swap("state", "closed", nil))
    assert.is_nil(shared.get "state")
  end)

  it("takes once", function()
    shared.set("token", "x")
    assert.equal("x", shared.take "token")
    assert.is_nil(shared.take "token")
    assert.is_false(shared.delete "token")
    shared.set("token", false)
    assert.is_true(shared.delete "token")
  end)

  it("counts", function()
    assert.equal(1, shared.increment "n")
    assert.equal(0, shared.increment("n", -1))
    assert.equal(2.5, shared.increment("n", 2.5))
    shared.set("s", "x")
    local value, message, code = shared.increment "s"
    assert.is_nil(value)
    assert.equal("the shared value is no number", message)
    assert.equal("ESTATE", code)
  end)

  it("forgets in time", function()
    shared.set("short", 1, 0.02)
    shared.add("other", 1, 0.02)
    shared.increment("third", 1, 0.02)
    shared.set("long", 1, 60)
    assert.equal(1, shared.get "short")
    timer.sleep(0.05)
    assert.is_nil(shared.get "short")
    assert.same({ "long" }, shared.names())
  end)

  it("lists names", function()
    for _, name in ipairs { "room/b", "room/a", "user/a" } do
      shared.set(name, true)
    end
    local names = shared.names "room/"
    table.sort(names)
    assert.same({ "room/a", "room/b" }, names)
    assert.equal(2, #shared.names("", 2))
  end)

  it("holds only so much", function()
    local _, before = shared.size()
    shared.limit(before + 200)
    assert.is_true(shared.set("a", ("x"):rep(20)))
    local done, message, code = shared.set("b", ("x"):rep(60))
    assert.is_nil(done)
    assert.equal("the shared values take no more; see shared.limit", message)
    assert.equal("ELIMIT", code)
    local values, bytes, limit = shared.size()
    assert.equal(1, values)
    assert.equal(before + 128 + 1 + 20, bytes)
    assert.equal(before + 200, limit)
  end)

  it("refuses wrong use", function()
    local function refused(message, f, ...)
      local arguments = { n = select("#", ...), ... }
      assert.has_error(function() f(unpack(arguments, 1, arguments.n)) end, message)
    end
    refused("shared.get takes a name of 1 to 1024 bytes, got a number", shared.get, 5)
    refused("shared.set takes a name of 1 to 1024 bytes, got one of 0", shared.set, "", 1)
    refused(
      "shared.set takes a string, a number, a boolean or nil, got a table"
        .. " (perilune.json makes a string of it)",
      shared.set,
      "a",
      {}
    )
    refused("shared.set takes seconds above 0, got 0", shared.set, "a", 1, 0)
    refused("shared.increment takes a number, got a string", shared.increment, "a", "x")
    refused("shared.names takes an integer from 1, got 0", shared.names, "", 0)
    refused("shared.limit takes a number of bytes, got -1", shared.limit, -1)
  end)

  it("is seen by all workers, and nothing is lost between them", function()
    local run = process.run {
      process.PERILUNE,
      "--workers=4",
      (fixture.script [[
          local shared = require "perilune.shared"
          for _ = 1, 1000 do shared.increment "sum" end
          if shared.increment "done" == 4 then print(shared.get "sum") end
        ]]),
    }
    assert.equal("4000\n", run.output)
    assert.equal(0, run.code)
  end)
end)
