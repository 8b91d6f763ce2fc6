--- Proxies that refuse, lie and break off, and our clients.
local client = require "perilune.client"
local hostile = require "spec.support.hostile"
local http = require "perilune.http"
local peers = require "spec.support.peers"

-- What is refused by the proxy, and what is no proxy's answer at all.
local CASES = hostile.merge(
  hostile.expect("EACCES", "http 407", "http 407 other", "http 403"),
  hostile.expect(
    "EACCES EPROTO ECONNREFUSED ENOTSUP ETIMEDOUT EHOST",
    "http 404",
    "http 302",
    "http 502",
    "http 504"
  ),
  hostile.expect("EPROTO", "http no http", "http 2.0", "http bad field", "http 101"),
  hostile.expect("ELIMIT", "http endless fields", "http endless field"),
  hostile.expect("ELIMIT EPROTO", "http endless 1xx"),
  hostile.expect("EACCES", "http endless refusal"),
  hostile.expect("ETIMEDOUT", "http endless slowly", "http nothing", "http half a head"),
  hostile.expect("ETIMEDOUT", "http only 100"),
  hostile.expect(
    "ECONNRESET EPROTO ECLOSED",
    "close: http nothing",
    "reset: http nothing",
    "close: http half a head",
    "reset: http half a head",
    "close: http only 100",
    "reset: http only 100",
    "close: socks5 nothing",
    "reset: socks5 nothing",
    "close: socks5 half a greeting",
    "reset: socks5 half a greeting",
    "close: socks5 then nothing",
    "reset: socks5 then nothing",
    "close: socks5 then half a reply",
    "reset: socks5 then half a reply",
    "close: socks5 then half a name",
    "reset: socks5 then half a name",
    "close: socks4 nothing",
    "reset: socks4 nothing",
    "close: socks4 half a reply",
    "reset: socks4 half a reply"
  ),
  hostile.expect(
    "ETIMEDOUT",
    "socks5 nothing",
    "socks5 half a greeting",
    "socks5 then nothing",
    "socks5 then half a reply",
    "socks5 then half a name",
    "socks4 nothing",
    "socks4 half a reply"
  ),
  hostile.expect(
    "EPROTO",
    "socks5 version 4",
    "socks5 http",
    "socks5 gssapi",
    "socks5 method 77",
    "socks5 password unasked",
    "socks5 then reply of version 4",
    "socks5 then address of type 9",
    "socks4 version 5",
    "socks4 http"
  ),
  hostile.expect("EACCES", "socks5 no method", "socks5 then reply 2"),
  hostile.expect(
    "EACCES EPROTO ECONNREFUSED ENOTSUP ETIMEDOUT EHOST ECONNRESET",
    "socks5 then reply with bits",
    "socks5 then reply 1",
    "socks5 then reply 3",
    "socks5 then reply 4",
    "socks5 then reply 6",
    "socks5 then reply 7",
    "socks5 then reply 8",
    "socks5 then reply 200",
    "socks4 reply 91",
    "socks4 reply 92",
    "socks4 reply 93",
    "socks4 reply 200"
  ),
  hostile.expect("ECONNREFUSED", "socks5 then reply 5")
)

-- With a user and a password.
local USERS = hostile.merge(
  hostile.expect("EACCES", "socks5 wrong password"),
  hostile.expect("EPROTO", "socks5 password of version 5"),
  hostile.expect("ECONNRESET EPROTO ECLOSED", "socks5 half an answer to the password"),
  hostile.expect("ETIMEDOUT", "socks5 silence after the password"),
  hostile.expect("ECONNREFUSED", "socks5 none though a password is given")
)

-- Those that fall silent.
local SILENT = {
  ["http nothing"] = true,
  ["http half a head"] = true,
  ["http only 100"] = true,
  ["socks5 nothing"] = true,
  ["socks5 half a greeting"] = true,
  ["socks5 then nothing"] = true,
  ["socks5 then half a reply"] = true,
  ["socks5 then half a name"] = true,
  ["socks4 nothing"] = true,
  ["socks4 half a reply"] = true,
  ["socks5 silence after the password"] = true,
  ["http endless slowly"] = true,
  ["tunnel into silence"] = true,
}

