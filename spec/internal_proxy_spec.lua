local fixture = require "spec.support.fixture"
local options = require "perilune.internal.options"
local process = require "spec.support.process"
local proxy = require "perilune.internal.proxy"

local schema = { proxy = proxy.option }

--- What becomes of the option; or the message.
local function finish(given)
  local settings, message = options.complete("http.get", schema, { proxy = given })
  if not settings then return message end
  local made
  made, message = proxy.finish("http.get", "proxy", settings.proxy)
  if made == nil then return message end
  return made
end

describe("the option proxy", function()
  it("is a URL", function()
    assert.same({ kind = "http", host = "a", port = 3128 }, finish "http://a")
    assert.same({ kind = "http", host = "a", port = 80 }, finish "http://A:80/")
    assert.same({
      kind = "socks5",
      host = "::1",
      port = 1080,
      user = "me",
      password = "p:@",
    }, finish "socks5h://me:p%3A%40@[::1]")
    assert.same({ kind = "socks4", host = "a", port = 9, user = "me" }, finish "socks4://me@a:9")
    assert.equal("socks4a", finish("socks4a://a").kind)
    local secure = finish "https://a"
    assert.equal("http", secure.kind)
    assert.equal(443, secure.port)
    assert.is_true(secure.tls.verify)
  end)

  it("is a table", function()
    assert.same({ kind = "http", host = "a", port = 3128 }, finish { host = "a" })
    assert.same(
      { kind = "socks5", host = "::1", port = 1, user = "u", password = "p" },
      finish { kind = "socks5", host = "[::1]", port = 1, user = "u", password = "p" }
    )
    assert.is_false(finish({ kind = "https", host = "a", tls = { verify = false } }).tls.verify)
  end)

  it("is off, or the environment's", function()
    assert.is_false(finish(nil))
    assert.is_false(finish(false))
    assert.equal("environment", finish "environment")
  end)

  it("says what is wrong, and tells no password", function()
    local cases = {
      { "ftp://me:5ecret@a", "scheme" },
      { "http://me:5ecret@a/path", "more than a host" },
      { "me:5ecret@a:80", "takes the URL" },
      { "socks4://me:5ecret@a", "SOCKS4" },
      { "http://a%3Ab:5ecret@a", "colon" },
      { "http://a%0A:5ecret@a", "control" },
      { { host = "a", password = "5ecret" }, "with a user" },
      { { host = "a", user = "u", password = 55555 }, "takes a string" },
      { { host = "a", user = "u", password = "5ecret" .. ("x"):rep(250) }, "at most 255" },
      { "http://me:5ecret" .. ("%zz"):rep(9) .. "@a", "takes the URL" },
      { { host = "a", tls = {} }, "kind = 'https'" },
      { { host = "a", kind = "https", tls = { host_name = "b" } }, "tls.host_name" },
      { { host = "a", kind = "https", tls = false }, "no tls = false" },
      { "socks5://5ecret@a", "no empty one" },
      { { host = "a", kind = "socks5", user = "5ecret", password = "" }, "no empty one" },
      { { host = "a", user = "", password = "5ecret" }, "with a user" },
      { { host = "a b" }, "spaces" },
      { { kind = "socks5" }, "'proxy.host' of http.get is missing" },
      { { host = "a", port = 0 }, "proxy.port" },
      { { host = "a", prot = 0 }, "did you mean 'proxy.port'" },
      { 5, "takes" },
    }
    for _, case in ipairs(cases) do
      local message = finish(case[1])
      assert.equal("string", type(message))
      assert.is_truthy(message:find(case[2], 1, true), message)
      assert.is_nil(message:find "5ecret", message)
    end
  end)
end)

describe("the environment's proxy", function()
  after_each(fixture.clean)

  --- What a program with these variables prints for a destination.
  local function found(env, scheme, host, port)
    local path = fixture.script [[
      local proxy = require "perilune.internal.proxy"
      local made, message, code = proxy.from_environment(arg[1], arg[2], tonumber(arg[3]))
      if made then
        print(made.kind .. "://" .. made.host .. ":" .. made.port)
      else
        print(made == false and "false" or code .. " " .. message)
      end
    ]]
    local all = {}
    for _, name in ipairs { "http_proxy", "https_proxy", "all_proxy", "no_proxy" } do
      all[name], all[name:upper()] = false, false
    end
    for name, value in pairs(env) do
      all[name] = value
    end
    local argv = { process.PERILUNE, path, scheme, host, tostring(port or 80) }
    return process.run(argv, { env = all }).output:match "^(.-)\n"
  end

  it("is that of the scheme, or of all", function()
    local env = { http_proxy = "http://a:1", HTTPS_PROXY = "b:2", all_proxy = "socks5://c:3" }
    assert.equal("http://a:1", found(env, "http", "host"))
    assert.equal("http://b:2", found(env, "https", "host"))
    env.HTTPS_PROXY = nil
    assert.equal("socks5://c:3", found(env, "wss", "host"))
    env.https_proxy = "http://d:4"
    assert.equal("http://d:4", found(env, "wss", "host"))
    assert.equal("http://d:4", found(env, "tls", "host"))
    assert.equal("false", found({}, "http", "host"))
    assert.equal("false", found({ HTTP_PROXY = "http://a:1" }, "http", "host"))
  end)

  it("has exceptions", function()
    local exceptions = "one.test, .two.test,*.three.test,x:81,[::1]"
    local env = { http_proxy = "http://a:1", no_proxy = exceptions }
    for _, host in ipairs { "one.test", "a.one.test", "b.two.test", "c.three.test", "::1" } do
      assert.equal("false", found(env, "http", host), host)
    end
    assert.equal("http://a:1", found(env, "http", "bone.test"))
    assert.equal("http://a:1", found(env, "http", "x"))
    assert.equal("false", found(env, "http", "x", 81))
    assert.equal("false", found({ http_proxy = "http://a:1", NO_PROXY = "*" }, "http", "x"))
  end)

  it("has to be a URL", function()
    local message = found({ http_proxy = "gopher://u:5ecret@a" }, "http", "host")
    assert.matches("^EINVAL .*http_proxy cannot be used", message)
    assert.is_nil(message:find "5ecret")
  end)
end)
