local places = require "perilune.internal.http.place"
local redirect = require "perilune.internal.http.redirect"

local FIELDS = {
  { "Accept", "*/*" },
  { "AUTHORIZATION", "Basic x" },
  { "Cookie", "a=1" },
  { "Proxy-Authorization", "Basic y" },
  { "Host", "other" },
  { "Content-Type", "text/plain" },
  { "X-Own", "1" },
}

local function step(method, url, body)
  return {
    method = method,
    place = places.of(url or "http://a.test/x/y"),
    fields = FIELDS,
    body = body,
    home = true,
  }
end

local function names(following)
  local list = {}
  for i, field in ipairs(following.fields) do
    list[i] = field[1]
  end
  return table.concat(list, " ")
end

describe("a redirect", function()
  it("is one of five, with a Location", function()
    for _, status in ipairs { 301, 302, 303, 307, 308 } do
      assert.is_true(redirect.is(status, "/"))
      assert.is_false(redirect.is(status, nil))
    end
    for _, status in ipairs { 200, 201, 300, 304, 305, 306, 404 } do
      assert.is_false(redirect.is(status, "/"))
    end
  end)

  it("changes the method as browsers do", function()
    local body = { repeatable = true }
    local function method(status, from)
      local following = assert(redirect.follow(step(from, nil, body), status, "/z", false))
      return following.method .. (following.body and " body" or "")
    end
    for _, status in ipairs { 301, 302 } do
      assert.equal("GET", method(status, "POST"))
      assert.equal("PUT body", method(status, "PUT"))
      assert.equal("DELETE body", method(status, "DELETE"))
      assert.equal("HEAD body", method(status, "HEAD"))
    end
    for _, from in ipairs { "POST", "PUT", "PATCH", "DELETE" } do
      assert.equal("GET", method(303, from))
      assert.equal(from .. " body", method(307, from))
      assert.equal(from .. " body", method(308, from))
    end
    assert.equal("HEAD body", method(303, "HEAD"))
  end)

  it("leaves off what speaks of the body with it", function()
    local posted = step("POST", nil, { repeatable = true })
    assert.is_nil(names(redirect.follow(posted, 302, "/", false)):find "Content%-Type")
    assert.is_truthy(names(redirect.follow(posted, 307, "/", false)):find "Content%-Type")
    posted.fields = { { "X", "1" } }
    for _, name in ipairs {
      "Content-Encoding",
      "Content-Language",
      "Content-Location",
      "Content-Type",
      "Content-Length",
      "Content-Range",
      "Digest",
      "Content-Digest",
      "Repr-Digest",
      "Last-Modified",
      "Transfer-Encoding",
    } do
      table.insert(posted.fields, { name, "1" })
    end
    assert.equal("X", names(redirect.follow(posted, 303, "/", false)))
  end)

  it("follows references, and keeps the fragment", function()
    local function url(location, from)
      return redirect.follow(step("GET", from), 302, location, false).place.url
    end
    assert.equal("http://a.test/x/z?q", url "z?q")
    assert.equal("http://a.test/z", url "../z")
    assert.equal("http://b.test/", url "//b.test/")
    assert.equal("http://a.test/x/z#f", url("z", "http://a.test/x/y#f"))
    assert.equal("http://a.test/x/z#g", url("z#g", "http://a.test/x/y#f"))
  end)

  it("drops credentials when it leaves the origin", function()
    local function after(location, from)
      local following = redirect.follow(step("GET", from), 307, location, true)
      return names(following), following.home
    end
    local all = names(step "GET")
    local left = "Accept Content-Type X-Own"
    assert.same({ all, true }, { after "/z" })
    assert.same({ all, true }, { after "http://A.test:80/z" })
    assert.same({ left, false }, { after "http://b.test/" })
    assert.same({ left, false }, { after "http://x.a.test/" })
    assert.same({ left, false }, { after "http://a.test:81/" })
    assert.same({ left, false }, { after "https://a.test/" })
    assert.same({ left, false }, { after("http://a.test/", "https://a.test/") })
    local gone = redirect.follow(step "GET", 307, "http://b.test/", false)
    assert.is_false(redirect.follow(gone, 307, "http://a.test/", false).home)
  end)

  it("goes from https to http only when that is allowed", function()
    local secure = step("GET", "https://a.test/")
    local following, message, code = redirect.follow(secure, 302, "http://a.test/", false)
    assert.is_nil(following)
    assert.equal("redirected from https to http (http://a.test:80)", message)
    assert.equal("EACCES", code)
    assert.is_not_nil(redirect.follow(secure, 302, "http://a.test/", true))
    assert.is_not_nil(redirect.follow(step "GET", 302, "https://a.test/", false))
  end)

  it("needs a body that can be sent again", function()
    local once = step("POST", nil, { repeatable = false })
    assert.equal("ENOTSUP", select(3, redirect.follow(once, 307, "/", false)))
    assert.is_not_nil(redirect.follow(once, 303, "/", false))
  end)

  it("goes to URLs of HTTP", function()
    for _, location in ipairs {
      "ftp://a.test/",
      "javascript:alert(1)",
      "file:///etc/passwd",
      "http://",
      "http://a b/",
      "/\r\nX: y",
      "http://me:pw@a.test/",
    } do
      local following, message, code = redirect.follow(step "GET", 302, location, true)
      assert.is_nil(following, location)
      assert.matches("^redirected to", message)
      assert.equal("EPROTO", code)
    end
  end)
end)
