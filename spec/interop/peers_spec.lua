--- The foreign servers themselves, with curl: what our clients are held against is in order.
local certificates = require "spec.support.certificates"
local nginx = require "spec.support.nginx"
local peers = require "spec.support.peers"
local process = require "spec.support.process"
local proxies = require "spec.support.proxies"

--- What curl gets.
local function curl(...)
  local run = process.run { "curl", "--silent", "--show-error", "--max-time", "10", ... }
  return run.output .. run.errors
end

describe("foreign servers:", function()
  after_each(peers.clean)

  it(
    "nginx",
    peers.telling(function()
      local folder = certificates.folder()
      local peer = nginx.start(folder)
      assert.equal("small\n", curl(("http://127.0.0.1:%d/small.txt"):format(peer.ports[1])))
      local url = ("https://localhost:%d/small.txt"):format(peer.ports[2])
      assert.equal("small\n", curl("--cacert", folder .. "/ca.pem", url))
    end)
  )

  it(
    "proxies",
    peers.telling(function()
      local folder = certificates.folder()
      local target = nginx.start(folder)
      local url = ("http://127.0.0.1:%d/small.txt"):format(target.port)
      local squid, dante = proxies.squid(folder), proxies.dante()
      for _, proxy in ipairs {
        ("http://127.0.0.1:%d"):format(proxies.tinyproxy().port),
        ("http://user:secret@127.0.0.1:%d"):format(proxies.tinyproxy({ user = "secret" }).port),
        ("http://127.0.0.1:%d"):format(squid.ports[1]),
        ("https://localhost:%d"):format(squid.ports[2]),
        ("socks5h://127.0.0.1:%d"):format(proxies.microsocks().port),
        ("socks5h://user:secret@127.0.0.1:%d"):format(proxies.microsocks("user", "secret").port),
        ("socks5h://127.0.0.1:%d"):format(dante.port),
        ("socks4a://127.0.0.1:%d"):format(proxies.socks4a().port),
        ("socks4://127.0.0.1:%d"):format(dante.port),
      } do
        local way = { "--noproxy", "", "--proxy-cacert", folder .. "/ca.pem", "--proxy", proxy }
        way[#way + 1] = url
        assert.equal("small\n", curl(unpack(way)), proxy)
      end
    end)
  )

  it("a server that does not start is told of, with what it wrote", function()
    local ok, message = pcall(peers.start, {
      argv = function() return { "nginx", "-c", "/nowhere/nginx.conf" } end,
    })
    assert.is_false(ok)
    assert.matches("does not start: .*/nowhere/nginx.conf", message)
  end)

  it("a server that is missing is an error", function()
    assert.has_error(function()
      peers.start { argv = function() return { "no-such-server" } end }
    end)
  end)
end)
