local capture = require "spec.support.capture"
local clock = require "spec.support.clock"
local timer = require "perilune.timer"

local running = {}

--- A timer that the test's end cancels.
local function kept(made)
  running[#running + 1] = made
  return made
end

local function cancel_all()
  while #running > 0 do
    table.remove(running):cancel()
  end
end

describe("timer.after", function()
  after_each(cancel_all)

  it("calls once, when the time has come", function()
    local from, count, at = clock.now(), 0, nil
    local made = kept(timer.after(0.02, function()
      count, at = count + 1, clock.now()
    end))
    assert.is_true(made.active)
    clock.wait_for(function() return count > 0 end)
    timer.sleep(0.03)
    assert.equal(1, count)
    assert.is_true(at - from >= 0.019, at - from)
    assert.is_false(made.active)
  end)

  it("calls in the order of the times, and of the calls", function()
    local seen = {}
    for _, case in ipairs { { 0.02, "c" }, { 0.01, "b" }, { 0, "a" }, { 0.02, "d" } } do
      kept(timer.after(case[1], function() seen[#seen + 1] = case[2] end))
    end
    clock.wait_for(function() return #seen == 4 end)
    assert.same({ "a", "b", "c", "d" }, seen)
  end)

  it("does not call at once, not even after 0 seconds", function()
    local called = false
    kept(timer.after(0, function() called = true end))
    assert.is_false(called)
    clock.wait_for(function() return called end)
  end)

  it("lets its function wait", function()
    local done
    kept(timer.after(0, function()
      timer.sleep(0.005)
      done = true
    end))
    clock.wait_for(function() return done end)
  end)

  it("passes nothing", function()
    local count
    kept(timer.after(0, function(...) count = select("#", ...) end))
    clock.wait_for(function() return count end)
    assert.equal(0, count)
  end)
end)

describe("timer.every", function()
  after_each(cancel_all)

  it("calls again and again, at a fixed rate", function()
    local times, from = {}, clock.now()
    kept(timer.every(0.02, function() times[#times + 1] = clock.now() - from end))
    clock.wait_for(function() return #times >= 5 end)
    for i = 1, 5 do
      assert.is_true(times[i] >= i * 0.02 - 0.002, ("call %d after %f"):format(i, times[i]))
    end
  end)

  it("leaves out a tick that finds the function still waiting", function()
    local inside, most, count = 0, 0, 0
    kept(timer.every(0.005, function()
      inside = inside + 1
      most = math.max(most, inside)
      timer.sleep(0.012)
      inside = inside - 1
      count = count + 1
    end))
    clock.wait_for(function() return count >= 3 end)
    assert.equal(1, most)
  end)

  it("goes on after an error, which is logged", function()
    local count = 0
    local log = capture(function()
      local made = kept(timer.every(0.005, function()
        count = count + 1
        error "what a pity"
      end))
      clock.wait_for(function() return count >= 2 end)
      made:cancel()
    end)
    assert.matches("timer_spec.lua:%d+: what a pity", log)
    assert.matches("stack traceback", log, 1, true)
  end)

  it("is cancelled from its own function", function()
    local count, made = 0, nil
    made = kept(timer.every(0.002, function()
      count = count + 1
      assert(made:cancel())
    end))
    clock.wait_for(function() return count > 0 end)
    timer.sleep(0.01)
    assert.equal(1, count)
    assert.is_false(made.active)
  end)

  it("runs on one worker when told so", function()
    assert.is_truthy(kept(timer.every(1, print, { worker = 1 }))) -- more: worker_spec.lua
  end)
end)

describe("timer:cancel", function()
  it("keeps the function from being called", function()
    local called = false
    local made = timer.after(0.005, function() called = true end)
    assert.is_true(made:cancel())
    assert.is_false(made:cancel())
    assert.is_false(made.active)
    timer.sleep(0.02)
    assert.is_false(called)
  end)

  it("after the call says that there is nothing to cancel", function()
    local called
    local made = timer.after(0, function() called = true end)
    clock.wait_for(function() return called end)
    assert.is_false(made:cancel())
  end)

  it("lets a function that waits go on", function()
    local begun, ended
    local made = timer.every(0.001, function()
      begun = true
      timer.sleep(0.01)
      ended = true
    end)
    clock.wait_for(function() return begun end)
    made:cancel()
    clock.wait_for(function() return ended end)
  end)
end)

describe("timer.sleep", function()
  it("waits", function()
    local from = clock.now()
    timer.sleep(0.02)
    assert.is_true(clock.now() - from >= 0.019)
  end)

  it("lets others run, also for 0 seconds", function()
    local called = false
    local made = timer.after(0, function() called = true end)
    for _ = 1, 100 do
      if called then break end
      timer.sleep(0)
    end
    assert.is_true(called)
    made:cancel()
  end)

  it("returns nothing", function() assert.equal(0, select("#", timer.sleep(0))) end)

  it("may run a thousand times at once", function()
    local count = 0
    for i = 1, 1000 do
      timer.after(0, function()
        timer.sleep(i % 7 / 1000)
        count = count + 1
      end)
    end
    clock.wait_for(function() return count == 1000 end)
  end)
end)

describe("a timer", function()
  after_each(cancel_all)

  it("lives without a variable that holds it", function()
    local called
    timer.after(0.01, function() called = true end)
    for _ = 1, 3 do
      collectgarbage()
    end
    clock.wait_for(function() return called end)
  end)

  it("is a component", function()
    local made = kept(timer.after(1, print))
    assert.equal("timer", getmetatable(made))
    assert.matches("^timer: ", tostring(made))
    assert.has_error(function() made.active = false end)
    assert.has_error(function() made.OnTimer = print end)
    assert.has_error(function() made.cancel {} end)
  end)

  local function refuses(message, f, ...)
    local ok, got = pcall(f, ...)
    assert.is_false(ok)
    assert.matches(message, got, 1, true)
  end

  it("takes seconds", function()
    for _, seconds in ipairs { -1, 0 / 0, math.huge, 2147484, "1" } do
      local text = "takes seconds from 0 to 2147483, got " .. tostring(seconds)
      refuses("timer.after " .. text, timer.after, seconds, print)
      refuses("timer.every " .. text, timer.every, seconds, print)
      refuses("timer.sleep " .. text, timer.sleep, seconds)
    end
    refuses("timer.every takes at least 0.001 seconds", timer.every, 0, print)
    refuses("takes seconds from 0 to 2147483, got nil", timer.sleep)
  end)

  it("takes a function", function()
    refuses("timer.after takes a function, got a nil", timer.after, 1)
    refuses("timer.every takes a function, got a string", timer.every, 1, "print")
  end)

  it(
    "takes options by name",
    function()
      refuses(
        "unknown option 'workers' of timer.every: did you mean 'worker'?",
        timer.every,
        1,
        print,
        { workers = 1 }
      )
    end
  )
end)

describe("timer.now", function()
  it("goes on within a turn, as the system's clock does", function()
    local first, began = timer.now(), clock.now()
    assert.is_true(math.abs(first - began) < 1)
    local steps = 0
    while timer.now() == first do
      steps = steps + 1
    end
    local before = timer.now()
    timer.sleep(0.02)
    assert.is_true(timer.now() - before >= 0.019)
    assert.is_true(steps < 1e6)
  end)
end)
