--- What hostile servers do to a client of HTTP (D-14): it is an error, never success, and bounded.
local attack = require "spec.support.attack"
local client = require "perilune.client"
local clock = require "spec.support.clock"
local fixture = require "spec.support.fixture"
local http = require "perilune.http"
local process = require "spec.support.process"
local socket = require "spec.support.socket"
local task = require "perilune.task"
local timer = require "perilune.timer"

local MIB = 1024 * 1024

--- Asks a server that behaves as `behave(peer)` does once it has the request; what the request
--- comes to.
local function asked(behave, options)
  local listener = socket.listen()
  local url = ("http://127.0.0.1:%d/"):format(listener.port)
  local asking = task.start(http.get, url, options)
  local peer = assert(listener:accept())
  local serving = task.start(function()
    peer:read_through "\r\n\r\n"
    behave(peer)
  end)
  local response, message, code = asking:wait(clock.PATIENCE)
  serving:cancel()
  peer:close()
  listener:close()
  return response, message, code
end

--- A server that says these bytes and closes, or stays when `stay` is true.
local function says(bytes, stay)
  return function(peer)
    peer:send(bytes)
    if not stay then peer:close() end
  end
end

local function assert_fails(expected, behave, options)
  local response, message, code = asked(behave, options)
  assert.is_nil(response)
  assert.equal("string", type(message))
  assert.equal(expected, code, message)
end

local OK = "HTTP/1.1 200 OK\r\n"

