-- covers: lua/lua_forward.c lua/lua_forward_ask.c
local certificates = require "spec.support.certificates"
local clock = require "spec.support.clock"
local fixture = require "spec.support.fixture"
local http = require "spec.support.http"
local socket = require "spec.support.socket"
local timer = require "perilune.timer"
local websocket = require "spec.support.websocket"

--- A server that says what it was asked: the request line, then the headers by name.
local function mirror(options, events)
  local made = fixture.new_server(options)
  local function answer(_, request, response)
    local target = request.document .. (request.query ~= "" and "?" .. request.query or "")
    local lines = { ("%s %s"):format(request.command, target) }
    for name, value in pairs(request.headers) do
      lines[#lines + 1] = ("%s: %s"):format(name, value)
    end
    local body = request.body
    if body ~= "" then lines[#lines + 1] = "body: " .. body end
    response.content_type = "text/plain"
    response.content_text = table.concat(lines, "\n") .. "\n"
  end
  made.OnCommandGet, made.OnCommandOther = answer, answer
  for name, handler in pairs(events or {}) do
    made[name] = handler
  end
  assert(made:start())
  return made
end

local function url_of(made, scheme)
  local format = "%s://127.0.0.1:%d"
  return format:format(scheme or "http", made.port)
end

--- What a mirror said of a header.
local function header(response, name)
  return response.body:match("\n" .. name:gsub("%-", "%%-") .. ": ([^\n]*)\n")
end

--- A server in front, which asks this function; what it tells of errors is in `seen`.
local function front(decide, options, events)
  local seen = {}
  local made = fixture.server(options, {
    OnBeforeForwardHTTP = decide,
    OnError = function(_, message, code) seen[#seen + 1] = { message, code } end,
    OnException = function(_, message) seen[#seen + 1] = { message } end,
  })
  for name, handler in pairs(events or {}) do
    made[name] = handler
  end
  return made, seen
end

describe("OnBeforeForwardHTTP", function()
  after_each(fixture.clean)

  it("forwards the request as it came to the URL that it returns", function()
    local behind = mirror()
    local made = front(function(_, request)
      if request.document == "/internal" then return url_of(behind) end
    end)
    local got = http.request(made.port, "/internal?a=b&c", {
      method = "POST",
      body = "content",
      headers = { "X-Own: 1", "Content-Type: text/x" },
    })
    assert.equal(200, got.status)
    assert.equal("POST /internal?a=b&c", got.body:match "^[^\n]*")
    assert.equal("content", header(got, "body"))
    assert.equal("1", header(got, "x-own"))
    assert.equal("text/x", header(got, "content-type"))
    assert.equal("127.0.0.1:" .. behind.port, header(got, "host"))
    assert.equal("no-cache", header(got, "cache-control"))
    assert.equal(404, http.request(made.port, "/other").status)
  end)

  it("says who the client is, whatever the client says", function()
    local behind = mirror()
    local made = front(function() return url_of(behind) end)
    local got = http.request(made.port, "/", {
      headers = {
        "X-Forwarded-For: 6.6.6.6",
        "X_Forwarded_Proto: https",
        "X-Real-IP: 6.6.6.6",
        "Forwarded: for=6.6.6.6",
        "Connection: X-Forwarded-For, X-Forwarded-Host, Forwarded",
      },
    })
    assert.equal("127.0.0.1", header(got, "x-forwarded-for"))
    assert.equal("http", header(got, "x-forwarded-proto"))
    assert.equal("test", header(got, "x-forwarded-host"))
    assert.equal(tostring(made.port), header(got, "x-forwarded-port"))
    assert.equal('for=127.0.0.1;host="test";proto=http', header(got, "forwarded"))
    assert.equal("1.1 perilune", header(got, "via"))
    assert.is_nil(got.body:find("6.6.6.6", 1, true))
    assert.is_nil(got.body:find("https", 1, true))
  end)

  it("believes a proxy that is trusted", function()
    local behind = mirror()
    local made = front(
      function() return url_of(behind) end,
      { security_options = { trusted_proxies = { "10.0.0.0/8", "127.0.0.1" } } }
    )
    local got = http.request(made.port, "/", {
      headers = { "X-Forwarded-For: 192.0.2.7", "X-Forwarded-Proto: https" },
    })
    assert.equal("192.0.2.7, 127.0.0.1", header(got, "x-forwarded-for"))
    assert.equal("https", header(got, "x-forwarded-proto"))
  end)

  it("changes what its table says", function()
    local behind = mirror()
    local made = front(
      function(_, request)
        return {
          url = url_of(behind) .. "/base/",
          document = "/new " .. request.document,
          query_params = { id = 1, name = "a b" },
          host = "www.esegece.com:443",
          origin = "https://www.esegece.com",
          custom_headers = {
            ["X-ReverseProxy-Host"] = "http://127.0.0.1:8888/test",
            Cookie = false,
          },
          no_cache = false,
        }
      end
    )
    local got = http.request(made.port, "/a%20b?x", { headers = { "Cookie: a", "Origin: null" } })
    assert.equal("GET /base/new /a b?id=1&name=a+b", got.body:match "^[^\n]*")
    assert.equal("www.esegece.com:443", header(got, "host"))
    assert.equal("https://www.esegece.com", header(got, "origin"))
    assert.equal("http://127.0.0.1:8888/test", header(got, "x-reverseproxy-host"))
    assert.is_nil(header(got, "cookie"))
    assert.is_nil(header(got, "cache-control"))
  end)

  it("may wait, decide by headers, refuse, and let others answer", function()
    local behind = mirror()
    local made = front(function(conn, request)
      timer.sleep(0.01)
      assert.equal("127.0.0.1", conn.ip)
      local to = request.headers["x-to"]
      if to == "away" then return url_of(behind) end
      if to == "refused" then return 429 end
      return false
    end, {
      forward = { { path = "/", url = url_of(behind) } },
    }, {
      OnCommandGet = function(_, _, response) response.content_text = "mine" end,
    })
    local function ask(to) return http.request(made.port, "/", { headers = { "X-To: " .. to } }) end
    assert.equal("GET /", ask("away").body:match "^[^\n]*")
    assert.equal(429, ask("refused").status)
    assert.equal("mine", ask("here").body)
  end)

  it("does not see the body, which is for who gets the request", function()
    local behind = mirror()
    local made, seen = front(function(_, request)
      local read = pcall(request.read, request)
      local _, message = pcall(function() return request.body end)
      assert(not read and message:find "cannot be read here", message)
      return url_of(behind)
    end)
    local got = http.request(made.port, "/", { method = "PUT", body = "all of it" })
    assert.equal("all of it", header(got, "body"))
    assert.same({}, seen)
  end)

  it("that throws or returns something else answers 500", function()
    local answers = {
      function() error "on purpose" end,
      function() return {} end,
      function() return { url = "ftp://a/" } end,
      function() return { url = "http://a/", documents = "/" } end,
      function() return 200 end,
      function() return true end,
      function() return "nonsense" end,
      function() return { url = "http://a/?b" } end,
      function() return { url = "http://u:p@a/" } end,
      function() return { url = "http://a/", document = "b" } end,
      function() return { url = "http://a/", custom_headers = { Connection = "x" } } end,
      function() return { url = "http://a/", custom_headers = { A = "b\r\nC: d" } } end,
      function() return { url = "http://a/", query_params = "a b" } end,
      function() return { url = "http://a/", tls = {} } end,
    }
    local expected = {
      "on purpose",
      "option 'url' of the return value of OnBeforeForwardHTTP is missing",
      "takes an http or https URL: its scheme is ftp",
      "did you mean 'document'%?",
      "is a URL, a table, a status from 400 to 599, false or nil",
      "is a URL, a table, a status from 400 to 599, false or nil",
      "takes an http or https URL",
      "takes no query and no fragment",
      "takes no user",
      "option 'document' .*takes a path",
      "option 'custom_headers' .*takes no 'Connection'",
      "option 'custom_headers.A' .*without control characters",
      "option 'query_params' .*encoded",
      "option 'tls' .*goes with an https URL",
    }
    for i, answer in ipairs(answers) do
      local made, seen = front(answer)
      assert.equal(500, http.request(made.port, "/").status)
      clock.wait_for(function() return #seen > 0 end)
      assert.matches(expected[i], seen[1][1])
    end
  end)
end)

describe("the option forward", function()
  after_each(fixture.clean)

  it("forwards what lies below a path, the longest first", function()
    local one, two = mirror(), mirror()
    local made = fixture.server {
      forward = {
        { path = "/api", url = url_of(one) },
        { path = "/api/v2/", url = url_of(two) .. "/new", strip_path = true },
      },
    }
    local function asked(path) return http.request(made.port, path).body:match "^[^\n]*" end
    assert.equal("GET /api", asked "/api")
    assert.equal("GET /api/x?y", asked "/api/x?y")
    assert.equal("GET /new/x", asked "/api/v2/x")
    assert.equal(404, http.request(made.port, "/apix").status)
    assert.equal(404, http.request(made.port, "/").status)
  end)

  it("is checked when the server is made", function()
    local function refused(options)
      local ok, message = pcall(fixture.new_server, options)
      assert.is_false(ok)
      return message
    end
    assert.matches(
      "option 'forward%[1%]%.url' of server%.new is missing",
      refused {
        forward = { { path = "/" } },
      }
    )
    assert.matches(
      "'forward%[1%]%.path' of server%.new takes a path",
      refused {
        forward = { { path = "a", url = "http://a" } },
      }
    )
    assert.matches(
      "'forward%[1%]%.url' of server%.new takes an http or https URL",
      refused {
        forward = { { path = "/", url = "a" } },
      }
    )
    assert.matches(
      "trusted_proxies' of server%.new takes addresses and ranges",
      refused {
        security_options = { trusted_proxies = { "10.0.0.1/8" } },
      }
    )
  end)
end)

describe("forwarding", function()
  after_each(fixture.clean)

  local function to_listener(listener, options)
    return front(function()
      local way = { url = ("http://127.0.0.1:%d"):format(listener.port), no_cache = false }
      for name, value in pairs(options or {}) do
        way[name] = value
      end
      return way
    end)
  end

  it("refuses paths that mean something else behind (D-15)", function()
    local behind = mirror()
    local made = front(function() return url_of(behind) end)
    for _, path in ipairs {
      "/internal/../admin",
      "/internal/%2e%2e/admin",
      "/internal/..%2fadmin",
      "/internal/..;/admin",
      "/internal/..\\admin",
      "/a%00b",
      "/a%0d%0aX:%20y",
      "/a%zz",
    } do
      assert.equal(400, http.request(made.port, path).status, path)
    end
  end)

  it("never sends on what it has not understood (D-03, D-15)", function()
    local listener = fixture.listener()
    local made = to_listener(listener)
    for _, bytes in ipairs {
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n"
        .. "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length : 5\r\n\r\nhello",
    } do
      local got = http.raw(made.port, bytes)
      assert.truthy(got.status == 400 or got.status == 501, bytes)
    end
    local peer = fixture.socket(made)
    peer:send(
      "POST /one HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        .. "3;ext=1\r\nabc\r\n0\r\nX-Trailer: 1\r\n\r\nGET /two HTTP/1.1\r\nHost: a\r\n\r\n"
    )
    local upstream = fixture.accept(listener)
    local head = assert(upstream:read_through "\r\n\r\n")
    assert.equal("POST /one HTTP/1.1", head:match "^[^\r]*")
    assert.equal("3\r\nabc\r\n0\r\n\r\n", upstream:read(13))
    upstream:send "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    assert.equal("GET /two HTTP/1.1", assert(upstream:read_through "\r\n\r\n"):match "^[^\r]*")
  end)

  it("names what went wrong, and tells OnError", function()
    local listener = fixture.listener()
    local made, seen = to_listener(listener, { timeouts = { first_byte = 0.05 } })
    local function last() return seen[#seen] and seen[#seen][2] end
    local peer = fixture.socket(made)
    peer:send(http.compose "/")
    local upstream = fixture.accept(listener)
    assert.equal(504, http.read(peer).status)
    assert.equal("ETIMEDOUT", last())
    upstream:close()
    peer:send(http.compose "/")
    upstream = fixture.accept(listener)
    upstream:send "nonsense\r\n\r\n"
    local got = http.read(peer)
    assert.equal(502, got.status)
    assert.equal("Bad Gateway (EPROTO)", got.body)
    assert.matches("^forwarding to 127%.0%.0%.1:%d+: ", seen[#seen][1])
    listener:close()
    peer:send(http.compose "/")
    got = http.read(peer)
    assert.equal("Bad Gateway (ECONNREFUSED)", got.body)
    assert.equal("ECONNREFUSED", last())
  end)

  it("keeps connections, and repeats what may be repeated when one was closed", function()
    local listener = fixture.listener()
    local made = to_listener(listener)
    local peer = fixture.socket(made)
    peer:send(http.compose "/one")
    local upstream = fixture.accept(listener)
    assert(upstream:read_through "\r\n\r\n")
    upstream:send "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    assert.equal(200, http.read(peer).status)
    peer:send(http.compose "/two")
    assert(upstream:read_through "\r\n\r\n")
    upstream:close()
    upstream = fixture.accept(listener)
    assert.equal("GET /two HTTP/1.1", assert(upstream:read_through "\r\n\r\n"):match "^[^\r]*")
    upstream:send "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
    assert.equal("hi", http.read(peer).body)
  end)

  it("lets nobody take an answer that breaks off for a whole one", function()
    local listener = fixture.listener()
    local made, seen = to_listener(listener)
    for _, framing in ipairs {
      "Transfer-Encoding: chunked\r\n\r\n5\r\nab",
      "Content-Length: 5\r\n\r\nab",
    } do
      for _, version in ipairs { "1.0", "1.1" } do
        local peer = fixture.socket(made)
        peer:send(("GET / HTTP/%s\r\nHost: a\r\n\r\n"):format(version))
        local upstream = fixture.accept(listener)
        assert(upstream:read_through "\r\n\r\n")
        upstream:send("HTTP/1.1 200 OK\r\n" .. framing)
        local head = assert(peer:read_through "\r\n\r\n")
        local rest = assert(peer:read_through "ab")
        upstream:close()
        local more, why = peer:read_all(clock.PATIENCE)
        assert.is_nil((rest .. more):find("0\r\n", 1, true))
        if not head:find "Content%-Length" and not head:find "chunked" then
          assert.equal("reset", why)
        end
        peer:close()
      end
    end
    assert.equal(4, #seen)
  end)

  it("reaches public addresses alone with guard", function()
    local behind = mirror()
    local made, seen = front(
      function(_, request) return { url = "http://" .. request.query, guard = true } end
    )
    for _, host in ipairs {
      "127.0.0.1:" .. behind.port,
      "localhost:" .. behind.port,
      "[::ffff:127.0.0.1]:" .. behind.port,
      "169.254.169.254",
      "10.0.0.1",
    } do
      assert.equal(403, http.request(made.port, "/?" .. host).status, host)
    end
    assert.equal("EACCES", seen[1][2])
  end)

  it("speaks TLS to servers behind, and verifies them", function()
    local folder = certificates.folder "localhost"
    local behind = mirror { tls = certificates.tls(folder) }
    local tls = { root_cert_file = folder .. "/ca.pem", host_name = "localhost" }
    local made, seen = front(
      function(_, request)
        return { url = url_of(behind, "https"), tls = request.document == "/known" and tls or nil }
      end
    )
    assert.equal(200, http.request(made.port, "/known").status)
    local got = http.request(made.port, "/unknown")
    assert.equal("Bad Gateway (EPROTO)", got.body)
    assert.matches("TLS: ", seen[1][1])
  end)

  it("writes what goes to and fro to log_filename, without secrets", function()
    local behind = fixture.server({}, {
      OnCommandGet = function(_, _, response) response.content_text = "answered" end,
    })
    local folder = fixture.folder()
    local path = folder.path .. "/forward.log"
    local made = front(function() return { url = url_of(behind), log_filename = path } end)
    http.request(made.port, "/?access_token=hidden", {
      method = "POST",
      body = "what was said",
      headers = { "Cookie: hidden" },
    })
    local text = clock.wait_for(function()
      local file = io.open(path)
      local log = file and file:read "*a"
      if file then file:close() end
      return log and log:find "answered" and log
    end)
    assert.matches("Recv .- head: \n    POST /%?access_token=%*%*%* HTTP/1.1", text)
    assert.matches("Recv .- body: what was said\n", text)
    assert.matches("Sent .- body: answered\n", text)
    assert.is_nil(text:find "hidden")
  end)

  it("leaves no Location that leads to the server behind", function()
    local behind
    behind = mirror({}, {
      OnCommandGet = function(_, request, response)
        response:redirect(request.query == "full" and url_of(behind) .. "/v1/login" or "/v1/login")
      end,
    })
    local made = fixture.server {
      forward = { { path = "/api", url = url_of(behind) .. "/v1", strip_path = true } },
    }
    assert.equal("/api/login", http.request(made.port, "/api/x?full").headers.location)
    assert.equal("/api/login", http.request(made.port, "/api/x").headers.location)
  end)

  it("answers HEAD, 204 and 304 as they are", function()
    local listener = fixture.listener()
    local made = to_listener(listener)
    local peer = fixture.socket(made)
    peer:send(http.compose("/", { method = "HEAD" }))
    local upstream = fixture.accept(listener)
    local answers = {
      { "HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nETag: a\r\n\r\n", 200 },
      { "GET", "HTTP/1.1 304 Not Modified\r\nETag: a\r\n\r\n", 304 },
      { "GET", "HTTP/1.1 204 No Content\r\nETag: a\r\n\r\n", 204 },
    }
    for i, answer in ipairs(answers) do
      if i > 1 then peer:send(http.compose "/") end
      assert(upstream:read_through "\r\n\r\n")
      upstream:send(answer[2])
      local got = http.read(peer, answer[1])
      assert.equal(answer[3], got.status)
      assert.equal("a", got.headers.etag)
      assert.equal(i == 1 and "5" or nil, got.headers["content-length"])
    end
  end)

  it("forwards to itself only so often", function()
    local made
    made = front(function() return url_of(made) end)
    local got = http.request(made.port, "/")
    assert.equal(508, got.status)
  end)
end)

describe("a WebSocket that is forwarded", function()
  after_each(fixture.clean)

  local function echo()
    return fixture.server({ protocols = { "chat" } }, {
      OnMessage = function(conn, text) conn:write(text) end,
    })
  end

  it("is a tunnel, which ends when either side does", function()
    local behind = echo()
    local made = front(function() return url_of(behind, "ws") end)
    local peer = fixture.connect(made, { headers = { "Sec-WebSocket-Protocol: chat" } })
    peer:send "hello"
    assert.equal("hello", peer:read())
    assert.equal(1, behind:count())
    assert.equal(0, made:count())
    local large = ("x"):rep(3000000)
    peer:send(large)
    assert.equal(large, peer:read())
    peer:close()
    clock.wait_for(function() return behind:count() == 0 end)
    peer = fixture.connect(made)
    clock.wait_for(function() return behind:count() == 1 end)
    behind:disconnect_all(4000)
    assert.equal(4000, peer:read_close())
  end)

  it("goes by TLS on both sides", function()
    local folder = certificates.folder "localhost"
    local behind = fixture.server({ tls = certificates.tls(folder) }, {
      OnMessage = function(conn, text) conn:write(text) end,
    })
    local tls = { root_cert_file = folder .. "/ca.pem", host_name = "localhost" }
    local made = front(
      function() return { url = url_of(behind, "wss"), tls = tls } end,
      { tls = certificates.tls(folder) }
    )
    local client = fixture.client {
      url = url_of(made, "wss"):gsub("127.0.0.1", "localhost"),
      tls = { root_cert_file = folder .. "/ca.pem" },
    }
    local large = ("x"):rep(3000000)
    assert.equal("hello", client:write_and_wait "hello")
    assert.equal(large, client:write_and_wait(large, 10))
    assert(client:disconnect())
    clock.wait_for(function() return behind:count() == 0 end)
  end)

  it("is not opened on a connection that the script closes meanwhile", function()
    local listener = fixture.listener()
    local made = front(function(conn)
      timer.after(0.01, function() conn:close() end)
      return ("http://127.0.0.1:%d"):format(listener.port)
    end)
    local peer = socket.connect(made.port)
    peer:send(websocket.compose())
    local upstream = fixture.accept(listener)
    assert(upstream:read_through "\r\n\r\n")
    timer.sleep(0.02)
    upstream:send "HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
    assert.equal("", (peer:read_all()))
    peer:close()
  end)

  it("ends with the server in front", function()
    local behind = echo()
    local made = front(function() return url_of(behind) end)
    local peer = fixture.connect(made)
    assert(made:stop())
    assert.is_nil(peer:read())
    clock.wait_for(function() return behind:count() == 0 end)
  end)

  it("ends after a silence", function()
    local behind = echo()
    local made = front(function() return { url = url_of(behind), timeouts = { tunnel = 0.05 } } end)
    local peer = fixture.connect(made)
    assert.is_nil(peer:read())
  end)

  it("is refused as the server behind refuses it", function()
    local behind = fixture.server({}, { OnHandshake = function() return false end })
    local made = front(function() return url_of(behind) end)
    local peer = socket.connect(made.port)
    peer:send(http.compose("/", {
      headers = {
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
      },
    }))
    assert.equal(403, http.read(peer).status)
    peer:close()
  end)

  it("has to come from an origin that is allowed", function()
    local behind = echo()
    local made = front(
      function() return url_of(behind) end,
      { security_options = { origins_allowed = { "https://a.example" } } }
    )
    local peer = socket.connect(made.port)
    peer:send(http.compose("/", {
      headers = {
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Origin: https://evil.example",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
      },
    }))
    assert.equal(403, http.read(peer).status)
    peer:close()
  end)
end)
