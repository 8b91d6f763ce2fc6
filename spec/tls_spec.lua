-- covers: lua/lua_tls_certificate.c
local capture = require "spec.support.capture"
local certificates = require "spec.support.certificates"
local clock = require "spec.support.clock"
local fixture = require "spec.support.fixture"
local http = require "spec.support.http"
local process = require "spec.support.process"
local server = require "perilune.server"

local certify, tls_of = certificates.folder, certificates.tls
local PYTHON = "/usr/bin/python3"

local function curl(folder, url, ...)
  local ca = folder .. "/ca.pem"
  return process.run { "curl", "-sS", "--noproxy", "*", "--cacert", ca, url, ... }
end

local function hello(conn, _, response)
  response.content_text = ("hello %s %s"):format(conn.transport, conn.alpn_protocol)
end

describe("tls options:", function()
  after_each(fixture.clean)

  local function refuses(tls, message)
    local ok, got = pcall(server.new, { port = 1, tls = tls })
    assert.is_false(ok)
    assert.equal(message, got:match "^[^:]*:%d+: (.*)$" or got)
  end

  it("are checked", function()
    refuses({}, "option 'tls.cert_file' of server.new is missing; it takes a non-empty string")
    refuses(
      { cert_file = "a", certfile = "b" },
      "unknown option 'tls.certfile' of server.new: did you mean 'tls.cert_file'?"
    )
    refuses(
      { cert_file = "a", min_version = "1.4" },
      "option 'tls.min_version' of server.new takes one of "
        .. '"1.0", "1.1", "1.2", "1.3", got "1.4" (a string)'
    )
    refuses(
      { cert_file = "a", port = 1 },
      "options 'port' and 'tls.port' of server.new are the same; "
        .. "without 'tls.port' TLS has the port for itself"
    )
    refuses(
      { cert_file = "a", fail_if_no_peer_certificate = true },
      "option 'tls.fail_if_no_peer_certificate' of server.new needs 'tls.verify_certificate'"
    )
    refuses(
      { cert_file = "a", crl_file = "b" },
      "option 'tls.crl_file' of server.new needs 'tls.verify_certificate'"
    )
    refuses(
      { cert_file = "a", ticket_lifetime = 604801 },
      "option 'tls.ticket_lifetime' of server.new takes "
        .. "an integer of seconds from 1 to 604800 or false, got 604801 (a number)"
    )
    refuses(
      { cert_file = "a", sni = { ["a b"] = {} } },
      "option 'tls.sni' of server.new takes host names as keys"
    )
    refuses(
      { cert_file = "a", sni = { a = { cert = "b" } } },
      "unknown option 'cert' of option 'tls.sni' (a) of server.new; "
        .. "there is cert_file, key_file, legacy, p12_file, password"
    )
  end)

  it("take certificates from P12 files", function()
    refuses(
      { p12_file = "a", key_file = "b" },
      "options 'tls.key_file' and 'tls.p12_file' of server.new exclude each other"
    )
    refuses(
      { cert_file = "a", legacy = true },
      "option 'tls.legacy' of server.new needs 'tls.p12_file'"
    )
    local folder = certify()
    local path = certificates.p12(folder, "server.p12", "sesame")
    for _, name in ipairs { "p12_file", "cert_file" } do
      local made = fixture.server(
        { tls = { [name] = path, password = "sesame" } },
        { OnCommandGet = hello }
      )
      local got = curl(folder, ("https://localhost:%d/"):format(made.port))
      assert.equal("hello http http/1.1", got.output)
    end
    local made = fixture.new_server { tls = { p12_file = path, password = "wrong" } }
    local ok, message, code = made:start()
    assert.is_nil(ok)
    assert.equal("EINVAL", code)
    assert.equal(
      ("tls: P12 file '%s': wrong password, or the file is broken"):format(path),
      message
    )
  end)

  it("do not show a password", function()
    local ok, message = pcall(server.new, { tls = { cert_file = "a", password = 5551234 } })
    assert.is_false(ok)
    assert.is_nil(message:find("5551234", 1, true))
  end)

  it("may be off", function()
    local made = fixture.server { tls = false }
    assert.is_nil(made.tls_port)
  end)

  it("name the file that cannot be used", function()
    local made = fixture.new_server { tls = { cert_file = "/nowhere/cert.pem" } }
    local ok, message, code = made:start()
    assert.is_nil(ok)
    assert.equal("ENOENT", code)
    assert.equal("tls: certificate file '/nowhere/cert.pem': no such file or directory", message)
    assert.is_false(made.active)
  end)

  it("take paths from beside the script, and --check reads them", function()
    local folder = certify()
    local path, beside = fixture.script [[
      local tls = { cert_file = "cert.pem", key_file = "key.pem" }
      assert(require("perilune.server").new({ port = 0, tls = tls }):start())
    ]]
    local missing = process.run { process.PERILUNE, "--check", path }
    assert.equal(1, missing.code)
    assert.matches("cert.pem': no such file or directory", missing.errors, 1, true)
    os.execute(("cp '%s'/*.pem '%s'"):format(folder, beside.path))
    assert.equal(0, process.run({ process.PERILUNE, "--check", path }).code)
  end)
end)

