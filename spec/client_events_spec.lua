-- covers: lua/lua_client.c lua/lua_client_ask.c lua/lua_client_events.c
local capture = require "spec.support.capture"
local clock = require "spec.support.clock"
local fixture = require "spec.support.fixture"
local timer = require "perilune.timer"
local websocket = require "spec.support.websocket"

local function url_of(made, target)
  local path = target or "/"
  return ("ws://127.0.0.1:%d%s"):format(made.port, path)
end

--- A client of a server that the test speaks for, and that side of the connection.
local function scripted(options, events)
  local listener = fixture.listener()
  local one = fixture.new_client({ url = url_of(listener) }, options, events)
  one:start()
  local peer = websocket.serve(fixture.accept(listener))
  clock.wait_for(function() return one.connected end)
  return one, peer
end

describe("OnBeforeConnect", function()
  after_each(fixture.clean)

  it("may change where the client goes, and wait", function()
    local made = fixture.server()
    local one = fixture.new_client { url = "ws://nobody.invalid/" }
    local calls = 0
    function one.OnBeforeConnect(...)
      assert.equal(0, select("#", ...))
      calls = calls + 1
      timer.sleep(0.01)
      one.url = url_of(made, "/elsewhere")
      one.headers = { ["X-Call"] = calls }
    end
    assert.is_true(one:connect())
    assert.equal(1, calls)
    assert.equal("/elsewhere", one.conn.url)
    assert.equal("1", one.conn.headers_request["x-call"])
    assert.equal(url_of(made, "/elsewhere"), one.url)
  end)

  it("comes for each server", function()
    local made = fixture.server()
    local one = fixture.new_client { servers = { "ws://127.0.0.1:1", url_of(made) } }
    local calls = 0
    function one.OnBeforeConnect() calls = calls + 1 end
    assert.is_true(one:connect())
    assert.equal(2, calls)
  end)

  it("that says other words does not keep the client from the later servers", function()
    local made = fixture.server()
    local one = fixture.new_client { servers = { "ws://127.0.0.1:1", url_of(made) } }
    local calls = 0
    function one.OnBeforeConnect()
      calls = calls + 1
      one.headers = { ["X-Token"] = calls }
    end
    assert.is_true(one:connect())
    assert.equal("2", one.conn.headers_request["x-token"])
  end)

  it("may name fewer servers than were tried, where somebody is asked for a token", function()
    local made = fixture.server()
    local one = fixture.new_client {
      servers = { "ws://127.0.0.1:1", url_of(made) },
      authentication = { token = { auth_token = function() return "abc" end } },
    }
    local calls = 0
    function one.OnBeforeConnect()
      calls = calls + 1
      if calls == 2 then one.servers = { url_of(made, "/other") } end
    end
    assert.is_true(one:connect())
    assert.equal("/other", one.conn.url)
    assert.equal("Bearer abc", one.conn.headers_request.authorization)
  end)

  it("that throws keeps the client from that server", function()
    local one = fixture.new_client(fixture.server())
    local thrown
    function one.OnBeforeConnect() error "broken" end
    function one.OnException(conn, message) thrown = { tostring(conn), message } end
    local ok, _, code = one:connect()
    assert.same({ nil, "ECANCELED" }, { ok, code })
    assert.equal("nil", thrown[1])
    assert.matches("broken", thrown[2])
  end)

  it("may wait for ever without keeping the client from ending", function()
    local one = fixture.new_client(fixture.server())
    function one.OnBeforeConnect() timer.sleep(1000) end
    one:start()
    timer.sleep(0.01)
    assert.is_true(one:disconnect(5))
    function one.OnBeforeConnect() end
    assert.is_true(one:connect())
  end)
end)

