--- response:send_file.
local clock = require "spec.support.clock"
local fixture = require "spec.support.fixture"
local http = require "spec.support.http"
local process = require "spec.support.process"
local task = require "perilune.task"
local timer = require "perilune.timer"

describe("response:send_file", function()
  local folder, made, results, handler

  before_each(function()
    folder = fixture.folder()
    folder:write("public/page.html", "<p>page")
    folder:write("public/ten.bin", ("0123456789"):rep(1000))
    folder:write("public/sub/x.txt", "x")
    folder:write("secret.txt", "secret")
    folder:link("../secret.txt", "public/out")
    folder:write("large.bin", ("0123456789"):rep(1000000))
    results = {}
    made = fixture.server({}, {
      OnCommandGet = function(...) handler(...) end,
      OnCommandOther = function(...) handler(...) end,
    })
  end)
  after_each(fixture.clean)

  local function get(path, headers, method)
    return http.request(made.port, path or "/", { headers = headers, method = method })
  end

  --- The handler sends this; what it gets is kept.
  local function sending(path, options)
    handler = function(_, _, response) results = { response:send_file(path, options) } end
  end

  it("sends it, with its type", function()
    sending(folder.path .. "/public/page.html")
    local response = get()
    assert.same({ true }, results)
    assert.equal(200, response.status)
    assert.equal("text/html; charset=utf-8", response.headers["content-type"])
    assert.equal("<p>page", response.body)
    assert.equal("", get("/", {}, "HEAD").body)
  end)

  it("sends a large one", function()
    sending(folder.path .. "/large.bin")
    assert.is_true(get().body == ("0123456789"):rep(1000000))
    assert.same({ true }, results)
  end)

  it("knows conditions and ranges", function()
    sending("ten.bin", { root = folder.path .. "/public" })
    local etag = get().headers.etag
    assert.equal(304, get("/", { "If-None-Match: " .. etag }).status)
    assert.equal(412, get("/", { 'If-Match: "other"' }).status)
    local part = get("/", { "Range: bytes=1-3" })
    assert.equal(206, part.status)
    assert.equal("123", part.body)
    assert.equal(416, get("/", { "Range: bytes=10000-" }).status)
    assert.same({ true }, results)
  end)

  it("sends what the handler has set", function()
    handler = function(_, _, response)
      response.content_type = "text/x-mine"
      response.headers["cache-control"] = "no-store"
      response.headers["x-more"] = { "1", "2" }
      response:send_file(folder.path .. "/public/page.html", { download = true })
    end
    local response = get()
    assert.equal("text/x-mine", response.headers["content-type"])
    assert.equal("no-store", response.headers["cache-control"])
    assert.equal("1, 2", response.headers["x-more"])
    assert.equal('attachment; filename="page.html"', response.headers["content-disposition"])
  end)

  it("names downloads safely", function()
    local names = {
      ["a b.txt"] = 'attachment; filename="a b.txt"',
      ['a"b\r\nx: y'] = "attachment; filename=\"a_b__x: y\"; filename*=UTF-8''a%22b%0D%0Ax%3A%20y",
      ["ä.txt"] = "attachment; filename=\"__.txt\"; filename*=UTF-8''%C3%A4.txt",
    }
    for name, value in pairs(names) do
      sending(folder.path .. "/public/page.html", { download = name })
      assert.equal(value, get().headers["content-disposition"])
    end
  end)

  it("sends it whole with another status", function()
    handler = function(_, _, response)
      response.response_no = 404
      response:send_file(folder.path .. "/public/page.html")
    end
    local response = get("/", { "Range: bytes=0-1", "If-None-Match: *" })
    assert.equal(404, response.status)
    assert.equal("<p>page", response.body)
  end)

  it("answers other methods, and requests with a body", function()
    sending(folder.path .. "/public/ten.bin")
    assert.equal(10000, #get("/", { 'If-Match: "x"' }, "PUT").body)
    local peer = fixture.socket(made)
    peer:send(http.compose("/", { method = "POST", body = ("x"):rep(50000) }) .. http.compose "/")
    assert.equal(10000, #assert(http.read(peer)).body)
    assert.equal(10000, #assert(http.read(peer)).body)
  end)

  it("leaves the answer to the handler when there is none", function()
    local cases = {
      { "none", "ENOENT" },
      { "sub", "EISDIR" },
      { "", "EISDIR" },
      { "../secret.txt", "ENOENT" },
      { "sub/../../secret.txt", "ENOENT" },
      { "out", "ENOENT" },
      { folder.path .. "/secret.txt", "ENOENT" },
      { "page.html\0", "ENOENT" },
      { "page.html/", "ENOENT" },
    }
    for _, case in ipairs(cases) do
      handler = function(_, request, response)
        results = { response:send_file(case[1], { root = folder.path .. "/public" }) }
        response.content_text = "instead of " .. request.document
      end
      local response = get "/it"
      assert.equal(200, response.status)
      assert.equal("instead of /it", response.body)
      assert.is_nil(results[1])
      assert.equal(case[2], results[3], case[1])
    end
  end)

  it("falls back to what the server has", function()
    sending(folder.path .. "/none")
    assert.equal(404, get("/nothing").status)
    assert.equal(200, get("/sgcWebSockets.js").status)
  end)

  it("still has the body of the request when there is no file", function()
    handler = function(_, request, response)
      response:send_file(folder.path .. "/none")
      response.content_text = request.body
    end
    local sent = http.request(made.port, "/", { method = "POST", body = ("y"):rep(100000) })
    assert.equal(("y"):rep(100000), sent.body)
  end)

  it("is beside the script", function()
    local path, script_folder = fixture.script [[
      local server = require("perilune.server").new { port = 0 }
      function server.OnCommandGet(_, request, response)
        local confined = request.params.root and { root = request.params.root }
        assert(response:send_file(confined and "b.txt" or "files/b.txt", confined))
      end
      assert(server:start())
    ]]
    script_folder:write("files/b.txt", "beside")
    local port = process.perilune({ path }, { folder = "/" }):wait_port()
    assert.equal("beside", http.request(port, "/").body)
    assert.equal("beside", http.request(port, "/?root=files").body)
  end)

  it("ends the response", function()
    handler = function(_, _, response)
      assert(response:send_file(folder.path .. "/public/page.html"))
      results = { response:send_file(folder.path .. "/public/ten.bin") }
      results[4] = select(3, response:write "more")
      response.content_text = "not sent"
    end
    assert.equal("<p>page", get().body)
    assert.equal("ESTATE", results[3])
    assert.equal("ESTATE", results[4])
  end)

  it("throws for what cannot be meant", function()
    local path = folder.path .. "/public/page.html"
    local function throws(pattern, prepare)
      handler = function(_, _, response)
        local ok, message = pcall(prepare, response)
        results = { ok, message }
        response.content_text = "thrown"
      end
      assert.equal("thrown", get().body)
      assert.is_false(results[1])
      assert.matches(pattern, results[2], 1, true)
    end
    throws("takes a path, got a nil", function(response) response:send_file() end)
    throws("root", function(response) response:send_file(path, { rooot = "x" }) end)
    throws("root", function(response) response:send_file(path, { root = 5 }) end)
    throws("content_text is set", function(response)
      response.content_text = "text"
      response:send_file(path)
    end)
    throws("are those of the file", function(response)
      response.headers.ETag = '"mine"'
      local ok, message = pcall(response.send_file, response, path)
      response.headers.ETag = nil
      if not ok then error(message, 0) end
    end)
    handler = function(_, _, response)
      response:write "begun "
      results = { pcall(response.send_file, response, path) }
    end
    assert.equal("begun ", get().body)
    assert.matches("response:write has begun", results[2], 1, true)
  end)

  it("sends no header that HTTP does not allow", function()
    handler = function(_, _, response)
      response.headers["x-bad"] = "a\r\nSet-Cookie: b"
      results = { response:send_file(folder.path .. "/public/page.html") }
      response.headers = {}
      response.content_text = "instead"
    end
    assert.equal("instead", get().body)
    assert.equal("EINVAL", results[3])
  end)

  it("goes on without the handler", function()
    local returned
    handler = function(_, _, response)
      assert(response:send_file(folder.path .. "/large.bin"))
      returned = true
    end
    local peer = fixture.socket(made)
    peer:send(http.compose "/")
    clock.wait_for(function() return returned end)
    timer.sleep(0.05)
    assert.equal(10000000, #assert(http.read(peer, "GET", 10)).body)
  end)

  it("may be called by a task that is cancelled", function()
    handler = function(_, _, response)
      local sender = task.start(function() response:send_file(folder.path .. "/large.bin") end)
      sender:cancel()
      timer.sleep(0.01)
      response.content_text = "not needed"
    end
    local response = get()
    assert.is_true(response.body == "not needed" or #response.body == 10000000)
    assert.equal(0, made:count())
  end)
end)
