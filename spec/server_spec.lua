local clock = require "spec.support.clock"
local fixture = require "spec.support.fixture"
local recorder = require "spec.support.recorder"
local server = require "perilune.server"
local socket = require "spec.support.socket"
local timer = require "perilune.timer"
local websocket = require "spec.support.websocket"

describe("server options:", function()
  local function refuses(options, message)
    local ok, got = pcall(server.new, options)
    assert.is_false(ok)
    assert.equal(message, got:match "^[^:]*:%d+: (.*)$" or got)
  end

  it("has defaults", function()
    local made = server.new()
    assert.equal("127.0.0.1", made.host)
    assert.equal(8080, made.port)
    assert.is_false(made.active)
  end)

  it("names the nearest option", function()
    refuses({ prot = 1 }, "unknown option 'prot' of server.new: did you mean 'port'?")
    refuses(
      { heartbeat = { intervall = 1 } },
      "unknown option 'heartbeat.intervall' of server.new: did you mean 'heartbeat.interval'?"
    )
    refuses(
      { limits = { conections = 1 } },
      "unknown option 'limits.conections' of server.new: did you mean 'limits.connections'?"
    )
  end)

  it("names all options when none is near", function()
    local ok, message = pcall(server.new, { xyzzy = 1 })
    assert.is_false(ok)
    assert.matches("unknown option 'xyzzy' of server.new; there is ", message, 1, true)
    assert.matches("keep_alive, limits, linger_state", message, 1, true)
  end)

  it("says what it takes and what it got", function()
    refuses(
      { port = 70000 },
      "option 'port' of server.new takes an integer from 0 to 65535, got 70000 (a number)"
    )
    refuses(
      { port = "80" },
      "option 'port' of server.new takes an integer from 0 to 65535, got \"80\" (a string)"
    )
    refuses(
      { heartbeat = { type = "never" } },
      'option \'heartbeat.type\' of server.new takes one of "if_no_message", "always", '
        .. 'got "never" (a string)'
    )
    refuses(
      { protocols = "chat" },
      "option 'protocols' of server.new takes a list, each a non-empty string, "
        .. 'got "chat" (a string)'
    )
  end)

  it("throws at the line of the script", function()
    local _, message = pcall(function() server.new { prot = 1 } end)
    assert.matches("server_spec.lua:%d+: unknown option", message)
  end)

  it("refuses a line break in the Server header", function()
    assert.has_error(function() server.new { software = "a\r\nX: y" } end)
  end)

  it("refuses an event that there is not, with the nearest", function()
    local made = server.new { port = 0 }
    local ok, message = pcall(function() made.OnMesage = print end)
    assert.is_false(ok)
    assert.matches("OnMesage", message, 1, true)
    assert.matches("did you mean 'OnMessage'", message, 1, true)
  end)

  it("refuses to assign a property, a method, something else", function()
    local made = server.new { port = 0 }
    for _, name in ipairs { "port", "active", "start", "broadcast" } do
      local ok, message = pcall(function() made[name] = 1 end)
      assert.is_false(ok)
      assert.matches("server." .. name .. " cannot be assigned", message, 1, true)
    end
    assert.has_error(function() made.something = 1 end)
    assert.has_error(function() made[1] = 1 end)
  end)

  it("refuses a handler that is no function", function()
    local made = server.new { port = 0 }
    assert.has_error(function() made.OnMessage = "print" end)
    assert.is_nil(made.OnMessage)
  end)

  it("gives a handler back, and takes nil", function()
    local made = server.new { port = 0 }
    made.OnMessage = print
    assert.equal(print, made.OnMessage)
    made.OnMessage = nil
    assert.is_nil(made.OnMessage)
  end)

  it("says what it is", function()
    local made = server.new { port = 0 }
    assert.matches("^server: ", tostring(made))
    assert.equal("server", getmetatable(made))
  end)

  it("refuses a method called without the server", function()
    local made = server.new { port = 0 }
    assert.has_error(function() made.broadcast("text") end)
    assert.has_error(function() made.stop {} end)
    assert.has_error(function() made.count() end)
  end)
end)

