--- Hostile WebSockets. Each row of frames gets its Close, one line of the log and the end of its
--- connection; others are answered meanwhile. "D-…" are numbers of the project's list of attacks.
local attack = require "spec.support.attack"
local capture = require "spec.support.capture"
local clock = require "spec.support.clock"
local fixture = require "spec.support.fixture"
local timer = require "perilune.timer"
local websocket = require "spec.support.websocket"

local CONTINUATION, TEXT, BINARY = websocket.CONTINUATION, websocket.TEXT, websocket.BINARY
local CLOSE, PING, PONG = websocket.CLOSE, websocket.PING, websocket.PONG

--- { frames } -> the code of the Close that comes
local function frame(...) return websocket.frame(...) end

local NEAR_2_63 = "\127\255\255\255\255\255\255\255"
local BEYOND_2_63 = "\128\0\0\0\0\0\0\0"
local NEAR_2_64 = "\255\255\255\255\255\255\255\255"

local websocket_rows = {
  ["D-22 broken frames"] = {
    { frame(TEXT, "x", { masked = false }), 1002 },
    { frame(PING, "x", { masked = false }), 1002 },
    { frame(TEXT, "x", { rsv = 1 }), 1002 },
    { frame(TEXT, "x", { rsv = 2 }), 1002 },
    { frame(TEXT, "x", { rsv = 4 }), 1002 },
    { frame(PING, "x", { rsv = 4 }), 1002 },
    { frame(3, "x"), 1002 },
    { frame(7, "x"), 1002 },
    { frame(11, "x"), 1002 },
    { frame(15, "x"), 1002 },
    { frame(PING, ("x"):rep(126)), 1002 },
    { frame(CLOSE, "\3\232" .. ("x"):rep(124)), 1002 },
    { frame(PING, "x", { fin = false }), 1002 },
    { frame(CLOSE, "", { fin = false }), 1002 },
    { frame(CONTINUATION, "x"), 1002 },
    { frame(TEXT, "x", { fin = false }) .. frame(TEXT, "y"), 1002 },
    { frame(TEXT, "x", { fin = false }) .. frame(BINARY, "y", { fin = false }), 1002 },
    { frame(CLOSE, "x"), 1002 },
    { frame(CLOSE, "\0\0"), 1002 },
    { frame(CLOSE, "\3\231"), 1002 }, -- 999
    { frame(CLOSE, "\3\236"), 1002 }, -- 1004
    { frame(CLOSE, "\3\237"), 1002 }, -- 1005
    { frame(CLOSE, "\3\238"), 1002 }, -- 1006
    { frame(CLOSE, "\3\247"), 1002 }, -- 1015
    { frame(CLOSE, "\11\183"), 1002 }, -- 2999
    { frame(CLOSE, "\19\136"), 1002 }, -- 5000
    { frame(CLOSE, "\255\255"), 1002 },
    { frame(TEXT, "", { length = "\0\0\0\0\0\0\0\5" }) .. "abcde", 1002 },
    { "GET / HTTP/1.1\r\n\r\n", 1002 },
  },
  ["D-23 bad UTF-8"] = {
    { frame(TEXT, "\255"), 1007 },
    { frame(TEXT, "abc\192\128"), 1007 },
    { frame(TEXT, "\237\160\128"), 1007 },
    { frame(TEXT, "\244\144\128\128"), 1007 },
    { frame(TEXT, "a\195"), 1007 },
    { frame(TEXT, "a\195", { fin = false }) .. frame(CONTINUATION, ""), 1007 },
    -- At the first bad byte, though the message is not whole.
    { frame(TEXT, "a\195", { fin = false }) .. frame(CONTINUATION, "b", { fin = false }), 1007 },
    { frame(TEXT, "ok\255" .. ("x"):rep(70000)):sub(1, 100), 1007 },
    { frame(CLOSE, "\3\232\255"), 1007 },
  },
  ["D-24 lengths"] = {
    { frame(BINARY, "", { length = BEYOND_2_63 }), 1002 },
    { frame(BINARY, "", { length = NEAR_2_64 }), 1002 },
    { frame(BINARY, "", { length = NEAR_2_63 }), 1009 },
    { frame(BINARY, "", { length = "\0\0\0\0\1\0\0\1" }), 1009 },
    { frame(TEXT, "", { fin = false }) .. frame(CONTINUATION, "", { length = NEAR_2_63 }), 1009 },
    {
      frame(TEXT, "", { fin = false }) .. frame(CONTINUATION, "", { fin = false }):rep(65537),
      1009,
    },
  },
}

