--- TLS of our clients as OpenSSL's s_server sees it: versions, names, certificates, protocols,
--- resumption. Its -www answers HTTP with what was agreed on.
local capture = require "spec.support.capture"
local certificates = require "spec.support.certificates"
local client = require "perilune.client"
local http = require "perilune.http"
local peers = require "spec.support.peers"

local function serve_by(mode, certificate, ...)
  local more = { ... }
  return peers.start {
    argv = function(_, port)
      local argv = { "stdbuf", "-oL", "openssl", "s_server", "-accept", "127.0.0.1:" .. port, mode }
      for _, argument in ipairs { "-cert", certificate, "-key", certificate, unpack(more) } do
        argv[#argv + 1] = argument
      end
      return argv
    end,
  }
end

local function serve(...) return serve_by("-www", ...) end

--- What a client gets: the page, or nil, a message and a code.
local function get(peer, tls, host)
  local url = ("https://%s:%d/"):format(host or "localhost", peer.port)
  local response, message, code = http.get(url, { tls = tls, timeout = 10 })
  return response and response.text, message, code
end

--- Nobody gets in, over HTTP or WebSocket: the message has the words and the code a name.
local function assert_refused(words, peer, tls, host)
  local page, message, code = get(peer, tls, host)
  assert.is_nil(page)
  assert.matches(words, message)
  assert.matches("^E%u", code)
  local made =
    client.new { url = ("wss://%s:%d/"):format(host or "localhost", peer.port), tls = tls }
  local ok, why, socket_code = made:connect()
  assert.is_nil(ok)
  assert.matches(words, why)
  assert.equal(code, socket_code)
end

describe("openssl s_server:", function()
  local folder, roots, good

  setup(function()
    folder = certificates.folder()
    roots = folder .. "/ca.pem"
    good = certificates.server(folder, "good", "DNS:localhost,DNS:*.wild.example")
  end)
  teardown(peers.clean)

  --- The option `tls` with our authority.
  local function trusting(more)
    local tls = { root_cert_file = roots }
    for name, value in pairs(more or {}) do
      tls[name] = value
    end
    return tls
  end

  it(
    "speaks 1.2 and 1.3 with us",
    peers.telling(function()
      for argument, name in pairs { ["-tls1_2"] = "TLSv1.2", ["-tls1_3"] = "TLSv1.3" } do
        assert.matches("New, " .. name, assert(get(serve(good, argument), trusting())), 1, true)
      end
    end)
  )

  it(
    "is refused with 1.0 and 1.1, unless they are asked for",
    peers.telling(function()
      for argument, version in pairs { ["-tls1"] = "1.0", ["-tls1_1"] = "1.1" } do
        local peer = serve(good, argument, "-cipher", "DEFAULT:@SECLEVEL=0")
        assert_refused("version", peer, trusting())
        assert(get(peer, trusting { min_version = version }))
      end
    end)
  )

  it(
    "gets the versions, ciphers and curves of the options alone",
    peers.telling(function()
      local peer = serve(good)
      local page = assert(get(
        peer,
        trusting {
          max_version = "1.2",
          cipher_list = "ECDHE-ECDSA-CHACHA20-POLY1305",
          curves = "P-256",
        }
      ))
      assert.matches("New, TLSv1.2, Cipher is ECDHE-ECDSA-CHACHA20-POLY1305", page, 1, true)
      assert_refused("protocol version", serve(good, "-tls1_3"), trusting { max_version = "1.2" })
      assert_refused("handshake", serve(good, "-groups", "X25519"), trusting { curves = "P-384" })
    end)
  )

  it(
    "D-29 is refused with a certificate of a stranger, an expired one, one for another host",
    peers.telling(function()
      assert_refused("certificate", serve(good), true)
      local expired = certificates.server(folder, "expired", "DNS:localhost", -1)
      assert_refused("expired", serve(expired), trusting())
      local other = certificates.server(folder, "other", "DNS:other.example")
      assert_refused("localhost", serve(other), trusting())
      assert_refused("127%.0%.0%.1", serve(good), trusting(), "127.0.0.1")
      local of_ip = certificates.server(folder, "ip", "IP:127.0.0.1")
      assert(get(serve(of_ip), trusting(), "127.0.0.1"))
      assert_refused("localhost", serve(of_ip), trusting())
    end)
  )

  it(
    "D-29 is refused with a revoked certificate",
    peers.telling(function()
      local gone = certificates.server(folder, "gone", "DNS:localhost")
      local list = certificates.revoke(folder, gone)
      assert(get(serve(gone), trusting()))
      assert_refused("revoked", serve(gone), trusting { crl_file = list })
      assert(get(serve(good), trusting { crl_file = list }))
    end)
  )

  it(
    "may have another name than the URL's host",
    peers.telling(function()
      local peer = serve(good)
      assert(get(peer, trusting { host_name = "a.wild.example" }))
      assert_refused("a%.b%.wild%.example", peer, trusting { host_name = "a.b.wild.example" })
      assert_refused("wild%.example", peer, trusting { host_name = "wild.example" })
    end)
  )

  it(
    "is asked for the name of the host (SNI)",
    peers.telling(function()
      local other = certificates.server(folder, "second", "DNS:second.example")
      local peer = serve(good, "-servername", "second.example", "-cert2", other, "-key2", other)
      assert(get(peer, trusting()))
      assert(get(peer, trusting { host_name = "second.example" }))
    end)
  )

  it(
    "is believed without verification, and the log has one line",
    peers.telling(function()
      local expired = certificates.server(folder, "old", "DNS:other.example", -1)
      local peer = serve(expired)
      local text = capture(function() assert(get(peer, { verify = false })) end)
      assert.matches("verif", text)
      assert.equal(1, select(2, text:gsub("\n", "")))
    end)
  )

  it(
    "asks for our certificate",
    peers.telling(function()
      local alice = certificates.client(folder, "alice")
      local refused = { ["-tls1_2"] = "handshake failure", ["-tls1_3"] = "certificate required" }
      for version, words in pairs(refused) do
        local peer = serve(good, version, "-CAfile", roots, "-Verify", "2", "-verify_return_error")
        assert_refused(words, peer, trusting())
        local page = assert(get(peer, trusting { cert_file = alice }))
        assert.matches("Subject: CN=alice", page, 1, true)
      end
    end)
  )

  it(
    "agrees on http/1.1 by ALPN",
    peers.telling(function()
      -- Only this mode tells it, which answers with what we said, reversed.
      local peer = serve_by("-rev", good, "-alpn", "http/1.1,h2")
      local _, _, code = get(peer, trusting())
      assert.equal("EPROTO", code)
      assert.matches("ALPN protocols selected: http/1.1", peer:log(), 1, true)
    end)
  )

  it(
    "resumes our sessions, and not those of other settings",
    peers.telling(function()
      for argument, name in pairs { ["-tls1_2"] = "TLSv1.2", ["-tls1_3"] = "TLSv1.3" } do
        local peer = serve(good, argument)
        local tls = trusting()
        assert.matches("New, " .. name, assert(get(peer, tls)), 1, true)
        assert.matches("Reused, " .. name, assert(get(peer, tls)), 1, true)
        assert.matches("New, " .. name, assert(get(peer, trusting { sessions = false })), 1, true)
        -- What was not verified once is not believed later.
        local stranger =
          serve(certificates.server(folder, "x" .. name, "DNS:other.example"), argument)
        capture(function() assert(get(stranger, { verify = false })) end)
        assert_refused("localhost", stranger, trusting())
      end
    end)
  )
end)
