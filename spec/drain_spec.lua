--- The end of servers and programs: `limits.drain_time`, `limits.accept_rate`, what is waited for.
-- covers: server/stop.c
local clock = require "spec.support.clock"
local fixture = require "spec.support.fixture"
local process = require "spec.support.process"
local random = require("perilune.core.text").random
local socket = require "spec.support.socket"
local task = require "perilune.task"
local timer = require "perilune.timer"

local SCRIPT = [[
  local timer = require "perilune.timer"
  local server = require("perilune.server").new { port = 0, limits = { close_timeout = %s } }
  function server.OnCommandGet(conn, request, response)
    timer.sleep(0.5)
    response.content_text = "answered"
  end
  function server.OnShutdown()
    %s
    print "shut down"
  end
  timer.every(0.1, function() end)
  assert(server:start())
]]

describe("a server that stops", function()
  after_each(fixture.clean)

  local function count_of(list)
    local count = 0
    for _ in pairs(list) do
      count = count + 1
    end
    return count
  end

  --- Clients of a server, and when each of them heard of its end, in seconds from now.
  local function open(server, count)
    local began = clock.now()
    local ended = {}
    for i = 1, count do
      local client = fixture.client(server)
      client.OnDisconnect = function(_, code, reason)
        ended[i] = { at = clock.now() - began, code = code, reason = reason }
      end
    end
    clock.wait_for(function() return server:count() == count end)
    began = clock.now()
    return ended
  end

  it("spreads its Closes over limits.drain_time", function()
    local server = fixture.server { limits = { drain_time = 1 } }
    local ended = open(server, 20)
    local half
    task.start(function()
      timer.sleep(0.5)
      half = count_of(ended)
    end)
    assert(server:stop())
    clock.wait_for(function() return count_of(ended) == 20 end)
    assert.is_true(half >= 2 and half <= 18, half)
    for _, each in pairs(ended) do
      assert.same({ 1001, "server stops" }, { each.code, each.reason })
      assert.is_true(each.at < 5)
    end
  end)

  it("serves its sessions until then, and nobody else", function()
    local server = fixture.server { limits = { drain_time = 30 } }
    server.OnMessage = function(conn, text) conn:write("again " .. text) end
    local ended = open(server, 10)
    local heard
    local client = fixture.client(server, nil, {
      OnMessage = function(_, text) heard = text end,
    })
    local port = server.port
    local stopping = task.start(function() return server:stop() end)
    clock.wait_for(function() return count_of(ended) == 1 end)
    assert(client:write "a")
    clock.wait_for(function() return heard == "again a" end)
    assert.is_false((pcall(socket.connect, port)))
    server:disconnect_all()
    assert(stopping:wait(5))
    assert.equal(10, count_of(ended))
  end)

  it("sends who reads slowly what was written before", function()
    local server = fixture.server { throttle = { write = 4000000 } }
    local size = 300000
    local got = 0
    local client = fixture.new_client(server)
    client.OnBinary = function(_, bytes) got = got + #bytes end
    assert(client:connect())
    clock.wait_for(function() return server:count() == 1 end)
    local block = random(1000):rep(size / 1000)
    assert(server:broadcast_binary(block))
    timer.sleep(0.01)
    assert(server:broadcast_binary(block))
    assert(server:stop())
    clock.wait_for(function() return got == 2 * size end)
  end)

  it("takes no more than limits.accept_rate connections a second", function()
    local server = fixture.server { limits = { accept_rate = 50 } }
    local arrived = 0
    server.OnTCPConnect = function()
      arrived = arrived + 1
      return true
    end
    local began = clock.now()
    for _ = 1, 30 do
      fixture.socket(server)
    end
    timer.sleep(0.05)
    assert.is_true(arrived < 20, arrived)
    clock.wait_for(function() return arrived == 30 end)
    local took = clock.now() - began
    assert.is_true(took > 0.4, took)
  end)

  it("answers, when the program ends, requests whose handlers wait", function()
    local running = process.perilune { (fixture.script(SCRIPT:format("5", ""))) }
    local port = running:wait_port()
    local peer = socket.connect(port)
    assert(peer:send "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    timer.sleep(0.1)
    running:signal "TERM"
    local answer = peer:read_all()
    assert.matches("^HTTP/1.1 200 OK\r\n", answer)
    assert.matches("\r\nConnection: close\r\n", answer)
    assert.matches("answered$", answer)
    assert.equal(0, running:wait())
    assert.matches("shut down", running.output)
  end)

  it("ends in order when a signal comes behind os.exit", function()
    local running = process.perilune {
      (
        fixture.script(
          SCRIPT:format("5", "timer.sleep(0.4)") .. "timer.after(0, function() os.exit(3) end)"
        )
      ),
    }
    running:wait_port()
    timer.sleep(0.1)
    running:signal "TERM"
    assert.equal(3, running:wait())
    assert.matches("shut down", running.output)
  end)

  it("has the program wait for OnShutdown", function()
    local running = process.perilune { (fixture.script(SCRIPT:format("5", "timer.sleep(0.3)"))) }
    running:wait_port()
    running:signal "TERM"
    assert.equal(0, running:wait())
    assert.matches("shut down", running.output)
  end)

  it("does not have it wait for longer than limits.close_timeout", function()
    local running = process.perilune { (fixture.script(SCRIPT:format("0.2", "timer.sleep(60)"))) }
    running:wait_port()
    running:signal "TERM"
    assert.equal(0, running:wait())
    assert.not_matches("shut down", running.output)
    assert.matches("the program ends before OnShutdown has returned", running.errors)
  end)
end)
