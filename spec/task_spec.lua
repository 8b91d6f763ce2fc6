-- covers: lua/lua_task_object.c internal/hidden.lua internal/queue.lua internal/semaphore.lua
local capture = require "spec.support.capture"
local clock = require "spec.support.clock"
local fixture = require "spec.support.fixture"
local core_sleep = require("perilune.core.timer").sleep
local task = require "perilune.task"
local timer = require "perilune.timer"

local CANCELLED = "the task was cancelled"

--- A task that the spec has let begin.
local function begun(f, ...)
  local has_begun = false
  local made = task.start(function(...)
    has_begun = true
    return f(...)
  end, ...)
  repeat
    timer.sleep(0)
  until has_begun
  return made
end

local function throws(message, f, ...)
  local ok, thrown = pcall(f, ...)
  assert.is_false(ok)
  assert.matches(message, thrown, 1, true)
end

describe("task.start", function()
  it("runs the function when the caller waits, with its arguments", function()
    local seen = {}
    local made = task.start(function(...) seen = { n = select("#", ...), ... } end, 1, nil, "c")
    assert.same({}, seen)
    assert.is_true(made.active)
    assert.is_nil(made:wait())
    assert.same({ n = 3, 1, nil, "c" }, seen)
    assert.is_false(made.active)
  end)

  it("runs them in the order of the calls", function()
    local seen, list = {}, {}
    for i = 1, 100 do
      list[i] = task.start(function() seen[#seen + 1] = i end)
    end
    assert(task.all(list))
    for i = 1, 100 do
      assert.equal(i, seen[i])
    end
  end)

  it("starts within tasks, as deep as one likes", function()
    local deepest = 0
    local function deeper(depth)
      deepest = depth
      if depth < 5000 then return task.start(deeper, depth + 1):wait() end
      return "bottom"
    end
    assert.equal("bottom", task.start(deeper, 1):wait())
    assert.equal(5000, deepest)
  end)

  it("lets a program run until its tasks have ended", function()
    local run = fixture.run [[
      local task, timer = require "perilune.task", require "perilune.timer"
      task.start(function() task.start(function() timer.sleep(0.01) print "late" end) end)
    ]]
    assert.same({ 0, "late\n" }, { run.code, run.output })
    fixture.clean()
  end)

  it("does not keep a program whose tasks wait for nobody", function()
    local run = fixture.run [[
      local task = require "perilune.task"
      local queue = task.queue()
      task.start(function() queue:pop() end)
      task.start(function() task.start(queue.pop, queue):wait() end)
    ]]
    assert.same({ 0, "" }, { run.code, run.errors })
    fixture.clean()
  end)

  it("takes a function, and many arguments", function()
    throws("task.start takes a function, got a nil", task.start)
    local many = {}
    for i = 1, 5000 do
      many[i] = i
    end
    local made = task.start(function(...) return select("#", ...) end, unpack(many))
    assert.equal(5000, made:wait())
  end)

  it("gives something that is a task and nothing else", function()
    local made = task.start(function() end)
    assert.equal("task", getmetatable(made))
    assert.matches("^task: ", tostring(made))
    throws("task.active cannot be assigned", function() made.active = false end)
    throws("task has no field 'x'", function() made.x = 1 end)
    throws("task:wait is called on a task", made.wait, {})
    made:wait()
  end)
end)

describe("task:wait", function()
  it("gives all results, nil among them, as often as it is asked", function()
    local made = task.start(function() return 1, nil, 3, nil end)
    for _ = 1, 2 do
      assert.equal(4, select("#", made:wait()))
      assert.same({ 1, nil, 3, nil }, { made:wait() })
    end
  end)

  it("gives them to all who wait", function()
    local made = task.start(function()
      timer.sleep(0.005)
      return "all"
    end)
    local waiters = {}
    for i = 1, 5 do
      waiters[i] = task.start(made.wait, made)
    end
    assert.same({ "all", "all", "all", "all", "all" }, task.all(waiters))
  end)

  it("gives nil, message, code when it threw", function()
    local made = task.start(function() error "what a pity" end)
    local _, message, code = made:wait()
    assert.matches("task_spec.lua:%d+: what a pity$", message)
    assert.equal("EEXCEPTION", code)
    local function thrower(value)
      return select(2, task.start(function() error(value, 0) end):wait())
    end
    assert.equal("(error object is a table value)", thrower {})
    assert.equal("(error object is a nil value)", thrower(nil))
    assert.equal("named", thrower(setmetatable({}, { __tostring = function() return "named" end })))
    local bad = setmetatable({}, { __tostring = function() error "no" end })
    assert.equal("(error object is a table value)", thrower(bad))
    for _, locked in ipairs { true, 5, "locked" } do
      local problem = setmetatable({}, { __metatable = locked })
      assert.equal("(error object is a table value)", thrower(problem))
    end
  end)

  it("gives up after a time, and the task goes on", function()
    local made = task.start(function()
      timer.sleep(0.03)
      return 1
    end)
    local from = clock.now()
    assert.same({ nil, "timed out", "ETIMEDOUT" }, { made:wait(0.01) })
    assert.is_true(clock.now() - from >= 0.009)
    assert.same({ nil, "timed out", "ETIMEDOUT" }, { made:wait(0) })
    assert.equal(1, made:wait(20))
  end)

  it("refuses what cannot be", function()
    local made
    made = task.start(function() return made:wait() end)
    local _, message = made:wait()
    assert.matches("a task cannot wait for itself", message, 1, true)
    throws("task:wait takes a number of seconds from 0 to 2147483, got -1", made.wait, made, -1)
    throws("task:wait takes a number of seconds from 0 to 2147483, got x", made.wait, made, "x")
  end)

  it("is told of a coroutine.yield that nobody receives", function()
    local made = task.start(function() coroutine.yield() end)
    local _, message, code = made:wait()
    assert.equal("coroutine.yield outside of a coroutine", message)
    assert.equal("EEXCEPTION", code)
    local caught = task.start(function()
      local ok = pcall(function() coroutine.yield() end)
      timer.sleep(0)
      return ok
    end)
    assert.is_false(caught:wait())
  end)
end)

describe("an error in a task", function()
  it("goes to the log when nobody waits", function()
    local made
    local log = capture(function()
      made = begun(function() error "alone" end)
    end)
    assert.matches("error .*task_spec.lua:%d+: alone\n.*stack traceback", log)
    assert.matches("alone", select(2, made:wait()), 1, true)
  end)

  it("does not, when somebody waits", function()
    local log = capture(function()
      task.start(error, "waited"):wait()
      task.all { task.start(error, "all") }
      task.race { task.start(error, "race") }
      task.start(error, CANCELLED):wait()
    end)
    assert.equal("", log)
  end)

  it("goes to the log when those that waited have given up", function()
    local made
    local log = capture(function()
      made = task.start(function()
        timer.sleep(0.02)
        error "too late"
      end)
      assert.is_nil(made:wait(0.001))
      assert.is_nil(task.race({ made }, 0.001))
      timer.sleep(0.03)
    end)
    assert.matches("too late", log, 1, true)
  end)
end)

describe("task:cancel", function()
  before_each(function() collectgarbage() end)
  after_each(fixture.clean)

  it("keeps a task that has not begun from beginning", function()
    local called = false
    local made = task.start(function() called = true end)
    assert.is_true(made:cancel())
    assert.is_false(made.active)
    assert.same({ nil, CANCELLED, "ECANCELED" }, { made:wait() })
    timer.sleep(0.001)
    assert.is_false(called)
    assert.is_false(made:cancel())
  end)

  it("throws where the task waits, so that it can clean up", function()
    local seen = {}
    local made = begun(function()
      local ok, message = pcall(function()
        timer.sleep(60)
        seen[#seen + 1] = "too far"
      end)
      seen[#seen + 1] = message
      timer.sleep(0.001)
      seen[#seen + 1] = "clean"
      if not ok then error(message, 0) end
    end)
    assert.is_true(made:cancel())
    assert.is_true(made:cancel())
    assert.same({}, seen)
    assert.same({ nil, CANCELLED, "ECANCELED" }, { made:wait() })
    assert.same({ CANCELLED, "clean" }, seen)
  end)

  it("is thrown in the innermost coroutine, and passes those around it", function()
    local seen = {}
    local function nested(depth)
      local ok, message = pcall(function()
        if depth == 0 then
          timer.sleep(60)
        else
          coroutine.wrap(nested)(depth - 1)
        end
      end)
      assert(not ok)
      seen[#seen + 1] = depth .. " " .. message
      error(message, 0)
    end
    local made = begun(nested, 2)
    made:cancel()
    assert.same({ nil, CANCELLED, "ECANCELED" }, { made:wait() })
    assert.same({ "0 " .. CANCELLED, "1 " .. CANCELLED, "2 " .. CANCELLED }, seen)
  end)

  it("is thrown once: who catches it goes on", function()
    local made = begun(function()
      local count = 0
      for _ = 1, 3 do
        if not pcall(timer.sleep, 0.002) then count = count + 1 end
      end
      return count
    end)
    made:cancel()
    assert.equal(1, made:wait())
  end)

  it("reaches a task that runs at its next wait", function()
    local made
    made = task.start(function()
      assert(made:cancel())
      local ok, message = pcall(timer.sleep, 60)
      assert.is_false(ok)
      error(message, 0)
    end)
    assert.same({ nil, CANCELLED, "ECANCELED" }, { made:wait() })
  end)

  it("does not undo what has ended", function()
    local made = task.start(function() return 1 end)
    made:wait()
    assert.is_false(made:cancel())
    assert.equal(1, made:wait())
    -- The wait of `waiter` is over when it is cancelled: it gets its value, and then the error.
    local queue, got = task.queue(), nil
    local waiter = begun(function()
      got = queue:pop()
      timer.sleep(60)
    end)
    queue:push "kept"
    assert.is_true(waiter:cancel())
    assert.same({ nil, CANCELLED, "ECANCELED" }, { waiter:wait() })
    assert.equal("kept", got)
  end)

  it("throws at once also in a loop that has been compiled", function()
    local sleep = require("perilune.core.timer").sleep
    local count, caught = 0, 0
    local looping = begun(function()
      while true do
        sleep(0)
        count = count + 1
      end
    end)
    local catching = begun(function()
      for i = 1, math.huge do
        pcall(function()
          sleep(0)
          caught = caught + 1
        end)
        if caught < i then return "caught after " .. caught end
      end
    end)
    clock.wait_for(function() return count > 500 and caught > 500 end)
    local counts = { count, caught }
    looping:cancel()
    catching:cancel()
    assert.same({ nil, CANCELLED, "ECANCELED" }, { looping:wait(20) })
    assert.equal("caught after " .. counts[2], catching:wait(20))
    assert.same(counts, { count, caught })
  end)

  it("reaches functions of C that are tasks themselves", function()
    local server = fixture.server({}, { OnDisconnect = function() timer.sleep(0.05) end })
    fixture.pair(server)
    local made = begun(server.stop, server)
    assert.is_true(made:cancel())
    assert.same({ nil, CANCELLED, "ECANCELED" }, { made:wait() })
  end)

  it("writes nothing to the log", function()
    local log = capture(function()
      begun(function() timer.sleep(60) end):cancel()
      timer.sleep(0.001)
    end)
    assert.equal("", log)
  end)

  it("leaves a hook of the script as it is", function()
    local lines = 0
    local function count() lines = lines + 1 end
    local made = begun(function() timer.sleep(60) end)
    local hook, mask, number = debug.gethook()
    debug.sethook(count, "l")
    made:cancel()
    made:wait()
    local after = debug.gethook()
    local before = lines
    local sum = 0
    sum = sum + 1
    debug.sethook(hook, mask, number)
    assert.equal(count, after)
    assert.is_true(lines > before and sum == 1)
  end)

  --- Cancels a task that waits in f; what it was told, and how long that took.
  local function cancel_in(f)
    local told
    local made = begun(function()
      local ok, message = pcall(function() f() end)
      told = { ok, message }
      error(message, 0)
    end)
    timer.sleep(0.001)
    assert.is_true(made.active)
    assert.is_true(made:cancel())
    assert.same({ nil, CANCELLED, "ECANCELED" }, { made:wait(20) })
    assert.same({ false, CANCELLED }, told)
  end

  it("works in timer.sleep", function()
    cancel_in(function() timer.sleep(60) end)
  end)

  it("works in server:stop and server:restart", function()
    for _, name in ipairs { "stop", "restart" } do
      local server = fixture.server({}, { OnDisconnect = function() timer.sleep(0.05) end })
      local peer = fixture.pair(server)
      cancel_in(function() server[name](server) end)
      -- The server goes on stopping, and others can wait for it.
      peer:close()
      clock.wait_for(function() return not server.active end)
    end
  end)

  it("works in conn:ping, of which the answer then finds nobody", function()
    local server = fixture.server()
    local peer, conn = fixture.pair(server)
    cancel_in(function() conn:ping(60) end)
    local PONG = 10
    local second = begun(function() return conn:ping(20) end)
    peer:send_frame(PONG, peer:read_frame().payload)
    timer.sleep(0.005)
    assert.is_true(second.active)
    peer:send_frame(PONG, peer:read_frame().payload)
    assert.is_true(second:wait(20))
  end)

  it("leaves a semaphore whose with() calls a function of C that waits", function()
    local semaphore = task.semaphore()
    local made = begun(semaphore.with, semaphore, core_sleep, 60)
    made:cancel()
    assert.same({ nil, CANCELLED, "ECANCELED" }, { made:wait(20) })
    assert.equal(1, semaphore.free)
  end)

  it("works in conn:flush", function()
    local server = fixture.server { limits = { high_water = 2 ^ 20, send_queue = 2 ^ 26 } }
    local peer, conn = fixture.pair(server, { receive_buffer = 4096 })
    conn:write(("x"):rep(2 ^ 24))
    cancel_in(function() conn:flush() end)
    cancel_in(function() conn:flush(50) end)
    local flusher = begun(conn.flush, conn)
    assert.equal(2 ^ 24, #peer:read(60))
    assert.is_true(flusher:wait(20))
  end)

  it("works in what a request waits for; the answer is then the handler's", function()
    local large = ("x"):rep(2 ^ 24)
    local waits = {
      read = function(request) request:read() end,
      body = function(request) return request.body end,
      write = function(_, response)
        for _ = 1, 20 do
          response:write(large)
        end
      end,
    }
    local told
    local server = fixture.server({}, {
      OnCommandGet = function(_, request, response)
        local f = waits[request.document:sub(2)]
        local ok, message = pcall(cancel_in, function() f(request, response) end)
        told = ok or message
        if request.document ~= "/write" then response.content_text = "answered" end
      end,
    })
    for _, name in ipairs { "read", "body", "write" } do
      told = nil
      local peer = fixture.socket(server, { receive_buffer = 4096 })
      peer:send(("POST /%s HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n"):format(name))
      clock.wait_for(function() return told ~= nil end)
      assert.is_true(told)
      if name ~= "write" then assert.equal("HTTP/1.1 200 OK", peer:read(15)) end
      peer:close()
    end
  end)

  it("works in response:send_file, which goes on", function()
    local folder = fixture.folder()
    folder:write("file.txt", "contents")
    local code
    local server = fixture.server({}, {
      OnCommandGet = function(_, _, response)
        local made = task.start(function() response:send_file(folder.path .. "/file.txt") end)
        -- In the turn in which it begins, so that the file cannot be open yet.
        task.start(function() made:cancel() end)
        code = select(3, made:wait())
      end,
    })
    local peer = fixture.socket(server)
    peer:send "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    local answer = peer:read_all()
    assert.matches("^HTTP/1.1 200 OK\r\n", answer)
    assert.matches("contents$", answer)
    assert.equal("ECANCELED", code)
  end)

  it("works in task:wait, task.all and task.race", function()
    local long = begun(function() timer.sleep(60) end)
    cancel_in(function() long:wait() end)
    cancel_in(function() long:wait(50) end)
    cancel_in(function() task.all { long } end)
    cancel_in(function() task.race({ long }, 50) end)
    assert.is_true(long.active)
    assert.is_true(long:cancel())
  end)

  it("works in queues and semaphores", function()
    local queue, semaphore = task.queue(1), task.semaphore()
    cancel_in(function() queue:pop() end)
    queue:push(1)
    cancel_in(function() queue:push(2) end)
    cancel_in(function() queue:push(2, 50) end)
    semaphore:acquire()
    cancel_in(function() semaphore:acquire() end)
    semaphore:release()
    cancel_in(function()
      semaphore:with(function() timer.sleep(60) end)
    end)
    assert.equal(1, semaphore.free)
    assert.same({ 1, nil }, { queue:pop(0) })
    assert.is_nil((queue:pop(0)))
  end)

  it("works in a handler's file that is read while another reads it", function()
    local folder = fixture.folder()
    folder:write("slow.lua", "require('perilune.timer').sleep(0.05) return 1")
    local path = package.path
    package.path = folder.path .. "/?.lua;" .. path
    local first = begun(require, "slow")
    cancel_in(function() require "slow" end)
    assert.equal(1, first:wait())
    package.path, package.loaded.slow = path, nil
  end)

  it("works in os.exit, which ends the program all the same", function()
    local run = fixture.run [[
      local task, timer = require "perilune.task", require "perilune.timer"
      local server = require("perilune.server").new { port = 0 }
      local made
      function server.OnShutdown() print("cancelled", made:cancel()) end
      assert(server:start())
      made = task.start(function() os.exit(3) end)
    ]]
    assert.same({ 3, "" }, { run.code, run.errors })
    assert.matches("cancelled\ttrue", run.output, 1, true)
  end)

  it("leaves nothing behind when the program ends in the middle of it", function()
    local run = fixture.run [[
      local task, timer = require "perilune.task", require "perilune.timer"
      local function sleep() timer.sleep(60) end
      local a, b, c = task.start(sleep), task.start(sleep), task.start(sleep)
      timer.sleep(0.001)
      local d = task.start(sleep)
      a:cancel()
      task.start(function() b:wait() end)
      os.exit(0)
    ]]
    assert.same({ 0, "" }, { run.code, run.errors })
  end)
end)

describe("task.all", function()
  it("gives the first result of each", function()
    local list = {}
    for i = 1, 3 do
      list[i] = task.start(function()
        timer.sleep(0.01 / i)
        return i, "more"
      end)
    end
    assert.same({ 1, 2, 3 }, task.all(list))
    assert.same({ 1, 2, 3 }, task.all(list, 0))
    assert.same({}, task.all {})
  end)

  it("ends with the first failure; the others go on", function()
    local slow = task.start(function()
      timer.sleep(0.02)
      return 1
    end)
    local bad = task.start(error, "bad", 0)
    assert.same({ nil, "bad", "EEXCEPTION" }, { task.all { slow, bad } })
    assert.is_true(slow.active)
    assert.equal(1, slow:wait())
  end)

  it("knows a failure from a function that returns nil, message, code", function()
    local made = task.start(function() return nil, "not found", "ENOENT" end)
    assert.same({}, task.all { made })
  end)

  it("gives up after a time, also when one of many has ended", function()
    local list = { task.start(timer.sleep, 0.005), begun(timer.sleep, 60) }
    assert.same({ nil, "timed out", "ETIMEDOUT" }, { task.all(list, 0.02) })
    list[2]:cancel()
  end)

  it("takes tasks", function()
    throws("task.all takes a list of tasks", task.all)
    throws("task.all takes a list of tasks; [1] is none", task.all, { print })
  end)
end)

describe("task.race", function()
  it("gives the task that ends first, with its results", function()
    local slow = begun(timer.sleep, 60)
    local quick = task.start(function() return 1, 2 end)
    assert.same({ quick, 1, 2 }, { task.race { slow, quick } })
    assert.is_true(slow.active)
    assert.same({ nil, "timed out", "ETIMEDOUT" }, { task.race({ slow }, 0.001) })
    slow:cancel()
    assert.same({ slow, nil, CANCELLED, "ECANCELED" }, { task.race { slow } })
  end)

  it("takes tasks, at least one", function()
    throws("task.race takes at least one task", task.race, {})
    throws("task.race takes a list of tasks; [2] is none", task.race, {
      task.start(function() end),
      5,
    })
  end)
end)

describe("task.semaphore", function()
  it("lets so many in, in the order of their coming", function()
    local semaphore, inside, most, order = task.semaphore(2), 0, 0, {}
    local list = {}
    for i = 1, 6 do
      list[i] = task.start(function()
        assert(semaphore:acquire())
        inside, order[#order + 1] = inside + 1, i
        most = math.max(most, inside)
        timer.sleep(0.002)
        inside = inside - 1
        semaphore:release()
      end)
    end
    assert(task.all(list))
    assert.equal(2, most)
    assert.same({ 1, 2, 3, 4, 5, 6 }, order)
    assert.equal(2, semaphore.free)
  end)

  it("gives up after a time", function()
    local semaphore = task.semaphore()
    assert.is_true(semaphore:acquire(0))
    assert.same({ nil, "timed out", "ETIMEDOUT" }, { semaphore:acquire(0) })
    assert.same({ nil, "timed out", "ETIMEDOUT" }, { semaphore:acquire(0.001) })
    semaphore:release()
    assert.equal(1, semaphore.free)
    throws("semaphore:release without acquire", semaphore.release, semaphore)
  end)

  it("is left by `with`, whatever happens", function()
    local semaphore = task.semaphore()
    assert.same({ 1, nil, 3 }, { semaphore:with(function(...) return ... end, 1, nil, 3) })
    throws("inside", semaphore.with, semaphore, function() error "inside" end)
    assert.equal(1, semaphore.free)
    throws("semaphore:with takes a function, got a nil", semaphore.with, semaphore)
    throws("task.semaphore takes an integer of at least 1, got 0", task.semaphore, 0)
  end)
end)

describe("task.queue", function()
  it("hands values on in order, false among them", function()
    local queue = task.queue()
    local taker = begun(queue.pop, queue)
    queue:push(false)
    assert.is_false(taker:wait())
    queue:push(1)
    queue:push(2)
    assert.equal(2, queue.count)
    assert.same({ 1, 2, 0 }, { queue:pop(), queue:pop(), queue.count })
    throws("queue:push takes a value, got nil", queue.push, queue)
  end)

  it("makes who adds to a full one wait", function()
    local queue, added = task.queue(2), 0
    local giver = begun(function()
      for i = 1, 10 do
        queue:push(i)
        added = i
      end
    end)
    assert.equal(2, added)
    assert.same({ nil, "timed out", "ETIMEDOUT" }, { queue:push("x", 0) })
    assert.same({ nil, "timed out", "ETIMEDOUT" }, { queue:push("x", 0.001) })
    for i = 1, 10 do
      assert.equal(i, queue:pop(20))
    end
    giver:wait()
    assert.same({ nil, "timed out", "ETIMEDOUT" }, { queue:pop(0) })
    assert.same({ nil, "timed out", "ETIMEDOUT" }, { queue:pop(0.001) })
  end)

  it("never holds more than its limit, nor loses or doubles a value", function()
    local queue, sum, most = task.queue(3), 0, 0
    local givers, takers = {}, {}
    for i = 1, 5 do
      givers[i] = task.start(function()
        for value = 1, 40 do
          queue:push(value)
          most = math.max(most, queue.count)
          if value % 7 == i then timer.sleep(0) end
        end
      end)
      takers[i] = task.start(function()
        for value in queue:values() do
          sum = sum + value
          if value % 5 == i then timer.sleep(0) end
        end
      end)
    end
    assert(task.all(givers, 20))
    queue:close()
    assert(task.all(takers, 20))
    assert.equal(5 * 40 * 41 / 2, sum)
    assert.is_true(most <= 3, most)
  end)

  it("closes: what is left is taken, who waits is told", function()
    local queue = task.queue(1)
    queue:push "left"
    local giver = begun(queue.push, queue, "lost")
    assert.is_false(queue.closed)
    queue:close()
    queue:close()
    assert.is_true(queue.closed)
    local closed = { nil, "the queue is closed", "ECLOSED" }
    assert.same(closed, { giver:wait() })
    assert.same(closed, { queue:push "late" })
    assert.equal("left", queue:pop())
    assert.same(closed, { queue:pop() })
    local empty = task.queue()
    local taker = begun(empty.pop, empty)
    empty:close()
    assert.same(closed, { taker:wait() })
    throws("task.queue takes an integer of at least 1, got 0.5", task.queue, 0.5)
  end)

  it("may be forgotten while tasks wait for it", function()
    local ended = false
    begun(function()
      task.queue():pop(0.02)
      ended = true
    end)
    collectgarbage()
    collectgarbage()
    clock.wait_for(function() return ended end)
  end)
end)
