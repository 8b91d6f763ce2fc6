--- Servers that a client must not believe: each is refused with a message that says why, over real
--- sockets. "D-29" is the number in the project's list of attacks; every certificate that can be
--- wrong is in session/tls_client_test.c.
local capture = require "spec.support.capture"
local certificates = require "spec.support.certificates"
local fixture = require "spec.support.fixture"
local http = require "perilune.http"
local peers = require "spec.support.peers"
local process = require "spec.support.process"

local function answer(_, _, response) response.content_text = "hello" end

--- What a server with this certificate is asked, and what came of it.
local function ask(served, tls, more)
  local made = fixture.server({ tls = served }, { OnCommandGet = answer })
  local url = ("%s://%s:%d/"):format("https", more and more.host or "localhost", made.port)
  return http.get(url, { tls = tls, retries = false })
end

describe("D-29 a client of TLS", function()
  local folder, ca

  before_each(function()
    folder = certificates.folder()
    ca = { root_cert_file = folder .. "/ca.pem" }
  end)
  after_each(function()
    peers.clean()
    fixture.clean()
  end)

  local function refuses(served, tls, message, more)
    local response, why, code = ask(served, tls, more)
    assert.is_nil(response)
    assert.matches(message, why, 1, true)
    assert.equal("EPROTO", code)
  end

  it("takes a good server", function()
    assert.equal("hello", assert(ask(folder, ca)).text)
    assert.equal("hello", assert(ask(folder, ca, { host = "127.0.0.1" })).text)
  end)

  it("refuses a server for another host", function()
    local other = certificates.folder "b.example"
    local tls = { root_cert_file = other .. "/ca.pem" }
    refuses(other, tls, "the certificate is for b.example, not for localhost")
    tls.host_name = "a.example"
    refuses(other, tls, "the certificate is for b.example, not for a.example")
    tls.host_name = "b.example"
    assert.equal("hello", assert(ask(other, tls)).text)
  end)

  it("refuses whom nobody vouches for", function()
    local issuer = "unknown authority '"
    refuses(certificates.folder(), ca, issuer)
    refuses(folder, {}, "(20: unable to get local issuer certificate)")
    local own = fixture.folder().path
    assert.equal(0, process.run({ process.PERILUNE, "cert", "--self-signed", own }).code)
    refuses(own, ca, "the certificate is signed by itself, and not trusted")
    assert.equal("hello", assert(ask(own, { root_cert_file = own .. "/cert.pem" })).text)
  end)

  it("refuses what has expired or was revoked", function()
    local server = certificates.server(folder, "old", "DNS:localhost", -1)
    refuses({ cert_file = server }, ca, "the certificate has expired: it was valid until 20")
    server = certificates.server(folder, "bad", "DNS:localhost", 1)
    assert.equal("hello", assert(ask({ cert_file = server }, ca)).text)
    local tls =
      { root_cert_file = ca.root_cert_file, crl_file = certificates.revoke(folder, server) }
    refuses({ cert_file = server }, tls, "the certificate has been revoked")
    assert.equal("hello", assert(ask(folder, tls)).text)
  end)

  it("refuses old versions, and takes them when asked to", function()
    local peer = peers.start {
      argv = function(_, port)
        return {
          "openssl",
          "s_server",
          "-quiet",
          "-www",
          "-tls1_1",
          "-cipher",
          "DEFAULT@SECLEVEL=0",
          "-cert",
          folder .. "/cert.pem",
          "-key",
          folder .. "/key.pem",
          "-accept",
          ("127.0.0.1:%d"):format(port),
        }
      end,
    }
    local url = ("https://localhost:%d/"):format(peer.port)
    local response, why = http.get(url, { tls = ca, retries = false })
    assert.is_nil(response)
    assert.matches("the server ends it with the alert 'protocol version'", why, 1, true)
    local old = { root_cert_file = ca.root_cert_file, min_version = "1.1" }
    assert.equal(200, assert(http.get(url, { tls = old })).status)
  end)

  it("shows its certificate, also from a P12 file", function()
    local served = certificates.tls(folder, {
      root_cert_file = folder .. "/ca.pem",
      verify_certificate = true,
      fail_if_no_peer_certificate = true,
    })
    local tls = {
      root_cert_file = folder .. "/ca.pem",
      p12_file = certificates.p12(folder, "client.p12", "sesame"),
      password = "sesame",
    }
    assert.equal("hello", assert(ask(served, tls)).text)
    tls.max_version = "1.2"
    assert.equal("hello", assert(ask(served, tls)).text)
    refuses(served, ca, "the server ends it with the alert 'certificate required'")
    tls.password = "5551234"
    local response, why = ask(served, tls)
    assert.is_nil(response)
    assert.matches("client.p12': wrong password, or the file is broken", why, 1, true)
    assert.is_nil(why:find("5551234", 1, true))
  end)

  it("tells that a port is a plain one", function()
    local made = fixture.server({}, { OnCommandGet = answer })
    local url = ("https://localhost:%d/"):format(made.port)
    local response, why = http.get(url, { tls = ca, retries = false })
    assert.is_nil(response)
    assert.matches("the server answers without TLS", why, 1, true)
  end)

  it("without verification takes all of them, and says so once", function()
    local said = capture(function()
      for _ = 1, 3 do
        assert.equal(
          "hello",
          assert(ask(folder, { verify = false, host_name = "any.example" })).text
        )
      end
    end)
    local _, count = said:gsub("TLS: the certificate of any%.example is not verified", "")
    assert.equal(1, count)
  end)
end)
