local client_place = require "perilune.internal.client_place"

describe("client_place.parse", function()
  it("reads URLs", function()
    local cases = {
      { "ws://a.example", "ws", false, "a.example", 80, "/" },
      { "wss://a.example/tea?cup=2", "wss", false, "a.example", 443, "/tea?cup=2" },
      { "WS://A.Example:8080/T", "ws", false, "a.example", 8080, "/T" },
      { "ws://127.0.0.1:1?id=1", "ws", false, "127.0.0.1", 1, "/?id=1" },
      { "ws://[::1]:9/", "ws", false, "::1", 9, "/" },
      { "http://a.example/x", "ws", false, "a.example", 80, "/x" },
      { "https://a.example:8443", "wss", false, "a.example", 8443, "/" },
      { "tcp://a.example:5555", "tcp", true, "a.example", 5555, "/" },
      { "tls://a.example:5555/", "tls", true, "a.example", 5555, "/" },
    }
    for _, case in ipairs(cases) do
      local place = assert(client_place.parse(case[1]))
      assert.same(
        { case[2], case[3], case[4], case[5], case[6] },
        { place.scheme, place.tcp, place.host, place.port, place.target }
      )
      assert.equal(place.scheme == "wss" or place.scheme == "tls", place.secure)
    end
  end)

  it("says what a URL has to be, without repeating it", function()
    local cases = {
      { "a.example", "a URL %(" },
      { "", "a URL %(" },
      { "ws://", "a URL" },
      { "ws:///secret", "a URL" },
      { "ftp://a.example/secret", "begins with ws://" },
      { "ws://secret@a.example/", "'authentication'" },
      { "ws://user:secret@a.example/", "'authentication'" },
      { "ws://a.example/#secret", "without '#'" },
      { "tcp://a.example", "a port" },
      { "tls://a.example/", "a port" },
      { "tcp://a.example:5/secret", "no path" },
      { "ws://a.example:99999/secret", "a URL %(" },
      { "ws://a.example/secret word", "a URL %(" },
    }
    for _, case in ipairs(cases) do
      local place, message = client_place.parse(case[1])
      assert.is_nil(place, case[1])
      assert.matches(case[2], message)
      assert.is_nil(message:find "secret")
    end
  end)
end)

describe("client_place.text", function()
  it("gives the URL back", function()
    for _, text in ipairs {
      "ws://a.example/",
      "wss://a.example:80/tea?cup=2",
      "ws://[::1]:9/",
      "tcp://a.example:80",
      "tls://[::1]:443",
    } do
      assert.equal(text, client_place.text(assert(client_place.parse(text))))
    end
    assert.equal("ws://a.example/", client_place.text(client_place.parse "WS://A.example:80"))
  end)
end)

describe("client_place.http", function()
  it("is the origin beside the WebSocket", function()
    local function origin(text) return client_place.http(assert(client_place.parse(text))) end
    assert.equal("http://a.example", origin "ws://a.example/tea")
    assert.equal("https://a.example:8443", origin "wss://a.example:8443/tea")
    assert.equal("http://[::1]:9", origin "ws://[::1]:9/")
  end)
end)

describe("client_place.make", function()
  local function made(...)
    local place, part = client_place.make(...)
    return place and client_place.text(place) or part
  end

  it("puts parts together", function()
    assert.equal("ws://a.example/", made("a.example", nil, false))
    assert.equal("wss://a.example/", made("A.example", nil, true))
    assert.equal("wss://a.example:80/tea?cup=2", made("a.example", 80, true, "/tea?cup=2"))
    assert.equal("ws://a.example/?id=1", made("a.example", 80, false, "?id=1"))
    assert.equal("ws://[::1]:8080/", made("::1", 8080, false, ""))
    assert.equal("ws://[::1]:8080/", made("[::1]", 8080, false))
  end)

  it("names the part that is wrong", function()
    for _, host in ipairs { "a/b", "a:80", "u@a", "a b", "a?x", "a#x", "", "[::1", "a\n" } do
      assert.equal("host", made(host, 80, false), host)
    end
    for _, parameters in ipairs { "tea", "/#x", "/a b", "/\n", "//\0" } do
      assert.equal("parameters", made("a.example", 80, false, parameters))
    end
  end)
end)
