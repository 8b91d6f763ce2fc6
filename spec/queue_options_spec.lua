--- The option `queue_options` of servers and clients: what goes first when output waits.
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

describe("queue_options", function()
  after_each(fixture.clean)

  --- Both kinds by turns, when the output is blocked.
  local function write_by_turns(conn)
    assert(conn:write(LARGE))
    timer.sleep(0.02)
    for i = 1, 3 do
      assert(conn:write_binary("binary " .. i))
      assert(conn:write("text " .. i))
    end
  end

  local function collect(receiver)
    local seen = {}
    local function note(_, bytes) seen[#seen + 1] = bytes end
    receiver.OnMessage, receiver.OnBinary = note, note
    return function()
      clock.wait_for(function() return #seen == 7 end)
      assert.equal(LARGE, table.remove(seen, 1))
      return table.concat(seen, ", ")
    end
  end

  local IN_TURN = "binary 1, text 1, binary 2, text 2, binary 3, text 3"
  local TEXT_FIRST = "text 1, text 2, text 3, binary 1, binary 2, binary 3"

  local function from_server(options, deflate)
    local extensions = { permessage_deflate = deflate }
    local server = fixture.server {
      throttle = SLOW,
      queue_options = options,
      extensions = extensions,
    }
    local client = fixture.new_client(server, { extensions = extensions })
    local order = collect(client)
    assert(client:connect())
    write_by_turns(clock.wait_for(function()
      local first = server:connections()[1]
      return first and server:connection(first.guid)
    end))
    return order()
  end

  local function from_client(options)
    local server = fixture.server()
    local order = collect(server)
    local client = fixture.client(server, { throttle = SLOW, queue_options = options })
    write_by_turns(client)
    return order()
  end

  it("is off: the order is that of the calls", function()
    assert.equal(IN_TURN, from_server())
    assert.equal(IN_TURN, from_client())
    assert.equal(IN_TURN, from_client { text = "level2", binary = "level2" })
  end)

  it("sends the lower level first", function()
    local options = { text = "level1", binary = "level3" }
    assert.equal(TEXT_FIRST, from_server(options))
    assert.equal(TEXT_FIRST, from_client(options))
  end)

  it("sends what has no level first", function()
    assert.equal(TEXT_FIRST, from_server { binary = "level1" })
    assert.equal(TEXT_FIRST, from_client { binary = "level1" })
  end)

  it("keeps compressed messages whole that refer to those before them", function()
    local deflate = { server_no_context_takeover = false, client_no_context_takeover = false }
    assert.equal(TEXT_FIRST, from_server({ binary = "level1" }, deflate))
  end)

  it("takes the words of the manual", function()
    assert.has_error(
      function() fixture.new_server { queue_options = { text = "qmLevel1" } } end,
      'option \'queue_options.text\' of server.new takes one of "none", "level1", "level2", '
        .. '"level3", got "qmLevel1" (a string)'
    )
  end)
end)
