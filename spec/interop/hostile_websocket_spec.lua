--- WebSocket servers that break the rules, and our client (attacks D-14, D-22 to D-25).
local attack = require "spec.support.attack"
local certificates = require "spec.support.certificates"
local client = require "perilune.client"
local clock = require "spec.support.clock"
local hostile = require "spec.support.hostile"
local peers = require "spec.support.peers"

local SILENCE = hostile.SILENCE
local DEFLATE = { permessage_deflate = {} }
local BY_FRAME = { deflate_frame = {} }

local function url_of(peer, name) return ("ws://127.0.0.1:%d/"):format(peer.ports[name]) end

--- Options of a client for a case, whose connecting takes no longer than a deadline.
local function options_of(peer, name, more)
  local options = { url = url_of(peer, name), connect_timeout = hostile.DEADLINE }
  if name:find "^silence" or name:find "slowly" then options.connect_timeout = SILENCE end
  for key, value in pairs(more or {}) do
    options[key] = value
  end
  return options
end

--- Tries to connect.
local function attempt(peer, name, more)
  local made = client.new(options_of(peer, name, more))
  local ok, message, code = made:connect()
  made:disconnect(5)
  return ok, message, code
end

--- Handshakes that are refused, with the code that says why.
local HANDSHAKES = hostile.merge(
  hostile.expect(
    "EPROTO",
    "wrong accept",
    "no accept",
    "empty accept",
    "accept twice",
    "accept right and wrong",
    "accept with more",
    "no upgrade",
    "no connection",
    "upgrade to h2c",
    "connection close",
    "101 of http 1.0",
    "extension unasked",
    "deflate unasked",
    "protocol unasked",
    "silence: a frame at once",
    "space before colon",
    "folded",
    "no http"
  ),
  hostile.expect(
    "ENOTSUP",
    "answer 200",
    "answer 400",
    "answer 401",
    "answer 403",
    "answer 404",
    "answer 426",
    "answer 429",
    "answer 500",
    "answer 503"
  ),
  hostile.expect(
    "ECONNRESET ECLOSED",
    "close: nothing",
    "close: half a head",
    "reset: nothing",
    "reset: half a head",
    "close before the request",
    "reset before the request"
  ),
  hostile.expect(
    "ETIMEDOUT",
    "silence: nothing",
    "silence: half a head",
    "silence before the request",
    "endless slowly"
  ),
  hostile.expect("ELIMIT", "endless fields", "endless field"),
  hostile.expect(
    "ELIMIT",
    "endless 1xx",
    "redirect to itself",
    "redirect there",
    "redirect to nothing"
  ),
  hostile.expect("EPROTO", "redirect to file", "redirect to ftp", "redirect to a bad port")
)

local PROTOCOLS = hostile.expect("EPROTO", "protocol twice", "protocols in a list")

local DEFLATES = hostile.expect(
  "EPROTO",
  "deflate twice",
  "deflate and another",
  "deflate without what was asked",
  "deflate with 7 bits",
  "deflate of the client with 7 bits",
  "deflate with 16 bits",
  "deflate with no bits",
  "deflate with a twin",
  "deflate with a stranger",
  "deflate with a value",
  "deflate by frame, unasked"
)

--- The same with deflate-frame.
local DEFLATES_BY_FRAME = hostile.expect(
  "EPROTO",
  "by frame: by message, unasked",
  "by frame: twice",
  "by frame: both names",
  "by frame: beside the other",
  "by frame: 7 bits",
  "by frame: 16 bits",
  "by frame: no bits",
  "by frame: a twin",
  "by frame: a stranger",
  "by frame: a value"
)

