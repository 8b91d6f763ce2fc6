local capture = require "spec.support.capture"
local certificates = require "spec.support.certificates"
local clock = require "spec.support.clock"
local fixture = require "spec.support.fixture"
local process = require "spec.support.process"
local server = require "perilune.server"
local timer = require "perilune.timer"

local certify, tls_of = certificates.folder, certificates.tls

local function curl(folder, made, ...)
  local url = ("https://localhost:%d/"):format(made.port)
  local ca = folder .. "/ca.pem"
  return process.run { "curl", "-sS", "--noproxy", "*", "--cacert", ca, url, ... }
end

local function identity(folder)
  return "--cert", folder .. "/cert.pem", "--key", folder .. "/key.pem"
end

local function hello(conn, _, response)
  response.content_text = ("%s %s"):format(
    tostring(conn.alpn_protocol),
    conn.peer_certificate and conn.peer_certificate.fingerprint or "nobody"
  )
end

describe("OnSSLVerifyPeer of a server", function()
  local folder, stranger
  before_each(function()
    folder, stranger = certify(), certify()
  end)
  after_each(fixture.clean)

  --- A server that asks about its clients.
  local function asking(handler)
    local tls = { verify_certificate = true, root_cert_file = folder .. "/ca.pem" }
    return fixture.server(
      { tls = tls_of(folder, tls) },
      { OnSSLVerifyPeer = handler, OnCommandGet = hello }
    )
  end

  it("decides about every client with a certificate, at once or later", function()
    for _, waits in ipairs { false, true } do
      local seen
      local made = asking(function(conn, certificate, error)
        if waits then timer.sleep(0.02) end
        seen = { conn.ip, certificate.error, error, certificate.fingerprint }
        return error ~= nil -- only those whom nobody else would take
      end)
      assert.matches("^http/1.1 %x+$", curl(folder, made, identity(stranger)).output)
      assert.equal("127.0.0.1", seen[1])
      assert.equal(20, seen[2])
      assert.matches("^unknown authority .*20: unable to get local issuer certificate", seen[3])
      assert.equal("", curl(folder, made, identity(folder)).output)
      assert.same({ nil, nil }, { seen[2], seen[3] })
      seen = nil
      assert.equal("http/1.1 nobody", curl(folder, made).output)
      assert.is_nil(seen)
    end
  end)

  it("that says nothing leaves it to the check, and one that throws lets nobody in", function()
    local throws
    local told = {}
    local made = asking(function()
      if throws then error "cannot tell" end
    end)
    function made.OnError(_, message, code) told[#told + 1] = { message, code } end
    assert.matches("^http/1.1 %x+$", curl(folder, made, identity(folder)).output)
    assert.equal("", curl(folder, made, identity(stranger)).output)
    throws = true
    local log = capture(
      function() assert.equal("", curl(folder, made, identity(folder)).output) end
    )
    assert.matches("cannot tell", log)
    clock.wait_for(function() return #told == 2 end)
    assert.same({
      { "TLS handshake failed: unable to get local issuer certificate", "EPROTO" },
      { "TLS handshake failed: application verification failure", "EPROTO" },
    }, told)
  end)

  it("needs no authority, who is asked about everybody", function()
    local made = fixture.server({ tls = tls_of(folder, { verify_certificate = true }) }, {
      OnSSLVerifyPeer = function(_, _, error) return error ~= nil end,
      OnCommandGet = hello,
    })
    assert.matches("^http/1.1 %x+$", curl(folder, made, identity(stranger)).output)
  end)

  it("is missed when there is no authority either", function()
    local made = server.new {
      port = 0,
      tls = tls_of(folder, { verify_certificate = true }),
    }
    local started, message, code = made:start()
    assert.same({ nil, "EINVAL" }, { started, code })
    local needs = "tls.verify_certificate needs root_cert_file, or OnSSLVerifyPeer"
    assert.equal(needs .. " to decide about every client", message)
  end)

  it("has limits.handshake_timeout to decide", function()
    local gone
    local made = fixture.server({
      tls = tls_of(folder, { verify_certificate = true, root_cert_file = folder .. "/ca.pem" }),
      limits = { handshake_timeout = 0.1 },
    }, {
      OnSSLVerifyPeer = function(conn)
        timer.sleep(0.3)
        gone = conn.peer_certificate == nil
        return true
      end,
      OnCommandGet = hello,
    })
    assert.equal("", curl(folder, made, identity(folder)).output)
    clock.wait_for(function() return gone end)
  end)
end)

describe("OnSSLALPNSelect", function()
  local folder
  before_each(function() folder = certify() end)
  after_each(fixture.clean)

  --- What openssl's client agrees on with a server whose handler this is.
  local function agreed(handler, offers)
    local made = fixture.server({ tls = tls_of(folder) }, { OnSSLALPNSelect = handler })
    local to = "localhost:" .. made.port
    local argv = { "openssl", "s_client", "-connect", to, "-CAfile", folder .. "/ca.pem" }
    if offers then
      argv[#argv + 1] = "-alpn"
      argv[#argv + 1] = offers
    end
    local got = process.run(argv)
    return got.errors:match "alert no application protocol"
      or got.output:match "ALPN protocol: (%S+)"
      or got.output:match "No ALPN negotiated"
  end

  it("chooses among what the client offers, at once or later", function()
    for _, waits in ipairs { false, true } do
      local seen, ip
      local function choose(conn, protocols)
        if waits then timer.sleep(0.02) end
        seen, ip = protocols, conn.ip
        return protocols[2]
      end
      assert.equal("mqtt", agreed(choose, "http/1.1,mqtt,x-chat"))
      assert.same({ "http/1.1", "mqtt", "x-chat" }, seen)
      assert.equal("127.0.0.1", ip)
      seen = nil
      assert.equal("No ALPN negotiated", agreed(choose))
      assert.is_nil(seen)
    end
  end)

  it("may choose nothing, leave it to the server, or refuse", function()
    local function that(answer)
      return function()
        if answer == "throws" then error "no" end
        return answer
      end
    end
    local offers = "mqtt,http/1.1"
    assert.equal("http/1.1", agreed(that(nil), offers))
    assert.equal("No ALPN negotiated", agreed(that(false), offers))
    assert.equal("No ALPN negotiated", agreed(that "", offers))
    local refused = "alert no application protocol"
    local log = capture(function()
      assert.equal(refused, agreed(that "h2", offers))
      assert.equal(refused, agreed(that(true), offers))
      assert.equal(refused, agreed(that "throws", offers))
    end)
    assert.matches("OnSSLALPNSelect returns a string, false or nil", log)
  end)

  it("is what conn.alpn_protocol gives", function()
    local made = fixture.server({ tls = tls_of(folder) }, {
      OnSSLALPNSelect = function(_, protocols) return protocols[#protocols] end,
      OnCommandGet = hello,
    })
    assert.equal("http/1.1 nobody", curl(folder, made, "--http2").output)
  end)
end)
