--- A server that runs out of what the system gives. "D-…" are numbers of the project's list of
--- attacks.
local attack = require "spec.support.attack"
local clock = require "spec.support.clock"
local fixture = require "spec.support.fixture"
local http = require "spec.support.http"
local process = require "spec.support.process"
local socket = require "spec.support.socket"
local timer = require "perilune.timer"

local SCRIPT = [[
  local made = require("perilune.server").new { port = 0, heartbeat = false }
  function made.OnMessage(conn, text) conn:write(text) end
  function made.OnCommandGet(_, _, response) response.content_text = "ok" end
  assert(made:start())
]]

--- Seconds of processor time that a process has used.
local function processor_time(pid)
  local file = assert(io.open(("/proc/%d/stat"):format(pid)))
  local text = file:read "*a"
  file:close()
  local fields = {}
  for field in text:match("%) (.*)$"):gmatch "%S+" do
    fields[#fields + 1] = field
  end
  return (fields[12] + fields[13]) / 100 -- user and system, in ticks
end

describe("D-37 a program without descriptors", function()
  local DESCRIPTORS, CLIENTS = 256, 400
  local program, port

  before_each(function()
    local path = fixture.script(SCRIPT)
    local line = ('ulimit -n %d; exec "$0" "$1"'):format(DESCRIPTORS)
    program = process.start { "sh", "-c", line, process.PERILUNE, path }
    port = program:wait_port()
  end)
  after_each(fixture.clean)

  it("serves whom it has, does not spin, says so once, and goes on when there are some", function()
    local bystander = fixture.connect { port = port }
    local clients = {}
    for i = 1, CLIENTS do
      clients[i] = socket.connect(port) -- those beyond wait in the kernel
    end
    timer.sleep(0.3)
    local before, began = processor_time(program.pid), clock.now()
    while clock.now() - began < 1 do
      bystander:send "still there"
      assert.equal("still there", bystander:read(attack.SOON * 5))
      timer.sleep(0.05)
    end
    local used = processor_time(program.pid) - before
    assert.is_true(used < 0.2, ("it spins: %.2f s of processor time in one"):format(used))
    program:read()
    local told = select(2, program.errors:gsub("connections have to wait: [^\n]*\n", ""))
    assert.equal(1, told, program.errors)
    for i = 1, CLIENTS / 2 do
      clients[i]:close()
    end
    local freed, last = clock.now(), clients[CLIENTS]
    last:send(http.compose "/")
    assert.equal(200, assert(http.read(last, nil, 20)).status)
    local waited = clock.now() - freed
    assert.is_true(waited < 1, ("they wait for %.2f s"):format(waited))
    for i = CLIENTS / 2 + 1, CLIENTS do
      clients[i]:send(http.compose("/", { headers = { "Connection: close" } }))
      assert.equal(200, assert(http.read(clients[i])).status)
      clients[i]:close()
    end
    assert.equal(200, http.request(port, "/").status)
    bystander:close()
    program:signal "TERM"
    assert.equal(0, program:wait())
  end)
end)

describe("D-37 a half-closed connection", function()
  after_each(fixture.clean)

  it("gets its answer, and holds nothing afterwards", function()
    local made, bystander = attack.target()
    attack.assert_nothing_stays(function()
      for _ = 1, 20 do
        local peer = socket.connect(made.port)
        peer:send(http.compose "/")
        peer:shutdown()
        assert.equal(200, assert(http.read(peer)).status)
        assert.equal("end", select(2, peer:read_all(2)))
        peer:close()
      end
      attack.assert_others_answered(made, bystander)
    end)
  end)
end)
