local fixture = require "spec.support.fixture"
local http = require "spec.support.http"
local server = require "perilune.server"

describe("the option headers", function()
  after_each(fixture.clean)

  it("is in every answer that has no header of that name", function()
    local folder = fixture.folder()
    folder:write("a.txt", "a file")
    local made = fixture.server({
      document_root = folder.path,
      headers = {
        ["Alt-Svc"] = 'h2=":443"',
        ["X-Frame-Options"] = "DENY",
        ["X-Many"] = { "one", 2 },
      },
    }, {
      OnCommandGet = function(_, request, response)
        if request.document == "/handler" then
          response.headers["x-frame-options"] = "SAMEORIGIN"
          response.content_text = "made"
        elseif request.document == "/throws" then
          error "on purpose"
        end
      end,
      OnException = function() end,
    })
    local expected = { ["/a.txt"] = 200, ["/handler"] = 200, ["/none"] = 404, ["/throws"] = 500 }
    for path, status in pairs(expected) do
      local got = http.request(made.port, path)
      assert.equal(status, got.status)
      assert.equal('h2=":443"', got.headers["alt-svc"])
      assert.matches("^%a+, %a+$", got.headers["x-many"]:gsub("2", "two"))
      local frames = path == "/handler" and "SAMEORIGIN" or "DENY"
      assert.equal(frames, got.headers["x-frame-options"])
    end
    local got = http.raw(made.port, "nonsense\r\n\r\n")
    assert.equal(400, got.status)
    assert.equal("DENY", got.headers["x-frame-options"])
  end)

  it("is checked", function()
    local function refused(headers)
      local ok, message = pcall(server.new, { headers = headers })
      assert.is_false(ok)
      return (message:gsub("^[^:]*:%d+: ", ""))
    end
    local what = "option 'headers' of server.new "
    assert.equal(
      what .. "takes no 'Content-Length', which is set for each answer",
      refused { ["Content-Length"] = 1 }
    )
    assert.equal(what .. 'takes names of headers as keys, got "a b"', refused { ["a b"] = "c" })
    assert.equal(
      what .. "takes values without control characters",
      refused { a = { "b", "c\r\nd: e" } }
    )
    assert.equal(
      what .. "takes strings, numbers and lists of them, got a boolean",
      refused { a = true }
    )
    assert.matches("has 'a' twice", refused({ a = 1, A = 2 }):lower())
    local many = {}
    for i = 1, 101 do
      many["x-" .. i] = i
    end
    assert.equal(what .. "takes at most 100 lines", refused(many))
  end)
end)