describe("server life:", function()
  after_each(fixture.clean)

  it("starts, has a port, stops", function()
    local made = fixture.new_server()
    assert.equal(0, made.port)
    assert.is_true(made:start())
    assert.is_true(made.active)
    assert.is_true(made.port > 0)
    local port = made.port
    assert.is_true(made:stop())
    assert.is_false(made.active)
    assert.equal(0, made.port)
    assert.has_error(function() socket.connect(port) end)
  end)

  it("says that it is started or stopped already", function()
    local made = fixture.server()
    local ok, message, code = made:start()
    assert.is_nil(ok)
    assert.is_string(message)
    assert.equal("ESTATE", code)
    made:stop()
    ok, message, code = made:stop()
    assert.is_nil(ok)
    assert.is_string(message)
    assert.equal("ESTATE", code)
  end)

  it("does not start without its document_root", function()
    for _, path in ipairs { "/nowhere/at/all", "/etc/passwd" } do
      local made = fixture.new_server { document_root = path }
      local ok, message, code = made:start()
      assert.is_nil(ok)
      assert.equal(("document_root '%s' is no folder"):format(path), message)
      assert.equal("ENOENT", code)
    end
  end)

  it("takes no NUL in what the system reads as text", function()
    for _, name in ipairs { "host", "document_root" } do
      assert.error_matches(
        function() fixture.new_server { [name] = "127.0.0.1\0x" } end,
        ("option '%s' of server.new takes text without NUL"):format(name)
      )
    end
  end)

  it("starts again", function()
    local seen, events = recorder.new()
    local made = fixture.server(nil, events)
    for _ = 1, 3 do
      fixture.connect(made):leave_when_closed()
      assert.is_true(made:restart())
      assert.is_true(made.active)
    end
    fixture.connect(made)
    local again = { "shutdown", "startup", "connect" }
    local expected = { "startup", "connect" }
    for _ = 1, 3 do
      table.insert(expected, "disconnect 1001 server stops")
      for _, event in ipairs(again) do
        table.insert(expected, event)
      end
    end
    recorder.assert_seen(expected, seen)
  end)

  it("restarts from within a handler", function()
    local made = fixture.server()
    local done
    function made.OnMessage() done = made:restart() end
    local first = fixture.connect(made)
    first:send "restart"
    first:leave_when_closed()
    assert.is_true(clock.wait_for(function() return done end))
    assert.is_true(fixture.connect(made):ping "x")
  end)

  it("restarts once for all who ask at a time", function()
    local seen, events = recorder.new()
    local made = fixture.server(nil, events)
    local peer = fixture.connect(made)
    local results = {}
    for _ = 1, 3 do
      timer.after(0, function()
        local result = { made:restart() }
        results[#results + 1] = result
      end)
    end
    peer:leave_when_closed()
    clock.wait_for(function() return #results == 3 end)
    assert.same({ { true }, { true }, { true } }, results)
    assert.same({
      "startup",
      "connect",
      "disconnect 1001 server stops",
      "shutdown",
      "startup",
    }, seen)
  end)

  it("closes with 1001 when it stops, and waits for the end of all", function()
    local seen, events = recorder.new()
    local made = fixture.server(nil, events)
    local answers = { fixture.connect(made):leave_when_closed() }
    answers[2] = fixture.connect(made):leave_when_closed()
    made:stop()
    assert.same({
      "startup",
      "connect",
      "connect",
      "disconnect 1001 server stops",
      "disconnect 1001 server stops",
      "shutdown",
    }, seen)
    assert.equal(0, made:count())
    assert.same({ 1001, "server stops" }, answers[1])
    assert.same({ 1001, "server stops" }, answers[2])
  end)

  it("lets several wait for its end", function()
    local made = fixture.server()
    fixture.connect(made):leave_when_closed()
    local ended = 0
    for _ = 1, 3 do
      timer.after(0, function()
        if made:stop() then ended = ended + 1 end
      end)
    end
    clock.wait_for(function() return ended == 3 end)
    assert.is_false(made.active)
  end)

  it("gives an error for a port in use", function()
    local first = fixture.server()
    local second = fixture.new_server { port = first.port }
    local ok, message, code = second:start()
    assert.is_nil(ok)
    assert.equal(
      ("cannot listen on 127.0.0.1 port %d: address already in use"):format(first.port),
      message
    )
    assert.equal("EADDRINUSE", code)
    assert.is_false(second.active)
    first:stop()
    assert.is_true(second:start())
  end)

  it("gives an error for a host that is no address", function()
    local ok, message, code = fixture.new_server({ host = "no such host" }):start()
    assert.is_nil(ok)
    assert.matches("no such host", message, 1, true)
    assert.equal("EHOST", code)
    local _, _, other = fixture.new_server({ host = "192.0.2.1" }):start()
    assert.equal("EADDRNOTAVAIL", other)
  end)

  it("listens on localhost and on IPv6", function()
    assert(fixture.server { host = "localhost" })
    local made = fixture.server { host = "::1" }
    assert.equal("::1", made.host)
  end)

  it("keeps two servers of a script apart", function()
    local first_seen, first_events = recorder.new()
    local second_seen, second_events = recorder.new()
    local first = fixture.server(nil, first_events)
    local second = fixture.server(nil, second_events)
    local first_peer = fixture.connect(first)
    local second_peer = fixture.connect(second)
    first_peer:send "one"
    second_peer:send "two"
    recorder.assert_seen({ "startup", "connect", "message one" }, first_seen)
    recorder.assert_seen({ "startup", "connect", "message two" }, second_seen)
    first:broadcast "of the first"
    second:broadcast "of the second"
    assert.equal("of the first", first_peer:read())
    assert.equal("of the second", second_peer:read())
    assert.equal(1, first:count())
    local guid = first:connections()[1].guid
    assert.is_nil(second:connection(guid))
    assert.is_nil((second:write(guid, "text")))
    first_peer:leave_when_closed()
    first:stop()
    assert.is_true(second.active)
    second_peer:send "still there"
    clock.wait_for(function() return second_seen[4] == "message still there" end)
  end)

  it("lives on without a variable that holds it", function()
    local port, count
    do
      local made = server.new { port = 0 }
      function made.OnMessage(conn, text)
        count = made:count()
        conn:write(text)
        made:stop()
      end
      made:start()
      port = made.port
    end
    for _ = 1, 3 do
      collectgarbage()
    end
    local peer = websocket.connect(port)
    peer:send "hello"
    assert.equal("hello", peer:read())
    assert.equal(1, count)
    peer:close()
  end)
end)

describe("subprotocols:", function()
  after_each(fixture.clean)

  local function agreed(server_protocols, ...)
    local made = fixture.server { protocols = server_protocols }
    local headers = {}
    for i = 1, select("#", ...) do
      headers[i] = "Sec-WebSocket-Protocol: " .. select(i, ...)
    end
    local peer, response = websocket.handshake(made.port, { headers = headers })
    peer:close()
    return response.status, response.headers["sec-websocket-protocol"]
  end

  it("are chosen by the client's order", function()
    assert.same({ 101, "b" }, { agreed({ "a", "b" }, "x, b, a") })
    assert.same({ 101, "a" }, { agreed({ "a", "b" }, "a,b") })
    assert.same({ 101, "b" }, { agreed({ "a", "b" }, "x", "b", "a") })
  end)

  it("are tokens", function()
    assert(fixture.new_server { protocols = { "chat", "v1.sgc+json" } })
    for _, name in ipairs { "a b", "a,b", 'a"', "caf\195\169", "a/b", "a\n" } do
      assert.error_matches(
        function() fixture.new_server { protocols = { "chat", name } } end,
        "option 'protocols%[2%]' of server.new takes a token %(RFC 6455 4.1%)"
      )
    end
  end)

  it("are exact", function() assert.equal(400, (agreed({ "chat" }, "Chat, chatter"))) end)

  it(
    "are refused when the server speaks others",
    function() assert.equal(400, (agreed({ "a" }, "b, c"))) end
  )

  it("are left out when nobody asks or the server has none", function()
    assert.same({ 101 }, { agreed { "a" } })
    assert.same({ 101 }, { agreed({}, "a, b") })
  end)

  it("are seen on the connection", function()
    local made = fixture.server { protocols = { "a" } }
    local _, with = fixture.pair(made, { headers = { "Sec-WebSocket-Protocol: a" } })
    local _, without = fixture.pair(made)
    assert.equal("a", with.protocol)
    assert.equal("", without.protocol)
  end)
end)
