-- covers: internal/operations.lua internal/dashboard.lua
local clock = require "spec.support.clock"
local fixture = require "spec.support.fixture"
local http = require "spec.support.http"
local json = require "perilune.json"
local log = require "perilune.log"
local metrics = require "perilune.metrics"
local process = require "spec.support.process"
local socket = require "spec.support.socket"

--- The value of a line; nil when there is none.
local function value_of(text, line)
  for name, value in text:gmatch "([^\n]*) (%S+)\n" do
    if name == line then return tonumber(value) end
  end
end

local function now(line) return value_of(assert(metrics.text()), line) end

--- How much each of the lines grows while f runs.
local function growth(lines, f)
  local before, grown = {}, {}
  for i, line in ipairs(lines) do
    before[i] = assert(now(line), line)
  end
  f()
  for i, line in ipairs(lines) do
    grown[i] = now(line) - before[i]
  end
  return grown
end

--- Waits until the line has that value.
local function await(line, value)
  clock.wait_for(function() return now(line) == value end)
end

describe("the text of the metrics", function()
  after_each(fixture.clean)

  it("has help and type of each family once, and only lines that Prometheus reads", function()
    local text = assert(metrics.text())
    local families = {}
    for line in text:gmatch "([^\n]*)\n" do
      local name = line:match "^# HELP ([%w_:]+) "
      if name then
        assert.is_nil(families[name], name)
        families[name] = "help"
      elseif line:find "^# TYPE " then
        local typed = line:match "^# TYPE ([%w_:]+) %l+$"
        assert.equal("help", families[typed])
        families[typed] = "type"
      else
        local bare = line:gsub("\\.", ""):gsub('"[^"]*"', '""') -- label values hold anything
        local sample = bare:match "^([%w_:]+){?[^}]*}? [%d.eE+-]+$"
        assert.is_truthy(sample, line)
        local family = sample:gsub("_bucket$", ""):gsub("_sum$", ""):gsub("_count$", "")
        assert.is_truthy(families[sample] or families[family], line)
      end
    end
    assert.equal("type", families.perilune_loop_turn_seconds)
  end)

  it("counts connections, messages and bytes", function()
    local server = fixture.server({}, {
      OnMessage = function(conn, message)
        conn:write(message)
        conn:write(message)
      end,
    })
    local lines = {
      "perilune_connections_accepted_total",
      'perilune_sessions_total{transport="rfc6455"}',
      'perilune_messages_received_total{side="server"}',
      'perilune_messages_sent_total{side="server"}',
      'perilune_connections{transport="rfc6455"}',
      'perilune_connections{transport="http"}',
      "perilune_received_bytes_total",
    }
    local before = now 'perilune_connections{transport="rfc6455"}'
    local grown = growth(lines, function()
      local peer = fixture.connect(server)
      peer:send(("x"):rep(1000))
      assert(peer:read())
      assert(peer:read())
    end)
    assert.same({ 1, 1, 1, 2, 1, 0 }, { unpack(grown, 1, 6) })
    assert.is_true(grown[7] > 1000)
    server:stop()
    await('perilune_connections{transport="rfc6455"}', before)
  end)

  it("counts answers by method and class", function()
    local server = fixture.server({}, {
      OnCommandGet = function(_, request, response)
        if request.document == "/throw" then error "as it was told" end
        response.content_text = "x"
      end,
      OnException = function() end,
    })
    local grown = growth({
      'perilune_http_requests_total{method="GET",status="2xx"}',
      'perilune_http_requests_total{method="HEAD",status="2xx"}',
      'perilune_http_requests_total{method="GET",status="5xx"}',
      'perilune_http_requests_total{method="other",status="4xx"}',
      "perilune_handler_errors_total",
    }, function()
      http.request(server.port, "/")
      http.request(server.port, "/")
      http.request(server.port, "/", { method = "HEAD" })
      http.request(server.port, "/throw")
      http.raw(server.port, "GET / HTTP/1.1\r\n\r\n")
    end)
    assert.same({ 2, 1, 1, 1, 1 }, grown)
  end)

  it("counts refused handshakes by reason", function()
    local server = fixture.server({
      protocols = { "chat" },
      security_options = { origins_allowed = { "http://good.example" } },
    }, {
      OnHandshake = function() return false end,
    })
    local function shake(...)
      local headers = {
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        ...,
      }
      return http.request(server.port, "/", { headers = headers }).status
    end
    local reasons = {}
    for i, reason in ipairs { "version", "request", "origin", "protocol", "script", "timeout" } do
      reasons[i] = ('perilune_handshakes_refused_total{reason="%s"}'):format(reason)
    end
    local version = "Sec-WebSocket-Version: 13"
    local grown = growth(reasons, function()
      assert.equal(426, shake "Sec-WebSocket-Version: 12")
      assert.equal(400, shake(version, "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="))
      assert.equal(403, shake(version, "Origin: http://bad.example"))
      assert.equal(400, shake(version, "Sec-WebSocket-Protocol: other"))
      assert.equal(403, shake(version, "Sec-WebSocket-Protocol: chat"))
    end)
    assert.same({ 1, 1, 1, 1, 1, 0 }, grown)
  end)

  it("counts connections that are turned away", function()
    local server = fixture.server { limits = { connections = 1 } }
    local line = 'perilune_connections_refused_total{reason="connections"}'
    local before = now(line)
    fixture.connect(server)
    socket.connect(server.port):read_all()
    await(line, before + 1)
  end)

  it("counts lost heartbeats", function()
    local server = fixture.server { heartbeat = { interval = 0.1, timeout = 0.1 } }
    local before = now "perilune_heartbeat_timeouts_total"
    fixture.connect(server)
    await("perilune_heartbeat_timeouts_total", before + 1)
  end)

  it("has what waits for slow peers, and nothing when they are gone", function()
    local server = fixture.server {}
    local before = now "perilune_queue_bytes"
    local peer, conn = fixture.pair(server)
    for _ = 1, 200 do
      conn:write(("x"):rep(50000))
    end
    clock.wait_for(function() return now "perilune_queue_bytes" > before + 100000 end)
    peer.socket:close()
    await("perilune_queue_bytes", before)
  end)

  it("knows the process and the memory of Lua", function()
    local text = assert(metrics.text())
    assert.is_true(value_of(text, "perilune_lua_memory_bytes") > 1e5)
    assert.is_true(
      math.abs(value_of(text, "perilune_lua_memory_bytes") - collectgarbage "count" * 1024) < 2e6
    )
    assert.is_true(value_of(text, "process_resident_memory_bytes") > 1e6)
    assert.is_true(value_of(text, "process_open_fds") > 3)
    assert.equal(1, value_of(text, "perilune_workers"))
    assert.is_true(value_of(text, "perilune_loop_turn_seconds_count") > 0)
    local infinite = 'perilune_loop_turn_seconds_bucket{le="+Inf"}'
    assert.equal(value_of(text, "perilune_loop_turn_seconds_count"), value_of(text, infinite))
  end)
end)

