local cookie = require "perilune.internal.http.cookie"
local fixture = require "spec.support.fixture"

local NOW = 1000000000
local HOST = "www.example.com"

local function accept(line, place)
  place = place or {}
  return cookie.accept(line, {
    host = place.host or HOST,
    path = place.path or "/a/b/c",
    secure = place.secure or false,
  }, NOW)
end

describe("a cookie", function()
  it("has a name and a value", function()
    assert.same({
      name = "SID",
      value = "31d4d96e407aad42",
      domain = HOST,
      host_only = true,
      path = "/a/b",
      secure = false,
      http_only = false,
    }, accept "SID=31d4d96e407aad42")
    local function pair(line)
      local made = accept(line)
      return made and made.name .. ":" .. made.value
    end
    assert.equal("a:b c", pair " a = b c ")
    assert.equal("a:b=c", pair "a=b=c; x")
    assert.equal('a:"b"', pair 'a="b"')
    assert.equal(":value", pair "value")
    assert.equal(":value", pair "=value")
    assert.equal("name:", pair "name=")
    for _, line in ipairs { "", "=", ";", " = ;path=/", "a=\0", "a=b\r\nc", "a=b;x=\127" } do
      assert.is_nil(pair(line), line)
    end
  end)

  it("is at most 4096 bytes", function()
    assert.is_not_nil(accept("ab=" .. ("x"):rep(4094)))
    assert.is_nil(accept("ab=" .. ("x"):rep(4095)))
  end)

  it("takes no time, however many spaces are in it", function()
    local spaces = (" "):rep(30000)
    local began = os.clock()
    for _, line in ipairs {
      "a=b" .. spaces .. "c",
      "a" .. spaces .. "b=c",
      "a=b; x" .. spaces .. "y=z",
      "a=b; path=/" .. spaces .. "c",
      spaces .. "=" .. spaces,
    } do
      accept(line)
    end
    assert.is_true(os.clock() - began < 1)
    for _, line in ipairs { " a = b ", "\t a=b", "a= b;  path = / ;", "a=b;" .. spaces } do
      local got = accept((line:gsub("\t", " ")))
      assert.same({ "a", "b" }, { got.name, got.value })
    end
    assert.equal("b  c", accept("a=  b  c  ").value)
    assert.is_nil(accept "  =  ")
  end)

  it("belongs to the host, or to a domain above it", function()
    local function domain(line, host)
      local made = accept(line, { host = host })
      return made and made.domain .. (made.host_only and " only" or "")
    end
    assert.equal(HOST .. " only", domain "a=b; Domain=")
    assert.equal(HOST, domain "a=b; Domain=www.example.com")
    assert.equal("example.com", domain "a=b; domain=.Example.COM")
    assert.equal("example.com", domain "a=b; domain=other.test; Domain=example.com")
    for _, foreign in ipairs { "ample.com", "a.www.example.com", "other.com", "com", "..com" } do
      assert.is_nil(domain("a=b; Domain=" .. foreign), foreign)
    end
    assert.is_nil(domain("a=b; Domain=co.uk", "a.co.uk"))
    assert.is_nil(domain("a=b; Domain=github.io", "me.github.io"))
    assert.equal("github.io only", domain("a=b; Domain=github.io", "github.io"))
    assert.equal("localhost only", domain("a=b; Domain=localhost", "localhost"))
    assert.is_nil(domain("a=b; Domain=0.0.1", "127.0.0.1"))
    assert.equal("127.0.0.1 only", domain("a=b; Domain=127.0.0.1", "127.0.0.1"))
    assert.equal("::1 only", domain("a=b", "::1"))
    assert.equal("a.example1", domain("a=b; Domain=a.example1", "x.a.example1"))
    assert.is_nil(domain("a=b; Domain=bücher.example", "x.bücher.example"))
  end)

  it("belongs to a path", function()
    local function path(line, of) return accept(line, { path = of }).path end
    assert.equal("/a/b", path("a=b", "/a/b/c"))
    assert.equal("/a/b", path("a=b", "/a/b/"))
    assert.equal("/", path("a=b", "/a"))
    assert.equal("/", path("a=b", "/"))
    assert.equal("/", path("a=b", ""))
    assert.equal("/x", path("a=b; Path=/x", "/a/b"))
    assert.equal("/a", path("a=b; Path=x", "/a/b"))
    assert.equal("/a", path("a=b; Path=/x; path=", "/a/b"))
    assert.equal("/a", path("a=b; Path=/" .. ("x"):rep(1024), "/a/b"))
  end)

  it("lives as long as it says, 400 days at most", function()
    local function expires(line) return accept(line).expires end
    assert.is_nil(expires "a=b")
    assert.equal(784111777, expires "a=b; Expires=Sun, 06 Nov 1994 08:49:37 GMT")
    assert.equal(NOW + 10, expires "a=b; Max-Age=10")
    assert.equal(NOW + 10, expires "a=b; max-age=10; Expires=Sun, 06 Nov 1994 08:49:37 GMT")
    assert.equal(NOW + 400 * 86400, expires "a=b; Max-Age=99999999999999999999")
    assert.equal(NOW + 400 * 86400, expires "a=b; Expires=Fri, 31 Dec 9999 23:59:59 GMT")
    assert.equal(0, expires "a=b; Max-Age=0")
    assert.equal(0, expires "a=b; Max-Age=-1")
    for _, bad in ipairs { "", "x", "1x", "+1", "1.5", "--1" } do
      assert.is_nil(expires("a=b; Max-Age=" .. bad), bad)
    end
    assert.is_nil(expires "a=b; Expires=soon")
  end)

  it("is secure only over https", function()
    assert.is_nil(accept "a=b; Secure")
    local made = accept("a=b; secure; HTTPONLY=x", { secure = true })
    assert.is_true(made.secure)
    assert.is_true(made.http_only)
  end)

  it("keeps what its prefix promises", function()
    local secure = { secure = true }
    assert.is_nil(accept("__Secure-a=b", secure))
    assert.is_nil(accept("__SECURE-a=b", secure))
    assert.is_not_nil(accept("__Secure-a=b; Secure; Domain=example.com", secure))
    assert.is_not_nil(accept("__Host-a=b; Secure; Path=/", secure))
    assert.is_nil(accept("__host-a=b; Secure; Path=/; Domain=www.example.com", secure))
    assert.is_nil(accept("__Host-a=b; Secure; Path=/x", secure))
    assert.is_nil(accept("__Host-a=b; Secure", { secure = true, path = "/" }))
    assert.is_nil(accept("__Host-a=b; Path=/", secure))
    assert.is_nil(accept("=__Host-a=b; Secure; Path=/", secure))
    assert.is_nil(accept("__Secure-a; Secure", secure))
  end)

  it("goes where it belongs", function()
    local function goes(line, place)
      local made = accept(line, { secure = true })
      return cookie.goes_to(made, {
        host = place.host or HOST,
        path = place.path or "/a/b/c",
        secure = place.secure ~= false,
      }, place.now or NOW)
    end
    assert.is_true(goes("a=b", {}))
    assert.is_false(goes("a=b", { host = "x.www.example.com" }))
    assert.is_false(goes("a=b", { host = "example.com" }))
    assert.is_true(goes("a=b; Domain=example.com", { host = "example.com" }))
    assert.is_true(goes("a=b; Domain=example.com", { host = "x.y.example.com" }))
    assert.is_false(goes("a=b; Domain=example.com", { host = "badexample.com" }))
    assert.is_true(goes("a=b; Path=/a", { path = "/a" }))
    assert.is_true(goes("a=b; Path=/a", { path = "/a/" }))
    assert.is_false(goes("a=b; Path=/a", { path = "/ab" }))
    assert.is_false(goes("a=b; Path=/a/", { path = "/a" }))
    assert.is_false(goes("a=b; Secure", { secure = false }))
    assert.is_true(goes("a=b", { secure = false }))
    assert.is_true(goes("a=b; Max-Age=5", { now = NOW + 4 }))
    assert.is_false(goes("a=b; Max-Age=5", { now = NOW + 5 }))
  end)

  it("is the host's alone without the list of public suffixes", function()
    local run = fixture.run [[
      local ffi = require "ffi"
      ffi.load = function() error "no such library" end
      local cookie = require "perilune.internal.http.cookie"
      local place = { host = "a.example.com", path = "/", secure = false }
      for _ = 1, 2 do
        local made = cookie.accept("a=b; Domain=example.com", place, 0)
        print(made.domain, made.host_only)
      end
    ]]
    assert.equal("a.example.com\ttrue\na.example.com\ttrue\n", run.output)
    assert.equal(1, select(2, run.errors:gsub("libpsl is not installed", "")))
  end)
end)
