--- Servers, clients, peers and folders of one test; `after_each(fixture.clean)` ends them all.
local client = require "perilune.client"
local clock = require "spec.support.clock"
local files = require "spec.support.files"
local process = require "spec.support.process"
local server = require "perilune.server"
local socket = require "spec.support.socket"
local websocket = require "spec.support.websocket"

local fixture = {}

local peers, servers, clients, folders = {}, {}, {}, {}

--- A server on a free port, not yet started.
function fixture.new_server(options)
  options = options or {}
  options.port = options.port or 0
  local made = server.new(options)
  servers[#servers + 1] = made
  return made
end

--- A server on a free port, started. `events` are its handlers.
function fixture.server(options, events)
  local made = fixture.new_server(options)
  for name, handler in pairs(events or {}) do
    made[name] = handler
  end
  assert(made:start())
  return made
end

--- A client that is not started; `to` is a server, or options.
function fixture.new_client(to, options, events)
  local complete = { connect_timeout = 5 }
  if type(to) == "userdata" then to = { url = ("ws://127.0.0.1:%d/"):format(to.port) } end
  for _, given in ipairs { to, options or {} } do
    for name, value in pairs(given) do
      complete[name] = value
    end
  end
  local made = client.new(complete)
  for name, handler in pairs(events or {}) do
    made[name] = handler
  end
  clients[#clients + 1] = made
  return made
end

--- A client that is connected.
function fixture.client(to, options, events)
  local made = fixture.new_client(to, options, events)
  assert(made:connect())
  return made
end

--- A WebSocket peer of the server.
function fixture.connect(to, options)
  local peer = websocket.connect(to.port, options)
  peers[#peers + 1] = peer.socket
  return peer
end

--- A WebSocket peer, and the server's connection of it.
function fixture.pair(to, options)
  local known = {}
  for _, description in ipairs(to:connections()) do
    known[description.guid] = true
  end
  local peer = fixture.connect(to, options)
  local conn = clock.wait_for(function()
    for _, description in ipairs(to:connections()) do
      if not known[description.guid] then return to:connection(description.guid) end
    end
  end)
  return peer, conn
end

--- A server that the test speaks for: a listener, see socket.listen.
function fixture.listener()
  local made = socket.listen()
  peers[#peers + 1] = made
  return made
end

--- The next connection of a listener.
function fixture.accept(listener)
  local peer = assert(listener:accept(), "nobody came")
  peers[#peers + 1] = peer
  return peer
end

--- A TCP connection to the server.
function fixture.socket(to, options)
  local peer = socket.connect(to.port, options)
  peers[#peers + 1] = peer
  return peer
end

function fixture.folder()
  local folder = files.folder()
  folders[#folders + 1] = folder
  return folder
end

--- Writes a script into a new folder; returns its path and the folder.
function fixture.script(text)
  local folder = fixture.folder()
  return folder:write("script.lua", text), folder
end

--- Runs a script to its end with these arguments: the process, with code, output, errors.
function fixture.run(text, ...)
  local path = fixture.script(text)
  return process.run { process.PERILUNE, path, ... }
end

local function take_all(list, f)
  while #list > 0 do
    f(table.remove(list))
  end
end

function fixture.clean()
  take_all(peers, function(peer) peer:close() end)
  take_all(clients, function(made) made:disconnect() end)
  take_all(servers, function(made)
    if made.active then made:stop() end
  end)
  process.kill_all()
  take_all(folders, function(folder) folder:remove() end)
end

return fixture
