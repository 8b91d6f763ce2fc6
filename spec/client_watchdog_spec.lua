local clock = require "spec.support.clock"
local fixture = require "spec.support.fixture"
local server = require "perilune.server"
local socket = require "spec.support.socket"
local timer = require "perilune.timer"

local QUICK = { interval = 0.02 }

local function url_of(made, target)
  local path = target or "/"
  return ("ws://127.0.0.1:%d%s"):format(made.port, path)
end

local function free_port()
  local listener = socket.listen()
  local port = listener.port
  listener:close()
  return port
end

--- Messages that a server hears.
local function hearing()
  local heard = {}
  return heard, { OnMessage = function(_, text) heard[#heard + 1] = text end }
end

describe("the watchdog of a client", function()
  after_each(fixture.clean)

  it("connects again whenever the connection is lost", function()
    local made = fixture.server()
    local connects = 0
    local one = fixture.new_client(made, { watchdog = QUICK })
    function one.OnConnect() connects = connects + 1 end
    assert.is_true(one:start())
    for i = 1, 3 do
      clock.wait_for(function() return connects == i and made:count() == 1 end)
      made:disconnect_all()
    end
    clock.wait_for(function() return connects == 4 end)
    assert.is_true(one:disconnect())
    timer.sleep(0.1)
    assert.equal(4, connects)
    assert.is_false(one.active)
  end)

  it("waits for a server that is away", function()
    local port = free_port()
    local one = fixture.new_client({ url = "ws://127.0.0.1:" .. port }, { watchdog = QUICK })
    local failures = 0
    function one.OnError() failures = failures + 1 end
    one:start()
    clock.wait_for(function() return failures >= 3 end)
    assert.is_true(one.active)
    local made = server.new { port = port }
    assert(made:start())
    clock.wait_for(function() return one.connected end)
    made:stop()
    failures = 0
    clock.wait_for(function() return failures >= 2 end)
    assert(made:start())
    clock.wait_for(function() return one.connected end)
    one:disconnect()
    made:stop()
  end)

  it("gives up after as many attempts as it may", function()
    local attempts = {}
    local one = fixture.new_client(
      { url = "ws://127.0.0.1:" .. free_port() },
      { watchdog = { interval = 0.01, attempts = 3 } }
    )
    local failures = 0
    function one.OnError() failures = failures + 1 end
    function one.OnBeforeWatchDog(attempt) attempts[#attempts + 1] = attempt end
    one:start()
    clock.wait_for(function() return not one.active end)
    assert.same({ 1, 2, 3 }, attempts)
    assert.equal(4, failures)
  end)

  it("waits longer each time with a factor", function()
    local times = {}
    local one = fixture.new_client(
      { url = "ws://127.0.0.1:" .. free_port() },
      { watchdog = { interval = 0.02, factor = 10, max_interval = 0.1, attempts = 4 } }
    )
    function one.OnError() times[#times + 1] = clock.now() end
    one:start()
    clock.wait_for(function() return not one.active end)
    for i, least in ipairs { 0.02, 0.1, 0.1, 0.1 } do
      local waited = times[i + 1] - times[i]
      assert.is_true(waited >= least - 0.002, ("%d: %f"):format(i, waited))
    end
    assert.is_true(times[5] - times[4] < 10) -- 20 without max_interval
  end)

  it("waits a random part of the interval with jitter", function()
    local one = fixture.new_client(
      { url = "ws://127.0.0.1:" .. free_port() },
      { watchdog = { interval = 0.2, jitter = true } }
    )
    local last, least = nil, math.huge
    function one.OnError()
      local now = clock.now()
      if last then least = math.min(least, now - last) end
      last = now
    end
    one:start()
    -- Each time it is by three to one.
    clock.wait_for(function() return least < 0.15 end)
    one:disconnect()
  end)

  it("counts on after a connection that did not hold", function()
    for held, expected in pairs { [0] = { 1, 1, 1, 1 }, [60] = { 1, 2, 3 } } do
      local made = fixture.server(nil, { OnConnect = function(conn) conn:disconnect() end })
      local attempts = {}
      local one =
        fixture.new_client(made, { watchdog = { interval = 0.01, attempts = 3, held = held } })
      function one.OnBeforeWatchDog(attempt)
        attempts[#attempts + 1] = attempt
        return #attempts == 4
      end
      one:start()
      clock.wait_for(function() return not one.active end)
      assert.same(expected, attempts)
      made:stop()
    end
  end)

  it("asks OnBeforeWatchDog, which may go elsewhere", function()
    local made = fixture.server()
    local one = fixture.new_client({ url = "ws://127.0.0.1:" .. free_port() }, { watchdog = QUICK })
    function one.OnError() end
    function one.OnBeforeWatchDog(attempt)
      timer.sleep(0.01)
      if attempt == 2 then one.url = url_of(made, "/other") end
    end
    one:start()
    clock.wait_for(function() return one.connected end)
    assert.equal("/other", one.conn.url)
  end)

  it("stops when OnBeforeWatchDog says so, and not when it throws", function()
    local one = fixture.new_client({ url = "ws://127.0.0.1:" .. free_port() }, { watchdog = QUICK })
    local calls, thrown = 0, 0
    function one.OnError() end
    function one.OnException() thrown = thrown + 1 end
    function one.OnBeforeWatchDog()
      calls = calls + 1
      if calls == 3 then return true end
      error "broken"
    end
    one:start()
    clock.wait_for(function() return not one.active end)
    assert.same({ 3, 2 }, { calls, thrown })
  end)

  it("goes on after conn:close, and ends with stop", function()
    local made = fixture.server()
    local one = fixture.new_client(made, { watchdog = QUICK })
    local connects = 0
    function one.OnConnect() connects = connects + 1 end
    one:start()
    clock.wait_for(function() return connects == 1 end)
    one.conn:close()
    clock.wait_for(function() return connects == 2 end)
    one:stop()
    clock.wait_for(function() return not one.active end)
    assert.equal(2, connects)
  end)

  it("lets connect wait for the first attempt alone", function()
    local one = fixture.new_client({ url = "ws://127.0.0.1:" .. free_port() }, { watchdog = QUICK })
    function one.OnError() end
    local ok, _, code = one:connect()
    assert.same({ nil, "ECONNREFUSED" }, { ok, code })
    assert.is_true(one.active)
    assert.is_true(one:disconnect())
  end)

  it("comes back to the first of several servers", function()
    local first = fixture.server()
    local second = fixture.server()
    local one = fixture.new_client(
      { servers = { url_of(first, "/1"), url_of(second, "/2") } },
      { watchdog = QUICK }
    )
    function one.OnError() end
    one:start()
    clock.wait_for(function() return one.connected end)
    assert.equal("/1", one.conn.url)
    local port = first.port
    first:stop()
    clock.wait_for(function() return one.connected and one.conn.url == "/2" end)
    fixture.server { port = port }
    second:stop()
    clock.wait_for(function() return one.connected and one.conn.url == "/1" end)
  end)
end)

describe("keep_messages", function()
  after_each(fixture.clean)

  it("keeps what is written meanwhile, behind OnConnect's own words", function()
    local heard, events = hearing()
    local made = fixture.new_server()
    for name, handler in pairs(events) do
      made[name] = handler
    end
    assert(made:start())
    local port = made.port
    made:stop()
    local one = fixture.new_client({ url = "ws://127.0.0.1:" .. port }, {
      watchdog = QUICK,
      keep_messages = true,
    })
    function one.OnError() end
    function one.OnConnect(conn)
      timer.sleep(0.02)
      conn:write "login"
    end
    one:start()
    assert.same({ true, "kept" }, { one:write "one" })
    assert.same({ true, "kept" }, { one:write("two", 1) })
    local again = fixture.new_server { port = port }
    again.OnMessage = events.OnMessage
    assert(again:start())
    clock.wait_for(function() return #heard == 3 end)
    assert.same({ "login", "one", "two" }, heard)
    assert.is_true(one:write "three")
    clock.wait_for(function() return #heard == 4 end)
  end)

  it("goes by the levels of queue_options", function()
    local port = free_port()
    local one = fixture.new_client({ url = "ws://127.0.0.1:" .. port }, {
      watchdog = QUICK,
      keep_messages = true,
      queue_options = { text = "level3", binary = "level2" },
    })
    function one.OnError() end
    one:start()
    for _, word in ipairs { "a", "b" } do
      one:write("text " .. word)
      one:write_binary("binary " .. word)
    end
    local heard, events = hearing()
    events.OnBinary = events.OnMessage
    fixture.server({ port = port }, events)
    clock.wait_for(function() return #heard == 4 end)
    assert.same({ "binary a", "binary b", "text a", "text b" }, heard)
  end)

  it("has a limit", function()
    local one = fixture.new_client(
      { url = "ws://127.0.0.1:" .. free_port() },
      { watchdog = { interval = 5 }, keep_messages = true, limits = { kept_messages = 100 } }
    )
    function one.OnError() end
    one:start()
    assert.is_true((one:write(("x"):rep(60))))
    local ok, _, code = one:write(("x"):rep(60))
    assert.same({ nil, "ELIMIT" }, { ok, code })
    assert.same({ nil, "EUTF8" }, { (select(1, one:write "\255")), (select(3, one:write "\255")) })
    one:disconnect()
    ok, _, code = one:write "x"
    assert.same({ nil, "ECLOSED" }, { ok, code })
  end)

  it("is off by default", function()
    local one = fixture.new_client(
      { url = "ws://127.0.0.1:" .. free_port() },
      { watchdog = { interval = 5 } }
    )
    function one.OnError() end
    one:start()
    local ok, _, code = one:write "x"
    assert.same({ nil, "ECLOSED" }, { ok, code })
  end)
end)
