local capture = require "spec.support.capture"
local certificates = require "spec.support.certificates"
local clock = require "spec.support.clock"
local fixture = require "spec.support.fixture"
local task = require "perilune.task"
local timer = require "perilune.timer"

local function echo(conn, text) conn:write(text) end

--- A server with a certificate for these names, and its folder.
local function secure(more, ...)
  local folder = certificates.folder(...)
  local made = fixture.server(
    { tls = certificates.tls(folder, more and more(folder)) },
    { OnMessage = echo }
  )
  return made, folder
end

local function url_of(made, host) return ("wss://%s:%d/"):format(host or "127.0.0.1", made.port) end

--- Why it does not connect.
local function refusal(options)
  local one = fixture.new_client(options)
  local ok, message, code = one:connect()
  assert.is_nil(ok)
  return message, code
end

describe("a client with TLS", function()
  after_each(fixture.clean)

  it("verifies the server, and talks", function()
    local made, folder = secure(nil, "127.0.0.1", "localhost")
    local tls = { root_cert_file = folder .. "/ca.pem" }
    local one = fixture.client { url = url_of(made), tls = tls }
    assert.equal("hello", one:write_and_wait "hello")
    assert.equal("http/1.1", one.conn.alpn_protocol)
    one = fixture.client { host = "localhost", port = made.port, tls = tls }
    assert.equal("hello", one:write_and_wait "hello")
    assert.is_true(one.tls)
  end)

  it("refuses an authority that nobody trusts, another name, and plain answers", function()
    local made, folder = secure(nil, "a.example")
    local root = folder .. "/ca.pem"
    local message, code = refusal { url = url_of(made) }
    assert.equal("EPROTO", code)
    assert.matches("127.0.0.1:" .. made.port .. ".*TLS.*authority", message)
    message, code = refusal { url = url_of(made), tls = { root_cert_file = root } }
    assert.equal("EPROTO", code)
    assert.matches("is for a.example", message, 1, true)
    local plain = fixture.server()
    message, code = refusal { url = url_of(plain), tls = { root_cert_file = root } }
    assert.equal("EPROTO", code)
    assert.matches("without TLS", message)
  end)

  it("says at once what is wrong, though the server does not end the connection", function()
    local listener = fixture.listener()
    local one = fixture.new_client { url = url_of(listener), connect_timeout = 1 }
    local waiting = task.start(function() return one:connect() end)
    local peer = fixture.accept(listener)
    peer:send "HTTP/1.1 400 Bad Request\r\n\r\n"
    local ok, message, code = waiting:wait(5)
    assert.same({ nil, "EPROTO" }, { ok, code })
    assert.matches("without TLS", message)
  end)

  it("asks for another name than the URL's", function()
    local made, folder = secure(nil, "a.example")
    local tls = { root_cert_file = folder .. "/ca.pem", host_name = "a.example" }
    assert.is_true(fixture.client({ url = url_of(made), tls = tls }).connected)
  end)

  it("takes anybody when told to, and says so once", function()
    local made = secure(nil, "a.example")
    local text = capture(function()
      local one = fixture.client { url = url_of(made), tls = { verify = false } }
      assert.equal("hello", one:write_and_wait "hello")
    end)
    local _, count = text:gsub("\n", "\n")
    assert.equal(1, count, text)
    assert.matches("warn", text)
  end)

  it("shows its certificate", function()
    local made, folder = secure(
      function(of)
        return {
          verify_certificate = true,
          fail_if_no_peer_certificate = true,
          root_cert_file = of .. "/ca.pem",
        }
      end,
      "127.0.0.1"
    )
    local root = folder .. "/ca.pem"
    local alice = certificates.client(folder, "alice")
    local one =
      fixture.client { url = url_of(made), tls = { root_cert_file = root, cert_file = alice } }
    assert.equal("hello", one:write_and_wait "hello")
    assert.matches(
      "certificate required",
      (refusal { url = url_of(made), tls = { root_cert_file = root } })
    )
  end)

  it("fails at start for files that cannot be used", function()
    local one = fixture.new_client { url = "wss://127.0.0.1:1/", tls = { cert_file = "none.pem" } }
    for _, method in ipairs { "start", "connect" } do
      local ok, message, code = one[method](one)
      assert.is_nil(ok)
      assert.matches("^tls: .*none.pem", message)
      assert.equal("ENOENT", code)
      assert.is_false(one.active)
    end
  end)

  it("has one time for all: TLS counts", function()
    local listener = fixture.listener() -- which never answers
    local message, code = refusal {
      url = "wss://127.0.0.1:" .. listener.port,
      connect_timeout = 0.05,
    }
    assert.equal("ETIMEDOUT", code)
    assert.matches("TLS", message)
  end)

  it("is throttled below TLS", function()
    local made, folder = secure(nil, "127.0.0.1")
    local one = fixture.client({ url = url_of(made) }, {
      tls = { root_cert_file = folder .. "/ca.pem" },
      throttle = { read = 400000, write = 400000 },
    })
    local text = ("tea "):rep(5000)
    assert.equal(text, one:write_and_wait(text))
    assert.equal("http/1.1", one.conn.alpn_protocol)
  end)

  it("comes back over TLS", function()
    local made, folder = secure(nil, "127.0.0.1")
    local one = fixture.client({ url = url_of(made) }, {
      tls = { root_cert_file = folder .. "/ca.pem" },
      watchdog = { interval = 0.02 },
    })
    made:disconnect_all()
    clock.wait_for(function() return not one.connected end)
    clock.wait_for(function() return one.connected end)
    assert.equal("hello", one:write_and_wait "hello")
  end)
end)