describe("OnHandshake of a client", function()
  after_each(fixture.clean)

  --- What the server has got of the headers that the handler returned.
  local function sent(returns)
    local headers
    local made = fixture.server(nil, {
      OnConnect = function(conn) headers = conn.headers_request end,
    })
    local one = fixture.new_client(made, { headers = { ["X-Name"] = "old" } })
    one.OnHandshake = returns
    local ok, message, code = one:connect()
    if not ok then return nil, message, code end
    return clock.wait_for(function() return headers end)
  end

  it("says nothing of another server when its answer comes too late", function()
    local listener = fixture.listener()
    local one = fixture.new_client {
      servers = { url_of(listener), "wss://127.0.0.1:" .. listener.port },
      connect_timeout = 0.2,
    }
    local told = {}
    function one.OnHandshake()
      timer.sleep(0.3)
      return false
    end
    function one.OnError(_, message) told[#told + 1] = message end
    assert.is_nil((one:connect()))
    assert.matches("the application has not decided", told[1])
    assert.matches("TLS: the handshake did not end in time", told[2])
  end)

  it("sees the request and adds to it", function()
    local seen
    local headers = sent(function(conn, headers)
      assert.is_nil(conn)
      seen = headers.upgrade
      headers["X-More"] = { "a", "b" }
      headers["X-Number"] = 5
      return headers
    end)
    assert.equal("websocket", seen)
    assert.same(
      { "old", "a, b", "5" },
      { headers["x-name"], headers["x-more"], headers["x-number"] }
    )
  end)

  it("replaces one that is there", function()
    assert.equal("new", sent(function() return { ["x-name"] = "new" } end)["x-name"])
    assert.equal("old", sent(function() end)["x-name"])
  end)

  it("may refuse", function()
    local ok, message, code = sent(function() return false end)
    assert.same({ nil, "ECANCELED" }, { ok, code })
    assert.matches("^127.0.0.1:%d+: OnHandshake has refused$", message)
  end)

  it("that gives something else fails", function()
    local _, message, code = sent(function() return "x" end)
    assert.matches(": OnHandshake returns a table, nil or false$", message)
    assert.equal("EINVAL", code)
    for _, wrong in ipairs {
      { ["a b"] = "x" },
      { a = "x\r\ny: z" },
      { ["Sec-WebSocket-Key"] = "x" },
      { a = print },
    } do
      local ok
      local text = capture(function()
        ok, _, code = sent(function() return wrong end)
      end)
      assert.same({ nil, "EINVAL" }, { ok, code })
      assert.matches("error", text)
    end
  end)

  it("that throws fails", function()
    local text = capture(function()
      local ok, _, code = sent(function() error "broken" end)
      assert.same({ nil, "ECANCELED" }, { ok, code })
    end)
    assert.matches("broken", text)
  end)
end)

describe("the end of a client's connection", function()
  after_each(fixture.clean)

  --- The events that tell of an end, as texts.
  local function watched(options)
    local seen = {}
    local events = {}
    for _, name in ipairs { "OnError", "OnException", "OnDisconnect" } do
      events[name] = function(_, ...)
        local parts = { name }
        for i = 1, select("#", ...) do
          parts[#parts + 1] = tostring((select(i, ...)))
        end
        seen[#seen + 1] = table.concat(parts, " ")
      end
    end
    local one, peer = scripted(options, events)
    return seen, peer, one
  end

  local function ended(one)
    clock.wait_for(function() return not one.active end)
    timer.sleep(0)
  end

  it("by the server is an exception", function()
    local seen, peer, one = watched()
    peer:send_close(4001, "go away")
    peer:read_close()
    peer.socket:close()
    ended(one)
    assert.same({
      "OnException the server closed the connection: 4001 go away",
      "OnDisconnect 4001 go away",
    }, seen)
  end)

  it("that is lost is an exception", function()
    local seen, peer, one = watched()
    peer.socket:reset()
    ended(one)
    assert.equal(2, #seen)
    assert.matches("^OnException the connection was lost", seen[1])
    assert.matches("^OnDisconnect 1006", seen[2])
  end)

  it("whose connection stays has the server's reason", function()
    local seen, peer, one = watched {
      limits = { close_timeout = 0.05 },
      options = { raise_disconnect_exceptions = false },
    }
    peer:send_close(1001)
    ended(one)
    assert.same({ "OnDisconnect 1001 " }, seen)
    peer.socket:close()
  end)

  it("is none when that is not wanted, or we did it", function()
    local seen, peer, one = watched { options = { raise_disconnect_exceptions = false } }
    peer.socket:reset()
    ended(one)
    assert.equal(1, #seen)
    seen, peer, one = watched()
    one:stop()
    peer:leave()
    ended(one)
    assert.same({ "OnDisconnect 1000 " }, seen)
    seen, peer, one = watched()
    one.conn:close(3000)
    peer:leave()
    ended(one)
    assert.same({ "OnDisconnect 3000 " }, seen)
  end)

  it("by a frame that is masked is ours, with 1002", function()
    local seen, peer, one = watched()
    peer:send_frame(websocket.TEXT, "hello", { masked = true })
    local code = peer:read_close()
    assert.equal(1002, code)
    peer.socket:close()
    ended(one)
    assert.equal(3, #seen)
    assert.matches("^OnError .*EPROTO$", seen[1])
    assert.matches("^OnException ", seen[2])
    assert.matches("^OnDisconnect 1002", seen[3])
  end)

  it("by what breaks the protocol has its code", function()
    local cases = {
      { websocket.frame(1, "\255", { masked = false }), 1007 },
      { websocket.frame(3, "", { masked = false }), 1002 },
      { websocket.frame(1, "", { masked = false, rsv = 4 }), 1002 },
      { websocket.frame(9, ("x"):rep(126), { masked = false }), 1002 },
      { websocket.frame(1, "", { masked = false, length = "\127" .. ("\255"):rep(7) }), 1009 },
      { websocket.frame(1, "", { masked = false, length = ("\255"):rep(8) }), 1002 },
    }
    for _, case in ipairs(cases) do
      local _, peer, one = watched()
      peer.socket:send(case[1])
      assert.equal(case[2], (peer:read_close()))
      peer.socket:close()
      ended(one)
    end
  end)
end)

describe("handlers of a client", function()
  after_each(fixture.clean)

  it("that throw are told of, and nothing ends", function()
    local one, peer = scripted()
    local thrown
    function one.OnMessage() error "broken" end
    function one.OnException(conn, message) thrown = { conn, message } end
    peer:send "x"
    clock.wait_for(function() return thrown end)
    assert.equal(one.conn, thrown[1])
    assert.matches("broken.*traceback", thrown[2])
    assert.is_true(one.connected)
  end)

  it("come one at a time, in order", function()
    local seen = {}
    local one, peer = scripted()
    function one.OnMessage(_, text)
      if text == "1" then timer.sleep(0.02) end
      seen[#seen + 1] = text
    end
    for i = 1, 5 do
      peer:send(tostring(i))
    end
    clock.wait_for(function() return #seen == 5 end)
    assert.same({ "1", "2", "3", "4", "5" }, seen)
  end)

  describe("get what came before the end", function()
    local function run(end_it)
      local seen = {}
      local one, peer = scripted { limits = { close_timeout = 0.1 } }
      function one.OnMessage(conn, text)
        if text == "1" then timer.sleep(0.1) end
        seen[#seen + 1] = text
        if text == "1" and end_it then end_it(conn, one) end
      end
      function one.OnDisconnect(_, code) seen[#seen + 1] = code end
      peer:send "1"
      clock.wait_for(function() return one.conn.rec_bytes > 0 end)
      peer:send "2"
      peer:send "3"
      return seen, peer
    end

    it("when the server says goodbye", function()
      local seen, peer = run()
      peer:close(1001)
      clock.wait_for(function() return #seen == 4 end)
      assert.same({ "1", "2", "3", 1001 }, seen)
    end)

    it("when it is lost", function()
      local seen, peer = run()
      timer.sleep(0.02)
      peer.socket:close()
      clock.wait_for(function() return #seen == 4 end)
      assert.same({ "1", "2", "3", 1006 }, seen)
    end)

    it("but not when they ended it", function()
      for _, end_it in ipairs {
        function(conn) conn:close() end,
        function(conn) conn:disconnect() end,
        function(_, one) one:stop() end,
      } do
        local seen = run(end_it)
        clock.wait_for(function() return type(seen[#seen]) == "number" end)
        assert.equal("1", seen[1])
        assert.equal(2, #seen)
      end
    end)
  end)

  it("get fragments when they want to", function()
    local seen = {}
    local one, peer = scripted { options = { fragmented_messages = "only_fragmented" } }
    function one.OnFragmented(_, bytes, opcode, continuation)
      seen[#seen + 1] = { bytes, opcode, continuation }
    end
    peer:send_frame(1, "a", { fin = false })
    peer:send_frame(0, "b")
    clock.wait_for(function() return #seen == 2 end)
    assert.same({ { "a", "text", true }, { "b", "text", false } }, seen)
  end)

  it("decide on the heartbeat", function()
    local listener = fixture.listener()
    local beats = 0
    local one = fixture.new_client({ url = url_of(listener) }, {
      heartbeat = { interval = 0.1, timeout = 0.1, type = "always" },
    })
    function one.OnBeforeHeartBeat(conn)
      beats = beats + 1
      conn:write "beat"
      return true
    end
    one:start()
    local peer = websocket.serve(fixture.accept(listener))
    assert.equal("beat", peer:read())
    assert.equal("beat", peer:read())
    assert.is_true(one.connected)
  end)

  it("are not needed: the heartbeat finds a dead server", function()
    local listener = fixture.listener()
    local one = fixture.new_client(
      { url = url_of(listener) },
      { heartbeat = { interval = 0.1, timeout = 0.1 } }
    )
    local reason
    function one.OnDisconnect(_, code, why) reason = code .. " " .. why end
    one:start()
    websocket.serve(fixture.accept(listener))
    assert.equal("1006 timed out", clock.wait_for(function() return reason end))
  end)
end)

describe("authentication", function()
  after_each(fixture.clean)

  --- The head of the request that a client sends with these options.
  local function request_of(options)
    local listener = fixture.listener()
    local one = fixture.new_client({ url = url_of(listener) }, options)
    one:start()
    local peer = fixture.accept(listener)
    return assert(peer:read_through "\r\n\r\n"), one
  end

  it("is sent with the handshake", function()
    local head = request_of { authentication = { user = "Aladdin", password = "open sesame" } }
    assert.matches("\r\nAuthorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n", head, 1, true)
    head = request_of { authentication = { url = true, user = "u", password = "p w" } }
    assert.matches("GET /sgc/auth/url/u/p%%20w HTTP/1.1", head)
  end)

  it("gets a token anew before each connection", function()
    local count = 0
    local made = fixture.server()
    local one = fixture.new_client(made, {
      authentication = {
        token = {
          auth_token = function()
            timer.sleep(0.01)
            count = count + 1
            return "token" .. count
          end,
        },
      },
    })
    for i = 1, 2 do
      assert.is_true(one:connect())
      assert.equal("Bearer token" .. i, one.conn.headers_request.authorization)
      one:disconnect()
    end
  end)

  it("says why there is no token", function()
    local one = fixture.new_client(fixture.server(), {
      authentication = { token = { auth_token = function() return nil, "expired", "EACCES" end } },
    })
    local ok, message, code = one:connect()
    assert.is_nil(ok)
    assert.matches("^127.0.0.1:%d+: expired$", message)
    assert.equal("EACCES", code)
  end)

  it("asks the server for a session", function()
    local asked, status = {}, 200
    local made = fixture.server(nil, {
      OnCommandGet = function(_, request, response)
        asked[#asked + 1] = request.document
        response.response_no, response.content_text = status, "session" .. #asked
      end,
    })
    local one = fixture.new_client(
      { host = "127.0.0.1", port = made.port, parameters = "/tea" },
      { authentication = { session = true, user = "u", password = "p w" } }
    )
    assert.is_true(one:connect())
    assert.equal("/sgc/auth/session/session1/tea", one.conn.url)
    assert.same({ "/sgc/req/auth/session/u/p w" }, asked)
    one:disconnect()
    assert.is_true(one:connect())
    assert.equal("/sgc/auth/session/session2/tea", one.conn.url)
    one:disconnect()
    status = 401
    local ok, message, code = one:connect()
    assert.same({ nil, "EACCES" }, { ok, code })
    assert.matches("no session: the server answered 401$", message)
    assert.is_nil(message:find "p w" or message:find "p%%20w")
  end)

  it("asks nobody for a session whom the guard keeps it from", function()
    local asked = 0
    local made = fixture.server(nil, { OnCommandGet = function() asked = asked + 1 end })
    local one = fixture.new_client(
      { url = url_of(made), guard = true },
      { authentication = { session = true, user = "u", password = "p" } }
    )
    local ok, message, code = one:connect()
    assert.same({ nil, "EACCES", 0 }, { ok, code, asked })
    assert.matches("no session: .*the address 127.0.0.1 is not allowed", message)
  end)

  it("asks for the session through the proxy, too", function()
    local listener = fixture.listener()
    local one = fixture.new_client(
      { url = "ws://a.invalid/", proxy = "http://127.0.0.1:" .. listener.port },
      { authentication = { session = true, user = "u", password = "p" } }
    )
    one:start()
    local head = fixture.accept(listener):read_through "\r\n\r\n"
    assert.matches("^%u+ .*a.invalid", head)
  end)

  it("is not taken to another origin", function()
    local first, second = fixture.listener(), fixture.listener()
    local one = fixture.new_client({ url = url_of(first) }, {
      authentication = { user = "u", password = "p" },
      headers = { Cookie = "a=b", ["X-Name"] = "kitchen" },
    })
    one:start()
    local peer = fixture.accept(first)
    assert.matches("Authorization: Basic", peer:read_through "\r\n\r\n")
    peer:send(
      ("HTTP/1.1 302 Found\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n"):format(
        url_of(second, "/there")
      )
    )
    local head = fixture.accept(second):read_through "\r\n\r\n"
    assert.matches("GET /there HTTP/1.1", head)
    assert.matches("X%-Name: kitchen", head)
    assert.is_nil(head:find "Authorization")
    assert.is_nil(head:find "Cookie")
  end)
end)

describe("redirects", function()
  after_each(fixture.clean)

  --- A listener that redirects each handshake, and counts them.
  local function redirector(code, target)
    local listener = fixture.listener()
    listener.asked = 0
    timer.after(0, function()
      while true do
        local peer = listener.fd and listener:accept(0.1)
        if not peer then return end
        peer:read_through "\r\n\r\n"
        listener.asked = listener.asked + 1
        peer:send(
          ("HTTP/1.1 %d Moved\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n"):format(code, target)
        )
        peer:close()
      end
    end)
    return listener
  end

  it("are followed", function()
    local made = fixture.server()
    for _, code in ipairs { 301, 302, 307, 308 } do
      local one = fixture.new_client({ url = url_of(redirector(code, url_of(made, "/new"))) })
      assert.is_true(one:connect())
      assert.equal("/new", one.conn.url)
      one:disconnect()
    end
  end)

  it("have a limit, and can be turned off", function()
    local listener = redirector(302, "/again")
    local one = fixture.new_client({ url = url_of(listener) }, { redirects = { max = 2 } })
    local ok, _, code = one:connect()
    assert.same({ nil, "ELIMIT" }, { ok, code })
    assert.equal(3, listener.asked)
    one = fixture.new_client({ url = url_of(listener) }, { redirects = false })
    local status
    function one.OnError(_, _, _, number) status = number end
    assert.is_nil((one:connect()))
    assert.equal(302, status)
  end)
end)