local function sorted_names(rows)
  local names = {}
  for name in pairs(rows) do
    names[#names + 1] = name
  end
  table.sort(names)
  return names
end

describe("attacks on WebSockets:", function()
  local made, bystander, seen

  before_each(function()
    made, bystander, seen = attack.target()
  end)
  after_each(fixture.clean)

  local function assert_alive() attack.assert_others_answered(made, bystander) end

  local function refuse(row, what)
    attack.assert_told_once(what, "websocket closed with " .. row[2], function()
      local peer = fixture.connect(made, { headers = { "Cookie: session=" .. attack.SECRET } })
      peer.socket:send(row[1] .. frame(TEXT, attack.SECRET))
      assert.equal(row[2], (peer:read_close()), what)
      local _, why = peer.socket:read_all(1)
      assert.are_not.equal("timeout", why, what .. " stays open")
      assert_alive()
      peer.socket:close()
    end)
  end

  for _, name in ipairs(sorted_names(websocket_rows)) do
    it(name, function()
      attack.assert_nothing_stays(function()
        for i, row in ipairs(websocket_rows[name]) do
          refuse(row, ("row %d: %q"):format(i, row[1]:sub(1, 40)))
        end
      end)
      assert.same({}, seen.heard)
    end)
  end

  it("D-22 bad frames after a good one: the good one counts", function()
    local peer = fixture.connect(made)
    peer.socket:send(frame(TEXT, "good") .. frame(TEXT, "bad", { rsv = 1 }))
    assert.equal("good", peer:read())
    assert.equal(1002, (peer:read_close()))
  end)

  it("D-24 a declared size takes no memory", function()
    local peers = {}
    local before = tonumber(io.open("/proc/self/statm"):read "*n")
    for i = 1, 50 do
      peers[i] = fixture.connect(made)
      peers[i].socket:send(frame(BINARY, "", { length = "\0\0\0\0\0\255\255\255" }))
    end
    timer.sleep(0.02)
    local pages = tonumber(io.open("/proc/self/statm"):read "*n") - before
    assert.is_true(pages * 4096 < 100 * 1024 * 1024, pages .. " pages")
    assert_alive()
  end)

  it("D-25 a message that inflates without bound is stopped at the limit", function()
    bystander:close()
    made:stop()
    made = fixture.server({ extensions = { permessage_deflate = {} } }, {
      OnMessage = function(conn, text) conn:write(text) end,
      OnCommandGet = function(_, _, response) response.content_text = "ok" end,
    })
    bystander = fixture.connect(made)
    local offer = { headers = { "Sec-WebSocket-Extensions: permessage-deflate" } }
    local peer = fixture.connect(made, offer)
    peer:send(("a"):rep(65536))
    local piece = peer:read_frame().payload .. "\0\0\255\255"
    local before = tonumber(io.open("/proc/self/statm"):read "*n")
    peer:send_frame(TEXT, piece:rep(10000) .. "\0", { rsv = 4 }) -- 640 MiB
    assert.equal(1009, (peer:read_close()))
    local pages = tonumber(io.open("/proc/self/statm"):read "*n") - before
    assert.is_true(pages * 4096 < 200 * 1024 * 1024, pages .. " pages")
    assert_alive()
  end)

  it("D-25 a small message that would inflate without bound takes little of our time", function()
    made, bystander = attack.target { extensions = { permessage_deflate = {} } }
    local offer = { headers = { "Sec-WebSocket-Extensions: permessage-deflate" } }
    attack.assert_nothing_stays(function()
      for _ = 1, 10 do
        local peer = fixture.connect(made, offer)
        local bomb = ("\0\0\0\255\255"):rep(100000) -- empty blocks: nothing, with much work
        peer:send_frame(TEXT, bomb, { rsv = 4 })
        attack.assert_others_answered(made, bystander)
        peer.socket:close()
      end
    end)
  end)

  it("D-26 pages of other origins are refused", function()
    made, bystander = attack.target {
      security_options = { origins_allowed = { "https://chat.example" } },
    }
    local function try(origin)
      local headers = { "Origin: " .. origin, "Cookie: session=" .. attack.SECRET }
      local peer, response = websocket.handshake(made.port, { headers = headers })
      local _, why = peer:read_all(0.05)
      peer:close()
      return response.status, why
    end
    assert.equal(101, (try "https://chat.example"))
    for _, origin in ipairs {
      "null",
      "http://chat.example",
      "https://chat.example:444",
      "https://chat.example.evil.example",
      "https://evilchat.example",
      "https://chat.example@evil.example",
      "https://chat.example/",
      "https://chat.example, https://evil.example",
      "https://evil.example https://chat.example",
      "",
      "file://",
    } do
      attack.assert_told_once(origin, "handshake refused: ", function()
        assert.equal(403, (try(origin)), origin)
        attack.assert_others_answered(made, bystander)
      end)
    end
  end)

  it("D-27 a peer that vanishes is found", function()
    bystander:close()
    made:stop()
    local gone
    made = fixture.server({ heartbeat = { interval = 0.1, timeout = 0.05 } }, {
      OnDisconnect = function(_, code) gone = code end,
    })
    fixture.connect(made)
    clock.wait_for(function() return gone == 1006 end, 1)
  end)

  it("D-27 a peer that does not read is dropped at the limit", function()
    bystander:close()
    made:stop()
    local limit = 1024 * 1024
    made = fixture.server { limits = { send_queue = limit, high_water = 100000 } }
    local deaf = fixture.connect(made, { receive_buffer = 4096 })
    bystander = fixture.connect(made)
    local log = capture(function()
      local sent = 0
      while made:count() == 2 do
        made:broadcast(("x"):rep(50000))
        sent = sent + 50000
        assert.equal(50000, #bystander:read())
        assert.is_true(sent < 64 * limit, "never dropped")
      end
    end)
    assert.matches("send_queue", log, 1, true)
    deaf.socket:close()
  end)

  it("a flood of pings and empty frames is answered in order", function()
    local peer = fixture.connect(made)
    peer.socket:send(frame(PONG, ""):rep(1000) .. frame(TEXT, ""):rep(1000))
    peer.socket:send(frame(PING, "last"))
    local empty = 0
    for got in function() return peer:read_frame() end do
      if got.opcode == PONG then
        assert.equal("last", got.payload)
        break
      end
      empty = empty + 1
    end
    assert.equal(1000, empty)
    assert_alive()
  end)

  it("connections that come and go in every state leave nothing", function()
    local request = websocket.compose() .. frame(TEXT, ("x"):rep(200)) .. frame(CLOSE, "\3\232")
    for stop = 1, #request, 7 do
      local peer = fixture.socket(made)
      peer:send(request:sub(1, stop))
      if stop % 2 == 0 then timer.sleep(0) end
      peer[stop % 3 == 0 and "reset" or "close"](peer)
    end
    assert_alive()
    clock.wait_for(function() return made:count() == 1 end)
  end)
end)