describe("OnSSLVerifyPeer", function()
  after_each(fixture.clean)

  --- Connects with this handler to a server of this name: what connect returned, what it was told.
  local function ask(name, answer)
    local made, folder = secure(nil, name)
    local one = fixture.new_client {
      url = url_of(made),
      tls = { root_cert_file = folder .. "/ca.pem" },
    }
    local told
    function one.OnSSLVerifyPeer(conn, certificate, error)
      assert.is_nil(conn)
      told = { certificate = certificate, error = error }
      return answer(certificate, error)
    end
    local result = { one:connect() }
    return result, told, one
  end

  it("is told of the certificate", function()
    local result, told, one = ask("127.0.0.1", function() end)
    assert.is_true(result[1])
    assert.is_nil(told.error)
    assert.is_nil(told.certificate.error)
    assert.same(one.conn.peer_certificate.fingerprint, told.certificate.fingerprint)
    assert.equal("hello", one:write_and_wait "hello")
  end)

  it("takes what would be refused, and refuses what would be taken", function()
    local result, told = ask("a.example", function() return true end)
    assert.is_true(result[1])
    assert.matches("a.example", told.error, 1, true)
    assert.is_number(told.certificate.error)
    result = ask("127.0.0.1", function() return false end)
    assert.same({ nil, "EPROTO" }, { result[1], result[3] })
  end)

  it("leaves it to the check", function()
    local result = ask("a.example", function() end)
    assert.same({ nil, "EPROTO" }, { result[1], result[3] })
  end)

  it("may wait", function()
    local result = ask("a.example", function()
      timer.sleep(0.02)
      return true
    end)
    assert.is_true(result[1])
  end)

  it("that throws lets nobody in", function()
    local text = capture(function()
      local result = ask("127.0.0.1", function() error "broken" end)
      assert.same({ nil, "EPROTO" }, { result[1], result[3] })
    end)
    assert.matches("broken", text)
  end)

  it("that never answers is bounded by the time", function()
    local made = secure(nil, "127.0.0.1")
    local one = fixture.new_client { url = url_of(made), connect_timeout = 0.1 }
    function one.OnSSLVerifyPeer() timer.sleep(30) end
    local ok, _, code = one:connect()
    assert.same({ nil, "ETIMEDOUT" }, { ok, code })
  end)
end)
