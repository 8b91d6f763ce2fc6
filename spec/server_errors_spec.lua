-- covers: lua/lua_server_ask.c
local certificates = require "spec.support.certificates"
local clock = require "spec.support.clock"
local fixture = require "spec.support.fixture"
local http = require "spec.support.http"
local process = require "spec.support.process"
local timer = require "perilune.timer"
local websocket = require "spec.support.websocket"

--- Handlers that note what comes.
local function noting(more)
  local seen = {}
  local events = {
    OnError = function(conn, message, code)
      assert(type(conn.guid) == "string")
      seen[#seen + 1] = ("error %s: %s"):format(code, message)
    end,
    OnException = function(_, message) seen[#seen + 1] = "exception " .. message end,
    OnDisconnect = function(_, code) seen[#seen + 1] = "disconnect " .. code end,
  }
  for name, handler in pairs(more or {}) do
    events[name] = handler
  end
  return seen, events
end

local function wait_for(seen, count)
  clock.wait_for(function() return #seen >= count end)
  return seen
end

describe("OnError", function()
  after_each(fixture.clean)

  it("tells of a WebSocket that breaks a rule, before its end", function()
    local cases = {
      { "\x83\x80mask", "EPROTO: reserved opcode", 1002 },
      { "\x81\x01x", "EPROTO: frame is not masked", 1002 },
      { "\x81\x81\0\0\0\0\xff", "EPROTO: text is not UTF-8", 1007 },
      { "\x82\xff\0\0\0\1\0\0\0\0mask", "ETOOBIG: message too big", 1009 },
    }
    for _, case in ipairs(cases) do
      local seen, events = noting()
      local peer = fixture.connect(fixture.server(nil, events))
      peer.socket:send(case[1])
      peer.socket:read_all()
      peer.socket:close()
      wait_for(seen, 3)
      local text = case[2]:match ": (.*)"
      assert.matches("^error " .. case[2]:match "^%u+", seen[1])
      assert.equal("exception " .. seen[1]:match ": (.*)", seen[2], text)
      assert.equal("disconnect " .. case[3], seen[3])
    end
  end)

  it("comes alone without raise_disconnect_exceptions", function()
    local seen, events = noting()
    local made = fixture.server({ options = { raise_disconnect_exceptions = false } }, events)
    local peer = fixture.connect(made)
    peer.socket:send "\x81\x01x"
    peer.socket:read_all()
    peer.socket:close()
    wait_for(seen, 2)
    assert.matches("^error EPROTO: ", seen[1])
    assert.equal("disconnect 1002", seen[2])
  end)

  it("tells of requests that are refused unread", function()
    local cases = {
      { "GET / HTTP/1.1\r\n\r\n", "EPROTO", 400 },
      { "GET /" .. ("x"):rep(9000) .. " HTTP/1.1\r\n", "ETOOBIG", 414 },
      { "GET / HTTP/1.1\r\nA: " .. ("x"):rep(40000) .. "\r\n", "ETOOBIG", 431 },
      { "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", "EPROTO", 400 },
    }
    for _, case in ipairs(cases) do
      local seen, events = noting { OnCommandGet = function() end }
      local made = fixture.server(nil, events)
      local peer = fixture.socket(made)
      peer:send(case[1])
      assert.equal(case[3], http.read(peer).status)
      wait_for(seen, 1)
      assert.matches("^error " .. case[2] .. ": ", seen[1])
    end
  end)

  it("tells of a body that is too large for its handler", function()
    local seen, events = noting { OnCommandGet = function(_, request) return request.body end }
    local made = fixture.server({ limits = { body = 10 } }, events)
    local peer = fixture.socket(made)
    peer:send(http.compose("/", { method = "POST", body = "01234567890" }))
    assert.equal(413, http.read(peer).status)
    assert.same({ "error ETOOBIG: the request's body is too large" }, wait_for(seen, 1))
  end)

  it("tells of who is too slow", function()
    local seen, events = noting()
    local made = fixture.server({ limits = { header_timeout = 0.05 } }, events)
    local peer = fixture.socket(made)
    peer:send "GET / HTTP/1.1\r\n"
    assert.equal(408, http.read(peer).status)
    assert.same({ "error ETIMEDOUT: the request's head took too long" }, wait_for(seen, 1))
  end)

  it("tells of handshakes that are refused", function()
    local seen, events = noting()
    local made = fixture.server({
      security_options = { origins_allowed = { "https://a.example" } },
    }, events)
    local peer = fixture.socket(made)
    peer:send(websocket.compose { headers = { "Origin: https://b.example" } })
    assert.equal(403, http.read(peer).status)
    peer:send((websocket.compose {}):gsub("Version: 13", "Version: 12"))
    assert.equal(426, http.read(peer).status)
    wait_for(seen, 2)
    assert.equal("error EACCES: this origin is not allowed", seen[1])
    assert.matches("^error EPROTO: ", seen[2])
  end)

  it("tells of a heartbeat without answer", function()
    local seen, events = noting()
    local made = fixture.server({ heartbeat = { interval = 0.1, timeout = 0.05 } }, events)
    fixture.connect(made)
    wait_for(seen, 2)
    assert.same({ "error ETIMEDOUT: no answer to a ping", "disconnect 1006" }, seen)
  end)

  it("tells of TLS handshakes that fail, and not of who only connects", function()
    local folder = certificates.folder()
    local seen, events = noting()
    local made = fixture.server({ tls = folder, limits = { handshake_timeout = 0.2 } }, events)
    fixture.socket(made):close()
    local peer = fixture.socket(made)
    peer:send "\22\3\1\0\5hello"
    peer:read_all()
    wait_for(seen, 1)
    assert.matches("^error EPROTO: TLS handshake failed: %a", seen[1])
    peer = fixture.socket(made)
    peer:send "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    peer:read_all()
    wait_for(seen, 2)
    assert.equal("error EPROTO: TLS handshake failed: plain text on a TLS port", seen[2])
    process.run {
      "openssl",
      "s_client",
      "-tls1_1",
      "-cipher",
      "ALL:@SECLEVEL=0",
      "-connect",
      "127.0.0.1:" .. made.port,
    }
    wait_for(seen, 3)
    assert.equal("error EPROTO: TLS handshake failed: unsupported protocol", seen[3])
    fixture.socket(made)
    wait_for(seen, 4)
    assert.equal("error ETIMEDOUT: TLS handshake failed: it took too long", seen[4])
    assert.equal(4, #seen)
  end)

  it("waits for the connection's handler, and is not lost with the connection", function()
    local go
    local seen, events = noting {
      OnMessage = function()
        clock.wait_for(function() return go end)
      end,
    }
    local made = fixture.server(nil, events)
    local peer = fixture.connect(made)
    peer:send "wait"
    peer:send "never handled"
    peer.socket:send "\x81\x01x"
    peer.socket:read_all()
    peer.socket:close()
    clock.wait_for(function() return made:count() == 0 end)
    assert.same({}, seen)
    go = true
    wait_for(seen, 3)
    assert.matches("^error", seen[1])
    assert.matches("^exception", seen[2])
    assert.equal("disconnect 1002", seen[3])
  end)

  it("may throw and may end the connection", function()
    local seen, events = noting()
    events.OnError = function(conn)
      conn:disconnect()
      error "in OnError"
    end
    local peer = fixture.connect(fixture.server(nil, events))
    peer.socket:send "\x81\x01x"
    peer.socket:read_all()
    peer.socket:close()
    wait_for(seen, 3)
    assert.matches("in OnError", seen[1], 1, true)
    assert.equal("disconnect 1002", seen[3])
  end)

  it("is bounded for a peer that goes on asking wrongly while its handler waits", function()
    local count, go = 0, false
    local made = fixture.server({ limits = { pending_events = 4 } }, {
      OnError = function()
        count = count + 1
        clock.wait_for(function() return go end)
      end,
    })
    local peer = fixture.socket(made)
    for _ = 1, 20 do
      peer:send((websocket.compose {}):gsub("Version: 13", "Version: 12"))
      assert.equal(426, http.read(peer).status)
    end
    go = true
    clock.wait_for(function() return count >= 5 end)
    timer.sleep(0.05)
    assert.equal(5, count)
  end)
end)

describe("OnTCPConnect", function()
  after_each(fixture.clean)

  it("lets in, before anything is read", function()
    for _, answer in ipairs { "true", "nil", "nothing" } do
      local seen, first = {}, nil
      local made = fixture.server(nil, {
        OnTCPConnect = function(conn)
          first = conn
          seen[#seen + 1] = ("%s %s %d"):format(conn.ip, conn.url, #conn.guid)
          conn.data.known = answer
          if answer == "true" then return true end
          if answer == "nil" then return nil end
        end,
        OnConnect = function(conn)
          seen[#seen + 1] = "connect " .. tostring(conn == first) .. " " .. conn.data.known
        end,
      })
      fixture.connect(made)
      clock.wait_for(function() return #seen == 2 end)
      assert.same({ "127.0.0.1  32", "connect true " .. answer }, seen)
    end
  end)

  it("closes with false, unanswered", function()
    local errors = 0
    local made = fixture.server(nil, {
      OnTCPConnect = function() return false end,
      OnError = function() errors = errors + 1 end,
    })
    local peer = fixture.socket(made)
    peer:send "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    assert.equal("", (peer:read_all()))
    assert.equal(0, errors)
  end)

  it("closes when it throws", function()
    local message
    local made = fixture.server(nil, {
      OnTCPConnect = function() error "no idea" end,
      OnException = function(conn, text) message = conn.ip .. " " .. text end,
    })
    local peer = fixture.socket(made)
    assert.equal("", (peer:read_all()))
    assert.matches("^127.0.0.1 .*no idea", message)
  end)

  it("comes before TLS, and may wait", function()
    local folder = certificates.folder()
    local asked
    local made = fixture.server({ tls = folder }, {
      OnTCPConnect = function(conn)
        asked = conn.alpn_protocol
        timer.sleep(0.05)
      end,
      OnCommandGet = function(conn, _, response) response.content_text = conn.alpn_protocol end,
    })
    local got = process.run { "curl", "-sSk", ("https://127.0.0.1:%d/"):format(made.port) }
    assert.equal("http/1.1", got.output)
    assert.equal("", asked)
  end)

  it("has handshake_timeout to decide", function()
    local ended
    local made = fixture.server({ limits = { handshake_timeout = 0.05 } }, {
      OnTCPConnect = function(conn)
        timer.sleep(0.2)
        ended = { conn:write "x" }
        return true
      end,
    })
    local peer = fixture.socket(made)
    peer:send "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    assert.equal("", (peer:read_all()))
    clock.wait_for(function() return ended end)
    assert.equal("ECLOSED", ended[3])
  end)

  it("may end the connection itself", function()
    local made = fixture.server(nil, { OnTCPConnect = function(conn) conn:disconnect() end })
    assert.equal("", (fixture.socket(made):read_all()))
    made.OnTCPConnect = function(conn) conn:close() end
    assert.equal("", (fixture.socket(made):read_all()))
  end)

  it("is ended by a stop", function()
    local made = fixture.server(nil, { OnTCPConnect = function() timer.sleep(0.3) end })
    local peer = fixture.socket(made)
    timer.sleep(0.02)
    made:stop()
    assert.is_false(made.active)
    assert.equal("", (peer:read_all()))
    timer.sleep(0.35)
  end)

  it("comes after the limits", function()
    local count = 0
    local made = fixture.server({ limits = { connections = 1 } }, {
      OnTCPConnect = function() count = count + 1 end,
    })
    fixture.connect(made)
    require "spec.support.capture"(function() fixture.socket(made):read_all() end)
    assert.equal(1, count)
  end)
end)
