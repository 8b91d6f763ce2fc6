-- perilune.core.url, which modules that connect somewhere share.
local url = require "perilune.core.url"

describe("split_url", function()
  it(
    "takes a URL apart",
    function()
      assert.same({
        scheme = "wss",
        user = "us:er",
        password = "p@ss:word",
        authority = "Example.org:8443",
        host = "example.org",
        port = 8443,
        named_port = true,
        secure = true,
        path = "/chat",
        query = "room=1",
        target = "/chat?room=1",
        fragment = "top",
      }, url.split_url "WSS://us%3Aer:p%40ss:word@Example.org:8443/chat?room=1#top")
    end
  )

  it("knows the ports of schemes, and has none for others", function()
    local parts = url.split_url "http://a"
    assert.same({ 80, false, false }, { parts.port, parts.named_port, parts.secure })
    assert.equal(443, url.split_url("https://a").port)
    assert.equal(443, url.split_url("wss://a").port)
    assert.is_nil(url.split_url("tcp://a").port)
    assert.is_true(url.split_url("tls://a").secure)
  end)

  it("makes a target that can be sent", function()
    assert.equal("/", url.split_url("http://a").target)
    assert.equal("/?b=c", url.split_url("http://a?b=c").target)
    assert.equal("/%20", url.split_url("http://a/%20#x").target)
  end)

  it("gives IPv6 without brackets, users without passwords, empty users", function()
    local parts = url.split_url "http://me@[::1]:81/"
    assert.same({ "::1", 81, "me", nil }, { parts.host, parts.port, parts.user, parts.password })
    assert.equal("", url.split_url("http://@a").user)
    assert.equal("", url.split_url("http://u:@a").password)
    assert.is_nil(url.split_url("http://a").user)
  end)

  it("says what is wrong, without the text", function()
    for text, message in pairs {
      ["a"] = "it has no scheme",
      ["http:/a"] = "it has no host: a URL is like scheme://host/path",
      ["http://u:secret word@a"] = "user and password have a character that has to be encoded",
      ["http://a/b c"] = "the path has a character that has to be encoded",
      ["http://a:70000/"] = "host or port is malformed",
      ["http://a\r\n/"] = "host or port is malformed",
    } do
      local parts, why = url.split_url(text)
      assert.is_nil(parts)
      assert.equal(message, why)
    end
  end)
end)

describe("resolve_url", function()
  it("finds what a reference means", function()
    local base = "http://a/b/c?d#e"
    for reference, expected in pairs {
      ["f"] = "http://a/b/f",
      ["/f"] = "http://a/f",
      ["../f?g"] = "http://a/f?g",
      ["//h/i"] = "http://h/i",
      ["https://j"] = "https://j",
      ["?k"] = "http://a/b/c?k",
      [""] = "http://a/b/c?d",
    } do
      assert.equal(expected, url.resolve_url(base, reference))
    end
  end)

  it("refuses what leads nowhere", function()
    for _, reference in ipairs { "mailto:a", "a b", "http://", "\n" } do
      local whole, why = url.resolve_url("http://a", reference)
      assert.is_nil(whole)
      assert.equal("the reference leads to no URL with a host", why)
    end
    assert.same(
      { n = 2, nil, "it has no scheme" },
      { n = select("#", url.resolve_url("a", "b")), url.resolve_url("a", "b") }
    )
  end)
end)
