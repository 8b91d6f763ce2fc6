-- covers: server/stranger.c
local capture = require "spec.support.capture"
local certificates = require "spec.support.certificates"
local clock = require "spec.support.clock"
local fixture = require "spec.support.fixture"
local http = require "spec.support.http"
local process = require "spec.support.process"
local server = require "perilune.server"
local timer = require "perilune.timer"
local websocket = require "spec.support.websocket"

--- A server that lets strangers in, and what its handlers were told.
local function serving(options, handlers)
  local told = {}
  local all = {
    OnUnknownProtocol = function(_, bytes)
      told[#told + 1] = { "unknown", bytes }
      return true
    end,
    OnConnect = function(conn) told[#told + 1] = { "connect", conn.transport } end,
    OnBinary = function(conn, bytes)
      told[#told + 1] = { "binary", bytes }
      conn:write_binary(bytes:upper())
    end,
    OnMessage = function() error "TCP has no texts" end,
    OnDisconnect = function(conn, code, reason)
      told[#told + 1] = { "disconnect", conn.transport, code, reason }
    end,
  }
  for name, handler in pairs(handlers or {}) do
    all[name] = handler
  end
  return fixture.server(options or {}, all), told
end

describe("plain TCP on a server's port", function()
  after_each(fixture.clean)

  it("is a message session like another", function()
    local made, told = serving()
    local peer = fixture.socket(made)
    peer:send "hello"
    assert.equal("HELLO", peer:read(5))
    assert.same({ { "unknown", "hello" }, { "connect", "tcp" }, { "binary", "hello" } }, told)
    assert.equal(1, made:count())
    local listed = made:connections()[1]
    assert.equal("", listed.url)
    local conn = made:connection(listed.guid)
    assert.is_true(conn:subscribe "news")
    made:broadcast("for all\n", "news")
    assert.equal("for all\n", peer:read(8))
    assert(made:write(listed.guid, "for one\n"))
    assert.equal("for one\n", peer:read(8))
    assert.equal(5, conn.rec_bytes)
    assert.same({ nil, "ENOTSUP" }, { (conn:ping()), select(3, conn:ping()) })
    peer:close()
    clock.wait_for(function() return told[4] end)
    assert.same({ "disconnect", "tcp", 1000, "" }, told[4])
    assert.same({ nil, "ECLOSED" }, { (conn:write "late"), select(3, conn:write "late") })
  end)

  it("stands beside HTTP and WebSocket", function()
    local made = serving(nil, {
      OnCommandGet = function(_, _, response) response.content_text = "http" end,
    })
    assert.equal("http", http.request(made.port, "/").body)
    local peer = websocket.connect(made.port)
    local tcp = fixture.socket(made)
    tcp:send "x"
    assert.equal("X", tcp:read(1))
    made:broadcast "to both"
    assert.equal("to both", (peer:read()))
    assert.equal("to both", tcp:read(7))
    peer:close()
  end)

  it("finds the ends of frames", function()
    local made, told = serving { end_of_frame = { bytes = "\n", strip = true } }
    local peer = fixture.socket(made)
    peer:send "on"
    timer.sleep(0.01)
    peer:send "e\ntwo\nthr"
    clock.wait_for(function() return #told == 4 end)
    peer:send "ee\n"
    clock.wait_for(function() return #told == 5 end)
    assert.same({ "binary", "one" }, told[3])
    assert.same({ "binary", "two" }, told[4])
    assert.same({ "binary", "three" }, told[5])
  end)

  it("conn:add_tcp_end_of_frame says so for one connection", function()
    local refused
    local made, told = serving(nil, {
      OnConnect = function(conn)
        assert(conn:add_tcp_end_of_frame "\0")
        assert(conn:add_tcp_end_of_frame("\n", "latest_bytes"))
        refused = {
          pcall(conn.add_tcp_end_of_frame, conn, ""),
          pcall(conn.add_tcp_end_of_frame, conn, ("x"):rep(31)),
          pcall(conn.add_tcp_end_of_frame, conn, "x", "none"),
        }
      end,
    })
    local peer = fixture.socket(made)
    peer:send "SEND\nbody\0\nmore"
    timer.sleep(0.01)
    peer:send "\0\n"
    clock.wait_for(function() return told[2] end)
    assert.same({ "binary", "SEND\nbody\0\nmore\0\n" }, told[2])
    assert.same({ false, false, false }, { refused[1], refused[2], refused[3] })
    local conn
    made.OnCommandGet = function(of_http) conn = of_http end
    http.request(made.port, "/")
    local ok, message, code = conn:add_tcp_end_of_frame "x"
    assert.same({ nil, "the connection is no plain TCP", "ESTATE" }, { ok, message, code })
  end)

  it("conn:add_tcp_end_of_frame leaves what strips as it is", function()
    local made, told = serving({ end_of_frame = { bytes = "\0", strip = true } }, {
      OnConnect = function(conn) assert(conn:add_tcp_end_of_frame "\n") end,
    })
    fixture.socket(made):send "a\0b\n\0\nc\n\0\n"
    clock.wait_for(function() return told[3] end)
    assert.same({ { "binary", "a\0b\n" }, { "binary", "c\n" } }, { told[2], told[3] })
  end)

  it("lets nobody in without a plain yes", function()
    for _, answer in ipairs { "nil", "false", "throws" } do
      local made = serving(nil, {
        OnUnknownProtocol = function()
          if answer == "throws" then error "on purpose" end
          return answer ~= "nil" and false or nil
        end,
        OnException = function() end,
      })
      local peer = fixture.socket(made)
      peer:send "hello"
      assert.equal("", (peer:read_all()))
      assert.equal(0, made:count())
    end
  end)

  it("OnUnknownProtocol may wait, and what comes meanwhile waits too", function()
    local made, told = serving(nil, {
      OnUnknownProtocol = function()
        timer.sleep(0.05)
        return true
      end,
    })
    local peer = fixture.socket(made)
    peer:send "one"
    timer.sleep(0.01)
    peer:send "two"
    assert.equal("ONETWO", peer:read(6))
    assert.equal("connect", told[1][1])
  end)

  it("OnTCPConnect may say that it is TCP, so that the server speaks first", function()
    local made, told = serving(nil, {
      OnTCPConnect = function() return "tcp" end,
      OnConnect = function(conn) conn:write "welcome\n" end,
    })
    local peer = fixture.socket(made)
    assert.equal("welcome\n", peer:read(8))
    peer:send "GET / HTTP/1.1\r\n\r\n"
    assert.equal("GET / HTTP/1.1\r\n\r\n", peer:read(18))
    assert.equal("binary", told[1][1])
    local wrong = serving(nil, { OnTCPConnect = function() return "udp" end })
    local log = capture(function() assert.equal("", (fixture.socket(wrong):read_all())) end)
    assert.matches('OnTCPConnect returns true, false or "tcp"', log)
  end)

  it("is closed when it says nothing, or too little", function()
    local made = serving { limits = { header_timeout = 0.05 } }
    local silent, little = fixture.socket(made), fixture.socket(made)
    little:send "GE"
    assert.equal("", (silent:read_all()))
    assert.equal("", (little:read_all()))
  end)

  it("has limits.message", function()
    local made, told = serving { end_of_frame = "\n", limits = { message = 10 } }
    local peer = fixture.socket(made)
    peer:send "hello, this is too long"
    assert.equal("", (peer:read_all()))
    clock.wait_for(function() return told[#told][1] == "disconnect" end)
    assert.equal(1009, told[#told][3])
  end)

  it("works behind TLS, and TLS does not on a plain port", function()
    local folder = certificates.folder()
    local made = serving { tls = certificates.tls(folder) }
    local to = "localhost:" .. made.port
    local peer = process.start(
      { "openssl", "s_client", "-quiet", "-connect", to, "-CAfile", folder .. "/ca.pem" },
      { input = "pipe" }
    )
    peer:send "hello\n"
    peer:wait_output "HELLO\n"
    peer:signal "TERM"
    peer:wait()
    local errors = {}
    local plain = serving(nil, {
      OnError = function(_, message, code) errors[#errors + 1] = { message, code } end,
    })
    process.run { "openssl", "s_client", "-connect", "localhost:" .. plain.port }
    assert.same({ { "TLS on a port without it", "EPROTO" } }, errors)
  end)

  it("is 400 where nobody asks for it", function()
    local made = fixture.server()
    local got = http.raw(made.port, "hello\r\n\r\n")
    assert.equal(400, got.status)
  end)

  it("options are checked", function()
    local function refused(given)
      local ok, message = pcall(server.new, { end_of_frame = given })
      assert.is_false(ok)
      return message
    end
    assert.matches("end_of_frame", refused "")
    assert.matches("end_of_frame.bytes", refused {})
    assert.matches("end_of_frame.scan", refused { bytes = "x", scan = "none" })
  end)
end)
