-- covers: internal/bindings.lua internal/paths.lua internal/tls.lua lua/lua_server_listen.c
-- covers: lua/lua_server_settings.c
local capture = require "spec.support.capture"
local certificates = require "spec.support.certificates"
local fixture = require "spec.support.fixture"
local process = require "spec.support.process"
local server = require "perilune.server"

--- What curl gets from a URL: the body, or its exit code.
local function get(url, ...)
  local got = process.run { "curl", "-sS", "-g", "-k", "--noproxy", "*", "-m", "10", url, ... }
  return got.code == 0 and got.output or got.code
end

--- Answers with the address that the connection came to.
local function tell(conn, _, response) response.content_text = conn.local_ip end

local function url_of(bound)
  local host = bound.host:find ":" and "[" .. bound.host .. "]" or bound.host
  return ("%s://%s:%d/"):format(bound.tls and "https" or "http", host, bound.port)
end

--- The fields of bindings, one line each.
local function lines(list)
  local texts = {}
  for i, bound in ipairs(list) do
    texts[i] = ("%s %s"):format(bound.host, bound.tls and "tls" or "plain")
  end
  return texts
end

describe("bindings of server.new", function()
  after_each(fixture.clean)

  local function refuses(options, message, pattern)
    local ok, got = pcall(server.new, options)
    assert.is_false(ok)
    got = got:match "^[^:]*:%d+: (.*)$" or got
    if message then assert.equal(message, got) end
    if pattern then assert.matches(pattern, got) end
  end

  it("are checked", function()
    refuses(
      { bindings = {} },
      "option 'bindings' of server.new takes a non-empty string or "
        .. "a list with at least 1 elements, got a table"
    )
    refuses(
      { bindings = { 80 } },
      "option 'bindings[1]' of server.new takes a table, or address and port as a string"
    )
    refuses(
      { bindings = { { port = 0 }, { hots = "127.0.0.1" } } },
      "unknown option 'hots' of option 'bindings[2]' of server.new: did you mean 'host'?"
    )
    refuses(
      { bindings = { { port = 65536 } } },
      "option 'port' of option 'bindings[1]' of server.new takes an integer from 0 to 65535, "
        .. "got 65536 (a number)"
    )
    refuses(
      { bindings = { { tls = true } } },
      "option 'bindings[1].tls' of server.new is true, which needs 'tls'"
    )
    refuses(
      { bindings = { { tls = { cert_file = "a", fail_if_no_peer_certificate = true } } } },
      "option 'bindings[1].tls.fail_if_no_peer_certificate' of server.new needs "
        .. "'bindings[1].tls.verify_certificate'"
    )
    refuses( -- a binding has its port already
      { bindings = { { tls = { cert_file = "a", port = 1 } } } },
      nil,
      "^unknown option 'tls%.port' of option 'bindings%[1%]' of server.new; there is cert_file, "
    )
    refuses(
      { bindings = { { host = "a\0b" } } },
      "option 'bindings[1].host' of server.new takes text without NUL"
    )
  end)

  it("are addresses with ports, as text", function()
    for _, text in ipairs {
      "127.0.0.1",
      ":80",
      "127.0.0.1:",
      "127.0.0.1:65536",
      "127.0.0.1:-1",
      "127.0.0.1:80000000000000000000",
      "::1:80",
      "[::1]",
      "[]:80",
      "a b:80",
    } do
      refuses(
        { bindings = { text } },
        ("option 'bindings[1]' of server.new takes \"address:port\", got %q"):format(text)
      )
    end
    refuses(
      { bindings = "127.0.0.1:80," },
      'option \'bindings[2]\' of server.new takes "address:port", got ""'
    )
    local made = server.new { bindings = "127.0.0.1:80, [::1]:81" }
    assert.same({
      { host = "127.0.0.1", port = 80, tls = false },
      { host = "::1", port = 81, tls = false },
    }, made.bindings)
  end)

  it("are of different addresses", function()
    refuses(
      { bindings = "127.0.0.1:80,127.0.0.1:81,127.0.0.1:80" },
      "options 'bindings[1]' and 'bindings[3]' of server.new are the same address and port"
    )
    assert(server.new { bindings = { { port = 0 }, { port = 0 } } })
  end)

  it("leave no option without effect", function()
    local tls = { cert_file = "a", port = 443 }
    refuses(
      { bindings = "127.0.0.1:80", tls = tls },
      "option 'tls.port' of server.new is 443, which no binding has"
    )
    refuses(
      { bindings = { { port = 80, tls = false } }, tls = { cert_file = "a" } },
      "option 'tls' of server.new is used by no binding"
    )
  end)

  it("take host and port of the server where they have none", function()
    local made = server.new { host = "::1", port = 81, bindings = { {}, { host = "127.0.0.1" } } }
    assert.same({
      { host = "::1", port = 81, tls = false },
      { host = "127.0.0.1", port = 81, tls = false },
    }, made.bindings)
  end)

  it("are one without the option, two with tls.port", function()
    assert.same({ { host = "127.0.0.1", port = 8080, tls = false } }, server.new({}).bindings)
    local tls = { cert_file = "a" }
    assert.same(
      { { host = "::1", port = 1, tls = true } },
      server.new({
        host = "[::1]",
        port = 1,
        tls = tls,
      }).bindings
    )
    tls.port = 2
    assert.same({
      { host = "127.0.0.1", port = 1, tls = false },
      { host = "127.0.0.1", port = 2, tls = true },
    }, server.new({ port = 1, tls = tls }).bindings)
  end)
end)

