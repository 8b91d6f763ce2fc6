-- covers: codec/ws_extension.c
local clock = require "spec.support.clock"
local fixture = require "spec.support.fixture"
local server = require "perilune.server"
local websocket = require "spec.support.websocket"

local RSV1 = 4
local HELLO = "\xf2\x48\xcd\xc9\xc9\x07\x00" -- RFC 7692 7.2.3.1
local AGAIN = "\xf2\x00\x11\x00\x00"
local LONG = ("hello "):rep(1000)
local SAFARI = "x-webkit-deflate-frame"

local function echo(extensions, limits)
  local made
  made = fixture.server({ extensions = extensions, limits = limits }, {
    OnMessage = function(conn, text)
      if text:sub(1, 4) == "all:" then
        made:broadcast(text)
      else
        conn:write(text, text:sub(1, 6) == "parts:" and 10 or nil)
      end
    end,
  })
  return made
end

local function connect(made, offer)
  return fixture.connect(made, { headers = { "Sec-WebSocket-Extensions: " .. (offer or SAFARI) } })
end

local function agreed(made, offer)
  return connect(made, offer).response.headers["sec-websocket-extensions"]
end

describe("deflate-frame:", function()
  after_each(fixture.clean)

  it("is off by default", function()
    assert.is_nil(agreed(fixture.server()))
    assert.is_nil(agreed(echo { permessage_deflate = {} }))
    assert.is_nil(agreed(echo { deflate_frame = false }))
  end)

  it("is answered by the name it was asked for", function()
    local made = echo { deflate_frame = {} }
    assert.equal(SAFARI, agreed(made))
    assert.equal("deflate-frame", agreed(made, "deflate-frame"))
    assert.equal("deflate-frame", agreed(made, "deflate-frame; no_context_takeover"))
    assert.is_nil(agreed(made, "permessage-deflate"))
    assert.is_nil(agreed(made, "deflate-frame; window=1"))
  end)

  it("follows its options", function()
    local made = echo {
      deflate_frame = { client_no_context_takeover = true, client_max_window_bits = 9 },
    }
    assert.equal(SAFARI .. "; no_context_takeover; max_window_bits=9", agreed(made))
  end)

  it("gives way to permessage-deflate", function()
    local both = SAFARI .. ", permessage-deflate"
    local made = echo { deflate_frame = {}, permessage_deflate = {} }
    assert.truthy(agreed(made, both):find "^permessage")
    assert.equal(SAFARI, agreed(made))
    assert.equal(SAFARI, agreed(echo { deflate_frame = {} }, both))
  end)

  it("checks its options", function()
    for _, bad in ipairs { true, { level = 0 }, { max_window_bits = 9 } } do
      local options = { extensions = { deflate_frame = bad } }
      assert.error_matches(function() server.new(options) end, "deflate_frame")
    end
  end)

  it("inflates frame by frame, and refers to those before", function()
    local peer = connect(echo { deflate_frame = {} })
    peer:send_frame(websocket.TEXT, HELLO, { rsv = RSV1 })
    assert.equal("Hello", peer:read())
    peer:send_frame(websocket.TEXT, AGAIN, { rsv = RSV1, fin = false })
    peer:send_frame(websocket.CONTINUATION, ", ", { fin = false })
    peer:send_frame(websocket.CONTINUATION, AGAIN, { rsv = RSV1 })
    assert.equal("Hello, Hello", peer:read())
    peer:send "plain"
    assert.equal("plain", peer:read())
  end)

  it("deflates single frames, also of a broadcast", function()
    local made = echo { deflate_frame = {} }
    local peer = connect(made)
    for _, text in ipairs { LONG, "all:" .. LONG } do
      peer:send(text)
      local frame = peer:read_frame()
      assert.equal(RSV1, frame.rsv)
      assert.is_true(#frame.payload < #text / 10)
      peer:send_frame(websocket.TEXT, frame.payload, { rsv = RSV1 })
      assert.same(frame.payload, peer:read_frame().payload)
    end
    peer:send("parts:" .. LONG)
    local part = peer:read_frame()
    assert.same({ 0, 10 }, { part.rsv, #part.payload })
  end)

  it("keeps to the limit over all frames", function()
    local made = echo({ deflate_frame = {} }, { message = 9 })
    local code
    made.OnDisconnect = function(_, why) code = why end
    local peer = connect(made)
    peer:send_frame(websocket.TEXT, HELLO, { rsv = RSV1, fin = false })
    peer:send_frame(websocket.CONTINUATION, AGAIN, { rsv = RSV1 })
    assert.equal(1009, peer:read_close())
    peer.socket:close()
    clock.wait_for(function() return code end)
    assert.equal(1009, code)
  end)
end)