describe("a script's metrics", function()
  it("count by labels", function()
    local orders = metrics.counter {
      name = "spec_orders_total",
      help = "Orders,\nall of them",
      labels = { "kind", "paid" },
    }
    assert.is_true(orders:add(2, "book", true))
    assert.is_true(orders:add(nil, "book", true))
    assert.is_true(orders:add(0.5, 'a"b\\', false))
    assert.equal(3, orders:value("book", true))
    local text = assert(metrics.text())
    assert.equal(3, value_of(text, 'spec_orders_total{kind="book",paid="true"}'))
    assert.equal(0.5, value_of(text, 'spec_orders_total{kind="a\\"b\\\\",paid="false"}'))
    assert.is_truthy(text:find("# HELP spec_orders_total Orders,\\nall of them\n", 1, true))
    assert.is_truthy(text:find("# TYPE spec_orders_total counter\n", 1, true))
    local other = metrics.counter { name = "spec_orders_total", labels = { "kind", "paid" } }
    assert.is_true(other:add(1, "book", true))
    assert.equal(4, orders:value("book", true))
  end)

  it("keep values apart, whatever bytes are in them", function()
    local odd = metrics.counter { name = "spec_odd_total", labels = { "a", "b" } }
    odd:add(1, "x\0y", "z")
    odd:add(2, "x", "y\0z")
    assert.equal(1, odd:value("x\0y", "z"))
    assert.equal(2, odd:value("x", "y\0z"))
  end)

  it("are there before they are used when they have no labels", function()
    local depth = metrics.gauge { name = "spec_depth" }
    assert.equal(0, now "spec_depth")
    depth:set(7)
    depth:add(-2.5)
    depth:add()
    assert.equal(5.5, now "spec_depth")
  end)

  it("show how values are distributed", function()
    local times = metrics.histogram { name = "spec_seconds", labels = { "of" }, buckets = { 1, 2 } }
    for _, value in ipairs { 0.5, 1, 1.5, 99 } do
      times:observe(value, "all")
    end
    local text = assert(metrics.text())
    assert.equal(2, value_of(text, 'spec_seconds_bucket{of="all",le="1"}'))
    assert.equal(3, value_of(text, 'spec_seconds_bucket{of="all",le="2"}'))
    assert.equal(4, value_of(text, 'spec_seconds_bucket{of="all",le="+Inf"}'))
    assert.equal(102, value_of(text, 'spec_seconds_sum{of="all"}'))
    assert.equal(4, value_of(text, 'spec_seconds_count{of="all"}'))
    assert.equal(4, times:value "all")
  end)

  it("have a limit", function()
    local wild = metrics.counter { name = "spec_wild_total", labels = { "id" } }
    finally(function() metrics.limit(10000) end)
    assert(wild:add(1, "known"))
    local before = now "perilune_metric_series_refused_total"
    metrics.limit(1)
    local done, message, code = wild:add(1, "new")
    assert.same({ nil, "a limit was reached", "ELIMIT" }, { done, message, code })
    assert.is_true(wild:add(1, "known"))
    assert.equal(before + 1, now "perilune_metric_series_refused_total")
    assert.has_error(
      function() metrics.gauge { name = "spec_other" } end,
      "metrics.gauge 'spec_other': there are as many as the limit allows"
    )
  end)

  it("refuse what cannot be", function()
    local function fails(kind, given, message)
      local ok, got = pcall(metrics[kind], given)
      assert.is_false(ok)
      assert.is_truthy(tostring(got):find(message, 1, true), tostring(got))
    end
    fails("counter", {}, "'name'")
    fails("counter", { name = "9" }, "a name cannot be")
    fails("counter", { name = "perilune_x" }, "a name cannot be")
    fails("counter", { name = "process_x" }, "a name cannot be")
    fails("counter", { name = "a", labels = { "__x" } }, "a name cannot be")
    fails("histogram", { name = "a", labels = { "le" } }, "a name cannot be")
    fails("histogram", { name = "a", buckets = { 2, 1 } }, "the buckets do not rise")
    fails("counter", { name = "a", label = {} }, "labels")
    fails("counter", { name = "a", labels = { "x", "y", "x" } }, "a name cannot be")
    metrics.histogram { name = "spec_lines", buckets = { 1 } }
    fails("counter", { name = "spec_lines_count" }, "its lines have the names of another's")
    metrics.gauge { name = "spec_other_sum" }
    fails("histogram", { name = "spec_other" }, "its lines have the names of another's")
    assert(metrics.gauge { name = "spec_depth_count" })
    metrics.gauge { name = "spec_twice" }
    fails("counter", { name = "spec_twice" }, "it was defined in another way before")
    local one = metrics.counter { name = "spec_one_total", labels = { "a" } }
    assert.has_error(function() one:add(1) end)
    assert.has_error(function() one:add(1, "a", "b") end)
    assert.has_error(function() one:add(-1, "a") end)
    assert.has_error(function() one:add(0 / 0, "a") end)
    assert.has_error(function() one:add("x", "a") end)
    assert.equal("EUTF8", select(3, one:add(1, "\255")))
    assert.equal("ETOOBIG", select(3, one:add(1, ("x"):rep(201))))
    assert.has_error(function() metrics.limit(-1) end)
    assert.has_error(function() metrics.limit "x" end)
  end)
end)

