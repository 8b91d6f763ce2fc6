local certificates = require "spec.support.certificates"
local clock = require "spec.support.clock"
local fixture = require "spec.support.fixture"

--- A client of a TCP server that the test speaks for, what it hears, and the server's end.
local function connected(options)
  local listener = fixture.listener()
  local heard = {}
  local one = fixture.new_client({ url = "tcp://127.0.0.1:" .. listener.port }, options)
  function one.OnBinary(_, bytes) heard[#heard + 1] = bytes end
  function one.OnMessage() error "TCP has no texts" end
  one:start()
  local peer = fixture.accept(listener)
  clock.wait_for(function() return one.connected end)
  return one, peer, heard
end

describe("a client of TCP", function()
  after_each(fixture.clean)

  it("sends and gets bytes as they are", function()
    local one, peer, heard = connected()
    assert.equal("tcp", one.conn.transport)
    assert.is_true(one:write "hello")
    assert.is_true(one:write_binary "\0\255")
    assert.equal("hello\0\255", peer:read(7))
    peer:send "any\0thing"
    clock.wait_for(function() return #table.concat(heard) == 9 end)
    assert.equal("any\0thing", table.concat(heard))
    assert.equal(("tcp://127.0.0.1:%d"):format(one.port), one.url)
  end)

  it("finds the ends of frames", function()
    local _, peer, heard = connected { end_of_frame = "\r\n" }
    peer:send "one\r"
    peer:send "\ntwo\r\nthr"
    clock.wait_for(function() return #heard == 2 end)
    peer:send "ee\r\n"
    clock.wait_for(function() return #heard == 3 end)
    assert.same({ "one\r\n", "two\r\n", "three\r\n" }, heard)
    _, peer, heard = connected { end_of_frame = { bytes = "\n", strip = true } }
    peer:send "one\ntwo\n"
    clock.wait_for(function() return #heard == 2 end)
    assert.same({ "one", "two" }, heard)
    _, peer, heard = connected { end_of_frame = { bytes = "\n", scan = "latest_bytes" } }
    peer:send "one\ntwo\n"
    clock.wait_for(function() return #heard == 1 end)
    assert.same({ "one\ntwo\n" }, heard)
  end)

  it("waits for an answer", function()
    local one, peer = connected { end_of_frame = { bytes = "\n", strip = true } }
    local task = require "perilune.task"
    task.start(function()
      peer:read_through "\n"
      peer:send "pong\n"
    end)
    assert.equal("pong", one:write_binary_and_wait("ping\n", 5))
  end)

  it("ends with the server, and comes back", function()
    local listener = fixture.listener()
    local code
    local one = fixture.new_client(
      { url = "tcp://127.0.0.1:" .. listener.port },
      { watchdog = { interval = 0.01 } }
    )
    function one.OnDisconnect(_, number) code = number end
    one:start()
    fixture.accept(listener):close()
    clock.wait_for(function() return code end)
    fixture.accept(listener)
    clock.wait_for(function() return one.connected end)
  end)

  it("asks about the heartbeat, and has no pings", function()
    local one, peer = connected { heartbeat = { interval = 0.1, timeout = 0.1 } }
    function one.OnBeforeHeartBeat(conn) conn:write "beat " end
    local ok, _, code = one.conn:ping(1)
    assert.is_nil(ok)
    assert.equal("ENOTSUP", code)
    assert.equal("beat beat beat ", peer:read(15))
    assert.is_true(one.connected)
  end)

  it("speaks TLS", function()
    local folder = certificates.folder "127.0.0.1"
    local made = fixture.server { tls = certificates.tls(folder) }
    local one = fixture.new_client(
      { url = "tls://127.0.0.1:" .. made.port },
      { tls = { root_cert_file = folder .. "/ca.pem" } }
    )
    local heard = ""
    function one.OnBinary(_, bytes) heard = heard .. bytes end
    assert.is_true(one:connect())
    one:write "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    clock.wait_for(function() return heard:find "^HTTP/1.1 404" end)
  end)

  it("has options of its own", function()
    local client = require "perilune.client"
    local function refused(options)
      local ok, message = pcall(function() client.new(options) end)
      assert.is_false(ok)
      return message
    end
    assert.matches(
      "option 'end_of_frame' of client.new takes a tcp:// or tls:// URL beside it",
      refused { url = "ws://a", end_of_frame = "\n" },
      1,
      true
    )
    assert.matches("end_of_frame", refused { url = "tcp://a:1", end_of_frame = ("x"):rep(33) })
    assert.matches("'end_of_frame.bytes'", refused { url = "tcp://a:1", end_of_frame = {} })
    assert.matches(
      "did you mean 'end_of_frame.strip'",
      refused {
        url = "tcp://a:1",
        end_of_frame = { bytes = "x", stripp = true },
      }
    )
  end)
end)
