--- What has to be survived: each row of bytes gets its answer, and another connection is answered
--- meanwhile. "D-…" are the numbers of the project's list of attacks.
local capture = require "spec.support.capture"
local clock = require "spec.support.clock"
local fixture = require "spec.support.fixture"
local http = require "spec.support.http"
local timer = require "perilune.timer"
local websocket = require "spec.support.websocket"

local CONTINUATION, TEXT, BINARY = websocket.CONTINUATION, websocket.TEXT, websocket.BINARY
local CLOSE, PING, PONG = websocket.CLOSE, websocket.PING, websocket.PONG

--- A head of these lines; a request line of its own begins with a method.
local function head(...)
  local lines = { ... }
  if not lines[1]:find " HTTP/" then table.insert(lines, 1, "POST / HTTP/1.1") end
  return table.concat(lines, "\r\n") .. "\r\n\r\n"
end

local function chunked(body) return head("Host: x", "Transfer-Encoding: chunked") .. body end

--- bytes -> what the answer's status may be
local http_rows = {
  ["D-01 two framings"] = {
    { head("Host: x", "Content-Length: 4", "Transfer-Encoding: chunked") .. "0\r\n\r\n", 400 },
    { head("Host: x", "Transfer-Encoding: chunked", "Content-Length: 0") .. "0\r\n\r\n", 400 },
  },
  ["D-02 bad lengths"] = {
    { head("Host: x", "Content-Length: 1", "Content-Length: 2") .. "ab", 400 },
    { head("Host: x", "Content-Length: 1, 2") .. "ab", 400 },
    { head("Host: x", "Content-Length: +1") .. "a", 400 },
    { head("Host: x", "Content-Length: -1"), 400 },
    { head("Host: x", "Content-Length: 0x1") .. "a", 400 },
    { head("Host: x", "Content-Length: 1 2"), 400 },
    { head("Host: x", "Content-Length:"), 400 },
    { head("Host: x", "Content-Length: 9223372036854775808"), 400, 413 },
    { head("Host: x", "Content-Length: 18446744073709551617") .. "a", 400, 413 },
    { head("Host: x", "Content-Length: 9223372036854775807"), 413 },
  },
  ["D-03 bad codings"] = {
    { head("Host: x", "Transfer-Encoding: xchunked") .. "0\r\n\r\n", 400, 501 },
    { head("Host: x", "Transfer-Encoding: chunked, identity") .. "0\r\n\r\n", 400, 501 },
    { head("Host: x", "Transfer-Encoding: gzip, chunked") .. "0\r\n\r\n", 400, 501 },
    { head("Host: x", "Transfer-Encoding: chunked, chunked") .. "0\r\n\r\n", 400, 501 },
    {
      head("Host: x", "Transfer-Encoding: chunked", "Transfer-Encoding: chunked") .. "0\r\n\r\n",
      400,
      501,
    },
    { head("Host: x", "Transfer-Encoding: \11chunked") .. "0\r\n\r\n", 400, 501 },
    { head("Host: x", "Transfer-Encoding:") .. "0\r\n\r\n", 400, 501 },
    {
      head("POST / HTTP/1.0", "Host: x", "Transfer-Encoding: chunked") .. "0\r\n\r\n",
      400,
      501,
    },
  },
  ["D-04 bad chunks"] = {
    { chunked "g\r\n", 400 },
    { chunked "\r\n", 400 },
    { chunked "-1\r\n", 400 },
    { chunked "+1\r\na\r\n", 400 },
    { chunked "0x1\r\na\r\n", 400 },
    { chunked " 1\r\na\r\n", 400 },
    { chunked "10000000000000000\r\n", 400, 413 },
    { chunked "ffffffffffffffff\r\n", 400, 413 },
    { chunked "8000000000000000\r\n", 400, 413 },
    { chunked "1\r\nabc", 400 },
    { chunked "1\r\na\n0\r\n\r\n", 400 },
    { chunked "1\na\r\n0\r\n\r\n", 400 },
    { chunked "1;x\n=y\r\na\r\n0\r\n\r\n", 400 },
    { chunked "1\r\na\r\n0\r\nbad trailer\r\n\r\n", 400 },
  },
  ["D-05 endless chunk lines"] = {
    { chunked("1;" .. ("x"):rep(200000)), 400, 413 },
    { chunked(("1;xxxxxxxxxxxxxxxx=yyyyyyyyyyyyyyyy\r\na\r\n"):rep(50000)), 400, 413 },
    { chunked("0\r\n" .. ("X: y\r\n"):rep(50000)), 400, 413, 431 },
  },
  ["D-06 bad fields"] = {
    { head("Host: x", "X-Name : value"), 400 },
    { head("Host: x", "X-Name\t: value"), 400 },
    { head("Host: x", "X-Name: one", " folded"), 400 },
    { head("Host: x", " X-Name: first folded"), 400 },
    { head("Host: x", "X-Name: a\0b"), 400 },
    { head("Host: x", "X-Name: a\rb"), 400 },
    { head("Host: x", "X(Name): a"), 400 },
    { head("Host: x", "X\255: a"), 400 },
    { head("Host: x", ": a"), 400 },
    { head("Host: x", "no colon"), 400 },
    { "GET / HTTP/1.1\nHost: x\n\n", 400 },
    { "GET  / HTTP/1.1\r\nHost: x\r\n\r\n", 400 },
    { "GET /\r\nHost: x\r\n\r\n", 400 },
    { "GET / HTTP/2.0\r\nHost: x\r\n\r\n", 400, 505 },
    { "GET / HTTP/1.1 \r\nHost: x\r\n\r\n", 400 },
    { "G(T / HTTP/1.1\r\nHost: x\r\n\r\n", 400 },
    { "GET /\1 HTTP/1.1\r\nHost: x\r\n\r\n", 400 },
    { "GET relative HTTP/1.1\r\nHost: x\r\n\r\n", 400 },
    { "\22\3\1\2\0\1\0\1\252\3\3" .. ("\0"):rep(300), 400 },
  },
  ["D-07 bad hosts"] = {
    { "GET / HTTP/1.1\r\n\r\n", 400 },
    { head("GET / HTTP/1.1", "Host: a", "Host: b"), 400 },
    { head("GET / HTTP/1.1", "Host: a", "Host: a"), 400 },
    { head("GET / HTTP/1.1", "Host: a b"), 400 },
    { head("GET / HTTP/1.1", "Host: a/b"), 400 },
    { head("GET / HTTP/1.1", "Host: user@a"), 400 },
    { head("GET / HTTP/1.1", "Host: a:port"), 400 },
    { head("GET / HTTP/1.1", "Host: a:99999"), 400 },
    { head("GET http:///x HTTP/1.1", "Host: a"), 400 },
    { head("GET http://a@b/ HTTP/1.1", "Host: a"), 400 },
  },
  ["D-08 heads over the limits"] = {
    { head("GET /" .. ("x"):rep(9000) .. " HTTP/1.1", "Host: x"), 414 },
    { head("GET / HTTP/1.1", "Host: x", "X: " .. ("y"):rep(40000)), 431 },
    { head("GET / HTTP/1.1", "Host: x", ("x"):rep(40000) .. ": y"), 431 },
    { "GET / HTTP/1.1\r\nHost: x\r\n" .. ("X: y\r\n"):rep(101) .. "\r\n", 431 },
    { "GET /" .. ("x"):rep(100000), 414 },
    { ("x"):rep(100000), 400, 414 },
    { ("\r\n"):rep(50000), 400, 414 },
  },
}

