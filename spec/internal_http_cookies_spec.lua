local cookies = require "perilune.internal.http.cookies"
local fixture = require "spec.support.fixture"
local places = require "perilune.internal.http.place"

local NOW = 1000000000
local URL = "http://www.example.com/"

local function take(jar, line, url, now)
  return cookies.take(cookies.state(jar), places.of(url or URL), line, now or NOW)
end

local function header(jar, url, now)
  return cookies.header(cookies.state(jar), places.of(url or URL), now or NOW)
end

local function names(jar)
  local list = {}
  for i, made in ipairs(jar:all()) do
    list[i] = made.name
  end
  return table.concat(list, " ")
end

describe("a jar of cookies", function()
  after_each(fixture.clean)

  it("gives back what it took, to whom it belongs", function()
    local jar = cookies.new()
    assert.is_true(take(jar, "a=1"))
    assert.is_true(take(jar, "b=2; Domain=example.com; Path=/x"))
    assert.is_false(take(jar, "c=3; Domain=other.com"))
    assert.equal("a=1", header(jar))
    assert.equal("b=2; a=1", header(jar, URL .. "x/y"))
    assert.equal("b=2", header(jar, "http://example.com/x"))
    assert.is_nil(header(jar, "http://example.com/"))
    assert.is_nil(header(jar, "http://example.org/"))
    assert.equal(2, jar.count)
  end)

  it("replaces a cookie of the same name, domain and path, and keeps its place", function()
    local jar = cookies.new()
    for _, line in ipairs { "a=1", "b=2", "a=3", "a=4; Path=/x", "a=5; Domain=www.example.com" } do
      assert.is_true(take(jar, line))
    end
    assert.equal("a=3; b=2; a=5", header(jar))
    assert.equal("a=4; a=3; b=2; a=5", header(jar, URL .. "x"))
  end)

  it("forgets what has ended", function()
    local jar = cookies.new()
    take(jar, "a=1; Max-Age=10")
    take(jar, "b=2")
    assert.equal("a=1; b=2", header(jar, URL, NOW + 9))
    assert.equal("b=2", header(jar, URL, NOW + 10))
    take(jar, "b=; Max-Age=0")
    assert.equal("a=1", header(jar))
    assert.equal(1, jar.count)
  end)

  it("keeps cookies that are not secure from standing in for those that are", function()
    local jar = cookies.new()
    take(jar, "a=1; Secure; Path=/x; Domain=example.com", "https://www.example.com/")
    assert.is_false(take(jar, "a=2; Path=/x/y"))
    assert.is_false(take(jar, "a=2; Path=/x", "http://a.www.example.com/"))
    assert.is_true(take(jar, "a=2; Path=/"))
    assert.is_true(take(jar, "a=3; Path=/x; Domain=example.com", "https://www.example.com/"))
    assert.equal("a=3; a=2", header(jar, URL .. "x"))
  end)

  it("has room for so many of a domain", function()
    local jar = cookies.new { max_per_domain = 3 }
    take(jar, "a=1")
    take(jar, "b=2; Path=/x")
    take(jar, "c=3; Max-Age=1")
    assert.equal("a=1; c=3", header(jar))
    take(jar, "d=4") -- b was not used
    assert.equal(3, jar.count)
    assert.equal("a=1; c=3; d=4", header(jar, URL .. "x"))
    take(jar, "e=5", URL, NOW + 2) -- c has ended
    assert.equal("a=1; d=4; e=5", header(jar, URL, NOW + 2))
    take(jar, "s=6; Secure", "https://www.example.com/")
    take(jar, "t=7; Secure", "https://www.example.com/")
    take(jar, "u=8; Secure", "https://www.example.com/")
    take(jar, "v=9")
    assert.equal("t=7; u=8; v=9", header(jar, "https://www.example.com/"))
    take(jar, "w=0")
    assert.equal("t=7; u=8; w=0", header(jar, "https://www.example.com/"))
  end)

  it("has room for so many in all", function()
    local jar = cookies.new { max_cookies = 2 }
    take(jar, "a=1")
    take(jar, "b=2", "http://b.test/")
    take(jar, "c=3", "http://c.test/")
    assert.equal(2, jar.count)
    assert.is_nil(header(jar))
    assert.equal("b=2", header(jar, "http://b.test/"))
  end)

  it("is read and changed by scripts", function()
    local jar = cookies.new()
    assert.is_true(jar:set("https://example.com/a/b", "id=1; HttpOnly; Max-Age=100"))
    assert.equal("id=1", jar:get "https://example.com/a/c")
    local all = jar:all()
    assert.equal("example.com", all[1].domain)
    assert.equal("/a", all[1].path)
    assert.is_true(all[1].http_only)
    all[1].name = "changed"
    assert.equal("id", jar:all()[1].name)
    assert.equal("EACCES", select(3, jar:set("http://a.com/", "a=1; Domain=b.com")))
    assert.has_error(function() jar:set("a.com", "a=1") end)
    assert.has_error(function() jar:set("http://a.com/", 1) end)
    assert.has_error(function() jar:get "ftp://a.com/" end)
    jar:set("http://other.com/", "a=1")
    jar:clear "none.com"
    assert.equal(2, jar.count)
    jar:clear "EXAMPLE.com"
    assert.equal("a", names(jar))
    assert.equal(1, jar.count)
    jar:clear()
    assert.equal("", names(jar))
    assert.equal(0, jar.count)
    assert.has_error(function() jar.count = 1 end)
    assert.has_error(function() cookies.new { max = 1 } end)
  end)

  it("is kept in a file that others read, too", function()
    local folder = fixture.folder()
    local path = folder.path .. "/cookies.txt"
    local jar = cookies.new()
    jar:set("https://www.example.com/a/", "one=1; Secure; HttpOnly; Max-Age=1000")
    jar:set("http://www.example.com/", "two=2\255; Domain=example.com; Max-Age=1000")
    jar:set("http://www.example.com/", "three=3")
    assert.is_true(jar:save(path))
    local file = assert(io.open(path))
    local lines = file:read("*a"):gsub("%d%d%d%d%d%d%d%d%d%d", "TIME")
    file:close()
    assert.equal(
      "# Netscape HTTP Cookie File\n"
        .. "#HttpOnly_www.example.com\tFALSE\t/a\tTRUE\tTIME\tone\t1\n"
        .. ".example.com\tTRUE\t/\tFALSE\tTIME\ttwo\t2\255\n",
      lines
    )
    assert.equal("600", require("perilune.fs").stat(path).mode)
    local other = cookies.new()
    other:set("http://www.example.com/", "two=0; Domain=example.com")
    assert.equal(2, other:load(path))
    assert.equal("one=1; two=2\255", other:get "https://www.example.com/a/")
    assert.equal("two=2\255", other:get "http://example.com/")
    local two, one = unpack(other:all()) -- it had one of the name "two" before
    assert.is_true(one.http_only)
    assert.is_false(two.http_only)
    assert.equal(jar:all()[1].expires, one.expires)
    local session = cookies.new()
    assert.equal(1, session:load(folder:write("own", "a.com\tFALSE\t/\tFALSE\t0\ta\tb\n")))
    assert.is_nil(session:all()[1].expires)
    assert.is_true(jar:save(path, { session = true }))
    assert.equal(3, cookies.new():load(path))
  end)

  it("says which line of a file is no cookie, and takes none then", function()
    local folder = fixture.folder()
    local jar = cookies.new()
    local good = "a.com\tFALSE\t/\tFALSE\t0\ta\tb\n"
    local function load(text)
      local count, message, code = jar:load(folder:write("cookies", text))
      return count or message:match "line %d+ is no cookie" .. " " .. code
    end
    assert.equal(1, load("# x\r\n\r\n" .. good:gsub("\n", "\r\n")))
    assert.equal(1, load("a.com\tFALSE\t/\tFALSE\t" .. ("9"):rep(30) .. "\ta\tb\n"))
    assert.is_true(jar:save(folder.path .. "/cookies"))
    jar:clear()
    assert.equal("line 2 is no cookie EINVAL", load(good .. "a.com\tFALSE\t/\n"))
    assert.equal("line 1 is no cookie EINVAL", load(good:gsub("b\n", "b\0\n")))
    assert.equal("line 1 is no cookie EINVAL", load(good:gsub("b\n", ("b"):rep(5000))))
    assert.equal(0, jar.count)
    assert.equal("ENOENT", select(3, jar:load(folder.path .. "/none")))
    assert.equal("ENOENT", select(3, jar:save(folder.path .. "/no/cookies")))
  end)
end)