--- Frames, and the code that we close with: 1002 breaks the protocol, 1007 is no text, 1009 too
--- big.
local FRAMES = hostile.merge(
  hostile.expect(
    1002,
    "masked frame",
    "masked close",
    "rsv1",
    "rsv2",
    "rsv3",
    "rsv1 on ping",
    "opcode 3",
    "opcode 7",
    "opcode 11",
    "opcode 15",
    "ping in fragments",
    "close in fragments",
    "ping of 126",
    "close of 126",
    "close of 1",
    "continuation of nothing",
    "continuation after the end",
    "text within text",
    "binary within text",
    "length of 5 in 16 bits",
    "length of 5 in 64 bits",
    "length of 2^63",
    "length of 2^64-1",
    "close 0",
    "close 999",
    "close 1004",
    "close 1005",
    "close 1006",
    "close 1015",
    "close 1016",
    "close 2999",
    "close 5000",
    "close 65535"
  ),
  hostile.expect(
    1007,
    "bad UTF-8",
    "surrogate",
    "overlong",
    "above U+10FFFF",
    "half a character",
    "bad UTF-8 over fragments",
    "bad UTF-8 before the end",
    "bad UTF-8 in a reason"
  ),
  hostile.expect(1009, "length over the limit", "length of 2^63-1")
)

--- Deflated frames likewise, with permessage-deflate.
local DEFLATED = hostile.merge(
  hostile.expect(1009, "deflate bomb", "deflate bomb in fragments"),
  hostile.expect(
    "1002 1007",
    "deflate of reserved block",
    "deflate of noise",
    "deflate too far back"
  ),
  hostile.expect(1007, "deflated bad UTF-8"),
  hostile.expect(1002, "rsv1 on a continuation")
)

--- And with deflate-frame.
local DEFLATED_BY_FRAME = hostile.merge(
  hostile.expect(1009, "by frame: bomb", "by frame: bomb in frames"),
  hostile.expect(
    1007,
    "by frame: reserved block",
    "by frame: noise",
    "by frame: too far back",
    "by frame: bad UTF-8"
  ),
  hostile.expect(1002, "by frame: a ping")
)

--- Ends without a Close frame: 1006.
local ENDS = hostile.expect(
  1006,
  "close after the handshake",
  "close within a head",
  "close within a frame",
  "close within a message",
  "close within a ping",
  "close within a close",
  "reset after the handshake",
  "reset within a head",
  "reset within a frame",
  "reset within a message",
  "reset within a ping",
  "reset within a close"
)

--- Whoever falls silent is found out by the heartbeat.
local SILENCES = hostile.expect(
  1006,
  "silence after the handshake",
  "silence within a head",
  "silence within a frame",
  "silence within a message",
  "silence within a ping",
  "silence within a close",
  "dead",
  "deaf to data"
)

--- More than the limits allow.
local ENDLESS = hostile.expect(
  "1002 1007 1008 1009",
  "endless fragments",
  "endless empty fragments",
  "endless message",
  "endless fragments of 64 KiB"
)

