local client = require "perilune.client"
local options = require "perilune.internal.client_options"

local function refused(given)
  local ok, message = pcall(function() return (client.new(given)) end)
  assert.is_false(ok)
  return message
end

--- Names of subprotocols, as many.
local function numbered(count)
  local names = {}
  for i = 1, count do
    names[i] = "v" .. i
  end
  return names
end

describe("options of client.new:", function()
  it("the watchdog's interval is not cut short by a default", function()
    local function longest(watchdog)
      return assert(options.complete { url = "ws://a", watchdog = watchdog }).watchdog.max_interval
    end
    assert.equal(300, longest {})
    assert.equal(3600, longest { interval = 3600 })
    assert.equal(60, longest { interval = 3600, max_interval = 60 })
  end)

  it("what is wrong is named", function()
    local cases = {
      { {}, "client.new takes 'url', 'host' or 'servers'" },
      { { urll = "ws://a" }, "unknown option 'urll' of client.new: did you mean 'url'?" },
      { { url = 5 }, "option 'url' of client.new takes a string" },
      { { url = "a.example" }, "option 'url' of client.new takes a URL (" },
      {
        { url = "ws://a", host = "a" },
        "options 'url' and 'host' of client.new exclude each other",
      },
      {
        { url = "ws://a", port = 80 },
        "options 'url' and 'port' of client.new exclude each other",
      },
      { { url = "ws://a", parameters = "/" }, "'url' and 'parameters' of client.new exclude" },
      { { url = "ws://a", tls = true }, "option 'tls' of client.new contradicts ws:// of 'url'" },
      {
        { url = "wss://a", tls = false },
        "option 'tls' of client.new contradicts wss:// of 'url'",
      },
      { { url = "ws://a", tls = { verfy = true } }, "did you mean 'tls.verify'?" },
      { { port = 80 }, "options 'port' and 'parameters' of client.new need 'host'" },
      { { host = "a", port = 0 }, "option 'port' of client.new takes an integer from 1 to 65535" },
      { { host = "a/b" }, "option 'host' of client.new takes the name or address of a host" },
      { { host = "a", parameters = "tea" }, "option 'parameters' of client.new takes a path" },
      { { servers = { "ws://a", "b" } }, "option 'servers[2]' of client.new takes a URL (" },
      {
        { url = "ws://a", protocols = { "a b" } },
        "option 'protocols[1]' of client.new takes a token",
      },
      {
        { url = "ws://a", protocols = { "a", "b", "a" } },
        "option 'protocols' of client.new takes each name once, got \"a\" twice",
      },
      { { url = "ws://a", origin = "a b" }, "option 'origin' of client.new takes an origin" },
      {
        { url = "ws://a", headers = { "x" } },
        "option 'headers' of client.new takes header names",
      },
      { { url = "ws://a", headers = { ["a b"] = "x" } }, "takes header names as keys" },
      { { url = "ws://a", headers = { Host = "x" } }, "takes no 'Host': it is set for you" },
      { { url = "ws://a", headers = { ["sec-websocket-key"] = "x" } }, "it is set for you" },
      { { url = "ws://a", headers = { TE = "x" } }, "takes no 'TE': a handshake has none" },
      { { url = "ws://a", headers = { trailer = "x" } }, "takes no 'trailer': a handshake has" },
      { { url = "ws://a", headers = { Expect = "x" } }, "takes no 'Expect': a handshake has" },
      { { url = "ws://a", protocols = numbered(65) }, "option 'protocols' of client.new takes" },
      { { url = "ws://a", headers = { a = "x\r\nb: c" } }, "takes no control characters in 'a'" },
      { { url = "ws://a", headers = { a = true } }, "takes strings, numbers, or lists of these" },
      { { url = "ws://a", headers = { a = { "x", {} } } }, "takes strings, numbers, or lists" },
      { { url = "ws://a", headers = { a = {} } }, "takes no empty lists" },
      { { url = "ws://a", proxy = "ftp://a" }, "option 'proxy' of client.new takes the URL" },
      { { url = "ws://a", authentication = {} }, "needs 'authentication.user'" },
      {
        {
          url = "ws://a",
          headers = { authorization = "x" },
          authentication = { user = "u" },
        },
        "options 'headers' and 'authentication' of client.new exclude each other",
      },
      { { url = "ws://a", watchdog = { intervall = 1 } }, "did you mean 'watchdog.interval'?" },
      { { url = "ws://a", watchdog = { factor = 0.5 } }, "takes a number from 1 to 10" },
      { { url = "ws://a", redirects = { max = 0 } }, "option 'redirects.max' of client.new" },
      { { url = "ws://a", connect_timeout = 0 }, "option 'connect_timeout' of client.new" },
      { { url = "ws://a", bound_ip = "a.example" }, "option 'bound_ip' of client.new takes an IP" },
      { { url = "ws://a", bound_port_min = 5 }, "take a range of ports" },
      { { url = "ws://a", bound_port_min = 5, bound_port_max = 4 }, "take a range of ports" },
      { { url = "ws://a", limits = { body = 5 } }, "unknown option 'limits.body' of client.new" },
      {
        { url = "ws://a", limits = { low_water = 4096, high_water = 2048 } },
        "option 'limits.low_water' of client.new takes at most limits.high_water",
      },
    }
    for _, case in ipairs(cases) do
      local message = refused(case[1])
      assert.matches(case[2], message, 1, true)
      assert.matches("^spec/internal_client_options_spec.lua:%d+: ", message)
    end
  end)

  it("secrets are in no message", function()
    local cases = {
      { url = "ws://a.example/secret secret" },
      { url = "ws://user:secret@a.example/" },
      { host = "a", parameters = "secret" },
      { servers = { "ws://user:secret@a.example/" } },
      { url = "ws://a", proxy = "http://user:secret@/" },
      { url = "ws://a", proxy = "socks4://user:secret@a" },
      { url = "ws://a", authentication = { user = "u", password = "secret\n" } },
      { url = "ws://a", headers = { authorization = "secret\n" } },
    }
    for _, given in ipairs(cases) do
      assert.is_nil(refused(given):find "secret")
    end
  end)

  it("headers come in the order of their names", function()
    local settings = assert(options.complete {
      url = "ws://a",
      headers = { b = { "2", "1" }, a = 5, c = "x" },
    })
    local list = {}
    for i, field in ipairs(settings.fields) do
      list[i] = field[1] .. "=" .. field[2]
    end
    assert.same({ "a=5", "b=2", "b=1", "c=x" }, list)
  end)
end)