describe("a client of HTTP and", function()
  after_each(fixture.clean)

  it("two framings, or none that is one", function()
    for _, head in ipairs {
      "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n",
      "Content-Length: 2\r\nContent-Length: 3\r\n\r\nabc",
      "Content-Length: +2\r\n\r\nab",
      "Content-Length: 99999999999999999999\r\n\r\nab",
      "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
      "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
      "Transfer-Encoding: chunked\r\n\r\nzz\r\n",
      "Transfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n0\r\n\r\n",
      "Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
    } do
      assert_fails("EPROTO", says(OK .. head))
    end
  end)

  it("what is no HTTP, from one who then waits", function()
    for _, bytes in ipairs { "x", "\0", "+OK\r\n", "HTTP/2", "HTTP/1.1 9" } do
      assert_fails("EPROTO", says(bytes, true))
      local listener = socket.listen()
      local speaking = task.start(function()
        local peer = assert(listener:accept())
        peer:read_through "\r\n\r\n"
        peer:send(bytes)
        peer:read_all(clock.PATIENCE)
        peer:close()
      end)
      local url = ("ws://127.0.0.1:%d/"):format(listener.port)
      local _, message, code = client.new({ url = url }):connect(clock.PATIENCE)
      assert.equal("EPROTO", code, message)
      speaking:cancel()
      listener:close()
    end
  end)

  it("bodies that end too early", function()
    for _, rest in ipairs {
      "",
      "Content-Length: 3\r\n\r\nab",
      "Transfer-Encoding: chunked\r\n\r\n",
      "Transfer-Encoding: chunked\r\n\r\n3\r\nab",
      "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n",
      "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n",
    } do
      assert_fails("ECONNRESET", says(OK .. rest))
    end
  end)

  it("heads that never end", function()
    assert_fails("ELIMIT", function(peer)
      peer:send(OK)
      for i = 1, 1000000 do
        if not peer:send(("X-%d: %s\r\n"):format(i, ("x"):rep(100))) then return end
      end
    end)
    assert_fails("ELIMIT", says("HTTP/1.1 200 " .. ("x"):rep(MIB), true))
    assert_fails("ELIMIT", says(OK .. "X: " .. ("x"):rep(MIB), true))
    assert_fails("ETIMEDOUT", function(peer)
      peer:send(OK)
      for i = 1, 1000 do
        if not peer:send(("X-%d: x\r\n"):format(i)) then return end
        timer.sleep(0.02)
      end
    end, { timeout = 0.3 })
    assert_fails("ETIMEDOUT", says(OK, true), { timeout = { idle = 0.1, first_byte = 0.1 } })
  end)

  it("answers of 1xx without end", function()
    assert_fails("ELIMIT", function(peer)
      for _ = 1, 1000000 do
        if not peer:send "HTTP/1.1 103 Early Hints\r\n\r\n" then return end
      end
    end)
  end)

  it("a body that is too large by a byte, behind which nothing comes", function()
    local one = { limits = { body = 3 }, timeout = clock.PATIENCE }
    assert_fails("ETOOBIG", says(OK .. "\r\nabcd", true), one)
    assert_fails("ETOOBIG", says(OK .. "Content-Length: 9\r\n\r\nabcd", true), one)
    assert_fails("ETOOBIG", says(OK .. "\r\na", true), { limits = { body = 0 } })
    assert.equal("abc", asked(says(OK .. "Content-Length: 3\r\n\r\nabc", true), one).text)
  end)

  it("small chunks, which no stream of events has too many of", function()
    local count = 20000
    local chunks = ("1\r\na\r\n"):rep(count) .. "0\r\n\r\n"
    local response = assert(asked(says(OK .. "Transfer-Encoding: chunked\r\n\r\n" .. chunks, true)))
    assert.equal(("a"):rep(count), response.text)
  end)

  it("a body without end", function()
    local piece = ("x"):rep(65536)
    local before = attack.memory()
    assert_fails("ETOOBIG", function(peer)
      peer:send(OK .. "\r\n")
      while peer:send(piece) do
      end
    end, { limits = { body = 2 * MIB } })
    assert.is_true(attack.memory() - before < 8 * MIB)
  end)

  it("gzip that unpacks to a thousand times as much", function()
    local folder = fixture.folder()
    local path = folder.path .. "/bomb.gz"
    process.run { "sh", "-c", ("head -c 200M /dev/zero | gzip > '%s'"):format(path) }
    local file = assert(io.open(path, "rb"))
    local bomb = file:read "*a"
    file:close()
    local head = OK .. "Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n"
    local before = attack.memory()
    assert_fails("ETOOBIG", says(head:format(#bomb) .. bomb))
    assert.is_true(attack.memory() - before < 48 * MIB)
    assert_fails("EPROTO", says(head:format(10) .. bomb:sub(1, 10)))
    assert_fails("EPROTO", says(head:format(4) .. "none"))
  end)

  it("a redirect whose body does not end", function()
    local began = clock.now()
    local listener = socket.listen()
    local url = ("http://127.0.0.1:%d/"):format(listener.port)
    local asking = task.start(http.get, url)
    local peer = assert(listener:accept())
    peer:read_through "\r\n\r\n"
    peer:send "HTTP/1.1 302 Found\r\nLocation: /next\r\nContent-Length: 1000\r\n\r\nslow"
    local second = assert(listener:accept())
    second:read_through "\r\n\r\n"
    second:send(OK .. "Content-Length: 3\r\n\r\nend")
    assert.equal("end", asking:wait(clock.PATIENCE).text)
    assert.is_true(clock.now() - began < 5)
    for _, each in ipairs { peer, second, listener } do
      each:close()
    end
  end)

  it("redirects into other schemes, with line ends, or without end", function()
    local locations = { "file:///etc/passwd", "gopher://a/", "http://u@a/", "//", "http://[" }
    for _, location in ipairs(locations) do
      local head = "HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: %s\r\n\r\n"
      assert_fails("EPROTO", says(head:format(location)))
    end
    assert_fails("EPROTO", says "HTTP/1.1 302 Found\r\nLocation: /\rX: y\r\n\r\n")
    local several =
      "HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: /a\r\nLocation: /b\r\n\r\n"
    assert_fails("EPROTO", says(several))
  end)

  it("cookies by the thousand", function()
    local jar = http.cookie_jar()
    for round = 1, 3 do
      local lines = {}
      for i = 1, 90 do
        lines[i] = ("Set-Cookie: c%d-%d=%s; Max-Age=1000\r\n"):format(round, i, ("x"):rep(200))
      end
      assert(
        asked(says(OK .. table.concat(lines) .. "Content-Length: 0\r\n\r\n"), { cookies = jar })
      )
    end
    assert.equal(50, jar.count)
  end)

  it("cookies that are not ASCII do not keep it from asking", function()
    local jar = http.cookie_jar()
    local answer = OK .. "Set-Cookie: a=\195\164\r\nContent-Length: 0\r\n\r\n"
    assert(asked(says(answer), { cookies = jar }))
    local seen
    assert(asked(function(peer)
      seen = true
      peer:send(answer)
    end, { cookies = jar }))
    assert.is_true(seen)
  end)

  it("a server that answers before it was told all", function()
    local count = 0
    local listener = socket.listen()
    local asking = task.start(http.post, ("http://127.0.0.1:%d/"):format(listener.port), {
      body = function()
        count = count + 1
        timer.sleep(0.001)
        return count < 100000 and ("x"):rep(1000) or nil
      end,
    })
    local peer = assert(listener:accept())
    peer:read_through "\r\n\r\n"
    peer:send "HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno"
    local response = assert(asking:wait(clock.PATIENCE))
    assert.equal(413, response.status)
    assert.equal("no", response.text)
    assert.is_true(count < 50000)
    peer:close()
    listener:close()
  end)

  it("trailers are there when the body has ended", function()
    local head = OK .. "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\nX-Sum: 5\r\n\r\n"
    local response = assert(asked(says(head)))
    assert.equal("ab", response.text)
    assert.equal("5", response.trailers["x-sum"])
  end)
end)
