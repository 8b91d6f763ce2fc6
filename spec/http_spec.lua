-- covers: internal/exchange.lua server/site.c
local capture = require "spec.support.capture"
local clock = require "spec.support.clock"
local fixture = require "spec.support.fixture"
local http = require "spec.support.http"
local timer = require "perilune.timer"

--- A server whose OnCommandGet and OnCommandOther are this handler.
local function serving(handler, options)
  return fixture.server(options, { OnCommandGet = handler, OnCommandOther = handler })
end

--- What the handler makes of one request.
local function answered(handler, path, options)
  return http.request(serving(handler).port, path or "/", options)
end

--- A copy of a request's properties, for a look at them when it is over.
local function copy_of(request)
  local names = { "command", "document", "query", "version", "body", "headers", "params" }
  local copy = {}
  for _, name in ipairs(names) do
    copy[name] = request[name]
  end
  return copy
end

--- The request as a handler sees it.
local function seen(path, options)
  local copy
  local response = answered(function(_, request, response)
    copy = copy_of(request)
    response.content_text = "ok"
  end, path, options)
  assert.equal(200, response.status)
  return copy
end

describe("a request", function()
  after_each(fixture.clean)

  it("has command, document, query and version", function()
    local request = seen "/a/b%20c?x=1&y=%20"
    assert.equal("GET", request.command)
    assert.equal("/a/b c", request.document)
    assert.equal("x=1&y=%20", request.query)
    assert.equal("HTTP/1.1", request.version)
    assert.equal("", request.body)
  end)

  it("has a document without the query, and one as sent when its escapes are bad", function()
    assert.equal("/", seen("/?a").document)
    assert.equal("", seen("/").query)
    assert.equal("/%zz", seen("/%zz").document)
    assert.equal("/%", seen("/%").document)
  end)

  it("has params of the query, the first of equal names", function()
    local request = seen "/?a=1&b=x+y&c=%26%3D&a=2&empty=&none&=nameless&%C3%A9=%E2%82%AC"
    assert.same({
      a = "1",
      b = "x y",
      c = "&=",
      empty = "",
      none = "",
      [""] = "nameless",
      ["é"] = "€",
    }, request.params)
  end)

  it("has params of a form, after those of the query", function()
    local request = seen("/?a=query", {
      method = "POST",
      headers = { "Content-Type: application/x-www-form-urlencoded; charset=utf-8" },
      body = "a=form&b=2+3",
    })
    assert.same({ a = "query", b = "2 3" }, request.params)
    assert.equal("a=form&b=2+3", request.body)
  end)

  it("has no params of another body", function()
    local request = seen("/", {
      method = "POST",
      headers = { "Content-Type: text/plain" },
      body = "a=1",
    })
    assert.same({}, request.params)
  end)

  it("has headers with lower-case names, repeats joined", function()
    local request = seen("/", { headers = { "X-One: 1", "x-ONE:  2 ", "Accept: */*", "X-Empty:" } })
    assert.equal("1, 2", request.headers["x-one"])
    assert.equal("*/*", request.headers.accept)
    assert.equal("", request.headers["x-empty"])
    assert.equal("test", request.headers.host)
    assert.is_nil(request.headers["X-One"])
  end)

  it("has each of the repeated headers", function()
    local list, none
    answered(function(_, request, response)
      list, none = request:header_all "X-One", request:header_all "other"
      response.content_text = "ok"
    end, "/", { headers = { "X-One: a, b", "X-Two: no", "x-one: c" } })
    assert.same({ "a, b", "c" }, list)
    assert.same({}, none)
  end)

  it("has a body by length", function()
    local body = ("\0\255binary"):rep(1000)
    local request = seen("/", { method = "POST", body = body })
    assert.equal("POST", request.command)
    assert.equal(body, request.body)
  end)

  it("has a body in chunks", function()
    local got
    local made = serving(function(_, request, response)
      got = request.body
      response.content_text = "ok"
    end)
    local response = http.raw(
      made.port,
      "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        .. "5\r\nhello\r\n1;extension=x\r\n,\r\n6\r\n world\r\n0\r\nTrailer: x\r\n\r\n"
    )
    assert.equal(200, response.status)
    assert.equal("hello, world", got)
  end)

  it("of any other method goes to OnCommandOther", function()
    local calls = {}
    local function handler(name)
      return function(_, request, response)
        calls[#calls + 1] = name .. " " .. request.command
        response.content_text = "ok"
      end
    end
    local made = fixture.server(nil, {
      OnCommandGet = handler "get",
      OnCommandOther = handler "other",
    })
    for _, method in ipairs { "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "ODD" } do
      assert.equal(200, http.request(made.port, "/", { method = method }).status)
    end
    assert.same({
      "get GET",
      "get HEAD",
      "get POST",
      "other PUT",
      "other DELETE",
      "other OPTIONS",
      "other PATCH",
      "other ODD",
    }, calls)
  end)

  it("knows its connection", function()
    local conn
    answered(function(given, _, response)
      conn = given
      response.content_text = given.ip
    end)
    assert.equal("127.0.0.1", conn.ip)
    assert.equal("http", conn.transport)
  end)

  it("throws when it is used later", function()
    local kept
    answered(function(_, request) kept = request end)
    local ok, message = pcall(function() return kept.command end)
    assert.is_false(ok)
    assert.matches("the request is over: its handler has returned", message, 1, true)
    assert.has_error(function() kept:header_all "host" end)
    assert.has_error(function() kept.command = "GET" end)
  end)

  it("throws when its client has gone meanwhile", function()
    local message, waiting
    local made = serving(function(_, request)
      waiting = true
      timer.sleep(0.03)
      message = select(2, pcall(function() return request.headers end))
    end)
    local peer = fixture.socket(made)
    peer:send(http.compose "/")
    clock.wait_for(function() return waiting end)
    peer:reset()
    clock.wait_for(function() return message end)
    assert.matches("the request is over: the client has gone", message, 1, true)
  end)
end)

describe("a body", function()
  after_each(fixture.clean)

  it("of exactly the limit is taken", function()
    local made = serving(
      function(_, request, response) response.content_text = request.body end,
      { limits = { body = 10 } }
    )
    local response = http.request(made.port, "/", { method = "POST", body = "0123456789" })
    assert.equal("0123456789", response.body)
  end)

  it("that the client asks to send is asked for", function()
    local made = serving(function(_, request, response) response.content_text = request.body end)
    local peer = fixture.socket(made)
    peer:send "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n"
    assert.equal("HTTP/1.1 100 Continue\r\n\r\n", peer:read_through "\r\n\r\n")
    peer:send "hi"
    assert.equal("hi", http.read(peer).body)
  end)

  it("that nobody wants is read over, and the connection goes on", function()
    local made = fixture.server()
    local peer = fixture.socket(made)
    for _ = 1, 2 do
      peer:send(http.compose("/none", { method = "POST", body = ("x"):rep(1000) }))
      assert.equal(404, http.read(peer).status)
    end
  end)
end)

describe("a response", function()
  after_each(fixture.clean)

  it("has one type, however it was given", function()
    local function types(content_type)
      local response = answered(function(_, _, response)
        response.headers["content-type"] = "text/plain"
        response.content_type = content_type
        response.content_text = "x"
      end)
      return response.headers["content-type"]
    end
    assert.equal("text/plain", types(nil))
    assert.equal("application/json", types "application/json")
  end)

  it("has text, type, number and headers", function()
    local response = answered(function(_, _, response)
      response.response_no = 201
      response.content_type = "text/plain"
      response.content_text = "Grüße\n"
      response.headers["X-Name"] = "Ada"
      response.headers.etag = 5
    end)
    assert.equal(201, response.status)
    assert.equal("Created", response.reason)
    assert.equal("Grüße\n", response.body)
    assert.equal("text/plain", response.headers["content-type"])
    assert.equal(tostring(#"Grüße\n"), response.headers["content-length"])
    assert.equal("Ada", response.headers["x-name"])
    assert.equal("5", response.headers.etag)
    assert.equal("Perilune", response.headers.server)
    assert.matches("^%a%a%a, %d%d %a%a%a %d%d%d%d %d%d:%d%d:%d%d GMT$", response.headers.date)
  end)

  it("is 200 and HTML by default", function()
    local response = answered(function(_, _, response) response.content_text = "<p>hi" end)
    assert.equal(200, response.status)
    assert.equal("text/html; charset=utf-8", response.headers["content-type"])
  end)

  it("may take its type from the headers", function()
    local response = answered(function(_, _, response)
      response.content_text = "{}"
      response.headers["Content-Type"] = "application/json"
    end)
    assert.equal("application/json", response.headers["content-type"])
  end)

  it("may have a number alone", function()
    local response = answered(function(_, _, response) response.response_no = 403 end)
    assert.equal(403, response.status)
    assert.equal("", response.body)
    assert.is_nil(response.headers["content-type"])
    assert.equal("0", response.headers["content-length"])
  end)

  it("may be empty text", function()
    local response = answered(function(_, _, response) response.content_text = "" end)
    assert.equal(200, response.status)
    assert.equal("", response.body)
  end)

  it("of 204 and 304 has no body", function()
    for _, number in ipairs { 204, 304 } do
      local response = answered(function(_, _, response)
        response.response_no = number
        response.content_text = "left out"
      end)
      assert.equal(number, response.status)
      assert.is_nil(response.headers["content-length"])
    end
  end)

  it("repeats a header that is a list", function()
    local response = answered(function(_, _, response)
      response.content_text = "ok"
      response.headers["Set-Cookie"] = { "a=1", "b=2" }
    end)
    assert.matches("\r\nSet-Cookie: a=1\r\n", response.head, 1, true)
    assert.matches("\r\nSet-Cookie: b=2\r\n", response.head, 1, true)
  end)

  it("may be large", function()
    local text = ("0123456789abcdef"):rep(200000)
    local response = answered(function(_, _, response) response.content_text = text end)
    assert.equal(text, response.body)
  end)

  it("may be made after a wait; other connections are answered meanwhile", function()
    local waiting = true
    local made = serving(function(_, request, response)
      if request.document == "/slow" then clock.wait_for(function() return not waiting end) end
      response.content_text = request.document
    end)
    local slow = fixture.socket(made)
    slow:send(http.compose "/slow")
    assert.equal("/quick", http.request(made.port, "/quick").body)
    waiting = false
    assert.equal("/slow", http.read(slow).body)
  end)

  it("comes in the order of the requests", function()
    local made = serving(function(_, request, response)
      if request.document == "/1" then timer.sleep(0.01) end
      response.content_text = request.document
    end)
    local peer = fixture.socket(made)
    peer:send(http.compose "/1" .. http.compose "/2" .. http.compose "/3")
    for i = 1, 3 do
      assert.equal("/" .. i, http.read(peer).body)
    end
  end)

  it("without anything set is a file, a page or 404", function()
    local made = serving(function() end)
    assert.equal(404, http.request(made.port, "/").status)
    assert.equal(200, http.request(made.port, "/sgcWebSockets.html").status)
  end)

  it("of a handler that throws is 500", function()
    local message
    local made = serving(function(_, _, response)
      response.content_text = "half"
      error "what a pity"
    end)
    function made.OnException(_, text) message = text end
    local response = http.request(made.port, "/")
    assert.equal(500, response.status)
    assert.is_nil(response.body:find("pity", 1, true))
    assert.matches("what a pity", message, 1, true)
    assert.matches("stack traceback", message, 1, true)
  end)

  it("has only its fields", function()
    local messages = {}
    answered(function(_, _, response)
      local function try(name, value)
        messages[#messages + 1] = select(2, pcall(function() response[name] = value end))
      end
      try("content_txt", "x")
      try("status", 200)
      try("content_text", 5)
      response.content_text = "ok"
    end)
    local hint = "response has no field 'content_txt': did you mean 'content_text'?"
    assert.matches(hint, messages[1], 1, true)
    assert.matches("response has no field 'status'", messages[2], 1, true)
    assert.matches("response.content_text takes a string, got a number", messages[3], 1, true)
  end)

  it("of an HTTP/1.0 client closes the connection", function()
    local made = serving(function(_, request, response) response.content_text = request.version end)
    local response, ended = http.raw(made.port, "GET / HTTP/1.0\r\n\r\n")
    assert.equal("HTTP/1.0", response.body)
    assert.is_true(ended)
  end)
end)

describe("response:redirect", function()
  after_each(fixture.clean)

  it("sends elsewhere", function()
    local response = answered(function(_, _, response) response:redirect "/other?a=b" end)
    assert.equal(302, response.status)
    assert.equal("/other?a=b", response.headers.location)
    for _, code in ipairs { 301, 303, 307, 308 } do
      response = answered(function(_, _, given) given:redirect("https://example.org/", code) end)
      assert.equal(code, response.status)
    end
  end)

  it("refuses what is no redirect", function()
    local failures = 0
    answered(function(_, _, response)
      for _, url in ipairs { "", "/a b", "/a\r\nX: y", "/a\nX: y", "/\0" } do
        if not pcall(response.redirect, response, url) then failures = failures + 1 end
      end
      for _, code in ipairs { 200, 300, 304, 400 } do
        if not pcall(response.redirect, response, "/", code) then failures = failures + 1 end
      end
      response.content_text = "ok"
    end)
    assert.equal(9, failures)
  end)
end)

describe("what cannot be sent", function()
  after_each(fixture.clean)

  --- The response and the log of a handler.
  local function sending(handler)
    local response
    local log = capture(function() response = answered(handler) end)
    return response, log
  end

  --- A handler that sets these headers and this number.
  local function setting(headers, number)
    return function(_, _, response)
      response.response_no = number
      response.content_text = "text"
      response.headers = headers
    end
  end

  local function assert_refused(headers, number)
    local response, log = sending(setting(headers, number))
    assert.equal(500, response.status)
    assert.is_nil(response.headers.x)
    assert.is_nil(response.body:find("text", 1, true))
    assert.matches("the response cannot be sent", log, 1, true)
  end

  it("is a line break or NUL in a header", function()
    for _, bad in ipairs { "\r", "\n", "\r\n", "\0", "a\r\nX: y", "\r\n\r\n<html>" } do
      assert_refused { ["Good-Name"] = bad }
      assert_refused { ["Good-Name"] = { "fine", bad } }
      assert_refused { ["Bad" .. bad] = "value" }
    end
  end)

  it("is a bad name", function()
    for _, name in ipairs { "", "a b", "a:", "ä", "a\tb" } do
      assert_refused { [name] = "value" }
    end
    assert_refused { [1] = "value" }
  end)

  it("is a bad value", function()
    assert_refused { name = true }
    assert_refused { name = { "a", {} } }
    assert_refused { name = print }
  end)

  it("is a header that is set for the script", function()
    local names = { "Content-Length", "Transfer-Encoding", "Connection", "Date", "Server" }
    for _, name in ipairs(names) do
      assert_refused { [name] = "1" }
    end
  end)

  it("is a number that is no status", function()
    for _, number in ipairs { 0, 99, 100, 101, 199, 600, -1, 1e9 } do
      assert_refused({}, number)
    end
  end)

  it("is more than 100 headers", function()
    local headers = {}
    for i = 1, 100 do
      headers["x" .. i] = "v"
    end
    assert.equal(200, sending(setting(headers)).status)
    headers.x101 = "v"
    assert_refused(headers)
  end)

  it("is a line break in the type", function()
    local response, log = sending(function(_, _, response)
      response.content_text = "x"
      response.content_type = "text/plain\r\nX: y"
    end)
    assert.equal(500, response.status)
    assert.is_nil(response.headers.x)
    assert.matches("cannot be sent", log, 1, true)
  end)

  it("is a field of another type, set again", function()
    for name, good in pairs { content_text = "x", content_type = "text/plain", headers = {} } do
      for _, bad in ipairs { true, print, name == "headers" and "x" or {} } do
        local response, log = sending(function(_, _, response)
          response.content_text = "text"
          response[name] = good
          response[name] = bad
        end)
        assert.equal(500, response.status)
        assert.matches("cannot be sent: .*" .. name .. ".* take", log)
      end
    end
  end)
end)

describe("a connection", function()
  after_each(fixture.clean)

  it("stays open", function()
    local made = serving(function(_, _, response) response.content_text = "ok" end)
    local peer = fixture.socket(made)
    for _ = 1, 3 do
      peer:send(http.compose "/")
      local response = http.read(peer)
      assert.equal("ok", response.body)
      assert.is_nil(response.headers.connection)
    end
  end)

  it("closes when the client wants that", function()
    local made = serving(function(_, _, response) response.content_text = "ok" end)
    local peer = fixture.socket(made)
    peer:send(http.compose("/", { headers = { "Connection: close" } }))
    local response = http.read(peer)
    assert.equal("close", response.headers.connection)
    assert.same({ "", "end" }, { peer:read_all() })
  end)

  it("answers HEAD as GET, without the body", function()
    local made = serving(function(_, _, response) response.content_text = "12345" end)
    local peer = fixture.socket(made)
    peer:send(http.compose("/", { method = "HEAD" }))
    local response = http.read(peer, "HEAD")
    assert.equal("5", response.headers["content-length"])
    peer:send(http.compose "/")
    assert.equal("12345", http.read(peer).body)
  end)

  it("answers what came before the client's end", function()
    local made = serving(function(_, _, response) response.content_text = "ok" end)
    local peer = fixture.socket(made)
    peer:send(http.compose "/")
    peer:shutdown()
    assert.equal("ok", http.read(peer).body)
    assert.same({ "", "end" }, { peer:read_all() })
  end)

  it("takes a request byte by byte", function()
    local made = serving(function(_, request, response) response.content_text = request.body end)
    local peer = fixture.socket(made)
    local bytes = http.compose("/", { method = "POST", body = "hello" })
    for i = 1, #bytes do
      peer:send(bytes:sub(i, i))
      if i % 8 == 0 then timer.sleep(0.001) end
    end
    assert.equal("hello", http.read(peer).body)
  end)

  it("becomes a WebSocket after requests, under the same conn", function()
    local websocket = require "spec.support.websocket"
    local conns = {}
    local made = fixture.server(nil, {
      OnCommandGet = function(conn, _, response)
        conns[1] = conn
        response.content_text = "ok"
      end,
      OnConnect = function(conn) conns[2] = conn end,
    })
    local peer = fixture.socket(made)
    peer:send(http.compose "/")
    assert.equal("ok", http.read(peer).body)
    peer:send(websocket.compose { path = "/ws" })
    assert.equal(101, http.read(peer, "HEAD").status)
    assert.equal(conns[1], conns[2])
    assert.equal("/ws", conns[2].url)
  end)
end)

describe("document_root", function()
  local folder, made

  before_each(function()
    folder = fixture.folder()
    folder:write("root/index.html", "<p>home")
    folder:write("root/app.js", "let x")
    folder:write("root/sub/index.html", "<p>sub")
    folder:write("root/sub/a b.txt", "spaced")
    folder:write("root/empty.txt", "")
    folder:write("root/.hidden", "hidden")
    folder:write("root/nothing/x.txt", "x")
    folder:write("secret.txt", "secret")
    made = fixture.server { document_root = folder.path .. "/root" }
  end)
  after_each(fixture.clean)

  local function get(path, options) return http.request(made.port, path, options) end

  it("has files, with their types", function()
    local response = get "/app.js"
    assert.equal(200, response.status)
    assert.equal("let x", response.body)
    assert.matches("javascript", response.headers["content-type"], 1, true)
    assert.equal("nosniff", response.headers["x-content-type-options"])
    assert.matches("^text/html", get("/index.html").headers["content-type"])
    assert.matches("^text/plain", get("/empty.txt").headers["content-type"])
    assert.equal("", get("/empty.txt").body)
    assert.equal("spaced", get("/sub/a%20b.txt").body)
    assert.equal("let x", get("/app.js?v=2").body)
  end)

  it("answers HEAD without the body", function()
    local response = get("/app.js", { method = "HEAD" })
    assert.equal(200, response.status)
    assert.equal("5", response.headers["content-length"])
    assert.equal("", response.body)
  end)

  it("has index.html for a folder", function()
    assert.equal("<p>home", get("/").body)
    assert.equal("<p>sub", get("/sub/").body)
    local response = get "/sub?x=1"
    assert.equal(301, response.status)
    assert.equal("/sub/?x=1", response.headers.location)
    assert.equal(404, get("/nothing/").status)
  end)

  it("is 404 for what is not there", function()
    assert.equal(404, get("/none").status)
    assert.equal(404, get("/app.js/").status)
    assert.equal(404, get("/app.js/x").status)
    assert.equal(404, get("/none/none").status)
  end)

  it("is 405 for other methods", function()
    local response = get("/app.js", { method = "DELETE" })
    assert.equal(405, response.status)
    assert.equal("GET, HEAD", response.headers.allow)
    assert.equal(405, get("/app.js", { method = "POST", body = "x" }).status)
  end)

  it("is never left", function()
    folder:link("../secret.txt", "root/link.txt")
    folder:link("..", "root/up")
    folder:link("/etc", "root/etc")
    local paths = {
      "/../secret.txt",
      "/sub/../../secret.txt",
      "/%2e%2e/secret.txt",
      "/%2E%2E%2Fsecret.txt",
      "/..%2fsecret.txt",
      "/%252e%252e/secret.txt",
      "/..\\secret.txt",
      "/..%5csecret.txt",
      "/sub/..%00/secret.txt",
      "/app.js%00.html",
      "/link.txt",
      "/up/secret.txt",
      "/etc/passwd",
      "//etc/passwd",
      "/./../secret.txt",
      "/.../secret.txt",
      "/" .. folder.path .. "/secret.txt",
      "/sub/%c0%ae%c0%ae/secret.txt",
    }
    for _, path in ipairs(paths) do
      local response = get(path)
      local refused = response.status == 400 or response.status == 403 or response.status == 404
      assert.is_true(refused, path .. " gives " .. response.status)
      assert.is_nil(response.body:find("secret", 1, true))
      assert.is_nil(response.body:find("root:", 1, true))
    end
  end)

  it("is beside the script when it is relative", function()
    local script = [[
      local server = require("perilune.server").new { port = 0, document_root = "public" }
      assert(server:start())
    ]]
    local process = require "spec.support.process"
    local path, script_folder = fixture.script(script)
    script_folder:write("public/index.html", "beside")
    local running = process.perilune({ path }, { folder = "/" })
    assert.equal("beside", http.request(running:wait_port(), "/").body)
  end)

  it("may hold a large file", function()
    local text = ("0123456789abcdef"):rep(200000)
    folder:write("root/large.bin", text)
    assert.equal(text, get("/large.bin").body)
  end)

  it("is asked after OnCommandGet", function()
    function made.OnCommandGet(_, request, response)
      if request.document == "/dynamic" then response.content_text = "made" end
    end
    assert.equal("made", get("/dynamic").body)
    assert.equal("let x", get("/app.js").body)
  end)
end)

describe("built-in pages", function()
  after_each(fixture.clean)

  local function statuses(options)
    local made = fixture.server { options = options }
    return {
      http.request(made.port, "/sgcWebSockets.html").status,
      http.request(made.port, "/perilune.css").status,
      http.request(made.port, "/sgcWebSockets.js").status,
    }
  end

  it("are there", function()
    assert.same({ 200, 200, 200 }, statuses(nil))
    local made = fixture.server()
    local page = http.request(made.port, "/sgcWebSockets.html")
    assert.equal("text/html; charset=utf-8", page.headers["content-type"])
    assert.matches("sgcWebSockets.js", page.body, 1, true)
    local library = http.request(made.port, "/sgcWebSockets.js")
    local sheet = http.request(made.port, "/perilune.css")
    assert.equal("text/css; charset=utf-8", sheet.headers["content-type"])
    assert.matches("javascript", library.headers["content-type"], 1, true)
  end)

  it("are turned off", function()
    assert.same({ 404, 404, 200 }, statuses { html_files = false })
    assert.same({ 200, 200, 404 }, statuses { javascript_files = false })
  end)

  it("are not other embedded files", function()
    local made = fixture.server()
    for _, path in ipairs { "/../server.lua", "/server.lua", "/internal/boot.lua", "/" } do
      assert.equal(404, http.request(made.port, path).status)
    end
  end)

  it("come after the files of document_root", function()
    local folder = fixture.folder()
    folder:write("sgcWebSockets.js", "mine")
    local made = fixture.server { document_root = folder.path }
    assert.equal("mine", http.request(made.port, "/sgcWebSockets.js").body)
    assert.equal(200, http.request(made.port, "/sgcWebSockets.html").status)
  end)
end)

describe("software", function()
  after_each(fixture.clean)

  it("names the server, or nothing", function()
    local named = fixture.server { software = "Mine/1" }
    assert.equal("Mine/1", http.request(named.port, "/").headers.server)
    local silent = fixture.server { software = false }
    assert.is_nil(http.request(silent.port, "/").headers.server)
  end)
end)
