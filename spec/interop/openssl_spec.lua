--- TLS as OpenSSL's s_client sees it: versions, names, protocols, certificates, resumption.
local certificates = require "spec.support.certificates"
local fixture = require "spec.support.fixture"
local process = require "spec.support.process"

local function serve(tls) return fixture.server { tls = tls } end

local ASK = "printf 'GET / HTTP/1.1\\r\\nHost: a\\r\\nConnection: close\\r\\n\\r\\n' | "
  .. 'openssl s_client -ign_eof "$@"'

--- Sends a request. Returns what s_client says, and whether there was an answer: with 1.3 a client
--- takes the handshake for good before the server has looked at its certificate.
local function s_client(made, ...)
  local address = "127.0.0.1:" .. made.tls_port
  local client = process.run { "sh", "-c", ASK, "sh", "-connect", address, ... }
  local said = client.output .. client.errors
  return said, said:find("HTTP/1.1 404", 1, true) ~= nil
end

local VERSIONS = { ["-tls1_2"] = "TLSv1.2", ["-tls1_3"] = "TLSv1.3" }

--- Runs f with each version's argument and name.
local function with_versions(f)
  f("-tls1_2", VERSIONS["-tls1_2"])
  f("-tls1_3", VERSIONS["-tls1_3"])
end

