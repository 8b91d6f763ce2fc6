local fixture = require "spec.support.fixture"
local process = require "spec.support.process"

describe("curl:", function()
  local folder, base

  before_each(function()
    folder = fixture.folder()
    folder:write("public/index.html", "<p>home")
    folder:write("public/large.bin", ("0123456789abcdef"):rep(65536))
    local script = folder:write(
      "main.lua",
      [[
      local server = require("perilune.server").new { port = 0, document_root = "public" }
      local function say(_, request, response)
        if request.document ~= "/echo" then return end
        response.content_type = "text/plain"
        response.content_text = request.command .. " " .. request.body
      end
      server.OnCommandGet, server.OnCommandOther = say, say
      assert(server:start())
    ]]
    )
    base = ("http://127.0.0.1:%d"):format(process.perilune({ script }):wait_port())
  end)
  after_each(fixture.clean)

  --- The output of curl; the last argument is the path.
  local function curl(...)
    local arguments = { "curl", "--silent", "--show-error", "--max-time", "10", ... }
    arguments[#arguments] = base .. arguments[#arguments]
    local run = process.run(arguments)
    assert.equal(0, run.code, run.errors)
    return run.output
  end

  it("gets a page", function() assert.equal("<p>home", curl "/") end)

  it(
    "gets the built-in page",
    function() assert.matches("sgcWebSockets.js", curl "/sgcWebSockets.html", 1, true) end
  )

  it("gets a head", function()
    local output = curl("--head", "/")
    assert.matches("^HTTP/1.1 200 OK\r\n", output)
    assert.matches("Content-Length: 7\r\n", output, 1, true)
  end)

  it(
    "gets 404",
    function()
      assert.equal("404", curl("--output", "/dev/null", "--write-out", "%{http_code}", "/none"))
    end
  )

  it("keeps its connection", function()
    local written = { "--output", "/dev/null", "--write-out", "%{num_connects} " }
    local output = curl(written[1], written[2], written[3], written[4], base .. "/", "/echo")
    assert.matches("^1 ?", output)
    assert.matches("0 $", output)
  end)

  it("posts by length and in chunks", function()
    assert.equal("POST a=1&b=2", curl("--data", "a=1&b=2", "/echo"))
    local body = folder:write("body.txt", ("line\n"):rep(10000))
    local output =
      curl("--header", "Transfer-Encoding: chunked", "--data-binary", "@" .. body, "/echo")
    assert.equal("POST " .. ("line\n"):rep(10000), output)
  end)

  it("asks before it sends", function()
    local body = folder:write("body.bin", ("x"):rep(1000000))
    local output = curl("--header", "Expect: 100-continue", "--data-binary", "@" .. body, "/echo")
    assert.equal(#"POST " + 1000000, #output)
  end)

  it("puts and deletes", function()
    assert.equal("PUT hello", curl("--request", "PUT", "--data", "hello", "/echo"))
    assert.equal("DELETE ", curl("--request", "DELETE", "/echo"))
  end)

  it("gets a large file", function()
    local path = folder.path .. "/got.bin"
    curl("--output", path, "/large.bin")
    local file = assert(io.open(path, "rb"))
    assert.equal(("0123456789abcdef"):rep(65536), file:read "*a")
    file:close()
  end)

  local function content(path)
    local file = assert(io.open(path, "rb"))
    local text = file:read "*a"
    file:close()
    return text
  end

  it("gets a part", function()
    assert.equal("cdef0", curl("--range", "12-16", "/large.bin"))
    assert.equal("ef", curl("--range", "-2", "/large.bin"))
    local output = curl("--include", "--range", "0-1,16-17", "/large.bin")
    assert.matches("^HTTP/1.1 206 Partial Content\r\n", output)
    assert.matches("Content-Range: bytes 16-17/1048576\r\n\r\n01\r\n", output, 1, true)
  end)

  it("goes on with a download", function()
    local path = folder:write("part.bin", ("0123456789abcdef"):rep(30000))
    curl("--continue-at", "-", "--output", path, "/large.bin")
    assert.is_true(content(path) == ("0123456789abcdef"):rep(65536))
  end)

  it("takes encoded answers", function()
    local text = ("<p>some text</p>\n"):rep(1000)
    folder:write("public/text.html", text)
    assert.equal(text, curl("--compressed", "/text.html"))
    local size = { "--output", "/dev/null", "--write-out", "%{size_download}" }
    local compressed = curl("--compressed", size[1], size[2], size[3], size[4], "/text.html")
    assert.is_true(tonumber(compressed) < #text / 10)
    assert.equal(tostring(#text), curl(size[1], size[2], size[3], size[4], "/text.html"))
  end)

  it("gets only what is newer", function()
    local code = { "--output", "/dev/null", "--write-out", "%{http_code}" }
    local function newer_than(date)
      return curl("--time-cond", date, code[1], code[2], code[3], code[4], "/index.html")
    end
    assert.equal("200", newer_than "Sun, 06 Nov 1994 08:49:37 GMT")
    assert.equal("304", newer_than "Fri, 01 Jan 2100 00:00:00 GMT")
    local etag = folder:write("etag.txt", "")
    curl("--etag-save", etag, "/index.html")
    assert.equal(
      "304",
      curl("--etag-compare", etag, code[1], code[2], code[3], code[4], "/index.html")
    )
    folder:write("public/index.html", "<p>other")
    local again = { "--retry", "3", "--etag-compare", etag, "/index.html" }
    assert.equal(
      "<p>other",
      require("spec.support.clock").wait_for(function()
        local output = curl(again[1], again[2], again[3], again[4], again[5])
        return output ~= "" and output
      end)
    )
  end)

  it("speaks HTTP/1.0", function() assert.equal("<p>home", curl("--http1.0", "/")) end)

  it("cannot leave the folder", function()
    local output = curl("--path-as-is", "--write-out", "%{http_code}", "/../main.lua")
    assert.matches("40[034]$", output)
    assert.is_nil(output:find("perilune.server", 1, true))
  end)
end)
