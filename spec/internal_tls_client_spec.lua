-- covers: internal/tls_rules.lua lua/lua_tls_client.c lua/lua_tls_fields.c
local certificates = require "spec.support.certificates"
local fixture = require "spec.support.fixture"
local options = require "perilune.internal.options"
local process = require "spec.support.process"
local tls_client = require "perilune.internal.tls_client"

local WHAT = "client.new"

--- What a component's own options would make of it.
local function settings_of(tls)
  local given, message = options.complete(WHAT, { tls = tls_client.option }, { tls = tls })
  if not given then return nil, message end
  return tls_client.finish("tls", given.tls, WHAT)
end

local function context_of(tls, alpn) return tls_client.context(assert(settings_of(tls)), alpn) end

describe("the option tls of clients", function()
  after_each(fixture.clean)

  it("may be true", function()
    local settings = assert(settings_of(true))
    assert.is_true(settings.verify)
    assert.equal(64, settings.sessions)
    assert.same(settings, settings_of {})
  end)

  local function refuses(tls, message)
    local settings, got = settings_of(tls)
    assert.is_nil(settings)
    assert.equal(message, got)
  end

  it("is checked", function()
    refuses(
      { verifi = true },
      "unknown option 'tls.verifi' of client.new: did you mean 'tls.verify'?"
    )
    refuses(
      { min_version = "1.4" },
      "option 'tls.min_version' of client.new takes one of "
        .. '"1.0", "1.1", "1.2", "1.3", got "1.4" (a string)'
    )
    refuses({ key_file = "a" }, "option 'tls.key_file' of client.new needs 'tls.cert_file'")
    refuses({ password = "a" }, "option 'tls.password' of client.new needs 'tls.cert_file'")
    refuses({ legacy = true }, "option 'tls.legacy' of client.new needs 'tls.p12_file'")
    refuses(
      { p12_file = "a", cert_file = "b" },
      "options 'tls.cert_file' and 'tls.p12_file' of client.new exclude each other"
    )
    refuses(
      { cert_file = "a.P12", key_file = "b" },
      "options 'tls.key_file' and 'tls.p12_file' of client.new exclude each other"
    )
    refuses(
      { host_name = "a b" },
      "option 'tls.host_name' of client.new takes the name or address of a host"
    )
    for _, name in ipairs { "root_cert_file", "crl_file" } do
      refuses(
        { verify = false, [name] = "a" },
        ("option 'tls.%s' of client.new needs 'tls.verify'"):format(name)
      )
    end
    refuses(
      { verify = false, verify_depth = 0 },
      "option 'tls.verify_depth' of client.new needs 'tls.verify'"
    )
    refuses(
      { alpn = { "" } },
      "option 'tls.alpn[1]' of client.new takes a string from 1 to 255 bytes, "
        .. 'got "" (a string)'
    )
  end)

  it("does not show a password", function()
    local settings, message = settings_of { cert_file = "a", password = 5551234 }
    assert.is_nil(settings)
    assert.is_nil(message:find("5551234", 1, true))
  end)

  it("makes one context for the same settings", function()
    local context = assert(context_of(true))
    assert.equal("tls_client", getmetatable(context))
    assert.equal(context, context_of {})
    assert.equal(context, context_of { host_name = "a.example" })
    local others = {
      assert(context_of({}, { "http/1.1" })),
      assert(context_of({}, { "h2", "http/1.1" })),
      assert(context_of { min_version = "1.3" }),
      assert(context_of { sessions = false }),
      assert(context_of { verify = false }),
      assert(context_of { max_version = "1.2" }),
    }
    for i, other in ipairs(others) do
      assert.not_equal(context, other)
      for j = 1, i - 1 do
        assert.not_equal(others[j], other)
      end
    end
    assert.equal(others[1], context_of({ alpn = { "http/1.1" } }, { "h2" }))
  end)

  it("keeps the contexts that were used last, and lets others go", function()
    local seen = setmetatable({}, { __mode = "v" })
    local function use(i) seen[i] = context_of { max_version = "1.2", sessions = i } end
    for i = 1, 16 do
      use(i)
    end
    collectgarbage()
    collectgarbage()
    use(1)
    use(17)
    collectgarbage()
    collectgarbage()
    assert.is_not_nil(seen[1])
    assert.is_nil(seen[2])
    assert.is_not_nil(seen[3])
  end)

  it("reads files anew when they have changed", function()
    local folder, other = certificates.folder(), certificates.folder()
    local tls = { cert_file = folder .. "/cert.pem", key_file = folder .. "/key.pem" }
    local context = assert(context_of(tls))
    assert.equal(context, context_of(tls))
    os.execute(("cp '%s/cert.pem' '%s/key.pem' '%s'"):format(other, other, folder))
    local changed = assert(context_of(tls))
    assert.not_equal(context, changed)
    assert.equal(changed, context_of(tls))
    os.remove(folder .. "/key.pem")
    local none, message, code = context_of(tls)
    assert.is_nil(none)
    assert.equal("ENOENT", code)
    assert.equal(("tls: key file '%s/key.pem': no such file or directory"):format(folder), message)
  end)

  --- The message and code of a context that cannot be made.
  local function fails(tls, message, code)
    local context, got, got_code = context_of(tls)
    assert.is_nil(context)
    assert.equal("tls: " .. message, got)
    assert.equal(code or "EINVAL", got_code)
  end

  it("takes certificates with encrypted keys", function()
    local folder = certificates.folder()
    local cert, key, locked = folder .. "/cert.pem", folder .. "/key.pem", folder .. "/locked.pem"
    local argv =
      { "openssl", "pkcs8", "-topk8", "-in", key, "-out", locked, "-passout", "pass:sesame" }
    assert.equal(0, process.run(argv).code)
    assert(context_of { cert_file = cert, key_file = key })
    assert(context_of { cert_file = cert, key_file = locked, password = "sesame" })
    local file = "key file '" .. locked .. "': "
    fails({ cert_file = cert, key_file = locked, password = "5551234" }, file .. "wrong password")
    fails(
      { cert_file = cert, key_file = locked },
      file .. "the key is encrypted, and no password is given"
    )
    fails(
      { cert_file = cert, key_file = folder .. "/ca-key.pem" },
      ("key file '%s/ca-key.pem': the key does not belong to the certificate in '%s'"):format(
        folder,
        cert
      )
    )
    fails(
      { cert_file = "/nowhere.pem" },
      "certificate file '/nowhere.pem': no such file or directory",
      "ENOENT"
    )
  end)

  it("takes P12 files", function()
    local folder = certificates.folder()
    local modern = certificates.p12(folder, "modern.p12", "sesame")
    local old = certificates.p12(folder, "old.pfx", "sesame", "-legacy")
    assert(context_of { p12_file = modern, password = "sesame" })
    assert(context_of { cert_file = modern, password = "sesame" })
    assert(context_of { cert_file = old, legacy = true, password = "sesame" })
    local file = "P12 file '" .. modern .. "': "
    fails(
      { cert_file = modern, password = "wrong" },
      file .. "wrong password, or the file is broken"
    )
    fails({ cert_file = modern }, file .. "it has a password, and none is given")
    fails(
      { cert_file = old, password = "sesame" },
      "P12 file '" .. old .. "': it is encrypted by an old algorithm, which is off"
    )
    local broken = folder .. "/cert.pem"
    fails({ p12_file = broken }, "P12 file '" .. broken .. "': it is no PKCS #12 file")
  end)

  it("takes authorities from a file or a folder, and lists of what they have revoked", function()
    local folder = certificates.folder()
    local revoked = certificates.revoke(folder, certificates.client(folder, "alice"))
    local ca = folder .. "/ca.pem"
    assert(context_of { root_cert_file = ca, crl_file = revoked, verify_depth = 3 })
    assert(context_of { crl_file = revoked })
    local empty = fixture.folder().path
    fails(
      { root_cert_file = empty },
      ("root certificate folder '%s': there is no .pem, .crt or .cer file in it"):format(empty)
    )
    fails(
      { root_cert_file = folder .. "/key.pem" },
      ("root certificate file '%s/key.pem': there is no certificate in it"):format(folder)
    )
    fails(
      { crl_file = ca },
      ("revocation list file '%s': there is no revocation list in it"):format(ca)
    )
  end)

  it("names what is wrong in a list", function()
    fails({ cipher_list = "ECDHE-RSA-AES128-GCM-SHA256:NONE" }, "cipher_list: there is no 'NONE'")
    fails({ curves = "X25519:P-1" }, "curves: there is no 'P-1'")
    fails({ min_version = "1.3", max_version = "1.2" }, "max_version is below min_version")
    local long = {}
    for i = 1, 32 do
      long[i] = ("a long name %2d"):format(i)
    end
    fails({ alpn = long }, "alpn: a name is empty, or all are too long")
  end)
end)