describe("a server with TLS", function()
  after_each(fixture.clean)

  it("serves https", function()
    local folder = certify()
    local made = fixture.server({ tls = tls_of(folder) }, { OnCommandGet = hello })
    assert.equal(made.port, made.tls_port)
    for _, host in ipairs { "localhost", "127.0.0.1" } do
      local got = curl(folder, ("https://%s:%d/"):format(host, made.port))
      assert.equal("", got.errors)
      assert.equal("hello http http/1.1", got.output)
    end
    local other = curl(certify(), ("https://localhost:%d/"):format(made.port))
    assert.equal(60, other.code) -- the certificate is of an authority that it does not know
  end)

  it("takes a folder as perilune cert makes it", function()
    local folder = certify()
    local made = fixture.server({ tls = folder }, { OnCommandGet = hello })
    local got = curl(folder, ("https://localhost:%d/"):format(made.port))
    assert.equal("hello http http/1.1", got.output)
  end)

  it("carries the chat", function()
    local folder = certify()
    local chat = process.start(
      { process.PERILUNE, os.getenv "PWD" .. "/apps/chat", "--port=0", "--tls=." },
      { folder = folder }
    )
    local url = chat:wait_output "listening on (https://[^\n]*)\n"
    assert.matches("<!doctype html>", curl(folder, url).output, 1, true)
  end)

  it("serves plain and TLS at once, on two ports", function()
    local folder = certify()
    local made = fixture.server(
      { port = 0, tls = tls_of(folder, { port = 0 }) },
      { OnCommandGet = hello }
    )
    assert.not_equal(made.port, made.tls_port)
    assert.equal("hello http ", curl(folder, ("http://localhost:%d/"):format(made.port)).output)
    assert.equal(
      "hello http http/1.1",
      curl(folder, ("https://localhost:%d/"):format(made.tls_port)).output
    )
    made:stop()
    assert(made:start())
  end)

  it("takes neither port when one of them is in use", function()
    local folder = certify()
    local taken = fixture.server()
    local made = fixture.new_server { tls = tls_of(folder, { port = taken.port }) }
    local ok, message, code = made:start()
    assert.is_nil(ok)
    assert.equal("EADDRINUSE", code)
    assert.matches("port " .. taken.port .. ": address already in use", message, 1, true)
    assert.is_false(made.active)
    taken:stop()
    assert(made:start())
  end)

  it("announces its addresses", function()
    local folder = certify()
    local path = fixture.script(([[
      local tls = { port = 0, cert_file = "%s/cert.pem", key_file = "%s/key.pem" }
      assert(require("perilune.server").new({ port = 0, tls = tls }):start())
    ]]):format(folder, folder))
    local program = process.perilune { path }
    program:wait_output "listening on http://127.0.0.1:%d+/\n"
    program:wait_output "listening on https://127.0.0.1:%d+/\n"
    program:signal "TERM"
    assert.equal(0, program:wait())
  end)

  it("asks clients for certificates", function()
    local folder, stranger = certify(), certify()
    local made = fixture.server({
      tls = tls_of(folder, {
        root_cert_file = folder .. "/ca.pem",
        verify_certificate = true,
        fail_if_no_peer_certificate = true,
      }),
    }, { OnCommandGet = hello })
    local url = ("https://localhost:%d/"):format(made.port)
    local function with(of)
      return curl(folder, url, "--cert", of .. "/cert.pem", "--key", of .. "/key.pem")
    end
    assert.equal("hello http http/1.1", with(folder).output)
    assert.equal("", with(stranger).output)
    assert.equal("", curl(folder, url).output)
  end)

  it("gives the certificate of a client", function()
    local folder = certify("a.example", "192.0.2.7", "2001:db8::7")
    local seen, gone
    local made = fixture.server({
      tls = tls_of(folder, { root_cert_file = folder .. "/ca.pem", verify_certificate = true }),
    }, {
      OnCommandGet = function(conn, _, response)
        seen = conn.peer_certificate or "none"
        gone = conn
        response.content_text = "seen"
      end,
    })
    local cert = folder .. "/cert.pem"
    local url = ("https://a.example:%d/"):format(made.port)
    local to = ("a.example:%d:127.0.0.1"):format(made.port)
    local got = curl(folder, url, "--resolve", to, "--cert", cert, "--key", folder .. "/key.pem")
    assert.equal("seen", got.output, got.errors)
    local said = process.run {
      "openssl",
      "x509",
      "-in",
      cert,
      "-noout",
      "-fingerprint",
      "-sha256",
      "-serial",
      "-subject",
      "-nameopt",
      "RFC2253",
    }
    local fingerprint = said.output:match("Fingerprint=([%x:]+)"):gsub(":", ""):lower()
    assert.equal(fingerprint, seen.fingerprint)
    assert.equal(said.output:match("serial=(%x+)"):lower(), seen.serial)
    assert.equal(said.output:match "subject=([^\n]+)", seen.subject)
    assert.same({ "a.example", "192.0.2.7", "2001:db8::7" }, seen.names)
    assert.is_true(seen.not_before <= os.time() and os.time() < seen.not_after)
    assert.matches("^%-%-%-%-%-BEGIN CERTIFICATE%-%-%-%-%-\n", seen.pem)
    assert.is_not_equal(seen.subject, seen.issuer)
    clock.wait_for(function() return gone.peer_certificate == nil end)
    assert.equal("seen", curl(folder, url, "--resolve", to).output)
    assert.equal("none", seen)
  end)

  it("drops who does not shake hands", function()
    local made = fixture.server {
      tls = tls_of(certify()),
      limits = { handshake_timeout = 0.05 },
    }
    local peer = fixture.socket(made)
    peer:send "\22\3\1"
    assert.equal("", peer:read_all())
  end)

  it("tells who forgot the s of https", function()
    local made = fixture.server { tls = certify() }
    local log = capture(function()
      local response, ended = http.raw(made.port, http.compose "/")
      assert.equal(400, response.status)
      assert.is_true(ended)
      assert.equal("This port speaks TLS: use https or wss.\n", response.body)
      assert.matches("%w+, %d%d %w+ %d+ %d%d:%d%d:%d%d GMT", response.headers.date)
    end)
    assert.equal("", log)
  end)

  it("serves wss, with messages larger than any buffer", function()
    local folder = certify()
    local made = fixture.server({ tls = tls_of(folder) }, {
      OnMessage = function(conn, text)
        conn:write(conn.alpn_protocol == "http/1.1" and text or conn.alpn_protocol)
      end,
    })
    local path = folder .. "/client.py"
    local file = assert(io.open(path, "w"))
    file:write [[
import asyncio, ssl, sys, websockets

async def main():
    context = ssl.create_default_context(cafile=sys.argv[1])
    context.set_alpn_protocols(["http/1.1"])
    async with websockets.connect(sys.argv[2], ssl=context, max_size=None) as peer:
        for size in (0, 1, 125, 16384, 16385, 65536, 3000000):
            text = "".join(chr(97 + i % 26) for i in range(size))
            await peer.send(text)
            assert await peer.recv() == text, size
    print("all came back")

asyncio.run(main())
]]
    file:close()
    local url = ("wss://localhost:%d/"):format(made.port)
    local client = process.run { PYTHON, path, folder .. "/ca.pem", url }
    assert.equal("all came back\n", client.output, client.errors)
  end)
end)

