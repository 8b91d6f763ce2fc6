--- TCP servers that send too much, too little, or do not read, and our client.
local client = require "perilune.client"
local clock = require "spec.support.clock"
local hostile = require "spec.support.hostile"
local peers = require "spec.support.peers"
local timer = require "perilune.timer"

describe("hostile TCP servers:", function()
  local peer

  setup(function() peer = hostile.start(nil, "over_tcp") end)
  teardown(peers.clean)

  --- A client of a case, and what it was told.
  local function connect(name, more)
    local options = {
      url = ("tcp://127.0.0.1:%d"):format(peer.ports[name]),
      end_of_frame = { bytes = "\n", strip = true },
    }
    for key, value in pairs(more or {}) do
      options[key] = value
    end
    local made = client.new(options)
    local seen = { lines = {}, errors = {}, ends = 0 }
    function made.OnBinary(_, line) table.insert(seen.lines, line) end
    function made.OnError(_, message, code) table.insert(seen.errors, { message, code }) end
    function made.OnDisconnect() seen.ends = seen.ends + 1 end
    assert(made:connect())
    return made, seen
  end

  it(
    "lines that are cut are none",
    peers.telling(function()
      hostile.assert_no_descriptors(function()
        for _, name in ipairs { "cut in a line", "reset in a line" } do
          local made, seen = connect(name)
          clock.wait_for(function() return seen.ends == 1 end)
          assert.equal("whole", seen.lines[1], name)
          -- The half is no line; whoever wants it reads without end_of_frame.
          assert.equal(1, #seen.lines, name)
          made:disconnect()
        end
      end)
    end)
  )

  it(
    "a line without end is refused at the limit",
    peers.telling(function()
      hostile.assert_no_descriptors(function()
        local made, seen = connect("endless line", { limits = { message = 100000 } })
        clock.wait_for(function() return seen.ends == 1 end)
        assert.same({}, seen.lines)
        assert.equal("ETOOBIG", seen.errors[1][2])
        made:disconnect()
      end)
    end)
  )

  it(
    "lines without end are heard one by one, and others go on meanwhile",
    peers.telling(function()
      local made, seen = connect "endless lines"
      local ticks = 0
      local ticking = timer.every(0.01, function() ticks = ticks + 1 end)
      clock.wait_for(function() return #seen.lines > 100000 and ticks > 2 end)
      ticking:cancel()
      assert(made:disconnect())
      assert.equal("hello", seen.lines[100000])
    end)
  )

  it(
    "empty lines, and what comes byte by byte",
    peers.telling(function()
      local made, seen = connect "empty lines"
      clock.wait_for(function() return seen.lines[#seen.lines] == "last" end)
      assert.equal(10001, #seen.lines)
      made:disconnect()
      made, seen = connect "byte by byte"
      clock.wait_for(function() return #seen.lines == 4 end)
      assert.same({ "one", "two", "", "three" }, seen.lines)
      made:disconnect()
    end)
  )

  it(
    "who does not read is given up",
    peers.telling(function()
      local made, seen = connect("deaf", {
        limits = { write_timeout = 0.5, send_queue = 64 * 1024 * 1024 },
      })
      for _ = 1, 32 do
        made:write_binary(("x"):rep(1024 * 1024))
      end
      clock.wait_for(function() return seen.ends == 1 end)
      assert.is_nil(made.conn)
      made:disconnect()
    end)
  )
end)
