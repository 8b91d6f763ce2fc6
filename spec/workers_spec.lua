-- covers: worker/worker.c server/group.c server/reach.c server/roster.c
local clock = require "spec.support.clock"
local fixture = require "spec.support.fixture"
local json = require "perilune.json"
local process = require "spec.support.process"
local socket = require "spec.support.socket"
local websocket = require "spec.support.websocket"

local PEERS = 12

-- A server that does what the peer says: { "name of a function of the server", arguments }.
local SERVER = [[
  json = require "perilune.json"
  shared = require "perilune.shared"
  timer = require "perilune.timer"
  worker = require "perilune.worker"
  server = require("perilune.server").new { port = 0, limits = { close_timeout = 2 } }
  function server.OnConnect(conn)
    conn:subscribe "room"
    conn:write(json.encode { guid = conn.guid, worker = worker.id })
  end
  function server.OnMessage(conn, text)
    local call = json.decode(text)
    local name = table.remove(call, 1)
    local results
    if name == "say" then
      return server:broadcast(call[1], "room")
    elseif name == "exit" then
      os.exit(call[1])
    elseif name == "hang" then
      local until_then = os.clock() + call[1]
      repeat until os.clock() > until_then
    else
      results = { server[name](server, unpack(call)) }
      results[1] = results[1] or false
    end
    conn:write(json.encode(results or {}))
  end
  assert(server:start())
  print("worker " .. worker.id .. " of " .. worker.count)
]]

--- A program with that many workers, all of which serve; and its port.
local function start(workers, text)
  local path = fixture.script(text or SERVER)
  local running = process.perilune { "--workers", tostring(workers), path }
  local port = running:wait_port()
  running:wait_output(("worker %d of %d"):format(workers, workers))
  return running, port
end

--- A peer with what the server told it: guid and worker.
local function connect(port)
  local peer = fixture.connect { port = port }
  local told = json.decode(assert(peer:read()))
  peer.guid, peer.worker = told.guid, told.worker
  return peer
end

