--- What Lua holds for an idle connection, and for what nobody uses any more; what C holds is in
--- spec/session/memory_test.c.
local broker = require "perilune.broker"
local client = require "perilune.client"
local clock = require "spec.support.clock"
local fixture = require "spec.support.fixture"
local http = require "spec.support.http"
local mqtt = require "perilune.mqtt"
local process = require "spec.support.process"
local server = require "perilune.server"
local sgc = require "perilune.sgc"
local socket = require "spec.support.socket"
local websocket = require "spec.support.websocket"

local COUNT = 200
local SERVER = [[
  local server = require("perilune.server").new { port = 0 }
  function server.OnCommandGet(_, _, response)
    collectgarbage()
    collectgarbage()
    response.content_text = tostring(collectgarbage "count" * 1024)
  end
  %s
  assert(server:start())
]]

local function lua_bytes(port)
  local peer = socket.connect(port)
  peer:send(http.compose "/")
  local response = assert(http.read(peer))
  peer:close()
  return tonumber(response.body)
end

--- Bytes of Lua's heap for each of COUNT connections of a server with these handlers.
local function measure(handlers)
  local running = process.perilune { (fixture.script(SERVER:format(handlers))) }
  local port = running:wait_port()
  local peers = {}
  local function connect(count)
    for _ = 1, count do
      peers[#peers + 1] = websocket.connect(port)
    end
  end
  connect(64) -- what is made once, and tables that grow
  local before = lua_bytes(port)
  connect(COUNT)
  local bytes = (lua_bytes(port) - before) / COUNT
  for _, peer in ipairs(peers) do
    peer.socket:close()
  end
  return bytes
end

describe("an idle connection holds", function()
  after_each(fixture.clean)

  it("nothing in Lua while no handler has seen it", function() assert.is_true(measure "" < 16) end)

  it("a userdata and its place once a handler has", function()
    local bytes = measure "function server.OnConnect() end"
    assert.is_true(bytes > 100 and bytes < 210, tostring(bytes))
  end)

  it("what the script keeps of it, and no more", function()
    local bytes = measure "function server.OnConnect(conn) conn.data.name = 'x' end"
    assert.is_true(bytes > 200 and bytes < 340, tostring(bytes))
  end)
end)

describe("nothing is held by its own handlers:", function()
  after_each(fixture.clean)

  --- Makes some; they refer to themselves by a handler, are used, and then are nobody's.
  local function all_go(event, make, use)
    local seen = setmetatable({}, { __mode = "k" })
    for _ = 1, 5 do
      local made = make()
      made[event] = function() return made end
      seen[made] = true
      if use then use(made) end
    end
    clock.wait_for(function()
      collectgarbage()
      return next(seen) == nil
    end)
  end

  it("a server", function()
    all_go("OnMessage", function() return server.new { port = 0 } end, function(made)
      assert(made:start())
      websocket.connect(made.port):close()
      assert(made:stop())
    end)
    all_go("OnConnect", function() return sgc.server { server = server.new() } end)
    all_go("OnConnect", function() return broker.server { server = server.new() } end)
  end)

  local function dial()
    local made = fixture.server { protocols = { "esegece.com", "broker.esegece.com" } }
    local url = ("ws://127.0.0.1:%d/"):format(made.port)
    return function() return client.new { url = url } end
  end

  local function connect(made)
    assert(made:connect())
    assert(made:disconnect())
  end

  it("a client", function() all_go("OnMessage", dial(), connect) end)

  it("a protocol's client", function()
    local new = dial()
    all_go(
      "OnMessage",
      function() return sgc.client { client = new() } end,
      function(made) connect(made.client) end
    )
    all_go(
      "OnConnect",
      function() return broker.client { client = new() } end,
      function(made) connect(made.client) end
    )
    all_go("OnMQTTPublish", function() return mqtt.client { url = "mqtt://127.0.0.1:1" } end)
  end)

  it("but while it is started", function()
    local told = {}
    local port
    do
      local made = server.new { port = 0 }
      function made.OnMessage(conn, text)
        told[#told + 1] = text
        conn:write(text)
        if text == "stop" then made:stop() end
      end
      assert(made:start())
      port = made.port
    end
    collectgarbage()
    collectgarbage()
    local peer = websocket.connect(port)
    peer:send "hello"
    assert.equal("hello", (peer:read()))
    collectgarbage()
    peer:send "stop"
    clock.wait_for(function() return told[2] end)
    peer:close()
  end)
end)
