--- The option `slow_consumers` of servers: what becomes of messages for who reads too slowly.
local clock = require "spec.support.clock"
local fixture = require "spec.support.fixture"
local random = require("perilune.core.text").random
local timer = require "perilune.timer"

-- A first message keeps the output busy, so that the others wait.
local SLOW = { write = 800000 }
local LARGE = (random(4096) .. random(4096) .. random(4096) .. random(4096)):gsub(
  ".",
  function(c) return ("%02x"):format(c:byte()) end
)

describe("slow_consumers", function()
  after_each(fixture.clean)

  --- A server's connection whose output is busy with LARGE, and what its client gets behind that.
  local function open(options, path)
    options.throttle = SLOW
    local server = fixture.server(options)
    local client = fixture.new_client(server, { extensions = options.extensions, path = path })
    local seen = {}
    client.OnMessage = function(_, text) seen[#seen + 1] = text end
    assert(client:connect())
    local conn = clock.wait_for(function()
      local first = server:connections()[1]
      return first and server:connection(first.guid)
    end)
    conn:subscribe "prices/metals"
    conn:subscribe "chat"
    assert(conn:write(LARGE))
    timer.sleep(0.02)
    local function received(count)
      clock.wait_for(function() return #seen >= count + 1 end)
      assert(conn:flush())
      timer.sleep(0.02)
      assert.equal(LARGE, table.remove(seen, 1))
      return table.concat(seen, ", ")
    end
    return server, conn, received
  end

  local RULES = {
    channels = {
      { channel = "prices/*", policy = "conflate" },
      { channel = "chat", policy = "drop_oldest", messages = 2 },
    },
  }

  local function publish(server, conn)
    for i = 1, 4 do
      assert(server:broadcast("gold " .. i, { channel = "prices/metals", key = "gold" }))
      assert(server:broadcast("tin " .. i, { channel = "prices/metals", key = "tin" }))
      assert(server:broadcast("says " .. i, "chat"))
      assert(conn:write("own " .. i))
    end
  end

  local LATEST = "gold 4, tin 4, own 1, own 2, says 3, own 3, says 4, own 4"

  it("leaves out what a channel's rule says", function()
    local server, conn, received = open { slow_consumers = RULES }
    publish(server, conn)
    assert.equal(8, conn.left_out)
    assert.equal(LATEST, received(8))
    -- Who keeps up gets everything.
    server:broadcast("gold 5", { channel = "prices/metals", key = "gold" })
    assert(conn:flush())
    assert.equal(8, conn.left_out)
  end)

  it("does so with compressed messages that refer to those before them", function()
    local deflate = { server_no_context_takeover = false, client_no_context_takeover = false }
    local server, conn, received =
      open { slow_consumers = RULES, extensions = { permessage_deflate = deflate } }
    publish(server, conn)
    assert.equal(LATEST, received(8))
  end)

  it("does so with messages that share their compression", function()
    local deflate = { server_no_context_takeover = true }
    local server, conn, received =
      open { slow_consumers = RULES, extensions = { permessage_deflate = deflate } }
    publish(server, conn)
    assert.equal(LATEST, received(8))
  end)

  it("is for all that is written, too", function()
    local server, conn, received =
      open { slow_consumers = { policy = "drop_oldest", messages = 3 } }
    for i = 1, 5 do
      assert(conn:write("own " .. i))
    end
    assert(server:broadcast "all")
    assert.equal(3, conn.left_out)
    assert.equal("own 4, own 5, all", received(3))
  end)

  it("tells who writes that a message was left out", function()
    local _, conn = open {
      slow_consumers = { policy = "drop_oldest" },
      limits = { send_queue = 40000, high_water = 2 ^ 20 },
    }
    local ok, message, code = conn:write(LARGE)
    assert.is_nil(ok)
    assert.equal("ELIMIT", code)
    assert.equal("a limit was reached", message)
    assert.equal(1, conn.left_out)
    assert(conn:write "small")
  end)

  it("keeps the count when the connection has ended", function()
    local server, conn = open { slow_consumers = { policy = "conflate" } }
    server:broadcast "1"
    server:broadcast "2"
    conn:disconnect()
    clock.wait_for(function() return server:count() == 0 end)
    assert.equal(1, conn.left_out)
  end)

  it("drops the connection otherwise", function()
    local server, conn = open { limits = { send_queue = 40000, high_water = 2 ^ 20 } }
    local code
    server.OnDisconnect = function(_, reason) code = reason end
    assert.same({ nil, "a limit was reached", "ELIMIT" }, { conn:write(LARGE) })
    clock.wait_for(function() return code == 1006 end)
    assert.equal(0, conn.left_out)
  end)

  local function refuses(message, options)
    assert.has_error(function() fixture.new_server { slow_consumers = options } end, message)
  end

  it("takes rules that mean something", function()
    refuses(
      "option 'slow_consumers.channels[1].channel' of server.new is missing; "
        .. "it takes a string from 1 to 1024 bytes",
      { channels = { { policy = "conflate" } } }
    )
    refuses(
      "option 'slow_consumers.messages' of server.new is for the policy "
        .. '"drop_oldest", not for "close"',
      { messages = 10 }
    )
    refuses(
      "option 'slow_consumers.channels[2].messages' of server.new is for the policy "
        .. '"drop_oldest", not for "conflate"',
      {
        channels = {
          { channel = "a", policy = "drop_oldest", messages = 1 },
          { channel = "b", policy = "conflate", messages = 1 },
        },
      }
    )
    assert.has_error(function() fixture.new_server { slow_consumers = { policy = "drop" } } end)
  end)

  it("takes a key of up to 1024 bytes", function()
    local server = fixture.server()
    assert(server:broadcast("x", { key = ("k"):rep(1024) }))
    assert.has_error(
      function() server:broadcast("x", { key = ("k"):rep(1025) }) end,
      "broadcast: key takes at most 1024 bytes"
    )
    assert.has_error(function() server:broadcast("x", { key = 1 }) end)
  end)
end)
