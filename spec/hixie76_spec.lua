-- covers: conn/conn_hixie.c
-- WebSockets of draft-hixie-thewebsocketprotocol-76, by a client that speaks it here.
local certificates = require "spec.support.certificates"
local clock = require "spec.support.clock"
local fixture = require "spec.support.fixture"
local http = require "spec.support.http"
local process = require "spec.support.process"
local task = require "perilune.task"
local timer = require "perilune.timer"

local KEYS = {
  "Sec-WebSocket-Key1: 3e6b263  4 17 80",
  "Sec-WebSocket-Key2: 17  9 G`ZD9   2 2b 7X 3 /r90",
}
local KEY3, PROOF = "WjN}|M(6", "n`9eBk9z$R8pOtVb"
local ORIGIN = "Origin: http://example.com"
local ON = { hixie76 = true }

--- The head of a handshake. `given` may have target, host, origin, headers and keys.
local function head(given)
  local lines = {
    ("GET %s HTTP/1.1"):format(given.target or "/demo"),
    "Host: " .. (given.host or "example.com"),
    "Upgrade: WebSocket",
    "Connection: Upgrade",
    given.origin or ORIGIN,
  }
  for _, line in ipairs(given.keys or KEYS) do
    lines[#lines + 1] = line
  end
  for _, line in ipairs(given.headers or {}) do
    lines[#lines + 1] = line
  end
  return table.concat(lines, "\r\n") .. "\r\n\r\n"
end

--- Sends a whole handshake; returns the socket and the answer's head.
local function ask(made, given)
  local peer = fixture.socket(made)
  peer:send(head(given or {}) .. KEY3)
  return peer, (assert(peer:read_through "\r\n\r\n"))
end

--- A WebSocket that is open, and the answer's head.
local function open(made, given)
  local peer, answer = ask(made, given)
  assert.equal("HTTP/1.1 101 WebSocket Protocol Handshake\r\n", answer:match "^.-\r\n")
  assert.equal(PROOF, peer:read(16))
  return peer, answer
end

local function text(bytes) return "\0" .. bytes .. "\255" end

--- The next frame's text; nil at the closing frame.
local function read(peer)
  local kind = assert(peer:read(1))
  if kind == "\255" then
    assert.equal("\0", peer:read(1))
    return nil
  end
  assert.equal("\0", kind)
  return (assert(peer:read_through "\255"):sub(1, -2))
end

local function has_ended(peer)
  local rest, why = peer:read_all()
  peer:close() -- which the server awaits
  return rest == "" and (why == "end" or why == "reset")
end

--- A server that says what it is told, and notes what happens.
local function serving(options, events)
  local seen = { ended = {}, errors = {} }
  options = options or {}
  options.specifications = ON
  local handlers = {
    OnConnect = function(conn) seen.conn = conn end,
    OnMessage = function(conn, message) assert(conn:write(message)) end,
    OnDisconnect = function(_, code, reason) seen.ended = { code, reason } end,
    OnError = function(_, message, code) seen.errors[#seen.errors + 1] = { message, code } end,
  }
  for name, handler in pairs(events or {}) do
    handlers[name] = handler
  end
  return fixture.server(options, handlers), seen
end

local function wait_ended(seen)
  clock.wait_for(function() return #seen.ended > 0 end)
  return seen.ended
end

describe("Hixie-76", function()
  after_each(fixture.clean)

  it("is a connection like another", function()
    local made, seen = serving()
    local peer, answer = open(made, { target = "/demo?a=b" })
    assert.truthy(answer:find("\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\n", 1, true))
    assert.truthy(answer:find("\r\nSec-WebSocket-Origin: http://example.com\r\n", 1, true))
    assert.truthy(answer:find("\r\nSec-WebSocket-Location: ws://example.com/demo?a=b\r\n", 1, true))
    assert.is_nil(answer:find "Protocol:")
    for _, message in ipairs { "Hello", "", "gr\195\188n \0", ("x"):rep(70000) } do
      peer:send(text(message))
      assert.equal(message, read(peer))
    end
    assert.equal("hixie76", seen.conn.transport)
    assert.equal("/demo?a=b", seen.conn.url)
    assert.equal("http://example.com", seen.conn.headers_request.origin)
    assert.equal("http://example.com", seen.conn.headers_response["sec-websocket-origin"])
    assert.equal(1, made:count())
    assert.equal(seen.conn.rec_bytes, seen.conn.send_bytes)
    peer:send "\255\0"
    assert.is_nil(read(peer))
    assert.is_true(has_ended(peer))
    assert.same({ 1005, "" }, wait_ended(seen))
  end)

  it("takes the handshake and frames in whatever pieces", function()
    local made = serving()
    local bytes = head {} .. KEY3 .. "\1passed over\255" .. "\129\2xy" .. text "Hello"
    local peers = {}
    for at = 1, #bytes, 3 do
      local peer = fixture.socket(made)
      peer:send(bytes:sub(1, at))
      peers[peer] = at
    end
    for peer, at in pairs(peers) do
      timer.sleep(0)
      peer:send(bytes:sub(at + 1))
    end
    for peer in pairs(peers) do
      assert(peer:read_through "\r\n\r\n")
      assert.equal(PROOF, peer:read(16))
      assert.equal("Hello", read(peer))
      peer:close()
    end
  end)

  it("answers before the last eight bytes, which proxies keep until then", function()
    local made, seen = serving()
    local peer = fixture.socket(made)
    peer:send(head {})
    assert.truthy(assert(peer:read_through "\r\n\r\n"):find "^HTTP/1.1 101 ")
    assert.is_nil(seen.conn)
    assert.equal(0, made:count())
    peer:send(KEY3)
    assert.equal(PROOF, peer:read(16))
    peer:send(text "Hello")
    assert.equal("Hello", read(peer))
  end)

  it("has limits.handshake_timeout for them", function()
    local made, seen = serving { limits = { handshake_timeout = 0.05 } }
    local peer = fixture.socket(made)
    peer:send(head {} .. KEY3:sub(1, 7))
    assert(peer:read_through "\r\n\r\n")
    assert.is_true(has_ended(peer))
    assert.is_nil(seen.conn)
    -- Not for who has sent them, with a heartbeat or without.
    for _, heartbeat in ipairs { false, { interval = 60 } } do
      made = serving { limits = { handshake_timeout = 0.05 }, heartbeat = heartbeat }
      peer = open(made)
      timer.sleep(0.2)
      peer:send(text "still here")
      assert.equal("still here", read(peer))
    end
  end)

  it("is off by default", function()
    for _, specifications in ipairs { {}, { hixie76 = false } } do
      local made = fixture.server { specifications = specifications }
      local peer, answer = ask(made)
      assert.truthy(answer:find "^HTTP/1.1 400 ")
      -- What follows is no request.
      assert.truthy(answer:find("\r\nConnection: close\r\n", 1, true))
      local rest, why = peer:read_all()
      assert.equal("end", why)
      assert.is_nil(rest:find("HTTP", 1, true))
    end
    local ok, message = pcall(fixture.new_server, { specifications = { hixie67 = true } })
    assert.is_false(ok)
    assert.truthy(message:find("'specifications.hixie76'", 1, true))
  end)

  it("leaves other requests as they are", function()
    local made = serving({}, {
      OnCommandGet = function(_, _, response) response.content_text = "a page" end,
    })
    assert.equal("a page", http.request(made.port, "/").body)
    local peer = fixture.connect(made)
    peer:send "Hello"
    assert.equal("Hello", peer:read())
  end)

  it("refuses what is no handshake", function()
    local made, seen = serving()
    local bad = {
      { keys = { KEYS[1] } },
      { keys = { KEYS[1], KEYS[2], KEYS[2] } },
      { keys = { "Sec-WebSocket-Key1: 12345", KEYS[2] } },
      { keys = { "Sec-WebSocket-Key1: x y", KEYS[2] } },
      { keys = { "Sec-WebSocket-Key1: 1 x 2 4", KEYS[2] } },
      { origin = "X-Origin: http://example.com" },
      { headers = { "Content-Length: 8" } },
      { headers = { "Sec-WebSocket-Protocol: a a" } },
    }
    for i, given in ipairs(bad) do
      local peer, answer = ask(made, given)
      assert.truthy(answer:find "^HTTP/1.1 400 ", i)
      if #(given.keys or KEYS) > 1 then
        assert.truthy(answer:find("\r\nConnection: close\r\n", 1, true))
      end
      peer:close()
    end
    assert.is_true(#seen.errors >= #bad)
    assert.is_nil(seen.conn)
  end)

  it("admits only pages that are allowed", function()
    local made = serving { security_options = { origins_allowed = { "http://good.example" } } }
    local _, answer = ask(made)
    assert.truthy(answer:find "^HTTP/1.1 403 ")
    _, answer = open(made, { origin = "Origin: http://good.example" })
    assert.truthy(answer:find("\r\nSec-WebSocket-Origin: http://good.example\r\n", 1, true))
  end)

  it("agrees on a subprotocol", function()
    local made, seen = serving { protocols = { "red", "blue" } }
    for _, list in ipairs { "green blue red", "green, blue", "blue" } do
      local peer, answer = open(made, { headers = { "Sec-WebSocket-Protocol: " .. list } })
      assert.truthy(answer:find("\r\nSec-WebSocket-Protocol: blue\r\n", 1, true))
      assert.equal("blue", seen.conn.protocol)
      peer:close()
    end
    local _, answer = ask(made, { headers = { "Sec-WebSocket-Protocol: green" } })
    assert.truthy(answer:find "^HTTP/1.1 400 ")
  end)

  it("asks OnHandshake, and says what it adds", function()
    local got
    local made = serving({}, {
      OnHandshake = function(conn, headers)
        got = headers
        timer.sleep(0.01)
        if conn.url == "/no" then return false end
        headers["x-more"] = "yes"
        return headers
      end,
    })
    local _, answer = open(made)
    assert.truthy(answer:find("\r\nx%-more: yes\r\n"))
    assert.equal("ws://example.com/demo", got["sec-websocket-location"])
    local refused
    _, refused = ask(made, { target = "/no" })
    assert.truthy(refused:find "^HTTP/1.1 403 ")
    assert.truthy(refused:find("\r\nConnection: close\r\n", 1, true))
  end)

  it("asks who it is", function()
    local made, seen = serving { authentication = { auth_users = { "jo=secret" } } }
    local _, answer = ask(made)
    assert.truthy(answer:find "^HTTP/1.1 401 ")
    assert.truthy(answer:find("\r\nConnection: close\r\n", 1, true))
    open(made, { headers = { "Authorization: Basic am86c2VjcmV0" } })
    assert.equal("jo", seen.conn.user)
  end)

  it("carries text only", function()
    local made, seen = serving()
    local peer = open(made)
    clock.wait_for(function() return seen.conn end)
    local conn = seen.conn
    local ok, message, code = conn:write_binary "\0\1"
    assert.is_nil(ok)
    assert.same({ "a WebSocket of Hixie-76 carries text only", "ENOTSUP" }, { message, code })
    ok, message, code = made:write_binary(conn.guid, "\0\1")
    assert.is_nil(ok)
    assert.same({ "a WebSocket of Hixie-76 carries text only", "ENOTSUP" }, { message, code })
    assert.is_true(made:write(conn.guid, "to one"))
    assert.equal("to one", read(peer))
    ok, message, code = conn:write "\255"
    assert.same({ nil, "text is not valid UTF-8", "EUTF8" }, { ok, message, code })
    local other = fixture.connect(made)
    clock.wait_for(function() return made:count() == 2 end)
    assert.same({ true, 1 }, { made:broadcast_binary "bytes" })
    assert.equal("bytes", (other:read()))
    conn:write "after"
    assert.equal("after", read(peer))
  end)

  it("is reached by channels and broadcasts, beside others", function()
    local made = serving({}, {
      OnMessage = function(conn, channel)
        assert(conn:subscribe(channel))
        conn:write "ready"
      end,
    })
    local first, second, modern = open(made), open(made), fixture.connect(made)
    for _, peer in ipairs { first, second } do
      peer:send(text "news")
      assert.equal("ready", read(peer))
    end
    modern:send "news"
    assert.equal("ready", modern:read())
    assert.same({ true, 3 }, { made:broadcast("it rains", "news") })
    assert.same({ true, 3 }, { made:broadcast "to all" })
    for _, peer in ipairs { first, second } do
      assert.equal("it rains", read(peer))
      assert.equal("to all", read(peer))
    end
    assert.equal("it rains", modern:read())
  end)

  it("has no pings, and its silence is nobody's fault", function()
    local beats = 0
    local made, seen = serving({ heartbeat = { interval = 0.1, timeout = 0.1 } }, {
      OnBeforeHeartBeat = function()
        beats = beats + 1
        return false
      end,
    })
    local peer = open(made)
    clock.wait_for(function() return beats > 2 end)
    local ok, _, code = seen.conn:ping()
    assert.same({ nil, "ENOTSUP" }, { ok, code })
    peer:send(text "here")
    assert.equal("here", read(peer))
  end)

  it("ends in order when the script closes", function()
    local made, seen = serving()
    local peer = open(made)
    clock.wait_for(function() return seen.conn end)
    seen.conn:write "last"
    seen.conn:close(4000, "enough")
    assert.equal("last", read(peer))
    assert.is_nil(read(peer))
    peer:send(text "late" .. "\255\0")
    assert.is_true(has_ended(peer))
    assert.same({ 4000, "" }, wait_ended(seen))
  end)

  it("has limits.close_timeout for its answer", function()
    local made, seen = serving { limits = { close_timeout = 0.05 } }
    local peer = open(made)
    clock.wait_for(function() return seen.conn end)
    seen.conn:close()
    assert.is_nil(read(peer))
    assert.equal(1006, wait_ended(seen)[1])
  end)

  it("is told of the server's end", function()
    local made, seen = serving()
    local peer = open(made)
    clock.wait_for(function() return seen.conn end)
    task.start(made.stop, made)
    assert.is_nil(read(peer))
    assert.is_true(has_ended(peer))
    assert.equal(1001, wait_ended(seen)[1])
  end)

  it("does not hold up the server's end before its handshake is whole", function()
    local made, seen = serving()
    local peer = fixture.socket(made)
    peer:send(head {})
    assert(peer:read_through "\r\n\r\n")
    task.start(made.stop, made)
    assert.is_true(has_ended(peer))
    clock.wait_for(function() return not made.active end)
    assert.is_nil(seen.conn)
  end)

  it("is counted, and in the log of messages", function()
    local log = fixture.folder().path .. "/messages.log"
    local made, seen = serving { metrics = true, log_file = log }
    local peer = open(made, { target = "/counted" })
    peer:send(text "Hello")
    assert.equal("Hello", read(peer))
    local numbers = http.request(made.port, "/metrics").body
    local function number_of(name)
      return numbers:match("\n" .. name .. '{transport="hixie76"} (%d+)')
    end
    assert.equal("1", number_of "perilune_connections")
    peer:send "\255\0"
    assert.is_true(read(peer) == nil and has_ended(peer))
    wait_ended(seen)
    clock.wait_for(function()
      local file = assert(io.open(log))
      local lines = file:read "*a"
      file:close()
      return lines:find("/counted", 1, true) and lines:find("Hello.*Hello")
    end)
  end)

  it("ends for what it must not say", function()
    local rows = {
      { "\0\195\40\255", 1007, "EPROTO" },
      { "\0" .. ("x"):rep(101), 1009, "ETOOBIG" },
      { "\1" .. ("x"):rep(101), 1009, "ETOOBIG" },
      { "\128\101", 1009, "ETOOBIG" },
      { "\255" .. ("\128"):rep(10), 1002, "EPROTO" },
    }
    for _, row in ipairs(rows) do
      local made, seen = serving { limits = { message = 100 } }
      local peer = open(made)
      peer:send(text(("x"):rep(100)) .. row[1])
      assert.equal(("x"):rep(100), read(peer))
      assert.is_nil(read(peer))
      assert.is_true(has_ended(peer))
      assert.equal(row[2], wait_ended(seen)[1])
      assert.equal(row[3], seen.errors[1][2])
    end
  end)

  it("is cut off by who leaves without a word", function()
    local made, seen = serving()
    open(made):close()
    assert.same({ 1006, "" }, wait_ended(seen))
  end)

  it("waits while its handler does, in order", function()
    local made = serving({}, {
      OnMessage = function(conn, message)
        if message == "0" then timer.sleep(0.05) end
        conn:write(message)
      end,
    })
    local peer = open(made)
    local all = {}
    for i = 0, 199 do
      all[#all + 1] = text(tostring(i))
    end
    peer:send(table.concat(all))
    for i = 0, 199 do
      assert.equal(tostring(i), read(peer))
    end
  end)

  it("is held back by slow readers, and dropped with a full queue", function()
    local made, seen = serving {
      limits = { high_water = 1024, low_water = 512, send_queue = 1048576 },
    }
    local peer = fixture.socket(made, { receive_buffer = 2048 })
    peer:send(head {} .. KEY3)
    clock.wait_for(function() return seen.conn end)
    local block, buffered, failed = ("x"):rep(65536), false, nil
    for _ = 1, 2000 do
      local ok, _, code = seen.conn:write(block)
      buffered = buffered or select(2, ok, _) == "buffered"
      if not ok then
        failed = code
        break
      end
    end
    assert.is_true(buffered)
    assert.equal("ELIMIT", failed)
    assert.equal(1006, wait_ended(seen)[1])
  end)

  it("sends what is more important first", function()
    local made, seen = serving {
      queue_options = { text = "level1" },
    }
    local peer = open(made)
    clock.wait_for(function() return seen.conn end)
    for i = 1, 300 do
      seen.conn:write(i .. ("x"):rep(10000))
    end
    for i = 1, 300 do
      assert.equal(tostring(i), read(peer):match "^%d+")
    end
  end)

  it("is slowed down by a throttle", function()
    local made = serving { throttle = { write = 800000 } } -- 100,000 bytes a second
    local peer = open(made)
    local began = clock.now()
    peer:send(text(("x"):rep(150000)))
    assert.equal(150000, #read(peer))
    assert.is_true(clock.now() - began > 0.4)
  end)

  it("is wss:// over TLS, to openssl", function()
    local folder = certificates.folder "localhost"
    local made = serving {
      tls = { cert_file = folder .. "/cert.pem", key_file = folder .. "/key.pem" },
    }
    local input = folder .. "/input"
    local file = assert(io.open(input, "wb"))
    file:write(head {}, KEY3, text "Hello", "\255\0")
    file:close()
    local command = ([[openssl s_client -quiet -connect 127.0.0.1:%d < %s 2>/dev/null]]):format(
      made.port,
      input
    )
    local output = process.run({ "sh", "-c", command }, { timeout = 60 }).output
    assert.truthy(output:find("Sec-WebSocket-Location: wss://example.com/demo\r\n", 1, true))
    assert.truthy(output:find("\r\n\r\n" .. PROOF .. text "Hello" .. "\255\0", 1, true))
  end)
end)
