-- covers: internal/boot.lua lua/lua_task.c
local clock = require "spec.support.clock"
local fixture = require "spec.support.fixture"
local timer = require "perilune.timer"

--- Waits, and returns what it was given.
local function wait(...)
  timer.sleep(0.001)
  return ...
end

describe("waiting inside", function()
  it("a coroutine", function()
    local co = coroutine.create(function(a, b)
      wait()
      local c = coroutine.yield(wait(a + b))
      wait()
      return c, "end"
    end)
    assert.same({ true, 3 }, { coroutine.resume(co, 1, 2) })
    assert.equal("suspended", coroutine.status(co))
    assert.same({ true, 4, "end" }, { coroutine.resume(co, 4) })
    assert.equal("dead", coroutine.status(co))
    assert.is_false((coroutine.resume(co)))
  end)

  it("a wrapped coroutine, as an iterator", function()
    local seen = {}
    local each = coroutine.wrap(function()
      for i = 1, 3 do
        coroutine.yield(wait(i))
      end
    end)
    for i in each do
      seen[#seen + 1] = wait(i)
    end
    assert.same({ 1, 2, 3 }, seen)
  end)

  it("coroutines within coroutines", function()
    local function nested(depth)
      if depth == 0 then return wait "deep" end
      return coroutine.wrap(nested)(depth - 1)
    end
    assert.equal("deep", nested(20))
  end)

  it("two coroutines in turn", function()
    local seen = {}
    local function make(name)
      return coroutine.wrap(function()
        for i = 1, 3 do
          seen[#seen + 1] = name .. wait(i)
          coroutine.yield()
        end
      end)
    end
    local a, b = make "a", make "b"
    for _ = 1, 3 do
      a()
      b()
    end
    assert.same({ "a1", "b1", "a2", "b2", "a3", "b3" }, seen)
  end)

  it("pcall and xpcall", function()
    assert.same({ true, 1, 2 }, { pcall(function() return wait(1, 2) end) })
    local ok, message = pcall(function()
      wait()
      error("after a wait", 0)
    end)
    assert.is_false(ok)
    assert.equal("after a wait", message)
    local handled = select(
      2,
      xpcall(function()
        wait()
        error("x", 0)
      end, function(text) return text .. " handled" end)
    )
    assert.equal("x handled", handled)
  end)

  it("an iterator, a metamethod", function()
    local function iterate(_, i)
      if i < 3 then return wait(i + 1) end
    end
    local sum = 0
    for i in iterate, nil, 0 do
      sum = sum + i
    end
    assert.equal(6, sum)
    local object = setmetatable({}, {
      __index = function(_, key) return wait(key .. "!") end,
      __newindex = function(self, key, value) rawset(self, wait(key), value) end,
      __call = function(_, value) return wait(value) end,
      __add = function(_, value) return wait(value + 1) end,
      __eq = function() return wait(true) end,
      __lt = function() return wait(true) end,
      __concat = function() return wait "joined" end,
    })
    local other = setmetatable({}, getmetatable(object))
    assert.equal("key!", object.key)
    object.set = 1
    assert.equal(1, rawget(object, "set"))
    assert.equal(5, object(5))
    assert.equal(6, object + 5)
    assert.is_true(object == other)
    assert.is_true(object < other)
    assert.equal("joined", object .. "x")
  end)

  it("a module that is required, a file that is run", function()
    local folder = fixture.folder()
    local text = "require('perilune.timer').sleep(0.001) return { (...) }"
    folder:write("waits.lua", text)
    local path = package.path
    package.path = folder.path .. "/?.lua;" .. path
    local module = require "waits"
    package.path = path
    assert.same({ "waits" }, module)
    assert.equal(module, require "waits")
    assert.same({}, dofile(folder.path .. "/waits.lua"))
    package.loaded.waits = nil
    fixture.clean()
  end)

  it("what loads from text", function()
    assert.equal(5, assert(loadstring "return ...")(wait(5)))
    local f = assert(load(function() return nil end))
    assert.is_nil(f())
  end)
end)

describe("cannot wait here:", function()
  local function refused(f)
    local ok, message = pcall(f)
    assert.is_false(ok)
    assert.matches("cannot wait here", message, 1, true)
  end

  it("string.gsub", function()
    refused(function()
      string.gsub("x", "x", function() timer.sleep(0) end)
    end)
  end)

  it("table.sort", function()
    refused(function()
      table.sort({ 3, 2, 1 }, function(a, b)
        timer.sleep(0)
        return a < b
      end)
    end)
  end)

  it("and one may wait again after it", function()
    refused(function()
      ("x"):gsub("x", function() timer.sleep(0) end)
    end)
    assert.equal(1, wait(1))
  end)

  it("a coroutine within string.gsub", function()
    refused(function()
      string.gsub("x", "x", function()
        coroutine.wrap(function() timer.sleep(0) end)()
      end)
    end)
  end)
end)

describe("coroutines around string.gsub around coroutines", function()
  local function three_deep(what)
    return ([[
      local timer = require "perilune.timer"
      coroutine.wrap(function()
        print(pcall(string.gsub, "x", "x", function()
          coroutine.wrap(function() %s end)()
        end))
        timer.sleep(0.001)
        print "waited"
      end)()
      print "main"
    ]]):format(what)
  end

  after_each(fixture.clean)

  it("cannot wait, and may afterwards", function()
    local run = fixture.run(three_deep "timer.sleep(0.001)")
    assert.matches("^false\t[^\n]*cannot wait here: [^\n]*\nwaited\nmain\n$", run.output)
    assert.equal(0, run.code)
  end)

  it("can end the program", function()
    local run = fixture.run(three_deep "os.exit(3)")
    assert.matches("^false\t[^\n]*the program is ending\n", run.output)
    assert.equal(3, run.code)
  end)

  it("may yield, throw and be resumed wrongly", function()
    assert.equal("ab", (("xy"):gsub(
      ".",
      coroutine.wrap(function()
        coroutine.yield "a"
        return "b"
      end)
    )))
    assert.has_error(function()
      ("x"):gsub("x", function()
        coroutine.wrap(function() error "thrown" end)()
      end)
    end)
    assert.has_error(function()
      ("x"):gsub("x", function() coroutine.resume "no coroutine" end)
    end)
    assert.equal(1, wait(1))
  end)
end)

describe("coroutines", function()
  it("pass all values, nil among them", function()
    local co = coroutine.wrap(function(...)
      local function again(...) return again(coroutine.yield(...)) end
      return again(...)
    end)
    assert.equal(3, select("#", co(nil, 1, nil)))
    assert.equal(0, select("#", co()))
    assert.equal(1, select("#", co(nil)))
    assert.equal(2, select("#", coroutine.resume(coroutine.create(function() return nil end))))
    assert.equal(1, select("#", coroutine.resume(coroutine.create(function() end))))
  end)

  it("that wait are resumed by nobody else", function()
    local co = coroutine.create(function() return wait "the answer" end)
    local result
    timer.after(0, function() result = { coroutine.resume(co) } end)
    clock.wait_for(function() return coroutine.status(co) == "suspended" end)
    timer.sleep(0)
    while not result do
      if coroutine.status(co) == "suspended" then
        assert.same({ false, "cannot resume a coroutine that waits" }, { coroutine.resume(co) })
      end
      timer.sleep(0)
    end
    assert.same({ true, "the answer" }, result)
  end)

  it("give errors of any type as they are", function()
    local value = { "a table" }
    local ok, got = coroutine.resume(coroutine.create(function() error(wait(value)) end))
    assert.is_false(ok)
    assert.equal(value, got)
    ok, got = pcall(coroutine.wrap(function() error(value) end))
    assert.is_false(ok)
    assert.equal(value, got)
  end)

  it("run beside each other in handlers", function()
    local seen = {}
    for i = 1, 3 do
      timer.after(0, function()
        for j in
          coroutine.wrap(function()
            for j = 1, 3 do
              coroutine.yield(wait(j))
            end
          end)
        do
          seen[#seen + 1] = i .. "." .. j
        end
      end)
    end
    clock.wait_for(function() return #seen == 9 end)
    table.sort(seen)
    assert.same({ "1.1", "1.2", "1.3", "2.1", "2.2", "2.3", "3.1", "3.2", "3.3" }, seen)
  end)

  it("of one that has ended can be made anew a thousand times", function()
    for i = 1, 1000 do
      assert.equal(i, coroutine.wrap(function(n) return n end)(i))
    end
  end)

  it("a yield outside of one is an error of the handler", function()
    local run = fixture.run [[
      local timer = require "perilune.timer"
      timer.after(0, function() coroutine.yield "stray" end)
      timer.sleep(0.01)
      print "goes on"
    ]]
    fixture.clean()
    assert.equal(0, run.code)
    assert.equal("goes on\n", run.output)
    assert.matches("coroutine.yield outside of a coroutine", run.errors, 1, true)
  end)
end)

describe("require", function()
  local folder, path

  before_each(function()
    folder = fixture.folder()
    path = package.path
    package.path = folder.path .. "/?.lua;" .. path
  end)

  after_each(function()
    package.path = path
    for _, name in ipairs { "own", "circle_a", "circle_b", "broken", "slow" } do
      package.loaded[name] = nil
    end
    fixture.clean()
  end)

  it("keeps what a module returns, else true", function()
    folder:write("own.lua", "count = (count or 0) + 1")
    assert.is_true(require "own")
    assert.is_true(require "own")
    assert.equal(1, rawget(_G, "count"))
    rawset(_G, "count", nil)
  end)

  it("refuses a circle", function()
    folder:write("circle_a.lua", "return require 'circle_b'")
    folder:write("circle_b.lua", "return require 'circle_a'")
    local ok, message = pcall(require, "circle_a")
    assert.is_false(ok)
    assert.matches("module 'circle_a' requires itself", message, 1, true)
  end)

  it("tells of an error with the module's line, and tries again", function()
    folder:write("broken.lua", "\nerror 'what a pity'")
    local ok, message = pcall(require, "broken")
    assert.is_false(ok)
    assert.matches("broken.lua:2: what a pity", message, 1, true)
    folder:write("broken.lua", "return 'mended'")
    assert.equal("mended", require "broken")
  end)

  it("takes a name", function()
    assert.has_error(function() require(nil) end)
    assert.has_error(function() require {} end)
  end)

  it("refuses a circle of two that load at once", function()
    local text = "require('perilune.timer').sleep(0.005) return require '%s'"
    folder:write("circle_a.lua", text:format "circle_b")
    folder:write("circle_b.lua", text:format "circle_a")
    local messages = {}
    for _, name in ipairs { "circle_a", "circle_b" } do
      timer.after(0, function()
        local _, message = pcall(require, name)
        messages[#messages + 1] = message
      end)
    end
    clock.wait_for(function() return #messages == 2 end)
    assert.matches("requires itself", messages[1], 1, true)
  end)

  it("loads anew when the one who loaded has failed", function()
    folder:write(
      "slow.lua",
      "require('perilune.timer').sleep(0.01) tries = (tries or 0) + 1 "
        .. "if tries == 1 then error 'the first' end return tries"
    )
    local ok, message, second
    timer.after(0, function()
      ok, message = pcall(require, "slow")
    end)
    timer.after(0, function() second = require "slow" end)
    clock.wait_for(function() return second end)
    assert.is_false(ok)
    assert.matches("the first", message, 1, true)
    assert.equal(2, second)
    rawset(_G, "tries", nil)
  end)

  it("loads once when two ask while it waits", function()
    folder:write(
      "slow.lua",
      "require('perilune.timer').sleep(0.01) loads = (loads or 0) + 1 return {}"
    )
    local first, second
    timer.after(0, function() first = require "slow" end)
    timer.after(0, function() second = require "slow" end)
    clock.wait_for(function() return first and second end, 1)
    assert.equal(first, second)
    assert.equal(1, rawget(_G, "loads"))
    rawset(_G, "loads", nil)
  end)
end)

describe("bytecode", function()
  local bytes = string.dump(function() return "ran" end)

  local function assert_refused(f, message)
    assert.is_nil(f)
    assert.matches("attempt to load chunk with wrong mode", message, 1, true)
  end

  it("is refused by load, loadstring, loadfile, dofile and require", function()
    assert_refused(load(bytes))
    assert_refused(load(bytes, "name", "b"))
    assert_refused(load(bytes, "name", "bt", {}))
    assert_refused(loadstring(bytes))
    assert_refused(loadstring(bytes, "name"))
    local given = false
    assert_refused(load(function()
      if given then return nil end
      given = true
      return bytes
    end))
    local folder = fixture.folder()
    local file = folder:write("compiled.lua", bytes)
    assert_refused(loadfile(file))
    assert_refused(loadfile(file, "b"))
    assert_refused(loadfile(file, "bt", {}))
    local ok, message = pcall(dofile, file)
    assert.is_false(ok)
    assert_refused(nil, message)
    local path = package.path
    package.path = folder.path .. "/?.lua"
    ok, message = pcall(require, "compiled")
    package.path = path
    fixture.clean()
    assert.is_false(ok)
    assert_refused(nil, message)
  end)

  it("text is loaded, with names and environments", function()
    assert.equal(3, load("return x", "name", "t", { x = 3 })())
    local _, message = load("syntax error", "=name")
    assert.matches("^name:1:", message)
    assert.equal(4, loadstring "return 4"())
  end)
end)
