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

  it("keeps tables, as copies", function()
    local list = { 1, { deep = true } }
    assert.is_true(shared.set("table", list))
    list[1] = 2
    assert.same({ 1, { deep = true } }, shared.get "table")
    assert.same({ 1, { deep = true } }, shared.take "table")
    assert.is_true(shared.add("table", {}))
    assert.is_false(shared.swap("table", "{}", 1)) -- which is a string
    assert.same({}, shared.get "table")
  end)

  it("updates", function()
    local function longer(list)
      list = list or {}
      list[#list + 1] = #list + 1
      return list
    end
    assert.same({ 1 }, shared.update("list", longer))
    assert.same({ 1, 2 }, shared.update("list", longer))
    assert.is_nil(shared.update("list", function() return nil end))
    assert.is_nil(shared.get "list")
    shared.update("list", function() return true, 0.01 end)
    timer.sleep(0.03)
    assert.is_nil(shared.get "list")
  end)

  it("calls an update again when somebody came between", function()
    local calls = 0
    shared.update("sum", function(value)
      calls = calls + 1
      if calls == 1 then shared.set("sum", 10) end
      return (value or 0) + 1
    end)
    assert.equal(2, calls)
    assert.equal(11, shared.get "sum")
  end)

  it("takes one NaN for another", function()
    shared.set("nan", 0 / 0)
    assert.is_true(shared.swap("nan", 0 / 0, 0 / 0))
    local calls = 0
    local function change()
      calls = calls + 1
      assert(calls == 1)
      return 1
    end
    assert.equal(1, shared.update("nan", change))
    assert.equal(1, shared.get "nan")
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

  it("counts a lifetime from the call, however long its handler has been busy", function()
    local begin = os.clock()
    shared.set("early", 1, 0.05)
    repeat
    until os.clock() - begin > 0.2
    assert.is_nil(shared.get "early")
    shared.set("late", 1, 0.15)
    timer.sleep(0.001)
    assert.equal(1, shared.get "late")
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
      "shared.set takes a string, a number, a boolean, a table or nil, got a function",
      shared.set,
      "a",
      print
    )
    refused("shared.set: cannot encode [1]: JSON has no function", shared.set, "a", { print })
    refused(
      "shared.swap expects a string, a number, a boolean or nil, got a table",
      shared.swap,
      "a",
      {}
    )
    refused("shared.update takes a function, got a nil", shared.update, "a")
    refused("shared.set takes seconds above 0, got 0", shared.set, "a", 1, 0)
    refused("shared.increment takes a number, got a string", shared.increment, "a", "x")
    refused("shared.names takes an integer from 1, got 0", shared.names, "", 0)
    refused("shared.limit takes a number of bytes, got -1", shared.limit, -1)
  end)

  it("is seen by all workers, and nothing is lost between them", function()
    local run = process.run {
      process.PERILUNE,
      "--workers=4",
      (
        fixture.script [[
          local shared = require "perilune.shared"
          for _ = 1, 1000 do
            shared.increment "sum"
            shared.update("table", function(t) return { sum = (t and t.sum or 0) + 1 } end)
          end
          if shared.increment "done" == 4 then print(shared.get "sum", shared.get("table").sum) end
        ]]
      ),
    }
    assert.equal("4000\t4000\n", run.output)
    assert.equal(0, run.code)
  end)
end)