local function patience(name) return SILENT[name] and hostile.SILENCE or hostile.DEADLINE end

describe("hostile proxies:", function()
  local peer

  setup(function() peer = hostile.start(nil, "over_proxy") end)
  teardown(peers.clean)

  local function proxy_of(name, user)
    local kind = name:match "socks[45]" or "http"
    return {
      kind = kind == "socks4" and "socks4a" or kind,
      host = "127.0.0.1",
      port = peer.ports[name],
      user = user,
      password = user and "5ecre7",
    }
  end

  --- A WebSocket through a proxy, to a host that only the proxy knows.
  local function websocket(name, user, url)
    local made = client.new {
      url = url or "ws://nowhere.example/",
      proxy = proxy_of(name, user),
      connect_timeout = patience(name),
    }
    local ok, message, code = made:connect()
    made:disconnect(5)
    return ok, message, code
  end

  --- HTTPS through a proxy: always a tunnel.
  local function https(name, user)
    return http.get("https://nowhere.example/", {
      proxy = proxy_of(name, user),
      timeout = { total = patience(name) },
    })
  end

  local function assert_refused(cases, f)
    hostile.assert_no_descriptors(function()
      local results = hostile.run(cases, f)
      hostile.assert_refused(cases, results)
      for name, result in pairs(results) do
        assert.is_nil(result[2]:find("5ecre7", 1, true), name)
        assert.matches("proxy", result[2], name)
      end
    end)
  end

  it(
    "tunnels for ws",
    peers.telling(function()
      assert_refused(CASES, function(name) return websocket(name) end)
    end)
  )

  it(
    "tunnels for https",
    peers.telling(function()
      assert_refused(CASES, function(name) return https(name) end)
    end)
  )

  it(
    "tunnels with a password",
    peers.telling(function()
      assert_refused(USERS, function(name) return websocket(name, "alice") end)
      assert_refused(USERS, function(name) return https(name, "alice") end)
    end)
  )

  it(
    "tunnels that lead into silence, noise, or end",
    peers.telling(function()
      local cases = {
        ["tunnel into silence"] = "ETIMEDOUT",
        ["tunnel into noise"] = "EPROTO",
        ["tunnel that ends"] = "ECONNRESET EPROTO ECLOSED",
      }
      hostile.assert_no_descriptors(function()
        hostile.assert_refused(cases, hostile.run(cases, function(name) return https(name) end))
        hostile.assert_refused(cases, hostile.run(cases, function(name) return websocket(name) end))
        local function secure(name) return websocket(name, nil, "wss://nowhere.example/") end
        hostile.assert_refused(cases, hostile.run(cases, secure))
      end)
    end)
  )

  it(
    "an answer in a tunnel before anybody has asked is not taken for one",
    peers.telling(function()
      local cases = hostile.expect(
        "EPROTO",
        "http tunnel with an answer in it",
        "socks5 tunnel with an answer in it"
      )
      hostile.assert_refused(cases, hostile.run(cases, function(name) return https(name) end))
      hostile.assert_refused(
        cases,
        hostile.run(cases, function(name) return websocket(name, nil, "wss://nowhere.example/") end)
      )
    end)
  )

  it(
    "what is in order is taken byte by byte",
    peers.telling(function()
      for _, name in ipairs { "socks5 byte by byte", "socks4 byte by byte" } do
        local url = name:find "socks5" and "http://127.0.0.1:80/" or "http://nowhere.example/"
        local response = assert(http.get(url, { proxy = proxy_of(name) }))
        assert.equal("poison", response.text)
      end
      for _, name in ipairs { "http byte by byte", "http tunnel with a length" } do
        -- An HTTP answer to a WebSocket's call: the tunnel stands.
        local ok, message = websocket(name)
        assert.is_nil(ok)
        assert.matches("200", message)
      end
    end)
  )
end)