describe("properties of a client:", function()
  it("say where it goes", function()
    local made = client.new { url = "wss://A.example/tea?cup=2" }
    assert.same(
      { "wss://a.example/tea?cup=2", "a.example", 443, "/tea?cup=2", true },
      { made.url, made.host, made.port, made.parameters, made.tls }
    )
    made = client.new { host = "::1", port = 8080, parameters = "?id=1" }
    assert.same({ "ws://[::1]:8080/?id=1", false }, { made.url, made.tls })
    assert.equal("wss://a.example/", client.new({ host = "a.example", tls = true }).url)
    assert.equal(
      "wss://a.example/",
      client.new({ host = "a.example", tls = { verify = true } }).url
    )
    assert.equal("ws://a.example/", client.new({ host = "a.example", tls = false }).url)
    assert.equal("ws://a.example/", client.new({ url = "ws://a.example", tls = {} }).url)
    assert.is_nil(client.new({ servers = { "ws://a" } }).url)
  end)

  it("can be assigned", function()
    local made = client.new { url = "ws://a.example/tea" }
    made.host = "b.example"
    assert.equal("ws://b.example/tea", made.url)
    made.tls = true
    assert.equal("wss://b.example/tea", made.url)
    made.port = 8443
    assert.equal("wss://b.example:8443/tea", made.url)
    made.parameters = "?id=1"
    assert.equal("wss://b.example:8443/?id=1", made.url)
    made.tls = false
    assert.equal("ws://b.example:8443/?id=1", made.url)
    made.tls = { verify = true }
    assert.equal("wss://b.example:8443/?id=1", made.url)
    made.url = "ws://c.example/x"
    assert.equal("ws://c.example/x", made.url)
    made.url = "tcp://c.example:5"
    assert.equal("tcp://c.example:5", made.url)
    made.servers = { "ws://d" }
    made.headers = { a = "b" }
    made.proxy = "http://127.0.0.1:3128"
    made.proxy = false
    made.authentication = { user = "u", password = "p" }
    made.authentication = false
  end)

  it("can be assigned as often as one likes", function()
    local settings = assert(options.complete {
      url = "wss://a",
      tls = { cert_file = "a.pem" },
      proxy = { kind = "https", host = "b", tls = { root_cert_file = "c.pem" } },
    })
    local first, way = settings.tls_settings.cert_file, settings.way.tls.root_cert_file
    for _ = 1, 3 do
      settings = assert(options.change(settings, "port", 8080))
    end
    assert.equal(first, settings.tls_settings.cert_file)
    assert.equal(way, settings.way.tls.root_cert_file)
    assert.equal(8080, settings.place.port)
  end)

  it("keep their value when another is wrong", function()
    local made = client.new { url = "ws://a.example/tea" }
    local function assign(name, value)
      local ok, message = pcall(function() made[name] = value end)
      assert.is_false(ok, name)
      return message
    end
    assert.matches("option 'url' of client.new takes a URL", assign("url", "b"))
    assert.matches("option 'port' of client takes an integer", assign("port", 0))
    assert.matches("option 'host' of client.new takes the name", assign("host", "b/c"))
    assert.matches(
      "option 'headers' of client.new takes no 'Host'",
      assign("headers", { Host = "x" })
    )
    assert.matches("client.active cannot be assigned", assign("active", true))
    assert.matches("client has no field 'urls': did you mean 'url'", assign("urls", "x"))
    assert.equal("ws://a.example/tea", made.url)
    made.url = "tcp://c.example:5"
    assert.matches("of a TCP client assign the url", assign("parameters", "/x"))
    made = client.new { servers = { "ws://a" } }
    assert.matches("there are only servers", assign("host", "b"))
  end)
end)
