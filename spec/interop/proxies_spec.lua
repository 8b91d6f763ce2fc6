--- Our clients through Debian's proxies, to servers that are not ours either.
local certificates = require "spec.support.certificates"
local client = require "perilune.client"
local http = require "perilune.http"
local peers = require "spec.support.peers"
local proxies = require "spec.support.proxies"
local socket = require "spec.support.socket"

local function proxy_url(scheme, port, user)
  return ("%s://%s127.0.0.1:%d"):format(scheme, user or "", port)
end

describe("proxies:", function()
  local folder, tls, sockets, secure_sockets, pages, secure_pages

  setup(function()
    folder = certificates.folder()
    tls = { root_cert_file = folder .. "/ca.pem" }
    local shown = { "--tls", folder .. "/cert.pem", folder .. "/key.pem" }
    local function node(name, ...)
      return peers.announced { "node", "spec/interop/" .. name .. ".mjs", ... }
    end
    sockets = node "ws_server"
    secure_sockets = node("ws_server", unpack(shown))
    pages = node "http_server"
    secure_pages = node("http_server", unpack(shown))
  end)
  teardown(peers.clean)

  --- WebSocket and HTTP, plain and over TLS, by name and by address.
  local function assert_all(proxy)
    for _, host in ipairs { "localhost", "127.0.0.1" } do
      for _, url in ipairs {
        ("ws://%s:%d/"):format(host, sockets.port),
        ("wss://%s:%d/"):format(host, secure_sockets.port),
      } do
        local made = client.new { url = url, tls = url:find "^wss" and tls or nil, proxy = proxy }
        assert(made:connect())
        assert.equal("hello", assert(made:write_and_wait "hello"))
        assert(made:disconnect())
      end
      for _, url in ipairs {
        ("http://%s:%d/echo?a=b"):format(host, pages.port),
        ("https://%s:%d/echo?a=b"):format(host, secure_pages.port),
      } do
        local own = http.client { proxy = proxy, tls = tls }
        for _ = 1, 2 do
          -- Not POST: tinyproxy ends each connection and does not say so before.
          local response = assert(own:put(url, { body = "hello" }))
          assert.equal(200, response.status)
          assert.equal("/echo?a=b", response.json.url)
          assert.equal("hello", response.json.body)
          -- What is said to a proxy is for it alone.
          assert.is_nil(response.json.headers["proxy-authorization"])
        end
        own:close()
      end
    end
  end

  local function assert_refused(codes, proxy)
    local made = client.new { url = ("ws://localhost:%d/"):format(sockets.port), proxy = proxy }
    local ok, message, code = made:connect()
    assert.is_nil(ok)
    assert.matches("proxy", message)
    assert.matches(codes, code)
    assert.is_nil(message:find("secret", 1, true))
    local response
    response, message, code = http.get(
      ("https://localhost:%d/echo"):format(secure_pages.port),
      { proxy = proxy, tls = tls }
    )
    assert.is_nil(response)
    assert.matches("proxy", message)
    assert.matches(codes, code)
    assert.is_nil(message:find("secret", 1, true))
  end

  it(
    "tinyproxy",
    peers.telling(function() assert_all(proxy_url("http", proxies.tinyproxy().port)) end)
  )

  it(
    "tinyproxy with Basic authentication",
    peers.telling(function()
      local port = proxies.tinyproxy({ user = "secret" }).port
      assert_all(proxy_url("http", port, "user:secret@"))
      assert_refused("EACCES", proxy_url("http", port))
      assert_refused("EACCES", proxy_url("http", port, "user:secret2@"))
      -- A page of the proxy itself is what it is, when nothing is tunnelled.
      local response = assert(
        http.get(
          ("http://localhost:%d/echo"):format(pages.port),
          { proxy = proxy_url("http", port) }
        )
      )
      assert.equal(407, response.status)
    end)
  )

  it(
    "squid, plain and over TLS",
    peers.telling(function()
      local squid = proxies.squid(folder)
      assert_all(proxy_url("http", squid.ports[1]))
      assert_all { kind = "https", host = "localhost", port = squid.ports[2], tls = tls }
      -- Nobody who is not the proxy is told where to.
      assert_refused("EPROTO", { kind = "https", host = "localhost", port = squid.ports[2] })
      assert_refused("^E", { kind = "https", host = "localhost", port = squid.ports[1], tls = tls })
    end)
  )

  it(
    "microsocks",
    peers.telling(function() assert_all(proxy_url("socks5", proxies.microsocks().port)) end)
  )

  it(
    "microsocks with a user and a password",
    peers.telling(function()
      local port = proxies.microsocks("user", "secret").port
      assert_all(proxy_url("socks5", port, "user:secret@"))
      assert_refused("EACCES", proxy_url("socks5", port))
      assert_refused("EACCES", proxy_url("socks5", port, "user:secret2@"))
    end)
  )

  it(
    "dante by SOCKS5 and 4, and another by SOCKS4a",
    peers.telling(function()
      local port = proxies.dante().port
      assert_all(proxy_url("socks5", port))
      assert_all(proxy_url("socks4", port))
      assert_all(proxy_url("socks4a", proxies.socks4a().port))
    end)
  )

  it(
    "IPv6: hosts that are addresses, directly and through proxies",
    peers.telling(function()
      local six = peers.announced { "node", "spec/interop/ws_server.mjs", "--host", "::1" }
      for _, proxy in ipairs {
        false,
        proxy_url("http", proxies.tinyproxy().port),
        proxy_url("http", proxies.squid(folder).port),
        proxy_url("socks5", proxies.microsocks().port),
      } do
        local made = client.new { url = ("ws://[::1]:%d/"):format(six.port), proxy = proxy }
        assert(made:connect())
        assert.equal("hello", assert(made:write_and_wait "hello"))
        assert(made:disconnect())
      end
      -- SOCKS4 has no room for it.
      local made = client.new {
        url = ("ws://[::1]:%d/"):format(six.port),
        proxy = proxy_url("socks4", proxies.dante().port),
      }
      local ok, message, code = made:connect()
      assert.is_nil(ok)
      assert.matches("SOCKS4", message)
      assert.matches("^E", code)
    end)
  )

  it(
    "what a proxy's rules refuse",
    peers.telling(function()
      local port = proxies.dante(sockets.port).port
      for _, scheme in ipairs { "socks5", "socks4" } do
        local made = client.new {
          url = ("ws://127.0.0.1:%d/"):format(sockets.port),
          proxy = proxy_url(scheme, port),
        }
        local ok, message, code = made:connect()
        assert.is_nil(ok)
        assert.matches("proxy", message)
        -- SOCKS4 has one word for all reasons.
        assert.equal(scheme == "socks5" and "EACCES" or "ECONNREFUSED", code)
      end
    end)
  )

  it(
    "a host that the proxy cannot reach",
    peers.telling(function()
      local nobody = socket.free_port()
      for _, proxy in ipairs {
        proxy_url("http", proxies.tinyproxy().port),
        proxy_url("http", proxies.squid(folder).port),
        proxy_url("socks5", proxies.microsocks().port),
        proxy_url("socks5", proxies.dante().port),
      } do
        local made = client.new { url = ("ws://127.0.0.1:%d/"):format(nobody), proxy = proxy }
        local ok, message, code = made:connect()
        assert.is_nil(ok)
        assert.matches("proxy", message)
        assert.matches("^E", code)
      end
    end)
  )

  it(
    "a proxy that is not there",
    peers.telling(
      function() assert_refused("ECONNREFUSED", proxy_url("http", socket.free_port())) end
    )
  )
end)