--- { frames } -> the code of the Close that comes
local function frame(...) return websocket.frame(...) end

local NEAR_2_63 = "\127\255\255\255\255\255\255\255"
local BEYOND_2_63 = "\128\0\0\0\0\0\0\0"
local NEAR_2_64 = "\255\255\255\255\255\255\255\255"

local websocket_rows = {
  ["D-22 broken frames"] = {
    { frame(TEXT, "x", { masked = false }), 1002 },
    { frame(PING, "x", { masked = false }), 1002 },
    { frame(TEXT, "x", { rsv = 1 }), 1002 },
    { frame(TEXT, "x", { rsv = 2 }), 1002 },
    { frame(TEXT, "x", { rsv = 4 }), 1002 },
    { frame(PING, "x", { rsv = 4 }), 1002 },
    { frame(3, "x"), 1002 },
    { frame(7, "x"), 1002 },
    { frame(11, "x"), 1002 },
    { frame(15, "x"), 1002 },
    { frame(PING, ("x"):rep(126)), 1002 },
    { frame(CLOSE, "\3\232" .. ("x"):rep(124)), 1002 },
    { frame(PING, "x", { fin = false }), 1002 },
    { frame(CLOSE, "", { fin = false }), 1002 },
    { frame(CONTINUATION, "x"), 1002 },
    { frame(TEXT, "x", { fin = false }) .. frame(TEXT, "y"), 1002 },
    { frame(TEXT, "x", { fin = false }) .. frame(BINARY, "y", { fin = false }), 1002 },
    { frame(CLOSE, "x"), 1002 },
    { frame(CLOSE, "\0\0"), 1002 },
    { frame(CLOSE, "\3\231"), 1002 }, -- 999
    { frame(CLOSE, "\3\236"), 1002 }, -- 1004
    { frame(CLOSE, "\3\237"), 1002 }, -- 1005
    { frame(CLOSE, "\3\238"), 1002 }, -- 1006
    { frame(CLOSE, "\3\247"), 1002 }, -- 1015
    { frame(CLOSE, "\11\183"), 1002 }, -- 2999
    { frame(CLOSE, "\19\136"), 1002 }, -- 5000
    { frame(CLOSE, "\255\255"), 1002 },
    { frame(TEXT, "", { length = "\0\0\0\0\0\0\0\5" }) .. "abcde", 1002 },
    { "GET / HTTP/1.1\r\n\r\n", 1002 },
  },
  ["D-23 bad UTF-8"] = {
    { frame(TEXT, "\255"), 1007 },
    { frame(TEXT, "abc\192\128"), 1007 },
    { frame(TEXT, "\237\160\128"), 1007 },
    { frame(TEXT, "\244\144\128\128"), 1007 },
    { frame(TEXT, "a\195"), 1007 },
    { frame(TEXT, "a\195", { fin = false }) .. frame(CONTINUATION, ""), 1007 },
    -- At the first bad byte, though the message is not whole.
    { frame(TEXT, "a\195", { fin = false }) .. frame(CONTINUATION, "b", { fin = false }), 1007 },
    { frame(TEXT, "ok\255" .. ("x"):rep(70000)):sub(1, 100), 1007 },
    { frame(CLOSE, "\3\232\255"), 1007 },
  },
  ["D-24 lengths"] = {
    { frame(BINARY, "", { length = BEYOND_2_63 }), 1002 },
    { frame(BINARY, "", { length = NEAR_2_64 }), 1002 },
    { frame(BINARY, "", { length = NEAR_2_63 }), 1009 },
    { frame(BINARY, "", { length = "\0\0\0\0\1\0\0\1" }), 1009 },
    { frame(TEXT, "", { fin = false }) .. frame(CONTINUATION, "", { length = NEAR_2_63 }), 1009 },
    {
      frame(TEXT, "", { fin = false }) .. frame(CONTINUATION, "", { fin = false }):rep(65537),
      1009,
    },
  },
}

