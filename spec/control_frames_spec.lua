-- Control frames do not wait for data, over real sockets. covers: ws/ws_send.c
local fixture = require "spec.support.fixture"
local timer = require "perilune.timer"
local websocket = require "spec.support.websocket"

local MIB = 1024 * 1024
local MESSAGES = 48 -- of a MiB: more than the kernel's buffers hold

describe("a peer that does not read:", function()
  after_each(fixture.clean)

  --- Its connection has so much to be sent that the output is blocked.
  local function blocked(size, limits)
    limits = limits or {}
    limits.send_queue = 64 * MIB
    local made = fixture.server { limits = limits, heartbeat = false }
    local peer, conn = fixture.pair(made)
    local bytes = ("x"):rep(MIB)
    for _ = 1, MESSAGES do
      assert(conn:write_binary(bytes, size))
    end
    timer.sleep(0.05)
    return peer, conn
  end

  --- Bytes of data before the next control frame, which has to be this.
  local function data_before(peer, opcode, payload)
    local size = 0
    while true do
      local frame = assert(peer:read_frame(5))
      if frame.opcode >= websocket.CLOSE then
        assert.same({ opcode, payload }, { frame.opcode, frame.payload })
        return size
      end
      size = size + #frame.payload
    end
  end

  for name, size in pairs { ["whole messages"] = false, ["fragments"] = 10000 } do
    it("gets the answer to its latest ping between " .. name, function()
      local peer = blocked(size or nil)
      for i = 1, 1000 do
        peer:send_frame(websocket.PING, "ping " .. i)
      end
      timer.sleep(0.2)
      local before = data_before(peer, websocket.PONG, "ping 1000")
      assert.is_true(before < 24 * MIB, before)
    end)

    it("gets our ping between " .. name, function()
      local peer, conn = blocked(size or nil)
      conn:ping()
      local before = data_before(peer, websocket.PING, "")
      assert.is_true(before < 24 * MIB, before)
    end)

    it("gets the answer to its Close, and not what waits, between " .. name, function()
      local peer = blocked(size or nil)
      peer:send_close(4000, "enough")
      timer.sleep(0.2)
      local before = data_before(peer, websocket.CLOSE, "\15\160")
      assert.is_true(before < 24 * MIB, before)
    end)
  end

  it("gets our Close behind what was written", function()
    local peer, conn = blocked(nil, { close_timeout = 0.2 })
    conn:close(4001, "done")
    timer.sleep(0.5)
    assert.equal(MESSAGES * MIB, data_before(peer, websocket.CLOSE, "\15\161done"))
  end)

  it("and takes no Close is closed after close_timeout", function()
    local ended
    local made = fixture.server({
      heartbeat = false,
      limits = { send_queue = 64 * MIB, close_timeout = 0.3 },
    }, {
      OnDisconnect = function(_, code) ended = code end,
    })
    local peer, conn = fixture.pair(made)
    for _ = 1, MESSAGES do
      assert(conn:write_binary(("x"):rep(MIB)))
    end
    peer:send_close(4000, "enough")
    timer.sleep(0.2)
    assert.is_nil(ended)
    timer.sleep(0.4)
    assert.equal(4000, ended)
  end)
end)
