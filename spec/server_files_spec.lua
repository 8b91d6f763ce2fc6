--- What a browser gets of the files of a server, over sockets.
local fixture = require "spec.support.fixture"
local http = require "spec.support.http"
local server = require "perilune.server"
local timer = require "perilune.timer"

describe("files", function()
  local folder, made

  local function start(options)
    options = options or {}
    options.document_root = folder.path
    made = fixture.server(options)
  end

  local function get(path, headers, method)
    return http.request(made.port, path, { headers = headers, method = method })
  end

  before_each(function()
    folder = fixture.folder()
    folder:write("ten.bin", ("0123456789"):rep(1000))
    folder:write("text.txt", ("some words "):rep(1000))
    folder:write("app.js", "plain()")
    folder:write("app.js.br", "brotli")
    folder:write("app.js.gz", "gzip")
  end)
  after_each(fixture.clean)

  it("are not sent to who has them", function()
    start()
    local first = get "/ten.bin"
    assert.matches('^"[%x-]+"$', first.headers.etag)
    local again = get("/ten.bin", { "If-None-Match: " .. first.headers.etag })
    assert.equal(304, again.status)
    assert.equal(first.headers.etag, again.headers.etag)
    assert.equal(
      304,
      get("/ten.bin", { "If-Modified-Since: " .. first.headers["last-modified"] }).status
    )
    assert.equal(412, get("/ten.bin", { 'If-Match: "other"' }).status)
  end)

  it("are sent in parts", function()
    start()
    local part = get("/ten.bin", { "Range: bytes=3-5" })
    assert.equal(206, part.status)
    assert.equal("bytes 3-5/10000", part.headers["content-range"])
    assert.equal("345", part.body)
    local several = get("/ten.bin", { "Range: bytes=0-1,-2" })
    assert.equal(206, several.status)
    local boundary = several.headers["content-type"]:match "^multipart/byteranges; boundary=(%x+)$"
    local parts = {}
    for range, body in ("0-1 01 9998-9999 89"):gmatch "(%S+) (%S+)" do
      parts[#parts + 1] = ("--%s\r\nContent-Type: application/octet-stream\r\n"):format(boundary)
        .. ("Content-Range: bytes %s/10000\r\n\r\n%s\r\n"):format(range, body)
    end
    assert.equal(table.concat(parts) .. "--" .. boundary .. "--\r\n", several.body)
    assert.equal(416, get("/ten.bin", { "Range: bytes=10000-" }).status)
  end)

  it("never come to more than twice of them, whatever is asked for", function()
    start()
    local ranges = {}
    for i = 1, 1300 do
      ranges[i] = "0-"
    end
    local all = get("/ten.bin", { "Range: bytes=" .. table.concat(ranges, ",") })
    assert.equal(200, all.status)
    assert.equal(10000, #all.body)
    for _, range in ipairs { "5-2", "0-99999999999999999999999", "-99999999999999999999" } do
      local answer = get("/ten.bin", { "Range: bytes=" .. range })
      assert.is_true(answer.status == 200 or answer.status == 206)
      assert.equal(10000, #answer.body)
    end
  end)

  it("may have more or fewer ranges", function()
    start { limits = { ranges = 1 } }
    assert.equal(206, get("/ten.bin", { "Range: bytes=0-1" }).status)
    assert.equal(200, get("/ten.bin", { "Range: bytes=0-1,3-4" }).status)
  end)

  it("come encoded as the client likes it", function()
    start()
    local function body(accepted)
      local response = get("/app.js", { "Accept-Encoding: " .. accepted })
      assert.equal("Accept-Encoding", response.headers.vary)
      assert.matches("^text/javascript", response.headers["content-type"])
      return response.body
    end
    assert.equal("brotli", body "gzip, deflate, br, zstd")
    assert.equal("gzip", body "gzip, br;q=0.5")
    assert.equal("plain()", body "deflate")
    assert.equal(406, get("/app.js", { "Accept-Encoding: *;q=0" }).status)
    assert.equal("plain()", get("/app.js").body)
  end)

  it("are compressed once", function()
    start()
    local first = get("/text.txt", { "Accept-Encoding: gzip" })
    assert.equal("gzip", first.headers["content-encoding"])
    assert.is_true(#first.body < 1000)
    local again = get("/text.txt", { "Accept-Encoding: gzip" })
    assert.equal(first.body, again.body)
    assert.equal(first.headers.etag, again.headers.etag)
    assert.are_not.equal(first.headers.etag, get("/text.txt").headers.etag)
    assert.is_nil(get("/ten.bin", { "Accept-Encoding: gzip" }).headers["content-encoding"])
    assert.equal(
      "gzip",
      get("/sgcWebSockets.js", { "Accept-Encoding: gzip" }).headers["content-encoding"]
    )
  end)

  it("are sent as they are when that is wanted", function()
    start { files = { gzip = false, precompressed = false } }
    assert.equal("plain()", get("/app.js", { "Accept-Encoding: gzip, br" }).body)
    local text = get("/text.txt", { "Accept-Encoding: gzip" })
    assert.is_nil(text.headers["content-encoding"])
    assert.is_nil(text.headers.vary)
  end)

  it("are compressed from a size on", function()
    start { files = { gzip = { min_size = 20000 } } }
    assert.is_nil(get("/text.txt", { "Accept-Encoding: gzip" }).headers["content-encoding"])
  end)

  it("may be kept by browsers", function()
    start { files = { cache_control = "public, max-age=3600" } }
    local response = get "/ten.bin"
    assert.equal("public, max-age=3600", response.headers["cache-control"])
    local not_modified = get("/ten.bin", { "If-None-Match: " .. response.headers.etag })
    assert.equal("public, max-age=3600", not_modified.headers["cache-control"])
    assert.is_nil(get("/sgcWebSockets.js").headers["cache-control"])
  end)

  it("are asked for with HEAD, too", function()
    start()
    for _, headers in ipairs { {}, { "Accept-Encoding: gzip" }, { "Accept-Encoding: br" } } do
      for _, path in ipairs { "/text.txt", "/app.js", "/ten.bin" } do
        local whole, head = get(path, headers), get(path, headers, "HEAD")
        whole.headers.date, head.headers.date = nil, nil
        assert.same(whole.headers, head.headers)
        assert.equal("", head.body)
      end
    end
  end)

  it("show their changes", function()
    start()
    assert.equal("plain()", get("/app.js").body)
    folder:write("app.js", "other()")
    timer.sleep(0.02)
    assert.equal("other()", get("/app.js").body)
    os.remove(folder.path .. "/app.js")
    timer.sleep(0.02)
    assert.equal(404, get("/app.js").status)
  end)

  it("are large, and asked for by many at a time", function()
    local text = {}
    for i = 1, 400000 do
      text[i] = ("%08d"):format(i)
    end
    text = table.concat(text)
    folder:write("large.bin", text)
    start()
    local peers = {}
    for i = 1, 5 do
      peers[i] = fixture.socket(made)
      peers[i]:send(http.compose "/large.bin" .. http.compose "/ten.bin")
    end
    for i = 1, 5 do
      assert.is_true(assert(http.read(peers[i], "GET", 10)).body == text)
      assert.equal(10000, #assert(http.read(peers[i])).body)
    end
  end)

  it("are sent over TLS, too", function()
    local certificates = require "spec.support.certificates"
    local process = require "spec.support.process"
    local text = ("0123456789abcdef"):rep(300000)
    folder:write("large.bin", text)
    start { tls = certificates.tls(certificates.folder "localhost") }
    local function curl(...)
      local run = process.run { "curl", "--silent", "--insecure", "--max-time", "20", ... }
      assert.equal(0, run.code, run.errors)
      return run.output
    end
    local base = ("https://127.0.0.1:%d"):format(made.port)
    assert.is_true(curl(base .. "/large.bin") == text)
    assert.equal(
      text:sub(1000001, 3000001),
      curl("--range", "1000000-3000000", base .. "/large.bin")
    )
    local several = curl("--range", "0-99999,4000000-4099999", base .. "/large.bin")
    assert.is_truthy(several:find(text:sub(1, 100000), 1, true))
    assert.is_truthy(several:find(text:sub(4000001, 4100000), 1, true))
    assert.equal(text, curl("--compressed", base .. "/large.bin"))
  end)

  it("end the connection when they become shorter", function()
    folder:write("large.bin", ("x"):rep(30000000))
    start()
    local peer = fixture.socket(made)
    peer:send(http.compose "/large.bin")
    local head = assert(peer:read_through "\r\n\r\n")
    assert.matches("Content-Length: 30000000", head, 1, true)
    folder:write("large.bin", "short")
    local rest, why = peer:read_all(5)
    assert.are_not.equal("timeout", why)
    assert.is_true(#rest < 30000000)
    assert.equal(10000, #get("/ten.bin").body)
  end)

  it("have options that are checked", function()
    local function refused(options, pattern)
      local ok, message = pcall(server.new, options)
      assert.is_false(ok)
      assert.matches(pattern, message, 1, true)
    end
    refused({ files = { gzipp = false } }, "did you mean 'files.gzip'")
    refused({ files = { gzip = { level = 10 } } }, "files.gzip.level")
    refused({ files = { gzip = true } }, "files.gzip")
    refused({ files = { cache_control = "a\r\nb" } }, "control characters")
    refused({ limits = { ranges = 65 } }, "limits.ranges")
  end)
end)