--- A connection from its beginning to its end: the code of OnDisconnect, errors, what was heard.
local function converse(peer, name, more)
  local made = client.new(options_of(peer, name, more))
  local seen = { texts = {}, errors = {}, closed = {} }
  function made.OnMessage(_, text) table.insert(seen.texts, text) end
  function made.OnError(_, message, code) table.insert(seen.errors, { message, code }) end
  function made.OnDisconnect(_, code, reason) table.insert(seen.closed, { code, reason }) end
  local ok, message, code = made:connect()
  seen.refused = not ok and ("%s (%s)"):format(message, code) or nil
  if ok then clock.try(function() return #seen.closed > 0 end, hostile.DEADLINE) end
  made:disconnect(5)
  return seen
end

--- Runs a table of cases over whole connections: each is closed with its code, and told once.
local function assert_closed(peer, cases, more, f)
  local results = hostile.run(cases, function(name) return converse(peer, name, more) end)
  local wrong = {}
  for name, expected in pairs(cases) do
    local seen = results[name][1]
    local said
    if seen.refused then
      said = seen.refused
    elseif #seen.closed ~= 1 then
      said = ("OnDisconnect came %d times"):format(#seen.closed)
    elseif not tostring(expected):find(tostring(seen.closed[1][1]), 1, true) then
      said = ("closed with %d, not %s"):format(seen.closed[1][1], expected)
    else
      said = f and f(seen, name)
    end
    if said then wrong[#wrong + 1] = ("%s: %s"):format(name, said) end
  end
  table.sort(wrong)
  assert.equal("", table.concat(wrong, "\n"))
end

--- Each of these is one error with a name.
local function one_error(seen)
  if #seen.errors ~= 1 then return ("%d errors"):format(#seen.errors) end
  local message, code = unpack(seen.errors[1])
  if not tostring(code):find "^E%u" or #message < 8 then
    return ("error %s: %s"):format(tostring(code), tostring(message))
  end
end

describe("hostile WebSocket servers:", function()
  local peer

  setup(function() peer = hostile.start(nil, "over_websocket") end)
  teardown(peers.clean)

  --- The Close frame that the server of a case got.
  local function close_seen(name)
    return peer:wait_event(function(event) return event.case == name and event.close end)
  end

  it(
    "handshakes",
    peers.telling(function()
      hostile.assert_no_descriptors(function()
        local results = hostile.run(HANDSHAKES, function(name) return attempt(peer, name) end)
        hostile.assert_refused(HANDSHAKES, results)
      end)
    end)
  )

  it(
    "handshakes: subprotocols and extensions",
    peers.telling(function()
      hostile.assert_no_descriptors(function()
        local results = hostile.run(
          PROTOCOLS,
          function(name) return attempt(peer, name, { protocols = { "chat", "echo" } }) end
        )
        hostile.assert_refused(PROTOCOLS, results)
        results = hostile.run(
          DEFLATES,
          function(name) return attempt(peer, name, { extensions = DEFLATE }) end
        )
        hostile.assert_refused(DEFLATES, results)
        results = hostile.run(
          DEFLATES_BY_FRAME,
          function(name) return attempt(peer, name, { extensions = BY_FRAME }) end
        )
        hostile.assert_refused(DEFLATES_BY_FRAME, results)
      end)
    end)
  )

  it(
    "a refusal says which status",
    peers.telling(function()
      for _, status in ipairs { "401", "404", "503" } do
        local _, message = attempt(peer, "answer " .. status)
        assert.matches(status, message, 1, true)
      end
    end)
  )

  it(
    "frames",
    peers.telling(function()
      hostile.assert_no_descriptors(function()
        assert_closed(peer, FRAMES, nil, one_error)
        for name, expected in pairs(FRAMES) do
          local event = close_seen(name)
          assert.equal(expected, event.close, name)
          assert.is_true(event.masked, name)
        end
      end)
    end)
  )

  it(
    "deflated frames",
    peers.telling(function()
      hostile.assert_no_descriptors(function()
        assert_closed(peer, DEFLATED, { extensions = DEFLATE }, one_error)
        assert_closed(peer, DEFLATED_BY_FRAME, { extensions = BY_FRAME }, one_error)
      end)
    end)
  )

  it(
    "connections that break off",
    peers.telling(function()
      hostile.assert_no_descriptors(function() assert_closed(peer, ENDS) end)
    end)
  )

  it(
    "silence",
    peers.telling(function()
      hostile.assert_no_descriptors(function()
        local heartbeat = { interval = 0.3, timeout = 0.3, type = "always" }
        assert_closed(peer, SILENCES, { heartbeat = heartbeat })
      end)
    end)
  )

  it(
    "messages without end",
    peers.telling(function()
      hostile.assert_no_descriptors(function() assert_closed(peer, ENDLESS, nil, one_error) end)
    end)
  )

  it(
    "pings whose answers nobody reads",
    peers.telling(function()
      local made = client.new {
        url = url_of(peer, "pings, and nobody reads"),
        limits = { write_timeout = 1 },
      }
      assert(made:connect())
      clock.wait_for(function() return made.conn == nil end)
      made:disconnect()
    end)
  )

  it(
    "a Close that is not answered",
    peers.telling(function()
      local made = client.new {
        url = url_of(peer, "deaf to close"),
        limits = { close_timeout = SILENCE },
      }
      local code
      function made.OnDisconnect(_, given) code = given end
      assert(made:connect())
      local began = clock.now()
      made.conn:close(1000)
      clock.wait_for(function() return code end)
      assert.is_true(clock.now() - began >= SILENCE - 0.05)
      made:disconnect()
    end)
  )

  it(
    "a Close behind which the connection stays open",
    peers.telling(function()
      local seen = converse(peer, "close without end", { limits = { close_timeout = SILENCE } })
      assert.equal(1, #seen.closed)
      assert.equal(1001, seen.closed[1][1])
    end)
  )

  it(
    "what a server says is escaped in the log, and what is secret is not there",
    peers.telling(function()
      local secret = {
        headers = { Cookie = "id=" .. attack.SECRET },
        authentication = { user = "alice", password = attack.SECRET },
      }
      local seen
      local text = attack.log_of(function()
        seen = converse(peer, "forged lines in a reason", secret)
        for name in pairs(HANDSHAKES) do
          if not name:find "^silence" and not name:find "slowly" then
            attempt(peer, name, secret)
          end
        end
        attempt(peer, "forged lines in an answer", secret)
      end)
      assert.equal(4000, seen.closed[1][1])
      assert.is_true(#text > 0)
      assert.is_nil(text:find("[%z\1-\9\11-\31\127]"), "control characters in: " .. text)
      assert.is_nil(text:find("\n2026-01-01T00", 1, true))
      assert.is_nil(text:find(attack.SECRET, 1, true))
    end)
  )

  it(
    "messages behind a Close are not heard",
    peers.telling(function()
      local seen = converse(peer, "frames after close")
      assert.same({}, seen.texts)
      assert.equal(1000, seen.closed[1][1])
    end)
  )

  it(
    "what is in order goes on, byte by byte and all at once",
    peers.telling(function()
      local seen = converse(peer, "byte by byte")
      assert.same({ "Grüße" }, seen.texts)
      assert.equal(1000, seen.closed[1][1])
      seen = converse(peer, "all at once")
      assert.same({ "first", "second" }, seen.texts)
      assert.same({ 4000, "bye" }, seen.closed[1])
    end)
  )

  it(
    "redirects are followed where they may lead, without the password",
    peers.telling(function()
      for _, name in ipairs { "redirect to an echo", "redirect by http" } do
        local made = client.new {
          url = url_of(peer, name),
          authentication = { user = "alice", password = "5ecre7" },
        }
        assert(made:connect())
        assert.equal("hello", assert(made:write_and_wait "hello"))
        made:disconnect()
        local event = peer:wait_event(
          function(event) return event.case == "echo" and event.head end
        )
        assert.is_nil(event.head:lower():find("authorization", 1, true))
      end
    end)
  )
end)

describe("hostile WebSocket servers over TLS:", function()
  teardown(peers.clean)

  it(
    "a redirect away from TLS is not followed, unless that is asked for",
    peers.telling(function()
      local folder = certificates.folder()
      local peer = hostile.start(folder, "over_tls_end")
      local function attempt_with(to_plain)
        local made = client.new {
          url = ("wss://localhost:%d/"):format(peer.ports["to http"]),
          tls = { root_cert_file = folder .. "/ca.pem" },
          redirects = { to_plain = to_plain },
          connect_timeout = hostile.DEADLINE,
        }
        return made:connect()
      end
      local ok, message, code = attempt_with(false)
      assert.is_nil(ok)
      assert.matches("away from TLS", message)
      assert.equal("EACCES", code)
      ok, message, code = attempt_with(true)
      assert.is_nil(ok)
      assert.matches(tostring(peer.ports["silence after the handshake"]), message)
      assert.not_equal("EACCES", code)
    end)
  )
end)
