--- Proxies as the options say; those that others wrote are in spec/interop.
local clock = require "spec.support.clock"
local fixture = require "spec.support.fixture"
local timer = require "perilune.timer"
local websocket = require "spec.support.websocket"

--- A client that is starting, and the proxy's end of its connection.
local function begin(options)
  local listener = fixture.listener()
  local one = fixture.new_client(options(listener.port), {
    options = { clean_disconnect = false },
  })
  one:start()
  return one, fixture.accept(listener)
end

local function connected(one, peer)
  local served = websocket.serve(peer)
  timer.sleep(0)
  assert.is_true(one:connect())
  served:send "through"
  return served
end

describe("a client through a proxy", function()
  after_each(fixture.clean)

  it("asks an HTTP proxy for a tunnel", function()
    for _, of in ipairs {
      function(port) return ("http://u:p%%20w@127.0.0.1:%d"):format(port) end,
      function(port) return { host = "127.0.0.1", port = port, user = "u", password = "p w" } end,
    } do
      local one, peer = begin(
        function(port) return { url = "ws://nobody.invalid:8080/", proxy = of(port) } end
      )
      local head = peer:read_through "\r\n\r\n"
      assert.matches("^CONNECT nobody.invalid:8080 HTTP/1.1\r\n", head)
      assert.matches("Proxy-Authorization: Basic dTpwIHc=\r\n", head, 1, true)
      peer:send "HTTP/1.1 200 OK\r\n\r\n"
      connected(one, peer)
      peer:close()
    end
  end)

  it("follows a redirect at the proxy's localhost", function()
    local listener = fixture.listener()
    local one = fixture.new_client {
      url = "ws://localhost:99/old",
      proxy = "http://127.0.0.1:" .. listener.port,
    }
    one:start()
    local peer = fixture.accept(listener)
    peer:read_through "\r\n\r\n"
    peer:send "HTTP/1.1 200 OK\r\n\r\n"
    peer:read_through "\r\n\r\n"
    peer:send "HTTP/1.1 302 Found\r\nLocation: /new\r\nContent-Length: 0\r\n\r\n"
    local again = fixture.accept(listener)
    assert.matches("^CONNECT localhost:99 ", again:read_through "\r\n\r\n")
    again:send "HTTP/1.1 200 OK\r\n\r\n"
    assert.matches("^GET /new ", again:read_through "\r\n\r\n")
    one:disconnect()
  end)

  it("goes from public to private addresses only when redirects.to_private says so", function()
    for _, inward in ipairs { false, true } do
      local listener = fixture.listener()
      local one = fixture.new_client {
        url = "ws://8.8.8.8/",
        proxy = "http://127.0.0.1:" .. listener.port,
        redirects = { to_private = inward },
      }
      local told = {}
      function one.OnError(_, message, code) told = { message, code } end
      one:start()
      local peer = fixture.accept(listener)
      assert.matches("^CONNECT 8.8.8.8:80 ", peer:read_through "\r\n\r\n")
      peer:send "HTTP/1.1 200 OK\r\n\r\n"
      peer:read_through "\r\n\r\n"
      peer:send "HTTP/1.1 302 Found\r\nLocation: ws://10.0.0.1/\r\nContent-Length: 0\r\n\r\n"
      if inward then
        local again = fixture.accept(listener)
        assert.matches("^CONNECT 10.0.0.1:80 ", again:read_through "\r\n\r\n")
      else
        clock.wait_for(function() return not one.active end)
        assert.equal("EACCES", told[2])
        assert.matches("10.0.0.1", told[1], 1, true)
      end
      one:disconnect()
    end
  end)

  it("speaks SOCKS5 with a user", function()
    local one, peer = begin(
      function(port)
        return { url = "ws://a.invalid:258/", proxy = "socks5://u:pw@127.0.0.1:" .. port }
      end
    )
    assert.equal("\5", peer:read(1))
    local methods = peer:read(peer:read(1):byte())
    assert.is_truthy(methods:find("\2", 1, true))
    peer:send "\5\2"
    assert.equal("\1\1u\2pw", peer:read(6))
    peer:send "\1\0"
    assert.equal("\5\1\0\3\9a.invalid\1\2", peer:read(16))
    peer:send "\5\0\0\1\0\0\0\0\0\0"
    connected(one, peer)
  end)

  it("says what the proxy said, and no password", function()
    local one, peer = begin(
      function(port)
        return { url = "ws://a.invalid/", proxy = ("http://u:secret@127.0.0.1:%d"):format(port) }
      end
    )
    local told
    function one.OnError(_, message, code) told = { message, code } end
    peer:read_through "\r\n\r\n"
    peer:send "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"
    assert.is_nil((one:connect()))
    assert.equal("EACCES", told[2])
    assert.matches("proxy 127.0.0.1:%d+", told[1])
    assert.is_nil(told[1]:find "secret")
  end)

  it("fails when there is no proxy", function()
    local listener = fixture.listener()
    local port = listener.port
    listener:close()
    local one = fixture.new_client {
      url = "ws://a.invalid/",
      proxy = "http://127.0.0.1:" .. port,
    }
    local ok, message, code = one:connect()
    assert.same({ nil, "ECONNREFUSED" }, { ok, code })
    assert.matches("proxy 127.0.0.1:" .. port, message, 1, true)
  end)
end)
