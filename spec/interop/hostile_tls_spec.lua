--- Servers that break TLS, or what is under it, and our clients (attacks D-14, D-29).
local certificates = require "spec.support.certificates"
local client = require "perilune.client"
local hostile = require "spec.support.hostile"
local http = require "perilune.http"
local peers = require "spec.support.peers"

-- Each of these ends in three ways: the connection is closed, reset, or falls silent.
local OPEN = { "nothing", "half a record", "half a hello", "hello of 16 MiB" }

-- These are an error by themselves, however it goes on.
local BROKEN = {
  "http",
  "ssh",
  "noise",
  "zeros",
  "null cipher",
  "ssl 3",
  "record too long",
  "empty records",
  "data too early",
  "alert handshake failure",
  "alert internal",
  "endless warnings",
}

local function handshakes()
  local cases = {}
  for _, name in ipairs(OPEN) do
    cases["tls " .. name] = "ECONNRESET EPROTO"
    cases["reset: tls " .. name] = "ECONNRESET EPROTO"
    cases["silence: tls " .. name] = "ETIMEDOUT EPROTO"
  end
  for _, name in ipairs(BROKEN) do
    for _, prefix in ipairs { "", "reset: ", "silence: " } do
      cases[prefix .. "tls " .. name] = "EPROTO ECONNRESET"
    end
  end
  cases["silence: tls nothing"] = "ETIMEDOUT"
  cases["silence: tls half a record"] = "ETIMEDOUT"
  cases["silence: tls half a hello"] = "ETIMEDOUT"
  cases["tls alert close"] = "EPROTO ECONNRESET ECLOSED"
  cases["silence: tls alert close"] = "EPROTO ECONNRESET ECLOSED"
  cases["silence: before tls hello"] = "ETIMEDOUT"
  -- Which may be before we know that we are connected; ::1 is tried then, too.
  cases["reset: before tls hello"] = "ECONNRESET ECONNREFUSED"
  cases["endless tls records"] = "EPROTO ECONNRESET"
  cases["endless tls hello slowly"] = "ETIMEDOUT"
  return cases
end

local HANDSHAKES = handshakes()

--- Seconds for a case.
local function patience(name)
  local patient = not (name:find "^silence" or name:find "slowly")
  return patient and hostile.DEADLINE or hostile.SILENCE
end

describe("hostile TLS servers:", function()
  local peer

  setup(function() peer = hostile.start(nil, "over_tls") end)
  teardown(peers.clean)

  it(
    "handshakes of HTTPS",
    peers.telling(function()
      hostile.assert_no_descriptors(function()
        local results = hostile.run(HANDSHAKES, function(name)
          local url = ("https://localhost:%d/"):format(peer.ports[name])
          return http.get(url, { timeout = { total = patience(name) } })
        end)
        hostile.assert_refused(HANDSHAKES, results)
      end)
    end)
  )

  it(
    "handshakes of wss",
    peers.telling(function()
      hostile.assert_no_descriptors(function()
        local results = hostile.run(HANDSHAKES, function(name)
          local made = client.new {
            url = ("wss://localhost:%d/"):format(peer.ports[name]),
            connect_timeout = patience(name),
          }
          local ok, message, code = made:connect()
          made:disconnect(5)
          return ok, message, code
        end)
        hostile.assert_refused(HANDSHAKES, results)
      end)
    end)
  )
end)

-- What is an error behind a handshake in order. FIN without close_notify is one: anybody on the way
-- can cut a body that ends with the connection.
local ENDS = hostile.merge(
  hostile.expect(
    "ECONNRESET",
    "until close, cut",
    "length, cut short",
    "length, short in order",
    "chunked, cut",
    "head, cut",
    "nothing, in order"
  ),
  hostile.expect("EPROTO ECONNRESET", "noise in the middle"),
  hostile.expect("ETIMEDOUT", "silence after the handshake"),
  hostile.expect("EACCES", "to http")
)

describe("hostile HTTPS servers:", function()
  local peer, tls

  setup(function()
    local folder = certificates.folder()
    tls = { root_cert_file = folder .. "/ca.pem" }
    peer = hostile.start(folder, "over_tls_end")
  end)
  teardown(peers.clean)

  local function get(name)
    local url = ("https://localhost:%d/"):format(peer.ports[name])
    return http.get(url, { tls = tls, timeout = { total = patience(name) } })
  end

  it(
    "ends",
    peers.telling(function()
      hostile.assert_no_descriptors(
        function() hostile.assert_refused(ENDS, hostile.run(ENDS, get)) end
      )
    end)
  )

  it(
    "ends in order",
    peers.telling(function()
      assert.equal("hello", assert(get "until close, in order").text)
      -- The length says that it is whole.
      assert.equal("hello", assert(get "length, cut").text)
    end)
  )
end)
