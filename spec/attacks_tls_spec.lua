--- Hostile TLS. A connection that breaks the rules ends and is one line of the log; others are
--- answered meanwhile. "D-…" are numbers of the project's list of attacks; what needs a client that
--- speaks TLS is in interop/openssl_spec.lua.
local attack = require "spec.support.attack"
local certificates = require "spec.support.certificates"
local clock = require "spec.support.clock"
local fixture = require "spec.support.fixture"
local http = require "spec.support.http"
local process = require "spec.support.process"
local socket = require "spec.support.socket"
local timer = require "perilune.timer"

--- A record of TLS: type, bytes, and how long it says that it is.
local function record(kind, bytes, length)
  length = length or #bytes
  return string.char(kind, 3, 1, math.floor(length / 256), length % 256) .. bytes
end

local ALERT, HANDSHAKE, DATA = 21, 22, 23
local HELLO = "\1\0\0\200\3\3" .. ("r"):rep(32) .. "\0"

local rows = {
  { "an endless record", record(HANDSHAKE, ("x"):rep(20000), 65535) },
  { "a record beyond 16 KiB", record(HANDSHAKE, "", 18000) },
  { "a handshake message of 16 MiB", record(HANDSHAKE, "\1\255\255\255\3\3") },
  { "empty records without end", record(HANDSHAKE, ""):rep(100) },
  { "a hello cut short", record(HANDSHAKE, "\1\0\0\2\3\3") },
  { "a hello of rubbish", record(HANDSHAKE, "\1\0\0\200" .. ("x"):rep(200)) },
  { "data before the handshake", record(DATA, "GET / HTTP/1.1\r\n\r\n") },
  { "an alert", record(ALERT, "\2\40") },
  { "zeros", ("\0"):rep(100) },
  { "SSL 2", "\128\46\1\0\2" .. ("x"):rep(43) },
}

describe("attacks on TLS:", function()
  local made, bystander, folder

  before_each(function()
    folder = certificates.folder()
    made, bystander = attack.target {
      port = 0,
      tls = certificates.tls(folder, { port = 0 }),
      limits = { handshake_timeout = 0.4 },
    }
  end)
  after_each(fixture.clean)

  local function connect() return fixture.socket { port = made.tls_port } end

  --- What a client of TLS gets.
  local function ask(...)
    local url = ("https://localhost:%d/"):format(made.tls_port)
    local ca = folder .. "/ca.pem"
    return process.run({ "curl", "-sS", "--noproxy", "*", "--cacert", ca, url, ... }).output
  end

  it("D-29 broken handshakes", function()
    attack.assert_nothing_stays(function()
      for _, row in ipairs(rows) do
        attack.assert_told_once(row[1], "TLS handshake with 127%.0%.0%.1 failed: ", function()
          local peer = connect()
          peer:send(row[2])
          local _, why = peer:read_all(2)
          assert.are_not.equal("timeout", why, row[1] .. " stays open")
          peer:close()
          attack.assert_others_answered(made, bystander)
        end)
      end
    end)
    assert.equal("body of 0", ask())
  end)

  it("D-09 a handshake a byte at a time, and one that never begins", function()
    attack.assert_nothing_stays(function()
      local peers, began, open = {}, clock.now(), 0
      for i = 1, 30 do
        peers[i] = connect()
        open = open + 1
      end
      local bytes = record(HANDSHAKE, HELLO, 512)
      local text = attack.log_of(function()
        local at = 0
        while open > 0 do
          at = at + 1
          for i, peer in pairs(peers) do
            if i % 3 > 0 then
              peer:send_some(bytes:sub(math.min(at, #bytes), math.min(at, #bytes)))
            end
            if peer:fill() ~= "empty" then
              assert.equal("", peer.unread)
              peer:close()
              peers[i] = nil
              open = open - 1
            end
          end
          attack.assert_others_answered(made, bystander)
          assert.is_true(clock.now() - began < clock.PATIENCE, "they stay open")
          timer.sleep(0.01)
        end
      end)
      assert.is_true(clock.now() - began > 0.35)
      assert.equal(30, select(2, text:gsub("TLS handshake took too long\n", "")))
    end)
  end)

  it("plain HTTP is answered in plain text, and told once", function()
    attack.assert_nothing_stays(function()
      attack.assert_told_once("plain HTTP", "failed: plain text on a TLS port", function()
        local headers = { "Cookie: session=" .. attack.SECRET }
        local bytes = http.compose("/", { headers = headers })
        local response, ended, rest = http.raw(made.tls_port, bytes .. bytes)
        assert.equal(400, response.status)
        assert.is_true(ended)
        assert.equal("", rest)
        attack.assert_others_answered(made, bystander)
      end)
    end)
  end)

  it("connections that come and go in every state of the handshake leave nothing", function()
    local hello = record(HANDSHAKE, HELLO)
    attack.assert_nothing_stays(function()
      for stop = 0, #hello do
        local peer = socket.connect(made.tls_port)
        peer:send(hello:sub(1, stop))
        if stop % 2 == 0 then timer.sleep(0) end
        peer[stop % 3 == 0 and "reset" or "close"](peer)
      end
      attack.assert_others_answered(made, bystander)
    end)
    assert.equal("body of 0", ask())
  end)

  it("D-29 a request that was cut off without a goodbye is not taken for whole", function()
    local seen
    function made.OnCommandGet(_, request, response)
      local body = request.body
      if request.document ~= "/" then seen = body end
      response.content_text = "ok"
    end
    -- s_client that is killed ends its TCP connection, but not TLS.
    local cut = "POST /cut HTTP/1.1\\r\\nHost: a\\r\\nContent-Length: 10\\r\\n\\r\\nhalf"
    local line = ("(printf '%s'; sleep 5) | openssl s_client -quiet -connect 127.0.0.1:%d"):format(
      cut,
      made.tls_port
    )
    local text = attack.log_of(function()
      local client = process.start { "sh", "-c", 'exec timeout -s KILL 0.3 sh -c "$0"', line }
      client:wait()
      timer.sleep(0.1)
    end)
    assert.is_nil(seen)
    assert.matches("TLS connection cut off", text, 1, true)
  end)
end)