local function sorted_names(rows)
  local names = {}
  for name in pairs(rows) do
    names[#names + 1] = name
  end
  table.sort(names)
  return names
end

local function contains(row, status)
  for i = 2, #row do
    if row[i] == status then return true end
  end
  return false
end

describe("attacks:", function()
  local made, bystander, heard

  before_each(function()
    heard = {}
    made = fixture.server(nil, {
      OnMessage = function(conn, text)
        heard[#heard + 1] = text
        conn:write(text)
      end,
      OnCommandGet = function(_, request, response) response.content_text = request.body end,
    })
    bystander = fixture.connect(made)
  end)
  after_each(fixture.clean)

  --- Another connection is answered, and so is a new one.
  local function assert_alive()
    bystander:send "still there"
    assert.equal("still there", bystander:read())
    assert.equal(200, http.request(made.port, "/").status)
  end

  for _, name in ipairs(sorted_names(http_rows)) do
    it(name, function()
      for i, row in ipairs(http_rows[name]) do
        local response, ended = http.raw(made.port, row[1])
        local what = ("row %d: %q"):format(i, row[1]:sub(1, 80))
        assert.is_table(response, what)
        assert.is_true(contains(row, response.status), what .. " gives " .. response.status)
        assert.is_true(ended, what .. " stays open")
        assert_alive()
      end
    end)
  end

  it("D-01 nothing behind a refused head is a request", function()
    local smuggled = http.compose "/smuggled"
    local bytes = head("Host: x", "Content-Length: 4", "Transfer-Encoding: chunked")
    local _, _, rest = http.raw(made.port, bytes .. "0\r\n\r\n" .. smuggled)
    assert.equal("", rest)
  end)

  it("D-07 the target's authority wins", function()
    local seen
    function made.OnCommandGet(_, request, response)
      seen = request.document
      response.content_text = "ok"
    end
    local response = http.raw(made.port, head("GET http://a/path HTTP/1.1", "Host: b"))
    assert.equal(200, response.status)
    assert.equal("/path", seen)
  end)

  for _, name in ipairs(sorted_names(websocket_rows)) do
    it(name, function()
      for i, row in ipairs(websocket_rows[name]) do
        local peer = fixture.connect(made)
        peer.socket:send(row[1])
        local what = ("row %d: %q"):format(i, row[1]:sub(1, 40))
        assert.equal(row[2], (peer:read_close()), what)
        local _, why = peer.socket:read_all(1)
        assert.are_not.equal("timeout", why, what .. " stays open")
        assert_alive()
        peer.socket:close()
      end
      for _, text in ipairs(heard) do
        assert.equal("still there", text)
      end
    end)
  end

  it("D-22 bad frames after a good one: the good one counts", function()
    local peer = fixture.connect(made)
    peer.socket:send(frame(TEXT, "good") .. frame(TEXT, "bad", { rsv = 1 }))
    assert.equal("good", peer:read())
    assert.equal(1002, (peer:read_close()))
  end)

  it("D-24 a declared size takes no memory", function()
    local peers = {}
    local before = tonumber(io.open("/proc/self/statm"):read "*n")
    for i = 1, 50 do
      peers[i] = fixture.connect(made)
      peers[i].socket:send(frame(BINARY, "", { length = "\0\0\0\0\0\255\255\255" }))
    end
    timer.sleep(0.02)
    local pages = tonumber(io.open("/proc/self/statm"):read "*n") - before
    assert.is_true(pages * 4096 < 100 * 1024 * 1024, pages .. " pages")
    assert_alive()
  end)

  it("D-25 a message that inflates without bound is stopped at the limit", function()
    bystander:close()
    made:stop()
    made = fixture.server({ extensions = { permessage_deflate = {} } }, {
      OnMessage = function(conn, text) conn:write(text) end,
      OnCommandGet = function(_, _, response) response.content_text = "ok" end,
    })
    bystander = fixture.connect(made)
    local offer = { headers = { "Sec-WebSocket-Extensions: permessage-deflate" } }
    local peer = fixture.connect(made, offer)
    peer:send(("a"):rep(65536))
    local piece = peer:read_frame().payload .. "\0\0\255\255"
    local before = tonumber(io.open("/proc/self/statm"):read "*n")
    peer:send_frame(TEXT, piece:rep(10000) .. "\0", { rsv = 4 }) -- 640 MiB
    assert.equal(1009, (peer:read_close()))
    local pages = tonumber(io.open("/proc/self/statm"):read "*n") - before
    assert.is_true(pages * 4096 < 200 * 1024 * 1024, pages .. " pages")
    assert_alive()
  end)

  it("D-27 a peer that vanishes is found", function()
    bystander:close()
    made:stop()
    local gone
    made = fixture.server({ heartbeat = { interval = 0.1, timeout = 0.05 } }, {
      OnDisconnect = function(_, code) gone = code end,
    })
    fixture.connect(made)
    clock.wait_for(function() return gone == 1006 end, 1)
  end)

  it("D-27 a peer that does not read is dropped at the limit", function()
    bystander:close()
    made:stop()
    local limit = 1024 * 1024
    made = fixture.server { limits = { send_queue = limit, high_water = 100000 } }
    local deaf = fixture.connect(made, { receive_buffer = 4096 })
    bystander = fixture.connect(made)
    local log = capture(function()
      local sent = 0
      while made:count() == 2 do
        made:broadcast(("x"):rep(50000))
        sent = sent + 50000
        assert.equal(50000, #bystander:read())
        assert.is_true(sent < 64 * limit, "never dropped")
      end
    end)
    assert.matches("send_queue", log, 1, true)
    deaf.socket:close()
  end)

  it("a flood of pings and empty frames is answered in order", function()
    local peer = fixture.connect(made)
    peer.socket:send(frame(PONG, ""):rep(1000) .. frame(TEXT, ""):rep(1000))
    peer.socket:send(frame(PING, "last"))
    local empty = 0
    for got in function() return peer:read_frame() end do
      if got.opcode == PONG then
        assert.equal("last", got.payload)
        break
      end
      empty = empty + 1
    end
    assert.equal(1000, empty)
    assert_alive()
  end)

  it("connections that come and go in every state leave nothing", function()
    local request = websocket.compose() .. frame(TEXT, ("x"):rep(200)) .. frame(CLOSE, "\3\232")
    for stop = 1, #request, 7 do
      local peer = fixture.socket(made)
      peer:send(request:sub(1, stop))
      if stop % 2 == 0 then timer.sleep(0) end
      peer[stop % 3 == 0 and "reset" or "close"](peer)
    end
    assert_alive()
    clock.wait_for(function() return made:count() == 1 end)
  end)
end)
