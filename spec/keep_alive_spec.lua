--- When connections are kept and when they end: HTTP, TCP, TLS.
local certificates = require "spec.support.certificates"
local clock = require "spec.support.clock"
local ffi = require "ffi"
local fixture = require "spec.support.fixture"
local http = require "spec.support.http"
local process = require "spec.support.process"
local server = require "perilune.server"
local timer = require "perilune.timer"

ffi.cdef [[
  int getpeername(int fd, void *address, unsigned int *len);
  int getsockopt(int fd, int level, int option, void *value, unsigned int *len);
]]

--- Our end of the connection whose other end has this local port.
local function accepted_from(port)
  local address = ffi.new "uint8_t[128]"
  for fd = 3, 255 do
    local len = ffi.new("unsigned int[1]", 128)
    if ffi.C.getpeername(fd, address, len) == 0 and address[2] * 256 + address[3] == port then
      return fd
    end
  end
end

local function option_of(fd, level, name)
  local value, len = ffi.new "int[2]", ffi.new("unsigned int[1]", 8)
  assert(ffi.C.getsockopt(fd, level, name, value, len) == 0)
  return value[0], value[1]
end

--- A connection of the server as the system sees it.
local function system_socket(options)
  local made, port = fixture.server(options), nil
  function made.OnCommandGet(conn, _, response)
    port = conn.port
    response.content_text = "x"
  end
  local peer = fixture.socket(made)
  peer:send(http.compose "/")
  http.read(peer)
  return accepted_from(port), peer
end

describe("keep_alive", function()
  after_each(fixture.clean)

  --- The answers to two requests: the second is nil when the first was the last.
  local function two(options, version)
    local made = fixture.server(options)
    local peer = fixture.socket(made)
    local request = http.compose "/"
    if version == "1.0" then
      request = request:gsub("HTTP/1.1", "HTTP/1.0"):gsub("Host", "Connection: keep-alive\r\nHost")
    end
    peer:send(request)
    local first = http.read(peer)
    if not peer:send(request) then return first end
    return first, (http.read(peer))
  end

  it("is on", function()
    for _, value in ipairs { "default", true, {} } do
      local first, second = two { keep_alive = value ~= "default" and value or nil }
      assert.is_nil(first.headers.connection)
      assert.is_nil(first.headers["keep-alive"])
      assert.equal(404, second.status)
    end
  end)

  it("can be off", function()
    for _, version in ipairs { "1.1", "1.0" } do
      local first, second = two({ keep_alive = false }, version)
      assert.equal("close", first.headers.connection)
      assert.is_nil(second)
    end
  end)

  it("can be told to clients", function()
    local options = { keep_alive = { header = true }, limits = { keep_alive = 7.9 } }
    for _, version in ipairs { "1.1", "1.0" } do
      local first, second = two(options, version)
      assert.equal("keep-alive", first.headers.connection)
      assert.equal("timeout=7", first.headers["keep-alive"])
      assert.equal("timeout=7", second.headers["keep-alive"])
    end
    options.limits.keep_alive_requests = 1
    local last = two(options)
    assert.equal("close", last.headers.connection)
    assert.is_nil(last.headers["keep-alive"])
  end)

  it("ends with keep_alive_requests", function()
    local made = fixture.server { limits = { keep_alive_requests = 3 } }
    local peer = fixture.socket(made)
    peer:send(http.compose("/"):rep(5))
    for i = 1, 3 do
      local response = http.read(peer)
      assert.equal(404, response.status)
      assert.equal(i == 3 and "close" or nil, response.headers.connection)
    end
    assert.equal("", (peer:read_all()))
  end)

  it("is not a script's header", function()
    local made = fixture.server(nil, {
      OnCommandGet = function(_, _, response)
        response.content_text = "x"
        response.headers["keep-alive"] = "timeout=5"
      end,
    })
    local status
    require "spec.support.capture"(function() status = http.request(made.port, "/").status end)
    assert.equal(500, status)
  end)

  it("is checked", function()
    for _, options in ipairs {
      { keep_alive = 5 },
      { keep_alive = { head = true } },
      { tcp_keepalive = true },
      { tcp_keepalive = { time = 0 } },
      { tcp_keepalive = { time = 1.5 } },
      { tcp_keepalive = { count = 128 } },
      { linger_state = 1 },
      { linger_state = -2 },
      { limits = { tls_handshakes = 0 } },
    } do
      assert.is_false(pcall(server.new, options))
    end
  end)
end)

describe("tcp_keepalive", function()
  after_each(fixture.clean)

  local SOL_SOCKET, SO_KEEPALIVE, TCP = 1, 9, 6

  it(
    "is off",
    function() assert.equal(0, (option_of(system_socket(), SOL_SOCKET, SO_KEEPALIVE))) end
  )

  it("is what the system does", function()
    local function values(options)
      local fd = system_socket { tcp_keepalive = options }
      return {
        (option_of(fd, SOL_SOCKET, SO_KEEPALIVE)),
        (option_of(fd, TCP, 4)),
        (option_of(fd, TCP, 5)),
        (option_of(fd, TCP, 6)),
      }
    end
    assert.same({ 1, 7200, 1, 9 }, values {})
    assert.same({ 1, 60, 10, 3 }, values { time = 60, interval = 10, count = 3 })
  end)
end)

describe("linger_state", function()
  after_each(fixture.clean)

  it("resets with 0, after all was received", function()
    local body = ("x"):rep(100000)
    local made = fixture.server({ linger_state = 0, keep_alive = false }, {
      OnCommandGet = function(_, _, response) response.content_text = body end,
    })
    for _, buffer in ipairs { 65536, 4096 } do
      local peer = fixture.socket(made, { receive_buffer = buffer })
      peer:send(http.compose "/")
      timer.sleep(0.1) -- it takes its time, and most of the answer waits in the system
      local all, why = peer:read_all()
      assert.equal("reset", why)
      assert.equal(body, all:match "\r\n\r\n(.*)")
    end
  end)

  it("does not by default", function()
    local made = fixture.server { keep_alive = false }
    local peer = fixture.socket(made)
    peer:send(http.compose "/")
    http.read(peer)
    local _, why = peer:read_all()
    assert.equal("end", why)
  end)
end)

describe("a flood of TLS handshakes", function()
  after_each(fixture.clean)

  it("does not hold up who is there, and all are served", function()
    local folder = certificates.folder()
    local made = fixture.server({
      limits = { tls_handshakes = 1 },
      bindings = { { tls = false }, { tls = folder } },
    }, { OnMessage = function(conn, text) conn:write(text) end })
    local script = fixture.folder():write(
      "flood.py",
      [[
import asyncio, ssl, sys
context = ssl._create_unverified_context()
async def one(i):
    reader, writer = await asyncio.open_connection("127.0.0.1", int(sys.argv[1]), ssl=context)
    writer.write(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    answer = await reader.read()
    writer.close()
    return answer.startswith(b"HTTP/1.1 404")
async def main():
    print(sum(await asyncio.gather(*[one(i) for i in range(100)])))
asyncio.run(main())
]]
    )
    local peer = fixture.connect(made)
    local flood = process.start { "/usr/bin/python3", script, tostring(made.tls_port) }
    local slowest, echoes = 0, 0
    while not flood:poll() do
      local before = clock.now()
      peer:send "tick"
      assert(peer:read())
      slowest = math.max(slowest, clock.now() - before)
      echoes = echoes + 1
    end
    assert.equal(0, flood:wait())
    assert.equal("100\n", flood.output)
    assert.is_true(echoes > 10)
    assert.is_true(slowest < 5, slowest)
  end)
end)
