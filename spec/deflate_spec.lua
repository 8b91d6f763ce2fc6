-- covers: codec/ws_extension.c ws/ws_deflate.c
local clock = require "spec.support.clock"
local fixture = require "spec.support.fixture"
local process = require "spec.support.process"
local server = require "perilune.server"
local websocket = require "spec.support.websocket"

local RSV1 = 4
local HELLO = "\xf2\x48\xcd\xc9\xc9\x07\x00" -- RFC 7692 7.2.3.1
local OFFER = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"
local TAKEOVER = { server_no_context_takeover = false, client_no_context_takeover = false }
local LONG = ("hello "):rep(1000)

--- A server that echoes; `deflate` is its option.
local function echo(deflate, limits)
  local made
  made = fixture.server({ extensions = { permessage_deflate = deflate }, limits = limits }, {
    OnMessage = function(conn, text)
      if text:sub(1, 4) == "all:" then
        made:broadcast(text)
      else
        conn:write(text)
      end
    end,
    OnBinary = function(conn, bytes) conn:write_binary(bytes) end,
  })
  return made
end

local function connect(made, offer)
  local headers = { offer or OFFER }
  return fixture.connect(made, { headers = headers })
end

local function agreed(made, offer)
  return connect(made, offer).response.headers["sec-websocket-extensions"]
end