describe("perilune cert", function()
  after_each(fixture.clean)

  it("never overwrites", function()
    local folder = certify()
    local again = process.run { process.PERILUNE, "cert", folder }
    assert.equal(1, again.code)
    assert.equal(("perilune: %s/ca.pem: is there already\n"):format(folder), again.errors)
  end)

  it("is told what to do", function()
    assert.equal(2, process.run({ process.PERILUNE, "cert" }).code)
    assert.equal(2, process.run({ process.PERILUNE, "cert", "a", "b" }).code)
    assert.equal(2, process.run({ process.PERILUNE, "cert", "a", "--nme", "b" }).code)
    assert.equal(1, process.run({ process.PERILUNE, "cert", "a", "--name", "b c" }).code)
  end)

  it("explains itself, and makes nothing then", function()
    local folder = fixture.folder().path
    for _, flag in ipairs { "--help", "-h" } do
      local told = process.run { process.PERILUNE, "cert", folder, flag }
      assert.equal(0, told.code, told.errors)
      assert.matches("^Usage: perilune cert DIR ", told.output)
      assert.matches("\n  %-%-self%-signed ", told.output)
    end
    assert.is_nil(io.open(folder .. "/cert.pem"))
  end)

  it("may be its own authority", function()
    local folder = fixture.folder().path
    local made = process.run { process.PERILUNE, "cert", folder, "--self-signed" }
    assert.equal(0, made.code, made.errors)
    assert.matches("cert.pem    the server's certificate, for %d+ days: clients have", made.output)
    assert.is_nil(io.open(folder .. "/ca.pem"))
    local listening = fixture.server({ tls = folder }, { OnCommandGet = hello })
    local url = ("https://localhost:%d/"):format(listening.port)
    local ca = folder .. "/cert.pem"
    local got = process.run { "curl", "-sS", "--noproxy", "*", "--cacert", ca, url }
    assert.equal("hello http http/1.1", got.output, got.errors)
  end)

  it("takes names and addresses", function()
    local folder = certify("chat.example", "192.0.2.7")
    local shown = process.run { "openssl", "x509", "-in", folder .. "/cert.pem", "-noout", "-text" }
    assert.matches("DNS:chat.example, IP Address:192.0.2.7", shown.output, 1, true)
  end)
end)
