-- covers: internal/exchange.lua lua/lua_exchange.c lua/lua_request.c lua/lua_response.c
local capture = require "spec.support.capture"
local clock = require "spec.support.clock"
local fixture = require "spec.support.fixture"
local http = require "spec.support.http"
local timer = require "perilune.timer"

local MIB = 1024 * 1024
local CHUNKED = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
local EXPECT = "Expect: 100-continue\r\n"
local CONTINUE = "HTTP/1.1 100 Continue\r\n\r\n"

--- A server whose OnCommandGet and OnCommandOther are this handler.
local function serving(handler, options)
  return fixture.server(options, { OnCommandGet = handler, OnCommandOther = handler })
end

--- The head of a POST with a body of so many bytes.
local function head(length, lines)
  local text = "POST / HTTP/1.1\r\nHost: x\r\n%sContent-Length: %d\r\n\r\n"
  return text:format(lines or "", length)
end

--- Reads a request to its end: its pieces, and what the last read returned.
local function read_all(request, n)
  local pieces = {}
  while true do
    local piece, message, code = request:read(n)
    if not piece then return pieces, message, code end
    pieces[#pieces + 1] = piece
  end
end

--- What a handler's function throws.
local function thrown(f, ...)
  local ok, message = pcall(f, ...)
  assert.is_false(ok)
  return message
end

--- Sends as much of a large body as the server takes within a while; returns how many bytes.
local function push(peer, piece, seconds)
  local sent, last = 0, clock.now()
  while clock.now() - last < (seconds or 0.2) do
    local count = assert(peer:send_some(piece))
    sent = sent + count
    if count > 0 then
      last = clock.now()
    else
      timer.sleep(0.002)
    end
  end
  return sent
end

describe("request:read", function()
  after_each(fixture.clean)

  it("gives a body piece by piece, also one over limits.body", function()
    local pieces
    local made = serving(function(_, request, response)
      local message
      pieces, message = read_all(request)
      assert.is_nil(message)
      assert.is_nil(request:read())
      response.content_text = tostring(#table.concat(pieces))
    end, { limits = { body = 100 } })
    local body = ("0123456789abcdef"):rep(MIB / 4)
    assert.equal("4194304", http.request(made.port, "/", { method = "POST", body = body }).body)
    assert.equal(body, table.concat(pieces))
    assert.is_true(#pieces > 10)
    for _, piece in ipairs(pieces) do
      assert.is_true(#piece > 0 and #piece <= 2 * 65536)
    end
  end)

  it("gives a body that comes in chunks", function()
    local body
    local made = serving(function(_, request, response)
      body = table.concat((read_all(request)))
      response.content_text = "ok"
    end)
    local chunks = ("5\r\nhello\r\n1;x=y\r\n,\r\n"):rep(1000)
    assert.equal("ok", http.raw(made.port, CHUNKED .. chunks .. "0\r\nA: b\r\n\r\n").body)
    assert.equal(("hello,"):rep(1000), body)
  end)

  it("gives so many bytes as are asked for, fewer only at the end", function()
    local pieces
    local made = serving(function(_, request, response)
      pieces = { request:read(3), request:read(1), request:read(100000), request:read(6) }
      pieces[5], pieces[6] = request:read(6), request:read(6)
      response.content_text = "ok"
    end)
    local peer = fixture.socket(made)
    peer:send(head(100014) .. "abcd")
    for i = 1, 10 do
      peer:send((tostring(i % 10)):rep(10000))
      timer.sleep(0.002)
    end
    peer:send "efghijklmn"
    assert.equal("ok", http.read(peer).body)
    assert.equal("abc", pieces[1])
    assert.equal("d", pieces[2])
    assert.equal(100000, #pieces[3])
    assert.equal("efghij", pieces[4])
    assert.equal("klmn", pieces[5])
    assert.is_nil(pieces[6])
  end)

  it("gives nil when there is no body", function()
    local made = serving(
      function(_, request, response)
        response.content_text = tostring(request:read()) .. tostring(request:read(5))
      end
    )
    assert.equal("nilnil", http.request(made.port, "/").body)
  end)

  it("begins before the body is there, and gives what has come", function()
    local seen = {}
    local made = serving(function(_, request, response)
      seen[#seen + 1] = "begun"
      for piece in function() return request:read() end do
        seen[#seen + 1] = piece
      end
      response.content_text = "ok"
    end)
    local peer = fixture.socket(made)
    for i, bytes in ipairs { head(6), "abc", "def" } do
      peer:send(bytes)
      clock.wait_for(function() return #seen == i end)
    end
    assert.equal("ok", http.read(peer).body)
    assert.same({ "begun", "abc", "def" }, seen)
  end)

  it("holds the client up while nothing is read", function()
    local go_on, total
    local made = serving(function(_, request, response)
      clock.wait_for(function() return go_on end)
      total = 0
      for piece in function() return request:read() end do
        total = total + #piece
      end
      response.content_text = "ok"
    end)
    local peer = fixture.socket(made)
    local piece = ("x"):rep(65536)
    peer:send(head(64 * MIB))
    local sent = push(peer, piece)
    assert.is_true(sent < 16 * MIB, sent .. " bytes were taken")
    go_on = true
    while sent < 64 * MIB do
      sent = sent + assert(peer:send_some(piece:sub(1, math.min(#piece, 64 * MIB - sent))))
      timer.sleep(0)
    end
    assert.equal("ok", http.read(peer).body)
    assert.equal(64 * MIB, total)
  end)

  local function failed(bytes, finish, options)
    local result
    local made = serving(function(_, request)
      local _, message, code = read_all(request)
      local _, _, again = request:read()
      result = { message, code, again }
    end, options)
    local peer = fixture.socket(made)
    peer:send(bytes)
    if finish then finish(peer) end
    return clock.wait_for(function() return result end)
  end

  it("fails with ECLOSED when the client goes", function()
    for _, go in ipairs { "close", "reset", "shutdown" } do
      local expected = { "the connection is closed", "ECLOSED", "ECLOSED" }
      assert.same(
        expected,
        failed(head(10) .. "abc", function(peer)
          timer.sleep(0.01)
          peer[go](peer)
        end)
      )
      assert.equal("ECLOSED", failed(CHUNKED .. "5\r\nabc", function(peer) peer[go](peer) end)[2])
    end
  end)

  it("fails with EPROTO when a chunk is bad", function()
    local peer
    local result = failed(CHUNKED .. "5\r\nhello\r\n", function(given)
      peer = given
      timer.sleep(0.01)
      peer:send "x"
    end)
    assert.equal("EPROTO", result[2])
    assert.equal(400, http.read(peer).status)
  end)

  it("fails with ETIMEDOUT when the body does not come (D-09)", function()
    local options = { limits = { body_timeout = 0.1 } }
    local peer
    local result = failed(head(10) .. "abc", function(given) peer = given end, options)
    assert.equal("ETIMEDOUT", result[2])
    assert.equal(408, http.read(peer).status)
  end)

  it("fails with ETIMEDOUT when the body comes byte by byte (D-09)", function()
    local done
    local result = failed(head(1000000), function(peer)
      timer.after(0, function()
        while not done and peer:send "x" do
          timer.sleep(0.02)
        end
      end)
    end, { limits = { body_timeout = 0.2 } })
    done = true
    assert.equal("ETIMEDOUT", result[2])
  end)

  it("does not blame the client when we are slow", function()
    local made = serving(function(_, request, response)
      local total = 0
      timer.sleep(0.3)
      for piece in function() return request:read() end do
        if total == 0 then timer.sleep(0.3) end
        total = total + #piece
      end
      response.content_text = tostring(total)
    end, { limits = { body_timeout = 0.1 } })
    local body = ("x"):rep(8 * MIB)
    local response = http.request(made.port, "/", { method = "POST", body = body })
    assert.equal("8388608", response.body)
  end)

  it("asks for the body when it is called, not before", function()
    local go_on
    local made = serving(function(_, request, response)
      clock.wait_for(function() return go_on end)
      response.content_text = request:read(5)
    end, { limits = { body_timeout = 0.1 } })
    local peer = fixture.socket(made)
    peer:send(head(5, EXPECT))
    timer.sleep(0.3) -- more than body_timeout: the client waits for us
    assert.equal("empty", peer:fill())
    assert.equal("", peer.unread)
    go_on = true
    assert.equal(CONTINUE, peer:read(#CONTINUE))
    peer:send "hello"
    assert.equal("hello", http.read(peer).body)
  end)

  it("is answered without the body when the handler does not want it", function()
    local made = serving(function(_, _, response) response.response_no = 403 end)
    local peer = fixture.socket(made)
    peer:send(head(1000000, EXPECT))
    local response = http.read(peer)
    assert.equal(403, response.status)
    assert.equal("close", response.headers.connection)
    assert.same({ "", "end" }, { peer:read_all() })
  end)

  it("may be left: a short rest is read over, for a long one the connection closes", function()
    local made = serving(function(_, request, response)
      request:read(1)
      response.content_text = request.document
    end)
    local peer = fixture.socket(made)
    peer:send(http.compose("/1", { method = "POST", body = ("x"):rep(60000) }))
    peer:send(http.compose("/2", { method = "POST", body = ("x"):rep(10) }))
    assert.equal("/1", http.read(peer).body)
    assert.equal("/2", http.read(peer).body)
    peer:send(head(10 * MIB) .. ("x"):rep(100000))
    assert.equal("/", http.read(peer).body)
    assert.same({ "", "end" }, { peer:read_all() })
  end)

  it("leaves the next request of the connection alone", function()
    local made = serving(function(_, request, response)
      local pieces = read_all(request, 3)
      response.content_text = request.document .. " " .. table.concat(pieces, ",")
    end)
    local peer = fixture.socket(made)
    peer:send(http.compose("/1", { method = "POST", body = "abcdefgh" }))
    peer:send(http.compose "/2" .. http.compose("/3", { method = "POST", body = "ijkl" }))
    assert.equal("/1 abc,def,gh", http.read(peer).body)
    assert.equal("/2 ", http.read(peer).body)
    assert.equal("/3 ijk,l", http.read(peer).body)
  end)

  it("throws for what is no number of bytes, and where it cannot wait", function()
    local messages = {}
    local made = serving(function(_, request, response)
      for _, n in ipairs { 0, -1, 2 ^ 31, 0 / 0, "x", {} } do
        messages[#messages + 1] = thrown(request.read, request, n)
      end
      messages[#messages + 1] = thrown(string.gsub, "a", "a", function() return request:read() end)
      response.content_text = request:read(5)
    end)
    local peer = fixture.socket(made)
    peer:send(head(5))
    clock.wait_for(function() return #messages == 7 end)
    peer:send "hello"
    assert.equal("hello", http.read(peer).body)
    assert.matches("takes a number of bytes, from 1 to 2^30", messages[1], 1, true)
    assert.matches("cannot wait here", messages[7], 1, true)
  end)

  it("goes on in one task at a time, and ends with the handler", function()
    local messages, late, kept = {}, nil, nil
    local made = serving(function(_, request, response)
      kept = request
      timer.after(0, function() late = { request:read() } end)
      timer.sleep(0.02)
      messages[1] = thrown(request.read, request)
      messages[2] = thrown(function() return request.body end)
      response.content_text = "ok"
    end)
    local peer = fixture.socket(made)
    peer:send(head(5))
    assert.equal("ok", http.read(peer).body)
    assert.matches("another task waits for the body", messages[1], 1, true)
    assert.matches("taken by request:read already", messages[2], 1, true)
    assert.same({ nil, "the connection is closed", "ECLOSED" }, late)
    assert.matches("the request is over", thrown(kept.read, kept), 1, true)
  end)
end)

describe("a request", function()
  after_each(fixture.clean)

  --- The body of the answer to a request whose own body comes in two parts.
  local function answered(handler)
    local made = serving(handler)
    local peer = fixture.socket(made)
    peer:send(head(6) .. "abc")
    timer.sleep(0.05)
    peer:send "def"
    local response = http.read(peer)
    return response and response.body
  end

  it("is taken in a coroutine", function()
    local function body(request)
      return coroutine.wrap(function()
        coroutine.yield "first"
        return request.body
      end)
    end
    assert.equal(
      "first abcdef",
      answered(function(_, request, response)
        local f = body(request)
        response:write(f() .. " ")
        coroutine.wrap(function() response:write(f()) end)()
      end)
    )
  end)

  it("is taken by a task that the handler awaits", function()
    local task = require "perilune.task"
    assert.equal(
      "abcdef",
      answered(function(_, request, response)
        local reading = task.start(function()
          local pieces = read_all(request)
          return table.concat(pieces)
        end)
        response.content_text = reading:wait()
      end)
    )
  end)

  it("goes on when a task that reads it is cancelled", function()
    local task = require "perilune.task"
    assert.equal(
      "abcdef",
      answered(function(_, request, response)
        local reading = task.start(function() return request:read(1000) end)
        timer.sleep(0.001)
        reading:cancel()
        timer.sleep(0.001)
        response.content_text = table.concat((read_all(request, 6)))
      end)
    )
  end)

  it("fails when its own handler ends the connection", function()
    local results
    answered(function(conn, request, response)
      conn:disconnect()
      results = { { request:read(6) }, { response:write "x" } }
    end)
    local expected = { nil, "the connection is closed", "ECLOSED" }
    assert.same({ expected, expected }, clock.wait_for(function() return results end))
  end)

  it("keeps what comes while a file is looked for that is not there", function()
    local task = require "perilune.task"
    local body, root, peer = ("0123456789"):rep(20), fixture.folder().path, nil
    local made = serving(function(_, request, response)
      local first = request:read(1)
      for i = 2, #body do
        task.start(function() peer:send(body:sub(i, i)) end)
        local _, _, code = response:send_file("none" .. i, { root = root })
        assert.equal("ENOENT", code)
      end
      response.content_text = first .. table.concat((read_all(request)))
    end)
    peer = fixture.socket(made)
    peer:send(head(#body))
    timer.sleep(0.01)
    peer:send(body:sub(1, 1))
    assert.equal(body, http.read(peer).body)
  end)

  it("is finished when its handler closes the connection", function()
    assert.equal(
      "abcdef",
      answered(function(conn, request, response)
        conn:close()
        response.content_text = request.body
      end)
    )
  end)
end)

describe("request.body", function()
  after_each(fixture.clean)

  --- The response, and what OnException was told.
  local function answered(handler, bytes, options)
    local told = {}
    local made = serving(handler, options)
    function made.OnException(_, message) told[#told + 1] = message end
    local response = http.raw(made.port, bytes)
    return response, told
  end

  it("waits for a body that comes late", function()
    local made = serving(
      function(_, request, response) response.content_text = request.body .. request.body end
    )
    local peer = fixture.socket(made)
    peer:send(head(6) .. "abc")
    timer.sleep(0.01)
    peer:send "def"
    assert.equal("abcdefabcdef", http.read(peer).body)
  end)

  it("of a form comes with request.params", function()
    local made = serving(
      function(_, request, response)
        response.content_text = request.params.a .. request.params.b .. request.body
      end
    )
    local peer = fixture.socket(made)
    peer:send(head(7, "Content-Type: application/x-www-form-urlencoded\r\n") .. "a=1")
    timer.sleep(0.01)
    peer:send "&b=2"
    assert.equal("12a=1&b=2", http.read(peer).body)
  end)

  it("is not touched by request.params of another type", function()
    local made = serving(
      function(_, request, response)
        response.content_text = (request.params.a or "none") .. request:read(3)
      end
    )
    assert.equal("noneabc", http.raw(made.port, head(3) .. "abc").body)
  end)

  it("over the limit throws: 413 without OnException", function()
    local after = false
    local function handler(_, request)
      local _ = request.body
      after = true
    end
    local options = { limits = { body = 10 } }
    local rows = { head(11), CHUNKED .. "6\r\n123456\r\n5\r\n12345\r\n0\r\n\r\n" }
    for _, bytes in ipairs(rows) do
      local response, told = answered(handler, bytes, options)
      assert.equal(413, response.status)
      assert.same({}, told)
    end
    assert.is_false(after)
  end)

  it("over the limit may be caught", function()
    local message
    local response = answered(function(_, request, response)
      message = thrown(function() return request.body end)
      message = message .. thrown(function() return request.body end)
      response.content_text = "less, please"
    end, head(11), { limits = { body = 10 } })
    assert.equal("less, please", response.body)
    local _, count = message:gsub("request.body cannot be had: it is larger than limits.body", "")
    assert.equal(2, count)
  end)

  it("that is caught does not hide another error", function()
    local response, told = answered(function(_, request)
      pcall(function() return request.body end)
      error "another"
    end, head(11), { limits = { body = 10 } })
    assert.equal(500, response.status)
    assert.matches("another", told[1], 1, true)
  end)

  it("of a client that goes ends the handler without OnException", function()
    local begun, told, after = false, {}, false
    local made = serving(function(_, request)
      begun = true
      local _ = request.body
      after = true
    end)
    function made.OnException(_, message) told[#told + 1] = message end
    local peer = fixture.socket(made)
    peer:send(head(10) .. "abc")
    clock.wait_for(function() return begun end)
    peer:reset()
    made:stop()
    assert.same({}, told)
    assert.is_false(after)
  end)

  it("cannot be had when the body is read", function()
    local messages = {}
    local made = serving(function(_, request, response)
      if request.document == "/body" then
        local _ = request.body
        messages[1] = thrown(request.read, request)
      else
        request:read()
        messages[2] = thrown(function() return request.body end)
      end
      response.content_text = "ok"
    end)
    for _, path in ipairs { "/body", "/read" } do
      assert.equal(200, http.request(made.port, path, { method = "POST", body = "abc" }).status)
    end
    assert.matches("taken by request.body or request.params already", messages[1], 1, true)
    assert.matches("taken by request:read already", messages[2], 1, true)
  end)
end)

describe("response:write", function()
  after_each(fixture.clean)

  it("sends chunks as they are written", function()
    local go_on
    local made = serving(function(_, _, response)
      response.response_no = 201
      response.content_type = "text/plain"
      response.headers["X-Name"] = "Ada"
      assert.is_true(response:write "one")
      clock.wait_for(function() return go_on end)
      assert.is_true(response:write "two")
      assert.is_true(response:write(""))
      assert.is_true(response:write(3))
    end)
    local peer = fixture.socket(made)
    peer:send(http.compose "/")
    local first = peer:read_through "one\r\n"
    assert.matches("^HTTP/1.1 201 Created\r\n", first)
    assert.matches("\r\nTransfer-Encoding: chunked\r\n", first, 1, true)
    assert.matches("\r\nContent-Type: text/plain\r\n", first, 1, true)
    assert.matches("\r\nX%-Name: Ada\r\n.*\r\n\r\n3\r\none\r\n$", first)
    assert.is_nil(first:lower():find("content-length", 1, true))
    go_on = true
    assert.equal("3\r\ntwo\r\n1\r\n3\r\n0\r\n\r\n", peer:read_through "0\r\n\r\n")
    peer:send(http.compose "/")
    assert.equal("onetwo3", http.read(peer).body)
  end)

  it("sends the head alone", function()
    local go_on
    local made = serving(function(_, _, response)
      response:write ""
      clock.wait_for(function() return go_on end)
    end)
    local peer = fixture.socket(made)
    peer:send(http.compose "/")
    local given = peer:read_through "\r\n\r\n"
    assert.matches("^HTTP/1.1 200 OK\r\n.*Content%-Type: text/html; charset=utf%-8\r\n", given)
    go_on = true
    assert.equal("0\r\n\r\n", peer:read(5))
  end)

  it("ends an HTTP/1.0 answer with the connection", function()
    local made = serving(function(_, _, response)
      response:write "one"
      response:write "two"
    end)
    local response, ended = http.raw(made.port, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
    assert.equal("onetwo", response.body)
    assert.is_nil(response.headers["transfer-encoding"])
    assert.equal("close", response.headers.connection)
    assert.is_true(ended)
  end)

  it("keeps to the content-length that is set", function()
    local results = {}
    local made = serving(function(_, _, response)
      response.headers["content-Length"] = 6
      results[1] = { response:write "abc" }
      results[2] = { response:write "defg" }
      results[3] = { response:write "def" }
      results[4] = { response:write "g" }
    end)
    local peer = fixture.socket(made)
    for _ = 1, 2 do
      peer:send(http.compose "/")
      local response = http.read(peer)
      assert.equal("6", response.headers["content-length"])
      assert.equal("abcdef", response.body)
    end
    local refusal = { nil, "more than content-length said", "ETOOBIG" }
    assert.same({ { true }, refusal, { true }, refusal }, results)
  end)

  it("shows an answer that is shorter than its content-length", function()
    local log = capture(function()
      local made = serving(function(_, _, response)
        response.headers["content-length"] = "6"
        response:write "abc"
      end)
      local peer = fixture.socket(made)
      peer:send(http.compose "/" .. http.compose "/")
      assert.matches("abc$", peer:read_through "abc")
      assert.same({ "", "end" }, { peer:read_all() })
    end)
    assert.matches("shorter than its Content-Length", log, 1, true)
  end)

  it("sends no body for HEAD, 204 and 304", function()
    local made = serving(function(_, request, response)
      response.response_no = tonumber(request.params.number)
      response.headers["content-length"] = request.params.length
      assert.is_true(response:write "abc")
      assert.is_true(response:write "defgh")
    end)
    local peer = fixture.socket(made)
    for _ = 1, 2 do
      peer:send(http.compose("/", { method = "HEAD" }))
      local response = http.read(peer, "HEAD")
      assert.is_nil(response.headers["content-length"])
      peer:send(http.compose("/?length=8", { method = "HEAD" }))
      assert.equal("8", http.read(peer, "HEAD").headers["content-length"])
      for _, number in ipairs { 204, 304 } do
        peer:send(http.compose("/?number=" .. number))
        assert.equal(number, http.read(peer).status)
      end
    end
    assert.equal("empty", peer:fill())
    assert.equal("", peer.unread)
  end)

  it("throws for a head that cannot be sent (D-13)", function()
    local message
    local function refused(set)
      local made = serving(function(_, _, response)
        set(response)
        message = thrown(response.write, response, "x")
        response.response_no, response.content_text = 200, "fine"
        response.headers = {}
      end)
      assert.equal("fine", http.request(made.port, "/").body)
      return message
    end
    for _, name in ipairs { "date", "connection", "transfer-encoding", "x y", "a\r\nb" } do
      local given = refused(function(response) response.headers[name] = "1" end)
      assert.matches("response:write: a bad status, header name or value", given, 1, true)
    end
    refused(function(response) response.headers.x = "a\r\nb: c" end)
    refused(function(response) response.response_no = 99 end)
    for _, length in ipairs { "", "-1", "1e3", "0x1", "+1", " 1", ("9"):rep(19), -1, 0.5 } do
      local given = refused(function(response) response.headers["Content-Length"] = length end)
      assert.matches("content-length takes digits, once", given, 1, true)
    end
    refused(function(response) response.headers["content-length"] = { "1", "1" } end)
    local given = refused(function(response) response.content_text = "x" end)
    assert.matches("content_text is set", given, 1, true)
  end)

  it("says when content_text comes too late", function()
    local log = capture(function()
      local made = serving(function(_, _, response)
        response:write "one"
        response.content_text = "two"
      end)
      assert.equal("one", http.request(made.port, "/").body)
    end)
    assert.matches("content_text was set after response:write", log, 1, true)
  end)

  it("is cut when the handler throws", function()
    local message
    local made = serving(function(_, _, response)
      response:write "one"
      timer.sleep(0.01)
      error "what a pity"
    end)
    function made.OnException(_, text) message = text end
    local peer = fixture.socket(made)
    peer:send(http.compose "/")
    assert.matches("3\r\none\r\n$", (peer:read_all()))
    assert.matches("what a pity", message, 1, true)
  end)

  it("waits for a client that reads slowly", function()
    local written, ended = 0, false
    local chunk = ("x"):rep(65536)
    local made = serving(function(_, _, response)
      for _ = 1, 512 do
        assert(response:write(chunk))
        written = written + #chunk
      end
      ended = true
    end)
    local peer = fixture.socket(made, { receive_buffer = 4096 })
    peer:send(http.compose "/")
    clock.wait_for(function() return written > 0 end)
    timer.sleep(0.2)
    assert.is_true(written < 16 * MIB, written .. " bytes were taken")
    assert.is_false(ended)
    assert.equal(512 * 65536, #http.read(peer).body)
    assert.is_true(ended)
  end)

  --- What write returns in the end to a handler that writes without end.
  local function endless(options, during)
    local result
    local chunk = ("x"):rep(65536)
    local made = serving(function(_, _, response)
      repeat
        result = { response:write(chunk) }
      until not result[1]
      local again = { response:write(chunk) }
      assert.same(result, again)
      result.over = true
    end, options)
    local peer = fixture.socket(made, { receive_buffer = 4096 })
    peer:send(http.compose "/")
    assert.is_true(peer:read_until(function(unread) return #unread > 1000 end))
    if during then during(peer, made) end
    clock.wait_for(function() return result and result.over end)
    result.over = nil
    return result
  end

  it("fails with ECLOSED when the client goes", function()
    local expected = { nil, "the connection is closed", "ECLOSED" }
    assert.same(expected, endless(nil, function(peer) peer:reset() end))
    assert.same(expected, endless(nil, function(peer) peer:close() end))
  end)

  it("fails with ETIMEDOUT when the client reads nothing", function()
    local result = endless { limits = { write_timeout = 0.3 } }
    assert.same({ nil, "timed out", "ETIMEDOUT" }, result)
  end)

  it("lets others in while a client takes all that it gets", function()
    local done = false
    local chunk = ("x"):rep(65536)
    local made = serving(function(_, request, response)
      if request.document == "/quick" then
        response.content_text = "quick"
        return
      end
      while not done and response:write(chunk) do
      end
    end)
    local process = require "spec.support.process"
    local url = ("http://127.0.0.1:%d/"):format(made.port)
    process.start { "curl", "--silent", "--output", "/dev/null", url }
    for _ = 1, 20 do
      assert.equal("quick", http.request(made.port, "/quick").body)
    end
    done = true
  end)

  it("sends back what is read, with both flowing", function()
    local made = serving(function(_, request, response)
      while true do
        local piece = request:read()
        if not piece then return end
        assert(response:write(piece))
      end
    end)
    local peer = fixture.socket(made)
    local piece, sent = ("0123456789abcdef"):rep(4096), 0
    peer:send(head(4 * MIB))
    timer.after(0, function()
      while sent < 4 * MIB do
        peer:send(piece)
        sent = sent + #piece
      end
    end)
    assert.equal(piece:rep(64), http.read(peer).body)
  end)

  it("throws when it is used later, fails when the client has gone", function()
    local kept
    local made = serving(function(_, _, response)
      kept = response
      response:write "x"
    end)
    http.request(made.port, "/")
    assert.matches("the response is over", thrown(kept.write, kept, "x"), 1, true)
    assert.has_error(function() kept.write({}, "x") end)
  end)

  it("goes on in one task at a time", function()
    local message, late
    local chunk = ("x"):rep(65536)
    local made = serving(function(_, _, response)
      timer.after(0, function()
        repeat
          late = { response:write(chunk) }
        until not late[1]
      end)
      timer.sleep(0.1)
      message = thrown(response.write, response, "x")
    end)
    local peer = fixture.socket(made, { receive_buffer = 4096 })
    peer:send(http.compose "/")
    clock.wait_for(function() return message end)
    assert.matches("another task is writing", message, 1, true)
    assert.same({ nil, "the connection is closed", "ECLOSED" }, late)
  end)
end)

describe("a handler that stops the server", function()
  after_each(fixture.clean)

  --- The response to a request whose handler this is, and how long the server took to stop.
  local function stopped_by(handler, request_options)
    local made, stopped
    local begun = clock.now()
    made = serving(function(_, request, response)
      handler(response, request)
      made:stop()
      stopped = { clock.now() - begun, pcall(function() return request.command end) }
      response.content_text = "too late"
    end)
    local response = http.request(made.port, "/", request_options)
    clock.wait_for(function() return stopped end)
    assert.is_true(stopped[1] < 2, "it took " .. stopped[1] .. " s")
    assert.is_false(stopped[2])
    assert.matches("was answered when its handler stopped the server", stopped[3], 1, true)
    return response
  end

  it("has its answer sent", function()
    local response = stopped_by(function(response) response.content_text = "bye" end)
    assert.equal("bye", response.body)
    assert.equal("close", response.headers.connection)
  end)

  it("has what it wrote ended", function()
    local response = stopped_by(function(response)
      response:write "one"
      response:write "two"
    end)
    assert.equal("onetwo", response.body)
  end)

  it("has 503 sent when it has set nothing", function()
    assert.equal(503, stopped_by(function() end).status)
  end)

  it("does not wait for its own body", function()
    local response = stopped_by(function(response, request)
      request:read()
      response.content_text = "bye"
    end, { method = "POST", body = ("x"):rep(100000) })
    assert.equal("bye", response.body)
  end)

  it("may be in another server's request", function()
    local other = fixture.server()
    local made = serving(function(_, _, response)
      assert.is_true(other:stop())
      response.content_text = "stopped the other"
    end)
    assert.equal("stopped the other", http.request(made.port, "/").body)
  end)

  it("may end the program", function()
    local process = require "spec.support.process"
    local path = fixture.script [[
      local server = require("perilune.server").new { port = 0 }
      function server.OnCommandGet(_, _, response)
        response.content_text = "bye"
        os.exit(7)
      end
      assert(server:start())
    ]]
    local running = process.perilune { path }
    local begun = clock.now()
    assert.equal("bye", http.request(running:wait_port(), "/").body)
    assert.equal(7, running:wait())
    assert.is_true(clock.now() - begun < 3)
  end)
end)