describe("a server with metrics", function()
  after_each(fixture.clean)

  it("serves them to this machine, and the script what is its own", function()
    local server = fixture.server({ metrics = true }, {
      OnCommandGet = function(_, request, response) response.content_text = request.document end,
    })
    local answer = http.request(server.port, "/metrics")
    assert.equal(200, answer.status)
    assert.equal("text/plain; version=0.0.4; charset=utf-8", answer.headers["content-type"])
    assert.equal("no-store", answer.headers["cache-control"])
    assert.equal(1, value_of(answer.body, "perilune_workers"))
    assert.equal("/other", http.request(server.port, "/other").body)
    assert.equal("ok\n", http.request(server.port, "/healthz").body)
    assert.equal("ready\n", http.request(server.port, "/readyz").body)
    local proxied = { headers = { "X-Forwarded-For: 192.0.2.1" } }
    assert.equal(403, http.request(server.port, "/metrics", proxied).status)
    assert.equal(200, http.request(server.port, "/healthz", proxied).status)
    assert.equal("/x", server.OnCommandGet and http.request(server.port, "/x").body)
    server.OnCommandGet = nil
    assert.is_nil(server.OnCommandGet)
    assert.equal(404, http.request(server.port, "/other").status)
    assert.equal(200, http.request(server.port, "/metrics").status)
  end)

  it("stands in front of sessions, too", function()
    local server = fixture.server({ metrics = true, session_state = true }, {
      OnCommandGet = function(_, request, response)
        response.content_text = request.session and "session" or "none"
      end,
    })
    local answer = http.request(server.port, "/metrics")
    assert.equal(200, answer.status)
    assert.is_nil(answer.headers["set-cookie"])
    assert.equal("session", http.request(server.port, "/").body)
  end)

  it("asks for a token", function()
    local token = "a token of some length"
    token = token:gsub(" ", "-")
    local server = fixture.server { metrics = { path = "/m", token = token, health = false } }
    local function status(header)
      return http.request(server.port, "/m", { headers = { header } }).status
    end
    assert.equal(401, status())
    assert.equal(401, status "Authorization: Bearer wrong")
    assert.equal(401, status("Authorization: Basic " .. token))
    assert.equal(200, status("Authorization: Bearer " .. token))
    assert.equal(200, status("authorization: bearer " .. token))
    assert.equal(404, http.request(server.port, "/healthz").status)
  end)

  it("has a port apart for them", function()
    local listener = fixture.listener()
    local free = listener.port
    listener:close()
    local server = fixture.server { metrics = { port = free } }
    assert.equal(200, http.request(free, "/metrics").status)
    assert.equal("ready\n", http.request(free, "/readyz").body)
    assert.equal(404, http.request(free, "/").status)
    assert.equal(404, http.request(free, "/sgcWebSockets.js").status)
    assert.equal(404, http.request(server.port, "/metrics").status)
    assert.is_true(server:restart())
    assert.equal(200, http.request(free, "/metrics").status)
    server:stop()
    assert.is_nil((pcall(http.request, free, "/metrics")) and "served" or nil)
  end)

  it("does not start without that port", function()
    local taken = fixture.listener()
    local server = fixture.new_server { metrics = { port = taken.port } }
    local ok, message, code = server:start()
    assert.is_nil(ok)
    assert.is_truthy(message:find("cannot listen on 127.0.0.1 port " .. taken.port, 1, true))
    assert.equal("EADDRINUSE", code)
    assert.is_false(server.active)
  end)

  it("is not ready while it drains, and says so to the end", function()
    local listener = fixture.listener()
    local free = listener.port
    listener:close()
    local running = process.perilune {
      (fixture.script(([[
        local timer = require "perilune.timer"
        local server = require("perilune.server").new { port = 0, metrics = { port = %d } }
        function server.OnCommandGet(_, _, response)
          print "asked"
          timer.sleep(1)
          response.content_text = "late"
        end
        assert(server:start())
      ]]):format(free))),
    }
    local port = running:wait_port()
    assert.equal(200, http.request(free, "/readyz").status)
    local peer = fixture.socket { port = port }
    peer:send(http.compose "/")
    running:wait_output "asked"
    running:signal "TERM"
    clock.wait_for(function() return http.request(free, "/readyz").status == 503 end)
    assert.equal("ok\n", http.request(free, "/healthz").body)
    assert.equal("late", http.read(peer).body)
    assert.equal(0, running:wait())
  end)

  it("adds up what all workers have counted", function()
    local running = process.perilune {
      "--workers",
      "2",
      (fixture.script [[
        local metrics = require "perilune.metrics"
        local server = require("perilune.server").new { port = 0, metrics = true }
        local seen = metrics.counter { name = "seen_total" }
        local level = metrics.gauge { name = "level" }
        level:set(require("perilune.worker").id)
        function server.OnMessage(conn, text)
          seen:add()
          conn:write(tostring(require("perilune.worker").id))
        end
        assert(server:start())
        print("worker " .. require("perilune.worker").id)
      ]]),
    }
    local port = running:wait_port()
    running:wait_output "worker 2"
    local workers = {}
    for count = 1, 60 do
      local peer = fixture.connect { port = port }
      peer:send "x"
      workers[assert(peer:read())] = true
      local text = http.request(port, "/metrics").body
      assert.equal(count, value_of(text, "seen_total"))
      assert.equal(count, value_of(text, 'perilune_connections{transport="rfc6455"}'))
      assert.equal(3, value_of(text, "level"))
      assert.equal(2, value_of(text, "perilune_workers"))
      if workers["1"] and workers["2"] then break end
    end
    assert.same({ ["1"] = true, ["2"] = true }, workers)
  end)

  it("takes paths that are such, and no short token", function()
    local server = require "perilune.server"
    assert.has_error(function() server.new { metrics = { path = "metrics" } } end)
    assert.has_error(function() server.new { metrics = { health = "/a b" } } end)
    assert.has_error(
      function() server.new { metrics = { path = "/x", token = ("t"):rep(16), ready = "/x" } } end,
      "options 'metrics.path' and 'metrics.ready' of server.new are the same path"
    )
    assert.has_error(function() server.new { metrics = { token = "short" } } end)
    assert.has_error(function() server.new { metrics = { prot = 1 } } end)
  end)
end)

