--- What Lua holds for an idle connection; what C holds is in spec/session/memory_test.c.
local fixture = require "spec.support.fixture"
local http = require "spec.support.http"
local process = require "spec.support.process"
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
