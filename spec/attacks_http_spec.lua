--- Hostile HTTP/1.1. Each row of bytes gets its answer, one line of the log and the end of its
--- connection; others are answered meanwhile. "D-…" are numbers of the project's list of attacks.
local attack = require "spec.support.attack"
local clock = require "spec.support.clock"
local fixture = require "spec.support.fixture"
local http = require "spec.support.http"
local timer = require "perilune.timer"
local websocket = require "spec.support.websocket"

--- A head of these lines; a request line of its own begins with a method.
local function head(...)
  local lines = { ... }
  if not lines[1]:find " HTTP/" then table.insert(lines, 1, "POST / HTTP/1.1") end
  lines[#lines + 1] = "Cookie: session=" .. attack.SECRET
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
    { chunked(("1\r\na\r\n"):rep(50000)), 400, 413 },
    { chunked(("1;\r\na\r\n"):rep(50000)), 400, 413 },
    { chunked("0\r\n" .. ("X: y\r\n"):rep(50000)), 400, 413, 431 },
    { chunked("0\r\nX: " .. ("y"):rep(200000)), 400, 413, 431 },
    { chunked(("0"):rep(200000)), 400, 413 },
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

--- What would be answered if bytes behind a refused request were read as one.
local SMUGGLED = http.compose "/smuggled"

describe("attacks on HTTP:", function()
  local made, bystander, seen

  before_each(function()
    made, bystander, seen = attack.target()
  end)
  after_each(fixture.clean)

  local function refuse(row, what)
    attack.assert_told_once(what, "refused: %d%d%d", function()
      local response, ended, rest = http.raw(made.port, row[1] .. SMUGGLED)
      assert.is_table(response, what)
      assert.is_true(contains(row, response.status), what .. " gives " .. response.status)
      assert.is_true(ended, what .. " stays open")
      assert.equal("", rest, what)
      attack.assert_others_answered(made, bystander)
    end)
  end

  for _, name in ipairs(sorted_names(http_rows)) do
    it(name, function()
      attack.assert_nothing_stays(function()
        for i, row in ipairs(http_rows[name]) do
          refuse(row, ("row %d: %q"):format(i, row[1]:sub(1, 80)))
        end
      end)
      assert.same({}, seen.asked)
    end)
  end

  it("D-07 the target's authority wins", function()
    local hosts
    function made.OnCommandGet(_, request, response)
      hosts = { request.headers.host, request:header_all("host")[1] }
      response.content_text = request.document
    end
    for target, expected in pairs {
      ["http://a/path"] = { "/path", "a" },
      ["http://a:81/path"] = { "/path", "a:81" },
      ["HTTP://a?x=y"] = { "/", "a" },
      ["http://a"] = { "/", "a" },
      ["/path?to=http://a/"] = { "/path", "b" },
      ["/://a/"] = { "/://a/", "b" },
    } do
      local response = http.raw(made.port, head("GET " .. target .. " HTTP/1.1", "Host: b"))
      assert.equal(200, response.status)
      assert.equal(expected[1], response.body)
      assert.same({ expected[2], expected[2] }, hosts)
    end
  end)

  it("D-06 a TLS handshake without TLS is told as what it is", function()
    attack.assert_told_once("a handshake", "refused: 400, TLS on a port without it", function()
      local response = http.raw(made.port, "\22\3\1\2\0\1\0\1\252\3\3" .. ("x"):rep(300))
      assert.equal(400, response.status)
    end)
  end)

  it("D-05 a body of chunks is no larger than the limit, however small they are", function()
    made, bystander, seen = attack.target { limits = { body = 1000 } }
    local whole = ("a\r\n0123456789\r\n"):rep(100)
    assert.equal("body of 1000", http.raw(made.port, chunked(whole .. "0\r\n\r\n")).body)
    attack.assert_told_once("a byte too much", "refused: 413", function()
      assert.equal(413, http.raw(made.port, chunked(whole .. "1\r\na\r\n0\r\n\r\n")).status)
      attack.assert_others_answered(made, bystander)
    end)
    assert.same({}, seen.asked)
  end)
end)

local COUNT, PAUSE = 25, 0.01

--- Sends a byte of `bytes` each time, then its last one over and over, on many connections until
--- all are closed. Returns what came, and after how many seconds the last was closed.
local function trickle(made, bystander, prefix, bytes)
  local peers, answers = {}, {}
  for i = 1, COUNT do
    peers[i] = fixture.socket(made)
    peers[i]:send(prefix)
  end
  local began, open, at = clock.now(), COUNT, 0
  while open > 0 do
    at = at + 1
    for i, peer in pairs(peers) do
      peer:send_some(bytes:sub(math.min(at, #bytes), math.min(at, #bytes)))
      if peer:fill() ~= "empty" then
        answers[#answers + 1] = peer.unread
        peer:close()
        peers[i] = nil
        open = open - 1
      end
    end
    attack.assert_others_answered(made, bystander)
    assert.is_true(clock.now() - began < clock.PATIENCE, "they stay open")
    timer.sleep(PAUSE)
  end
  return answers, clock.now() - began
end

describe("D-09 a byte at a time:", function()
  local LIMIT = 0.4 -- seconds, of the limit that counts
  after_each(fixture.clean)

  --- The connections end at the limit, neither much before nor when the bytes do, with this answer.
  local function ends(limits, prefix, bytes, pattern)
    local made, bystander, seen = attack.target { limits = limits }
    attack.assert_nothing_stays(function()
      local answers, seconds = trickle(made, bystander, prefix, bytes)
      for _, answer in ipairs(answers) do
        assert.matches(pattern, answer)
      end
      assert.is_true(seconds >= 0.9 * LIMIT, "closed after " .. seconds)
    end)
    assert.same({}, seen.asked)
  end

  it("a request line", function()
    local line = "GET /" .. ("x"):rep(4000)
    ends({ header_timeout = LIMIT }, "", line, "^HTTP/1.1 408 ")
  end)

  it("header fields", function()
    local fields = ("X: y\r\n"):rep(1000)
    local begin = "GET /slow HTTP/1.1\r\nHost: a\r\n"
    ends({ header_timeout = LIMIT }, begin, fields, "^HTTP/1.1 408 ")
  end)

  it("the head of a second request", function()
    local first = http.compose "/"
    ends({ header_timeout = LIMIT }, first, ("G"):rep(4000), "HTTP/1.1 408 ")
  end)

  it("a WebSocket handshake", function()
    local bytes = websocket.compose():gsub("\r\n\r\n$", "\r\nX: ") .. ("y"):rep(4000)
    ends({ header_timeout = LIMIT }, "", bytes, "^HTTP/1.1 408 ")
  end)

  it("a body with its length", function()
    local prefix = "POST /slow HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n"
    ends({ body_timeout = LIMIT }, prefix, "x", "^HTTP/1.1 408 ")
  end)

  it("a body in chunks", function()
    local prefix = "POST /slow HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    ends({ body_timeout = LIMIT }, prefix, ("1\r\na\r\n"):rep(2000), "^HTTP/1.1 408 ")
  end)

  it("nothing at all", function() ends({ header_timeout = LIMIT }, "", "", "^$") end)
end)

describe("D-10 requests without end", function()
  local REQUESTS, SIZE = 5000, 10000
  after_each(fixture.clean)

  it("are not read while nobody reads the answers, which come in order", function()
    local handled = 0
    local made = fixture.server({ limits = { high_water = 100000 } }, {
      OnMessage = function(conn, text) conn:write(text) end,
      OnCommandGet = function(_, request, response)
        if request.document ~= "/" then handled = handled + 1 end
        response.content_text = request.document .. " " .. ("x"):rep(SIZE)
      end,
    })
    local bystander = fixture.connect(made)
    local peer = fixture.socket(made, { receive_buffer = 4096 })
    local requests = {}
    for i = 1, REQUESTS do
      requests[i] = http.compose("/" .. i)
    end
    local bytes = table.concat(requests)
    local memory = attack.memory()
    local quiet, before = 0, 0
    while quiet < 20 do
      local sent = assert(peer:send_some(bytes))
      bytes = bytes:sub(sent + 1)
      attack.assert_others_answered(made, bystander)
      timer.sleep(0.005)
      quiet = (sent > 0 or handled > before) and 0 or quiet + 1
      before = handled
    end
    assert.is_true(handled < REQUESTS / 2, handled .. " were handled")
    assert.is_true(attack.memory() - memory < 8 * 1024 * 1024)
    timer.after(0, function() peer:send(bytes) end)
    for i = 1, REQUESTS do
      local response = assert(http.read(peer))
      assert.equal("/" .. i .. " ", response.body:sub(1, -SIZE - 1))
      if i % 1000 == 0 then attack.assert_others_answered(made, bystander) end
    end
    assert.equal(REQUESTS, handled)
  end)
end)

describe("D-13 what a script passes on from a peer", function()
  after_each(fixture.clean)

  --- Answers with what the client sent, in the place that `set` puts it.
  local function echoing(set)
    return fixture.server(nil, {
      OnCommandGet = function(_, request, response)
        response.content_text = "ok"
        set(response, request.params.to)
      end,
    })
  end

  local places = {
    ["a header"] = function(response, text) response.headers = { ["X-To"] = text } end,
    ["a list of cookies"] = function(response, text)
      response.headers = { ["Set-Cookie"] = { "a=b", "to=" .. text } }
    end,
    ["the name of a header"] = function(response, text) response.headers = { [text] = "x" } end,
    ["a type"] = function(response, text) response.content_type = text end,
    ["a redirect"] = function(response, text) response:redirect(text) end,
  }

  for _, name in ipairs(sorted_names(places)) do
    it("never splits the response: " .. name, function()
      local made = echoing(places[name])
      for _, bad in ipairs { "%0d%0aX-Evil:%20y", "%0aX-Evil:%20y", "%0d%0a%0d%0aevil", "%00" } do
        local response
        local text = attack.log_of(function()
          local bytes = http.compose("/?to=a" .. bad, { headers = { "Connection: close" } })
          response = http.raw(made.port, bytes)
        end)
        assert.equal(500, response.status)
        assert.is_nil(response.headers["x-evil"])
        assert.is_nil((response.head .. response.body):lower():find("evil", 1, true))
        assert.is_true(#text > 0)
        assert.is_nil(text:find("\nX-Evil", 1, true))
      end
      if name ~= "the name of a header" then
        assert.is_true(http.request(made.port, "/?to=a").status < 400)
      end
    end)
  end
end)
