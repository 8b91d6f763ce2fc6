local cors = require "perilune.cors"
local fixture = require "spec.support.fixture"
local http = require "spec.support.http"

local function refused(given)
  local ok, message = pcall(cors.new, given)
  assert.is_false(ok)
  return (message:gsub("^[^:]*:%d+: ", ""))
end

describe("options of cors.new:", function()
  it("what is wrong is named", function()
    assert.equal(
      "unknown option 'origin' of cors.new: did you mean 'origins'?",
      refused { origin = {} }
    )
    assert.equal(
      "option 'credentials' of cors.new needs 'origins': "
        .. "any page could act in the name of its visitors",
      refused { credentials = true }
    )
    assert.equal(
      "option 'methods' of cors.new takes tokens, got \"GET POST\"",
      refused { methods = { "GET POST" } }
    )
    for _, origin in ipairs { "app.example", "https://a/", "https://*.a", "*" } do
      assert.matches("takes origins like", refused { origins = { origin } })
    end
  end)
end)

describe("cors", function()
  after_each(fixture.clean)

  --- What a server with these rules answers.
  local function answered(given, method, headers)
    local rules = cors.new(given)
    local function handler(_, request, response)
      if rules:preflight(request, response) then return end
      rules:allow(request, response)
      response.content_text = "seen"
    end
    local made = fixture.server({}, { OnCommandGet = handler, OnCommandOther = handler })
    return http.request(made.port, "/", { method = method, headers = headers })
  end

  local function preflight(given, origin, more)
    local headers = { "Origin: " .. origin, "Access-Control-Request-Method: PUT", more }
    return answered(given, "OPTIONS", headers)
  end

  it("answers preflights", function()
    local origins = { "https://app.example", "http://localhost:*" }
    local asked = "Access-Control-Request-Headers: x-a, x-b"
    local got = preflight({ origins = origins, credentials = true }, "https://app.example", asked)
    assert.equal(204, got.status)
    assert.equal("https://app.example", got.headers["access-control-allow-origin"])
    assert.equal("true", got.headers["access-control-allow-credentials"])
    assert.equal("GET, HEAD, POST, PUT, PATCH, DELETE", got.headers["access-control-allow-methods"])
    assert.equal("x-a, x-b", got.headers["access-control-allow-headers"])
    assert.equal("600", got.headers["access-control-max-age"])
    assert.equal("origin, access-control-request-headers", got.headers.vary)
    assert.equal(
      "http://localhost:81",
      preflight({ origins = origins }, "http://localhost:81").headers["access-control-allow-origin"]
    )
  end)

  it("says nothing to who is not let in", function()
    local origins = { "https://app.example", "http://localhost:*", "null" }
    local strangers = {
      "https://app.example.evil.example",
      "https://evil.example",
      "http://app.example",
      "http://localhost.evil.example",
      "http://localhost:81.evil.example",
      "https://app.example:444",
    }
    for _, origin in ipairs(strangers) do
      local got = preflight({ origins = origins }, origin)
      assert.equal(204, got.status)
      assert.is_nil(got.headers["access-control-allow-origin"], origin)
      assert.is_nil(got.headers["access-control-allow-methods"])
      assert.equal("origin", got.headers.vary)
      got = answered({ origins = origins }, "GET", { "Origin: " .. origin })
      assert.equal("seen", got.body)
      assert.is_nil(got.headers["access-control-allow-origin"])
      assert.equal("origin", got.headers.vary)
    end
    for _, origin in ipairs { "https://APP.example", "http://localhost", "null" } do
      local got = answered({ origins = origins }, "GET", { "Origin: " .. origin })
      assert.equal(origin, got.headers["access-control-allow-origin"])
    end
  end)

  it("lets all in without origins, who then are told what they may read", function()
    local got = answered({ expose = { "X-Total" } }, "GET", { "Origin: https://a.example" })
    assert.equal("*", got.headers["access-control-allow-origin"])
    assert.equal("X-Total", got.headers["access-control-expose-headers"])
    assert.is_nil(got.headers.vary)
    assert.is_nil(got.headers["access-control-allow-credentials"])
    assert.is_nil(answered({}, "GET").headers["access-control-allow-origin"])
  end)

  it("leaves other requests with OPTIONS alone", function()
    assert.equal("seen", answered({}, "OPTIONS", { "Origin: https://a.example" }).body)
    assert.equal("seen", answered({}, "OPTIONS", { "Access-Control-Request-Method: PUT" }).body)
  end)

  it("may name the headers of requests", function()
    local asked = "Access-Control-Request-Headers: x-a"
    local got = preflight({ headers = { "X-Token" } }, "https://a.example", asked)
    assert.equal("X-Token", got.headers["access-control-allow-headers"])
    assert.is_nil(got.headers.vary)
  end)
end)