describe("openssl s_client:", function()
  after_each(fixture.clean)

  it("speaks 1.2 and 1.3", function()
    local made = serve(certificates.folder())
    with_versions(function(argument, name)
      local said, answered = s_client(made, argument)
      assert.matches("New, " .. name, said, 1, true)
      assert.is_true(answered)
      assert.matches("Compression: NONE", said, 1, true)
    end)
  end)

  it("is refused with 1.0 and 1.1", function()
    local made = serve(certificates.folder())
    for _, argument in ipairs { "-tls1", "-tls1_1" } do
      local said, answered = s_client(made, argument, "-cipher", "DEFAULT:@SECLEVEL=0")
      assert.matches("alert protocol version", said, 1, true)
      assert.is_false(answered)
    end
  end)

  it("is let in with 1.0 and 1.1 when they are asked for", function()
    local made = serve(certificates.tls(certificates.folder(), { min_version = "1.0" }))
    for argument, name in pairs { ["-tls1"] = "TLSv1", ["-tls1_1"] = "TLSv1.1" } do
      local said, answered = s_client(made, argument, "-cipher", "DEFAULT:@SECLEVEL=0")
      assert.matches("Protocol  : " .. name .. "\n", said, 1, true)
      assert.is_true(answered)
    end
  end)

  it("gets the versions, ciphers and curves of the options alone", function()
    local made = serve(certificates.tls(certificates.folder(), {
      max_version = "1.2",
      cipher_list = "ECDHE-ECDSA-CHACHA20-POLY1305:AEAD-AES128-GCM-SHA256",
      curves = "P-256",
    }))
    local said = s_client(made)
    assert.matches("ECDHE-ECDSA-CHACHA20-POLY1305", said, 1, true)
    assert.matches("Server Temp Key: ECDH, prime256v1", said, 1, true)
    assert.matches("alert protocol version", s_client(made, "-tls1_3"), 1, true)
    local other = s_client(made, "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256")
    assert.matches("alert handshake failure", other, 1, true)
    assert.matches("handshake failure", s_client(made, "-groups", "X25519"), 1, true)
  end)

  it("agrees on http/1.1 by ALPN, or on nothing", function()
    local made = serve(certificates.folder())
    with_versions(function(version)
      local said, answered = s_client(made, version, "-alpn", "h2,http/1.1")
      assert.matches("ALPN protocol: http/1.1", said, 1, true)
      assert.is_true(answered)
      said, answered = s_client(made, version)
      assert.matches("No ALPN negotiated", said, 1, true)
      assert.is_true(answered)
      said, answered = s_client(made, version, "-alpn", "h2")
      assert.matches("alert no application protocol", said, 1, true)
      assert.is_false(answered)
    end)
  end)

  it("gets the certificate of the name that it asks for", function()
    local other = certificates.folder("other.example", "*.wild.example")
    local made = serve(certificates.tls(certificates.folder(), {
      sni = {
        ["other.example"] = certificates.tls(other),
        ["*.wild.example"] = certificates.tls(other),
      },
    }))
    local function subject(...) return s_client(made, ...):match "subject=CN = ([^\n]*)" end
    with_versions(function(version)
      assert.equal("localhost", subject(version, "-servername", "localhost"))
      assert.equal("other.example", subject(version, "-servername", "other.example"))
      assert.equal("other.example", subject(version, "-servername", "a.wild.example"))
      assert.equal("localhost", subject(version, "-servername", "elsewhere"))
      assert.equal("localhost", subject(version, "-noservername"))
    end)
  end)

  it("may not renegotiate", function()
    local made = fixture.server { tls = certificates.folder() }
    local line = "(sleep 0.3; echo R; sleep 0.3) | "
      .. ("openssl s_client -tls1_2 -connect 127.0.0.1:%d 2>&1"):format(made.tls_port)
    local said = process.run({ "sh", "-c", line }).output
    assert.matches("RENEGOTIATING", said, 1, true)
    assert.matches("no renegotiation", said, 1, true)
  end)

  it("sends no data before the handshake is done", function()
    local folder = certificates.folder()
    local made = serve(folder)
    local session = folder .. "/session"
    local early = fixture.folder():write("early", "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    s_client(made, "-tls1_3", "-sess_out", session)
    local said = s_client(made, "-tls1_3", "-sess_in", session, "-early_data", early)
    assert.not_matches("Early data was accepted", said, 1, true)
    assert.matches("Max Early Data: 0", s_client(made, "-tls1_3", "-msg"), 1, true)
  end)

  it("D-29 client certificates: missing, expired, of another authority", function()
    local folder, stranger = certificates.folder(), certificates.folder()
    local good = certificates.client(folder, "alice")
    local expired = certificates.client(folder, "bob", -1)
    local foreign = certificates.client(stranger, "eve")
    for _, must in ipairs { false, true } do
      local made = serve(certificates.tls(folder, {
        root_cert_file = folder .. "/ca.pem",
        verify_certificate = true,
        fail_if_no_peer_certificate = must,
      }))
      with_versions(function(version)
        local function comes(path)
          if not path then return s_client(made, version) end
          return s_client(made, version, "-cert", path, "-key", path)
        end
        assert.is_true(select(2, comes(good)))
        local said, answered = comes(expired)
        assert.is_false(answered)
        assert.matches("alert certificate expired", said, 1, true)
        said, answered = comes(foreign)
        assert.is_false(answered)
        assert.matches("alert unknown ca", said, 1, true)
        said, answered = comes(nil)
        assert.equal(not must, answered)
        if must then
          local words = version == "-tls1_3" and "alert certificate required"
            or "alert handshake failure"
          assert.matches(words, said, 1, true)
        end
      end)
    end
  end)

  it("D-29 takes authorities from a folder, and refuses what they have revoked", function()
    local folder, others = certificates.folder(), certificates.folder()
    local alice, bob = certificates.client(folder, "alice"), certificates.client(others, "bob")
    local roots = fixture.folder()
    os.execute(("cp '%s/ca.pem' '%s/one.pem'"):format(folder, roots.path))
    os.execute(("cp '%s/ca.pem' '%s/two.crt'"):format(others, roots.path))
    local made = serve(certificates.tls(folder, {
      root_cert_file = roots.path,
      verify_certificate = true,
      fail_if_no_peer_certificate = true,
    }))
    for _, path in ipairs { alice, bob } do
      assert.is_true(select(2, s_client(made, "-cert", path, "-key", path)))
    end
    local list = certificates.revoke(folder, alice)
    made = serve(certificates.tls(folder, {
      root_cert_file = folder .. "/ca.pem",
      crl_file = list,
      verify_certificate = true,
    }))
    local said, answered = s_client(made, "-cert", alice, "-key", alice)
    assert.is_false(answered)
    assert.matches("alert certificate revoked", said, 1, true)
    local carol = certificates.client(folder, "carol")
    assert.is_true(select(2, s_client(made, "-cert", carol, "-key", carol)))
  end)
end)

describe("openssl s_client resumes", function()
  local folder, session

  before_each(function()
    folder = certificates.folder()
    session = folder .. "/session"
  end)
  after_each(fixture.clean)

  --- Keeps a session of the first, and shows it to the second.
  local function resumed(version, first, first_arguments, second, second_arguments)
    os.remove(session)
    local _, answered = s_client(first, version, "-sess_out", session, unpack(first_arguments))
    assert.is_true(answered)
    local said = s_client(second, version, "-sess_in", session, unpack(second_arguments))
    return said:find("Reused, " .. VERSIONS[version], 1, true) ~= nil
  end

  it("at the same server", function()
    local made = serve(folder)
    with_versions(function(version) assert.is_true(resumed(version, made, {}, made, {})) end)
  end)

  it("after a restart, and at another server of the same settings", function()
    local one, two = serve(folder), serve(folder)
    with_versions(function(version)
      assert.is_true(resumed(version, one, {}, two, {}))
      s_client(one, version, "-sess_out", session)
      one:restart()
      local said = s_client(one, version, "-sess_in", session)
      assert.matches("Reused, " .. VERSIONS[version], said, 1, true)
    end)
  end)

  it("at another worker", function()
    local path = fixture.script(([[
      local tls = "%s"
      local made = require("perilune.server").new { port = 0, tls = tls }
      function made.OnCommandGet(_, _, response)
        response.response_no = 404
        response.content_text = "worker " .. require("perilune.worker").id
      end
      assert(made:start())
    ]]):format(folder))
    local program = process.perilune { "--workers", "2", path }
    local port = program:wait_output "listening on https://127.0.0.1:(%d+)/\n"
    local made = { tls_port = port }
    with_versions(function(version)
      local seen = {}
      s_client(made, version, "-sess_out", session)
      for _ = 1, 60 do -- until both have had their turn
        local said = s_client(made, version, "-sess_in", session, "-sess_out", session)
        assert.matches("Reused, " .. VERSIONS[version], said, 1, true)
        seen[said:match "worker (%d)"] = true
        if seen["1"] and seen["2"] then break end
      end
      assert.same({ ["1"] = true, ["2"] = true }, seen)
    end)
  end)

  it("not without tickets", function()
    local made = serve(certificates.tls(folder, { ticket_lifetime = false }))
    with_versions(function(version)
      local said = s_client(made, version, "-sess_out", session)
      assert.not_matches("TLS session ticket", said, 1, true)
      assert.is_nil(s_client(made, version, "-sess_in", session):find("Reused", 1, true))
    end)
  end)

  it("D-29 not between names", function()
    local other = certificates.folder "other.example"
    local made = serve(certificates.tls(folder, {
      sni = { ["other.example"] = certificates.tls(other) },
    }))
    local at, elsewhere = { "-servername", "localhost" }, { "-servername", "other.example" }
    with_versions(function(version)
      assert.is_true(resumed(version, made, at, made, at))
      assert.is_true(resumed(version, made, elsewhere, made, elsewhere))
      assert.is_false(resumed(version, made, at, made, elsewhere))
      assert.is_false(resumed(version, made, elsewhere, made, at))
    end)
  end)

  it("D-29 not between ports with other rules for clients", function()
    local alice = certificates.client(folder, "alice")
    local shown = { "-cert", alice, "-key", alice }
    local roots = folder .. "/ca.pem"
    local open = serve(folder)
    local asking =
      serve(certificates.tls(folder, { root_cert_file = roots, verify_certificate = true }))
    local strict = serve(certificates.tls(folder, {
      root_cert_file = roots,
      verify_certificate = true,
      fail_if_no_peer_certificate = true,
    }))
    with_versions(function(version)
      assert.is_true(resumed(version, strict, shown, strict, shown))
      assert.is_true(resumed(version, asking, {}, asking, {}))
      for _, from in ipairs { open, asking } do
        assert.is_false(resumed(version, from, {}, strict, shown))
        -- Not even with the session: who shows no certificate is not let in.
        assert.is_false(select(2, s_client(strict, version, "-sess_in", session)))
      end
    end)
  end)
end)