describe("the dashboard", function()
  after_each(fixture.clean)

  local function free_port()
    local listener = fixture.listener()
    listener:close()
    return listener.port
  end

  --- A server with a dashboard, and a function that asks it with this Host and these headers.
  local function start(options)
    local port = free_port()
    options = options or {}
    options.dashboard = { port = port }
    local server = fixture.server(options)
    return server,
      port,
      function(path, host, given)
        given = given or {}
        local lines = { (given.method or "GET") .. " " .. path .. " HTTP/1.1", "Host: " .. host }
        for _, line in ipairs(given.headers or {}) do
          lines[#lines + 1] = line
        end
        if given.body then lines[#lines + 1] = "Content-Length: " .. #given.body end
        local text = table.concat(lines, "\r\n") .. "\r\n\r\n" .. (given.body or "")
        local peer = fixture.socket { port = port }
        peer:send(text)
        return http.read(peer)
      end
  end

  it("answers those alone who name this machine", function()
    local _, port, ask = start()
    for _, host in ipairs { "127.0.0.1:%d", "localhost:%d", "LOCALHOST:%d", "[::1]:%d" } do
      assert.equal(200, ask("/", host:format(port)).status, host)
    end
    local wrong =
      { "evil.example:%d", "127.0.0.1", "127.0.0.1:1", "localhost%d", "localhost.evil.example:%d" }
    for _, host in ipairs(wrong) do
      assert.equal(421, ask("/", host:format(port)).status, host)
      assert.equal(421, ask("/data", host:format(port)).status, host)
    end
    local page = ask("/", "localhost:" .. port)
    assert.is_truthy(page.headers["content-security-policy"]:find "^default%-src 'none'")
    assert.equal("nosniff", page.headers["x-content-type-options"])
    assert.equal(404, ask("/x", "localhost:" .. port).status)
    assert.equal(404, ask("/disconnect", "localhost:" .. port).status)
    assert.equal(404, ask("/metrics", "localhost:" .. port).status)
  end)

  it("shows all lines to who has seen none that there is", function()
    local _, port, ask = start()
    log.warn "a line to be found"
    for _, after in ipairs { "0", "nan", "-1", "-nan", "inf", "1e300", "x", "9007199254740992" } do
      local answer = ask("/data?after=" .. after, "127.0.0.1:" .. port)
      local lines = table.concat(json.decode(answer.body).log, "\n")
      assert.is_truthy(lines:find("a line to be found", 1, true), after)
    end
  end)

  it("disconnects for its own page alone", function()
    local server, port, ask = start()
    local peer, conn = fixture.pair(server)
    local host = "127.0.0.1:" .. port
    local own = { "Origin: http://" .. host, "Content-Type: application/json" }
    local function post(headers, body)
      local given = { method = "POST", headers = headers, body = body }
      return ask("/disconnect", host, given)
    end
    local body = json.encode { guid = conn.guid }
    assert.equal(403, post({ own[2] }, body).status)
    assert.equal(403, post({ own[1] }, body).status)
    assert.equal(403, post({ "Origin: http://evil.example", own[2] }, body).status)
    assert.equal(403, post({ "Origin: null", own[2] }, body).status)
    assert.equal(1, server:count())
    assert.equal(400, post(own, "[").status)
    assert.equal(400, post(own, "{}").status)
    assert.same({ done = false }, json.decode(post(own, '{"guid":"no such"}').body))
    assert.same({ done = true }, json.decode(post(own, body).body))
    assert.equal(1008, (peer:read_close()))
  end)

  it("tells what is there as JSON, whatever strangers have sent", function()
    local server, port, ask = start()
    local _, conn = fixture.pair(server, { path = "/%ff?%00" })
    conn:subscribe "a\255channel"
    local data = json.decode(ask("/data", "localhost:" .. port).body)
    assert.equal("a?channel", data.channels.list[1].name)
    assert.equal(1, data.channels.count)
    assert.is_true(data.listening)
    assert.is_true(data.counters['connections{transport="rfc6455"}'] >= 1)
    local clients = json.decode(ask("/clients", "localhost:" .. port).body)
    assert.equal(conn.guid, clients.list[1].guid)
  end)

  it("is on this machine alone", function()
    assert.has_error(
      function() require("perilune.server").new { dashboard = { port = 0, host = "0.0.0.0" } } end
    )
    assert.has_error(function() require("perilune.server").new { dashboard = {} } end)
  end)
end)