describe("permessage-deflate:", function()
  after_each(fixture.clean)

  it("is off by default", function()
    assert.is_nil(agreed(fixture.server()))
    assert.is_nil(agreed(echo(false)))
  end)

  it("is not agreed on when it is not asked for", function()
    assert.is_nil(agreed(echo {}, "X-Nothing: 1"))
    assert.is_nil(agreed(echo {}, "Sec-WebSocket-Extensions: permessage-bzip2"))
  end)

  it("starts every message anew by default", function()
    local answer = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
    assert.equal(answer, agreed(echo {}))
  end)

  it("follows the options", function()
    assert.equal("permessage-deflate", agreed(echo(TAKEOVER)))
    local made = echo {
      server_max_window_bits = 12,
      client_max_window_bits = 9,
      server_no_context_takeover = false,
      client_no_context_takeover = false,
      mem_level = 1,
      level = 1,
    }
    local windows = "; server_max_window_bits=%d; client_max_window_bits=9"
    assert.equal("permessage-deflate" .. windows:format(12), agreed(made))
    local narrow = "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=8"
    assert.is_nil(agreed(made, narrow))
    assert.equal(
      "permessage-deflate" .. windows:format(8),
      agreed(made, narrow .. "; client_max_window_bits")
    )
  end)

  it("refuses a malformed list, also when it is off", function()
    for _, deflate in ipairs { {}, false } do
      local offer = { headers = { "Sec-WebSocket-Extensions: permessage-deflate;" } }
      local peer, response = websocket.handshake(echo(deflate).port, offer)
      assert.equal(400, response.status)
      peer:close()
    end
  end)

  it("checks its options", function()
    local function refused(deflate)
      assert.error_matches(
        function() server.new { extensions = { permessage_deflate = deflate } } end,
        "permessage_deflate"
      )
    end
    refused(true)
    refused { level = 0 }
    refused { level = 10 }
    refused { mem_level = 0 }
    refused { mem_level = 10 }
    refused { server_max_window_bits = 7 }
    refused { server_max_window_bits = 16 }
    refused { client_max_window_bits = 7 }
    refused { server_no_context_takeover = 1 }
    refused { window = 15 }
  end)

  it("inflates messages, whole and in fragments", function()
    local peer = connect(echo {})
    peer:send_frame(websocket.TEXT, HELLO, { rsv = RSV1 })
    assert.equal("Hello", peer:read())
    peer:send_frame(websocket.TEXT, HELLO:sub(1, 3), { rsv = RSV1, fin = false })
    peer:send_frame(websocket.PING, "")
    peer:send_frame(websocket.CONTINUATION, HELLO:sub(4))
    assert.equal("Hello", peer:read())
    peer:send "plain"
    assert.equal("plain", peer:read())
  end)

  it("deflates what gets shorter", function()
    local peer = connect(echo {})
    peer:send(LONG)
    local frame = peer:read_frame()
    assert.equal(RSV1, frame.rsv)
    assert.is_true(#frame.payload < #LONG / 10)
    peer:send_frame(websocket.TEXT, frame.payload, { rsv = RSV1 })
    assert.equal(frame.payload, peer:read())
    peer:send "short"
    assert.same({ 0, "short" }, { (function(f) return f.rsv, f.payload end)(peer:read_frame()) })
  end)

  it("refers to earlier messages when takeover is agreed on", function()
    local peer = connect(echo(TAKEOVER))
    local sizes = {}
    for i = 1, 2 do
      peer:send "Hello"
      local frame = peer:read_frame()
      assert.equal(RSV1, frame.rsv)
      sizes[i] = #frame.payload
    end
    assert.same({ 7, 5 }, sizes)
  end)

  it("broadcasts to all kinds of receivers", function()
    local made = echo {}
    local deflated = connect(made)
    local plain = connect(made, "X-Nothing: 1")
    plain:send("all:" .. LONG)
    assert.equal("all:" .. LONG, plain:read())
    local frame = deflated:read_frame()
    assert.equal(RSV1, frame.rsv)
    deflated:send_frame(websocket.TEXT, frame.payload, { rsv = RSV1 })
    assert.equal("all:" .. LONG, plain:read())
  end)

  --- What a server does to a peer that sends this frame.
  local function refused_with(made, payload, rsv, offer)
    local code
    made.OnDisconnect = function(_, why) code = why end
    local peer = connect(made, offer)
    peer:send_frame(websocket.TEXT, payload, { rsv = rsv })
    local sent = peer:read_close()
    peer.socket:close()
    clock.wait_for(function() return code end)
    assert.equal(sent, code)
    return code
  end

  it("refuses what is not deflated, not text, not agreed on", function()
    local made = echo {}
    assert.equal(1007, refused_with(made, "\xff\xff", RSV1))
    assert.equal(1007, refused_with(made, HELLO:sub(1, 4), RSV1))
    assert.equal(1007, refused_with(made, "\0\1\0\xfe\xff\xff\0", RSV1))
    assert.equal(1002, refused_with(made, HELLO, RSV1, "X-Nothing: 1"))
    assert.equal(1002, refused_with(made, HELLO, RSV1 + 1))
  end)

  it("stops a bomb at the limit", function()
    local source = connect(echo {})
    source:send(("a"):rep(65536))
    local bomb = source:read_frame().payload
    assert.is_true(#bomb < 200)
    local peer = connect(echo({}, { message = 65536 }))
    peer:send_frame(websocket.TEXT, bomb, { rsv = RSV1 })
    assert.equal(bomb, peer:read())
    assert.equal(1009, refused_with(echo({}, { message = 65535 }), bomb, RSV1))
  end)
end)

describe("permessage-deflate with a foreign client:", function()
  after_each(fixture.clean)

  local function run(program, deflate)
    local made = echo(deflate)
    local argv = { program[1], program[2], tostring(made.port) }
    local peer = process.run(argv, { timeout = 120 })
    assert.equal(0, peer.code, peer.output .. peer.errors)
    return peer.output
  end

  local programs = {
    ["python3-websockets"] = { "/usr/bin/python3", "spec/interop/deflate.py" },
    ["ws"] = { "node", "spec/interop/deflate.mjs" },
  }
  for name, program in pairs(programs) do
    it(name .. ", every message anew", function()
      local answers = run(program, {})
      assert.truthy(answers:find("server_no_context_takeover; client_no_context_takeover", 1, true))
      assert.falsy(answers:find("none", 1, true))
    end)

    it(name .. ", with takeover", function()
      local answers = run(program, TAKEOVER)
      assert.truthy(answers:find "^permessage%-deflate\n")
      assert.truthy(answers:find("server_max_window_bits=8; client_max_window_bits=9", 1, true))
      assert.falsy(answers:find("none", 1, true))
    end)

    it(name .. ", with small windows", function()
      local answers = run(program, {
        server_max_window_bits = 10,
        client_max_window_bits = 10,
        server_no_context_takeover = false,
        client_no_context_takeover = false,
        mem_level = 1,
      })
      assert.truthy(answers:find("server_max_window_bits=10; client_max_window_bits=10", 1, true))
      assert.truthy(answers:find("none", 1, true)) -- who cannot limit its window
    end)
  end
end)
