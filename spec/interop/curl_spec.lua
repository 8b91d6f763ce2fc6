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

  it("speaks HTTP/1.0", function() assert.equal("<p>home", curl("--http1.0", "/")) end)

  it("cannot leave the folder", function()
    local output = curl("--path-as-is", "--write-out", "%{http_code}", "/../main.lua")
    assert.matches("40[034]$", output)
    assert.is_nil(output:find("perilune.server", 1, true))
  end)
end)
