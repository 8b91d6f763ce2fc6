--- Foreign servers for our clients: each runs by its arguments in a folder of its own, on ports
--- that were free, is waited for, and is ended by its id. A peer that is missing or does not start
--- is an error with what it wrote.
local clock = require "spec.support.clock"
local fixture = require "spec.support.fixture"
local json = require "perilune.json"
local process = require "spec.support.process"
local socket = require "spec.support.socket"
local timer = require "perilune.timer"

local TRIES = 3 -- a free port may be taken before the program has it
local END = 5 -- seconds for a program to end when it is asked to
local READ = 0.05 -- seconds between reading what it writes, so that a full pipe never stops it

local peers = {}
local Peer = {}
Peer.__index = Peer

local started = {}

local function track(peer)
  started[#started + 1] = peer
  peer.reader = timer.every(READ, function()
    if not peer.process.code then peer.process:read() end
  end)
  return setmetatable(peer, Peer)
end

local function answers(port)
  local ok, connection = pcall(socket.connect, port)
  if ok then connection:close() end
  return ok
end

--- One attempt: the peer, or nil when the program ended.
local function attempt(options)
  local ports = {}
  for i = 1, options.ports or 1 do
    ports[i] = socket.free_port()
  end
  local folder = fixture.folder()
  local argv = options.argv(folder, unpack(ports))
  local run = process.start(argv, { folder = options.folder, env = options.env })
  local peer = { process = run, port = ports[1], ports = ports, folder = folder }
  local ready = clock.try(function()
    if run:poll() then return "ended" end
    run:read()
    for _, port in ipairs(ports) do
      if not answers(port) then return false end
    end
    return "ready"
  end, options.patience)
  if ready == "ready" and not run:poll() then return peer end
  local said = run.output .. run.errors
  if not run.code then run:kill() end
  return nil, said
end

--- Starts a program on ports that are given to it.
---@param options table `argv(folder, port, …)` gives the program and its arguments; `ports` how
--- many it needs; `patience` the seconds that it has to answer; `folder` and `env` as of
--- process.start.
function peers.start(options)
  local peer, said
  for _ = 1, TRIES do
    peer, said = attempt(options)
    if peer then return track(peer) end
  end
  error("the peer does not start: " .. said, 2)
end

--- Starts a program that chooses its ports and prints them: "listening on 1234", or a JSON line
--- with `ports`.
function peers.announced(argv, options)
  local run = process.start(argv, options)
  local peer = track { process = run }
  local line = run:wait_output("^(.-)\n")
  if line:sub(1, 1) == "{" then
    peer.ports = json.decode(line).ports
  else
    peer.port = tonumber(line:match "listening on (%d+)$")
    assert(peer.port, line)
  end
  return peer
end

--- What it has told as JSON lines since the last call.
function Peer:events()
  if self.process.code == nil then self.process:read() end
  local list = {}
  local output, from = self.process.output, self.read_to or 1
  for line, stop in output:sub(from):gmatch "([^\n]*)\n()" do
    if line:sub(1, 1) == "{" then list[#list + 1] = json.decode(line) end
    self.read_to = from + stop - 1
  end
  return list
end

--- Waits for an event of which `test` is true.
function Peer:wait_event(test)
  self.pending = self.pending or {}
  return clock.wait_for(function()
    for _, event in ipairs(self:events()) do
      table.insert(self.pending, event)
    end
    for i, event in ipairs(self.pending) do
      if test(event) then
        table.remove(self.pending, i)
        return event
      end
    end
  end)
end

--- What it has written: its output and its errors.
function Peer:log()
  if not self.process.code then self.process:read() end
  return self.process.output .. self.process.errors
end

--- Ends it: first it is asked to.
function Peer:stop()
  self.reader:cancel()
  if self.process.code then return end
  self.process:signal "TERM"
  clock.try(function()
    self.process:read()
    return self.process:poll()
  end, END)
  self.process:kill()
end

--- Ends all, and what fixture knows of; for after_each or teardown.
function peers.clean()
  while #started > 0 do
    table.remove(started):stop()
  end
  fixture.clean()
end

--- f for `it`, which shows what the peers have written when it throws.
function peers.telling(f)
  return function()
    local trouble
    local ok = xpcall(f, function(message) trouble = { message } end)
    if ok then return end
    for _, peer in ipairs(started) do
      local said = peer:log()
      io.stderr:write(("-- peer %d wrote:\n%s\n"):format(peer.process.pid, said:sub(-4000)))
    end
    error(trouble[1], 0)
  end
end

return peers