describe("a server with bindings", function()
  after_each(fixture.clean)

  it("serves all of them, IPv4 and IPv6", function()
    local made = fixture.server({
      bindings = { { host = "127.0.0.1" }, { host = "127.0.0.2" }, { host = "[::1]" } },
    }, { OnCommandGet = tell })
    assert.same({ "127.0.0.1 plain", "127.0.0.2 plain", "::1 plain" }, lines(made.bindings))
    for _, bound in ipairs(made.bindings) do
      assert.equal(bound.host, get(url_of(bound)))
    end
    assert.equal(made.bindings[1].port, made.port)
    assert.is_nil(made.tls_port)
    assert.equal(7, get(("http://127.0.0.2:%d/"):format(made.port))) -- refused
  end)

  it("counts the connections of all together, and stops all", function()
    local made = fixture.server {
      bindings = "127.0.0.1:0,127.0.0.1:0",
      limits = { connections = 1 },
    }
    local bound = made.bindings
    assert.not_equal(bound[1].port, bound[2].port)
    fixture.connect(made)
    capture(function() assert.matches("^5[26]$", get(url_of(bound[2]))) end) -- no answer
    made:stop()
    assert.equal(7, get(url_of(bound[1])))
    assert.equal(7, get(url_of(bound[2])))
    assert.same({ 0, 0 }, { made.bindings[1].port, made.bindings[2].port })
  end)

  it("listens on localhost in both families, on one port", function()
    local made = fixture.server({ host = "localhost" }, { OnCommandGet = tell })
    assert.same({ "127.0.0.1 plain", "::1 plain" }, lines(made.bindings))
    assert.equal("127.0.0.1", get(("http://127.0.0.1:%d/"):format(made.port)))
    assert.equal("::1", get(("http://[::1]:%d/"):format(made.port)))
    assert.equal("localhost", made.host)
  end)

  it("listens on all addresses with *", function()
    local made = fixture.server({ host = "*" }, { OnCommandGet = tell })
    assert.same({ "0.0.0.0 plain", ":: plain" }, lines(made.bindings))
    assert.equal("127.0.0.5", get(("http://127.0.0.5:%d/"):format(made.port)))
    assert.equal("::1", get(("http://[::1]:%d/"):format(made.port)))
  end)

  it("takes IPv6 only with ::", function()
    local made = fixture.server({ host = "::" }, { OnCommandGet = tell })
    assert.equal("::1", get(("http://[::1]:%d/"):format(made.port)))
    assert.equal(7, get(("http://127.0.0.1:%d/"):format(made.port)))
  end)

  it("starts with all or with none, and names the one that failed", function()
    local taken = fixture.server()
    local made = fixture.new_server {
      bindings = { "127.0.0.1:0", ("127.0.0.1:%d"):format(taken.port), "127.0.0.1:0" },
    }
    local ok, message, code = made:start()
    assert.is_nil(ok)
    local said = "cannot listen on 127.0.0.1 port %d (bindings[2]): address already in use"
    assert.equal(said:format(taken.port), message)
    assert.equal("EADDRINUSE", code)
    assert.is_false(made.active)
    taken:stop()
    assert(made:start() or made:start()) -- the first of them may have got the very port
    assert.equal(3, #made.bindings)
  end)

  it("opens nothing when an address is none or a certificate is missing", function()
    local free = fixture.server()
    local port = free.port
    free:stop()
    local first = ("127.0.0.1:%d"):format(port)
    local made = fixture.new_server { bindings = { first, "no.such.host:0" } }
    local _, message, code = made:start()
    assert.equal(
      "cannot listen on no.such.host port 0 (bindings[2]): host name cannot be resolved",
      message
    )
    assert.equal("EHOST", code)
    for _, host in ipairs { "[127.0.0.1]", "[localhost]", "[::1", "::1]", "[[::1]]", "nowhere" } do
      assert.equal("EHOST", (select(3, fixture.new_server({ host = host }):start())))
    end
    made = fixture.new_server { bindings = { first, { tls = "/nowhere" } } }
    _, message, code = made:start()
    assert.equal(
      "bindings[2].tls: certificate file '/nowhere/cert.pem': no such file or directory",
      message
    )
    assert.equal("ENOENT", code)
    assert.equal(7, get(("http://127.0.0.1:%d/"):format(port)))
    assert(fixture.server { port = port })
  end)

  it("speaks TLS on the one with tls.port, as the manual has it", function()
    local probe = fixture.server { bindings = "127.0.0.1:0,127.0.0.1:0" }
    local plain, secure = probe.bindings[1].port, probe.bindings[2].port
    probe:stop()
    local folder = certificates.folder()
    local made = fixture.server({
      bindings = ("127.0.0.1:%d,127.0.0.1:%d"):format(plain, secure),
      port = plain,
      tls = certificates.tls(folder, { port = secure }),
    }, { OnCommandGet = tell })
    assert.equal("127.0.0.1", get(("http://127.0.0.1:%d/"):format(plain)))
    assert.equal("127.0.0.1", get(("https://127.0.0.1:%d/"):format(secure)))
    assert.equal(secure, made.tls_port)
  end)

  it("has certificates of its own for each, and names within each", function()
    local one = certificates.folder "one.example"
    local two = certificates.folder "two.example"
    local three = certificates.folder "three.example"
    local made = fixture.server {
      tls = one,
      bindings = {
        { tls = true },
        {
          tls = certificates.tls(two, { sni = { ["three.example"] = certificates.tls(three) } }),
        },
        { tls = false },
      },
    }
    local function subject(index, name)
      local address = "127.0.0.1:" .. made.bindings[index].port
      local argv = { "openssl", "s_client", "-connect", address, "-servername", name }
      return process.run(argv).output:match "subject=CN = ([^\n]*)"
    end
    assert.equal("one.example", subject(1, "three.example"))
    assert.equal("two.example", subject(2, "other.example"))
    assert.equal("three.example", subject(2, "three.example"))
    assert.is_nil(subject(3, "one.example"))
    assert.equal(made.bindings[1].port, made.tls_port)
  end)

  it("announces each address", function()
    local folder = certificates.folder()
    local path = fixture.script(([[
      local bindings = { { host = "127.0.0.1" }, { host = "::1", tls = "%s" } }
      assert(require("perilune.server").new({ port = 0, bindings = bindings }):start())
    ]]):format(folder))
    local program = process.perilune { path }
    program:wait_output "listening on http://127.0.0.1:%d+/\n"
    program:wait_output "listening on https://%[::1%]:%d+/\n"
    program:signal "TERM"
    assert.equal(0, program:wait())
  end)

  it("gives a list that is a copy", function()
    local made = fixture.server()
    made.bindings[1].port = 1
    assert.equal(made.port, made.bindings[1].port)
    assert.has_error(function() made.bindings = {} end)
  end)
end)