--- Peers, at least one with each of two workers.
local function connect_all(port, count)
  local peers, seen = {}, {}
  for i = 1, count do
    peers[i] = connect(port)
    seen[peers[i].worker] = peers[i]
  end
  while not (seen[1] and seen[2]) do
    local peer = connect(port)
    seen[peer.worker] = peer
    peers[#peers + 1] = peer
  end
  return peers, seen
end

local function call(peer, ...)
  peer:send(json.encode { ... })
  return json.decode(assert(peer:read()))
end

describe("workers:", function()
  after_each(fixture.clean)

  it("one line says that the program listens", function()
    local running = start(3)
    running:signal "TERM"
    assert.equal(0, running:wait())
    local _, lines = running.output:gsub("listening on", "")
    assert.equal(1, lines)
    assert.equal("", running.errors)
  end)

  it("all see one order of what is said", function()
    local _, port = start(2)
    local peers = connect_all(port, PEERS)
    for i = 1, 20 do
      for j, peer in ipairs(peers) do
        peer:send(json.encode { "say", i .. "." .. j })
      end
    end
    local first = {}
    for i = 1, 20 * #peers do
      first[i] = assert(peers[1]:read())
    end
    for j = 2, #peers do
      for i = 1, #first do
        assert.equal(first[i], (peers[j]:read()))
      end
    end
  end)

  it("counts, lists, writes, pings and ends everywhere", function()
    local _, port = start(2)
    local peers, of = connect_all(port, PEERS)
    assert.same({ #peers }, call(of[1], "count"))
    local list = call(of[2], "connections")[1]
    local workers = {}
    for _, one in ipairs(list) do
      workers[one.guid] = one.worker
    end
    for _, peer in ipairs(peers) do
      assert.equal(peer.worker, workers[peer.guid])
    end
    assert.equal(#peers, #list)

    assert.same({ true }, call(of[1], "write", of[2].guid, "to you"))
    assert.equal("to you", (of[2]:read()))
    assert.same({ #peers }, call(of[1], "ping"))
    assert.equal(websocket.PING, of[2]:read_frame().opcode)

    assert.same({ true }, call(of[1], "disconnect", of[2].guid, 4001))
    assert.equal(4001, (of[2]:read_close()))
    clock.wait_for(function() return call(of[1], "count")[1] == #peers - 1 end)
    assert.equal("ENOENT", call(of[1], "disconnect", "0001" .. ("A"):rep(28))[3])
    assert.equal("ENOENT", call(of[1], "disconnect", "0003" .. ("A"):rep(28))[3])
    of[1]:send(json.encode { "disconnect_all", 4002 })
    assert.equal(4002, (of[1]:read_close()))
  end)

  it("limits of connections are the program's", function()
    local _, port = start(2, (SERVER:gsub("limits = {", "limits = { connections = 3,")))
    for _ = 1, 3 do
      connect(port)
    end
    assert.has_error(function() connect(port) end)
  end)

  it("one that hangs does not hold up the others", function()
    local _, port = start(2)
    local _, of = connect_all(port, 2)
    of[2]:send(json.encode { "hang", 1 })
    local begin = clock.now()
    of[1]:send(json.encode { "say", "still here" })
    assert.equal("still here", (of[1]:read()))
    assert.is_true(clock.now() - begin < 0.5)
  end)

  it("TERM ends all, in order", function()
    local running, port = start(2)
    local peers = connect_all(port, PEERS)
    running:signal "TERM"
    for _, peer in ipairs(peers) do
      assert.equal(1001, (peer:read_close()))
      peer.socket:close()
    end
    assert.equal(0, running:wait())
    assert.equal("", running.errors)
  end)

  it("os.exit in any ends all", function()
    for id = 1, 2 do
      local running, port = start(2)
      local peers, of = connect_all(port, 2)
      of[id]:send(json.encode { "exit", 5 })
      for _, peer in ipairs(peers) do
        assert.equal(1001, (peer:read_close()))
        peer.socket:close()
      end
      assert.equal(5, running:wait())
    end
  end)

  it("a script that does not load is said once", function()
    local path = fixture.script "error 'it is broken'"
    local run = process.run { process.PERILUNE, "--workers", "3", path }
    assert.equal(1, run.code)
    local _, times = run.errors:gsub("it is broken", "")
    assert.equal(1, times)
  end)

  it("one that fails later ends all and is named", function()
    local run = process.run {
      process.PERILUNE,
      "--workers",
      "3",
      (fixture.script [[
          local worker = require "perilune.worker"
          if worker.id == 2 then error "not me" end
          require("perilune.timer").sleep(60)
        ]]),
    }
    assert.equal(1, run.code)
    assert.matches("perilune: worker 2: .*not me", run.errors)
  end)

  it("a port in use is seen", function()
    local path = fixture.script [[
      local server = require("perilune.server").new { port = tonumber(arg[1]) }
      print(server:start())
    ]]
    local _, port = start(2)
    for _, workers in ipairs { "1", "2" } do
      local run = process.run { process.PERILUNE, "--workers", workers, path, tostring(port) }
      assert.equal(1, run.code)
      assert.matches("nil\tcannot listen on 127.0.0.1 port %d+: address already in use", run.output)
      local _, times = run.errors:gsub("address already in use", "")
      assert.equal(1, times)
    end
  end)

  it("the program ends when none has anything to do", function()
    local run = process.run {
      process.PERILUNE,
      "--workers=3",
      (fixture.script [[
          local worker = require "perilune.worker"
          require("perilune.timer").after(worker.id * 0.05, function() print(worker.id) end)
        ]]),
    }
    assert.equal(0, run.code)
    assert.equal("1\n2\n3\n", run.output)
  end)

  it("a server in one worker only serves", function()
    local path = fixture.script [[
      local worker = require "perilune.worker"
      if worker.id == 2 then
        local server = require("perilune.server").new { port = 0 }
        function server.OnCommandGet(_, _, response) response.content_text = "from " .. worker.id end
        assert(server:start())
      end
    ]]
    local running = process.perilune { "--workers", "2", path }
    local peer = socket.connect(running:wait_port())
    peer:send "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    assert.matches("from 2$", (peer:read_all()))
    peer:close()
    running:signal "TERM"
    assert.equal(0, running:wait())
  end)

  it("restarts at the same port while the others serve on", function()
    local running, port = start(2, SERVER .. [[
        if worker.id == 2 then
          timer.sleep(0.1)
          assert(server:restart())
          print("again at " .. server.port)
        end
      ]])
    assert.equal(port, tonumber(running:wait_output "again at (%d+)"))
    connect_all(port, 2)
  end)

  it("are from 1 to 256", function()
    local path = fixture.script "print(arg[1])"
    for _, arguments in ipairs {
      { "--workers=0", path },
      { "--workers", "257", path },
      { "--workers", "one", path },
      { "--workers" },
    } do
      local run = process.run { process.PERILUNE, unpack(arguments) }
      assert.equal(2, run.code)
      assert.matches("--workers takes a number from 1 to 256", run.errors, 1, true)
    end
    local run = process.run { process.PERILUNE, "--workers", "2", "test", path }
    assert.equal(2, run.code)
    assert.matches("test runs in one worker", run.errors, 1, true)
    assert.equal("a\n", process.run({ process.PERILUNE, "--workers=1", path, "a" }).output)
  end)
end)
