-- perilune.core.http: calls over pooled connections, as perilune.http makes them.
-- covers: lua/lua_http.c lua/lua_http_call.c lua/lua_http_body.c
local core = require "perilune.core.http"
local clock = require "spec.support.clock"
local fixture = require "spec.support.fixture"
local socket = require "spec.support.socket"
local task = require "perilune.task"

local function serving(handler, options)
  return fixture.server(options, { OnCommandGet = handler, OnCommandOther = handler })
end

--- The rest of a response's content.
local function content(call)
  local pieces = {}
  while true do
    local piece, message, code = call:read()
    if message then return nil, message, code end
    if not piece then return table.concat(pieces) end
    pieces[#pieces + 1] = piece
  end
end

local function order(port, more)
  local made = { method = "GET", scheme = "http", host = "127.0.0.1", port = port, target = "/" }
  for name, value in pairs(more or {}) do
    made[name] = value
  end
  return made
end

describe("a call", function()
  local pool
  before_each(function() pool = core.pool {} end)
  after_each(function()
    pool:close()
    fixture.clean()
  end)

  it("asks and is answered", function()
    local seen
    local server = serving(function(_, request, response)
      seen = { request.command, request.query, request.headers["x-a"], request.headers.host }
      response.headers["X-Two"] = { "b", "c" }
      response.content_text = "hello"
    end)
    local call = assert(pool:open(order(server.port, {
      target = "/a?b=c",
      fields = { { "X-A", "1" } },
    })))
    local head = assert(call:head())
    assert.equal(200, head.status)
    assert.equal("OK", head.reason)
    assert.equal("HTTP/1.1", head.version)
    assert.equal("b, c", head.headers["x-two"])
    local found = 0
    for _, field in ipairs(head.fields) do
      if field[1] == "X-Two" then found = found + 1 end
    end
    assert.equal(2, found)
    assert.equal("hello", content(call))
    assert.is_nil(call:read())
    assert.same({ "GET", "b=c", "1", "127.0.0.1:" .. server.port }, seen)
    assert.same({}, call:trailers())
    assert.equal(5, call.received)
    assert.equal(0, call.sent)
    assert.equal("127.0.0.1", call.remote)
    assert.is_false(call.reused)
    assert.is_true(call.timing.first_byte >= 0)
  end)

  it("uses connections again", function()
    local ports = {}
    local server = serving(function(conn, _, response)
      ports[conn.port] = true
      response.content_text = "x"
    end)
    for i = 1, 5 do
      local call = assert(pool:open(order(server.port)))
      assert.equal("x", content(call))
      assert.equal(i > 1, call.reused)
      assert.same({ idle = 1, active = 0 }, pool:counts())
    end
    local count = 0
    for _ in pairs(ports) do
      count = count + 1
    end
    assert.equal(1, count)
  end)

  it("sends a body of a known length, and one of any length", function()
    local server = serving(
      function(_, request, response) response.content_text = request.body:upper() end
    )
    for _, length in ipairs { 6, false } do
      local call = assert(pool:open(order(server.port, {
        method = "POST",
        body = true,
        length = length or nil,
      })))
      assert.is_true(call:write "abc")
      assert.is_true(call:write "def")
      assert.is_true(call:finish())
      assert.equal("ABCDEF", content(call))
      assert.equal(6, call.sent)
    end
  end)

  it("says why there is none", function()
    local call, message, code = pool:open(order(1))
    assert.is_nil(call)
    assert.equal("ECONNREFUSED", code)
    assert.is_string(message)
    call, message, code = pool:open(order(80, { fields = { { "Content-Length", "1" } } }))
    assert.same({ nil, "EINVAL" }, { call, code })
    assert.is_string(message)
  end)

  --- A call of a server that says these bytes once it has been asked, and closes.
  local function said(bytes, more)
    local listener = socket.listen()
    local opening = task.start(pool.open, pool, order(listener.port, more))
    local peer = assert(listener:accept())
    local call = assert(opening:wait())
    peer:read_through "\r\n\r\n"
    peer:send(bytes)
    peer:close()
    listener:close()
    return call
  end

  local OK = "HTTP/1.1 200 OK\r\n"
  local HELLO = "\x0b\x02\x80hello\x03" -- br

  it("is read as much at a time as is wanted", function()
    local call = said(OK .. "Content-Length: 10\r\n\r\n0123456789")
    assert.equal("012", call:read(3))
    assert.equal("3456", call:read(4))
    assert.equal("789", call:read(100))
    assert.is_nil(call:read(1))
    assert.is_nil(call:read())
  end)

  it("gives what came before it failed", function()
    local call = said(OK .. "Content-Length: 10\r\n\r\n01234")
    assert.equal(200, call:head().status)
    assert.equal("01234", call:read())
    for _ = 1, 2 do
      local piece, message, code = call:read()
      assert.is_nil(piece)
      assert.equal("the connection ended within the response's content", message)
      assert.equal("ECONNRESET", code)
    end
    assert.equal(200, call:head().status)
  end)

  it("has trailers", function()
    local call = said(OK .. "Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nA: b\r\nC: d\r\n\r\n")
    assert.equal("x", content(call))
    assert.same({ a = "b", c = "d" }, call:trailers())
  end)

  it("writes no further than it is read", function()
    local taken = 0
    local server = serving(function(_, request, response)
      for piece in function() return request:read(65536) end do
        taken = taken + #piece
      end
      response.content_text = tostring(taken)
    end)
    local size = 20 * 1024 * 1024
    local call = assert(pool:open(order(server.port, { method = "PUT", body = true })))
    assert.is_true(call:write(("x"):rep(size)))
    assert.is_true(taken > size / 4) -- while it wrote
    assert.is_true(call:finish())
    assert.equal(tostring(size), content(call))
    assert.equal(size, call.sent)
    assert.equal(1, pool:counts().idle)
  end)

  it("stops when the server refuses what it sends", function()
    local listener = socket.listen()
    local opening =
      task.start(pool.open, pool, order(listener.port, { method = "PUT", body = true }))
    local peer = assert(listener:accept())
    local call = assert(opening:wait())
    peer:read_through "\r\n\r\n"
    peer:send "HTTP/1.1 413 Too Much\r\nContent-Length: 2\r\n\r\nno"
    local wrote, _, code
    repeat
      wrote, _, code = call:write(("x"):rep(65536))
    until not wrote
    assert.equal("EANSWERED", code)
    assert.equal("EANSWERED", select(3, call:finish()))
    assert.equal(413, call:head().status)
    assert.equal("no", content(call))
    assert.same({ idle = 0 }, { idle = pool:counts().idle })
    listener:close()
    peer:close()
  end)

  it("hears why the server does not want more, though it closes at once", function()
    local listener = socket.listen()
    local opening =
      task.start(pool.open, pool, order(listener.port, { method = "PUT", body = true }))
    local peer = assert(listener:accept())
    local call = assert(opening:wait())
    local writing = task.start(function()
      local wrote, _, code
      repeat
        wrote, _, code = call:write(("x"):rep(65536))
      until not wrote
      return code
    end)
    peer:read_through "\r\n\r\n"
    clock.wait_for(function() return call.sent > 8 * 65536 end)
    peer:send "HTTP/1.1 413 Too Much\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno"
    peer:close() -- with input that it has not read: a reset
    assert.equal("EANSWERED", writing:wait())
    assert.equal(413, call:head().status)
    assert.equal("no", content(call))
    listener:close()
  end)

  it("takes codings off when it is to", function()
    local coded = OK .. "Content-Encoding: br\r\nContent-Length: " .. #HELLO .. "\r\n\r\n" .. HELLO
    assert.equal("hello", content(said(coded, { decode = true })))
    assert.equal(HELLO, content(said(coded)))
    for bytes, expected in pairs {
      [OK .. "Content-Encoding: identity\r\nContent-Length: 2\r\n\r\nhi"] = "hi",
      [OK .. "Content-Encoding: gzip\r\nContent-Length: 0\r\n\r\n"] = "",
      [OK .. "Content-Encoding: br\r\n\r\n" .. HELLO:sub(1, -2)] = "EPROTO",
      [OK .. "Content-Encoding: br\r\n\r\n" .. HELLO .. "x"] = "EPROTO",
      [OK .. "Content-Encoding: gzip\r\n\r\n" .. HELLO] = "EPROTO",
      [OK .. "Content-Encoding: deflate\r\n\r\nx"] = "EPROTO",
      [OK .. "Content-Encoding: zstd\r\n\r\nx"] = "ENOTSUP",
      [OK .. "Content-Encoding: gzip, br\r\n\r\nx"] = "ENOTSUP",
      [OK .. "Content-Encoding: gzip\r\nContent-Encoding: br\r\n\r\nx"] = "ENOTSUP",
    } do
      local text, _, code = content(said(bytes, { decode = true }))
      assert.equal(expected, text or code)
    end
  end)

  it("has no content whose coding could be unknown", function()
    local head = "HTTP/1.1 304 Not Modified\r\nContent-Encoding: zstd\r\n\r\n"
    local call = said(head, { decode = true })
    assert.equal("zstd", call:head().headers["content-encoding"])
    assert.equal("", content(call))
  end)

  it("gives what could be decoded before it failed", function()
    local half = HELLO:sub(1, 7)
    local rest = ("Content-Encoding: br\r\nContent-Length: %d\r\n\r\n%s"):format(#HELLO, half)
    local call = said(OK .. rest, { decode = true })
    clock.wait_for(function() return pool:counts().active == 0 end)
    assert.equal("ECONNRESET", select(3, content(call)))
  end)

  it("has a limit for what its content may become", function()
    local bomb = "\x9f\xff\xff\xff\xf8\x27\x00\xe2\xb1\x40\x20\xf7\xfe\x1f" -- 16 MiB of NULs
    local bytes = OK .. "Content-Encoding: br\r\nContent-Length: " .. #bomb .. "\r\n\r\n" .. bomb
    local call = said(bytes, { decode = true })
    local largest, total = 0, 0
    for piece in function() return call:read() end do
      largest, total = math.max(largest, #piece), total + #piece
    end
    assert.equal(16 * 1024 * 1024, total)
    assert.is_true(largest <= 65536)
    local text, message, code =
      content(said(bytes, { decode = true, limits = { content = 100000 } }))
    assert.is_nil(text)
    assert.equal("ELIMIT", code)
    assert.equal("the content is too large", message)
    text, message, code =
      content(said(OK .. "\r\n" .. ("x"):rep(2000), { limits = { content = 1000 } }))
    assert.same({ nil, "the content is too large", "ELIMIT" }, { text, message, code })
  end)

  it("is for one reader at a time", function()
    local listener = socket.listen()
    local opening = task.start(pool.open, pool, order(listener.port))
    local peer = assert(listener:accept())
    local call = assert(opening:wait())
    local reading = task.start(call.head, call)
    task.start(function() end):wait()
    assert.has_error(function() call:read() end, "another task reads this call already")
    reading:cancel()
    assert.same({ nil, "ECANCELED" }, { (select(1, reading:wait())), (select(3, reading:wait())) })
    peer:send(OK .. "Content-Length: 2\r\n\r\nhi")
    assert.equal(200, call:head().status)
    assert.equal("hi", content(call))
    listener:close()
    peer:close()
  end)

  it("can be closed, also while somebody waits for it", function()
    local listener = socket.listen()
    local opening = task.start(pool.open, pool, order(listener.port))
    local peer = assert(listener:accept())
    local call = assert(opening:wait())
    local reading = task.start(call.read, call)
    task.start(function() end):wait()
    call:close()
    assert.equal("ECLOSED", select(3, reading:wait()))
    assert.equal("ECLOSED", select(3, call:head()))
    assert.equal("ECLOSED", select(3, call:write "x"))
    call:close()
    assert.equal("", peer:read_all():match "\r\n\r\n(.*)")
    opening = task.start(pool.open, pool, order(listener.port))
    peer = assert(listener:accept())
    call = assert(opening:wait())
    reading = task.start(call.read, call)
    task.start(function() end):wait()
    pool:close()
    assert.equal("ECANCELED", select(3, reading:wait()))
    assert.same({ nil, "ECLOSED" }, {
      (select(1, pool:open(order(listener.port)))),
      (select(3, pool:open(order(listener.port)))),
    })
    listener:close()
    peer:close()
  end)

  it("that nobody refers to is broken off", function()
    local listener = socket.listen()
    local opening = task.start(pool.open, pool, order(listener.port))
    local peer = assert(listener:accept())
    assert(opening:wait())
    opening = nil -- luacheck: ignore
    clock.wait_for(function()
      collectgarbage()
      return pool:counts().active == 0
    end)
    peer:read_all()
    listener:close()
    peer:close()
  end)

  it("keeps its pool", function()
    local server = serving(function(_, _, response) response.content_text = "x" end)
    local call = assert(core.pool({}):open(order(server.port)))
    collectgarbage()
    collectgarbage()
    assert.equal("x", content(call))
  end)
end)
