--- `perilune attach`, and what answers it.
-- covers: internal/attached.lua internal/attach_command.lua internal/alive.lua net/local.c
-- covers: worker/control.c lua/lua_control.c
local attached = require "perilune.internal.attached"
local clock = require "spec.support.clock"
local control = require "perilune.core.control"
local files = require "spec.support.files"
local fixture = require "spec.support.fixture"
local json = require "perilune.json"
local lines = require "perilune.internal.lines"
local process = require "spec.support.process"
local pty = require "spec.support.terminal"
local task = require "perilune.task"
local timer = require "perilune.timer"

local PATIENCE = 30

local APP = [[
  local timer = require "perilune.timer"
  local server = require("perilune.server").new { port = 0 }
  counter = 5
  function count() local n = 0 while counter do n = n + 1 end end
  function boom() error "boom" end
  function nap(seconds) timer.sleep(seconds) return "rested" end
  function server.OnCommandGet(_, _, response) response.content_text = "hi" end
  assert(server:start())
]]

local folder, path, program

--- Runs the application with a control socket.
local function start(workers)
  program = process.perilune {
    "--workers",
    tostring(workers or 1),
    "--control",
    path,
    (fixture.script(APP)),
  }
  program:wait_port()
end

local function attach(...) return process.run { process.PERILUNE, "attach", path, ... } end

--- What it prints for a piece of Lua; the exit code, what is on standard error.
local function evaluated(lua, ...)
  local run = attach("-e", lua, ...)
  return run.output, run.code, run.errors
end

--- A connection of our own: what comes is decoded.
local function connect()
  local answers = task.queue(100000)
  local input = lines.new "\n"
  local socket = assert(control.connect(path, function(event, _, bytes)
    if event == "closed" then return answers:close() end
    for line in input:take(bytes) do
      answers:push(assert(json.decode(line)), 0)
    end
  end))
  return {
    socket = socket,
    send = function(lua) assert(socket:write(assert(json.encode { lua = lua }) .. "\n")) end,
    pop = function() return answers:pop(PATIENCE) end,
  }
end

local function read_all(name)
  local file = io.open(name, "rb")
  if not file then return nil end
  local text = file:read "*a"
  file:close()
  return text
end

local function exists(name) return process.run({ "test", "-e", name }).code == 0 end

describe("perilune attach", function()
  before_each(function()
    folder = files.folder()
    path = folder.path .. "/control"
  end)

  after_each(function()
    fixture.clean()
    folder:remove()
  end)

  it("shows what an expression is, in the state of the script", function()
    start()
    assert.same({ '1\n"a"\nnil\n', 0, "" }, { evaluated "1, 'a', nil" })
    assert.same({ "6\n", 0, "" }, { evaluated "= counter + 1" })
    assert.same({ "", 0, "" }, { evaluated "counter = 7; more = true" })
    assert.same({ "7\ntrue\n", 0, "" }, { evaluated "return counter, more" })
    assert.equal(program:wait_port() .. "\n", (evaluated "servers[1].port"))
    assert.equal("{}\n", (evaluated "clients"))
    assert.equal('1\ttea\n"rested"\n', (evaluated "print(1, 'tea') return nap(0.05)"))
    program:read()
    assert.is_nil(program.output:find "tea")
  end)

  it("says what is wrong, with a traceback, and the state lives on", function()
    start()
    local output, code, errors = evaluated "boom() return 1"
    assert.same({ "", 1 }, { output, code })
    assert.matches(
      "boom\nstack traceback:.*in function 'boom'.*attached:1: in main chunk\n$",
      errors
    )
    output, code, errors = evaluated "x y"
    assert.same({ "", 1, "attached:1: '=' expected near 'y'\n" }, { output, code, errors })
    assert.matches("not complete", select(3, evaluated "for i = 1, 2 do"))
    assert.equal("{ code = 1 }\n", select(3, evaluated "error { code = 1 }"):match "^[^\n]*\n")
    assert.equal("5\n", (evaluated "counter"))
    program:read()
    assert.matches("attached to this worker: process %d+ of user %d+\n", program.errors)
  end)

  it("takes a chunk from standard input", function()
    start()
    local run = process.start({ process.PERILUNE, "attach", path }, { input = "pipe" })
    run:send "local a = 1\nlocal b = 2\n"
    run:send "return a + b\n"
    run:finish()
    assert.same({ 0, "3\n", "" }, { run:wait(), run.output, run.errors })
    assert.equal(0, process.run({ process.PERILUNE, "attach", path }).code)
  end)

  it("reaches each worker, or all", function()
    start(3)
    local lua = "counter = 'counter of ' .. require('perilune.worker').id"
    assert.equal("worker 1:\nworker 2:\nworker 3:\n", (evaluated(lua, "--worker", "all")))
    assert.equal('"counter of 1"\n', (evaluated "counter"))
    assert.equal('"counter of 3"\n', (evaluated("counter", "-w", "3")))
    assert.equal(
      'worker 1:\n"counter of 1"\nworker 2:\n"counter of 2"\nworker 3:\n"counter of 3"\n',
      (evaluated("counter", "-w", "all"))
    )
    assert.matches("no such socket", select(3, evaluated("1", "-w", "4")))
  end)

  it("refuses wrong usage with 2, and nobody there with 1", function()
    start()
    for _, words in ipairs { { "-w", "0" }, { "-w", "x" }, { "--timeout", "0" }, { "x", "y" } } do
      assert.equal(2, attach(unpack(words)).code)
    end
    local env = { PERILUNE_CONTROL = false }
    assert.equal(2, process.run({ process.PERILUNE, "attach" }, { env = env }).code)
    env.PERILUNE_CONTROL = path
    local run = process.run({ process.PERILUNE, "attach", "-e", "counter" }, { env = env })
    assert.same({ 0, "5\n" }, { run.code, run.output })
    assert.matches(
      "%-%-timeout SECONDS",
      process.run({ process.PERILUNE, "attach", "--help" }).output
    )
    path = path .. "x"
    local _, code, errors = evaluated "1"
    assert.equal(1, code)
    assert.matches("x: there is no such socket", errors)
  end)

  it("interrupts what takes too long, whether it waits or not", function()
    start()
    for _, lua in ipairs {
      "while true do end",
      "while true do pcall(function() while true do end end) end",
      "nap(1000)",
      "local t = {} for i = 1, 1e12 do t[i % 100] = i end",
      "count()",
      "for i = 1, 2 do pcall(count) end return 1",
    } do
      local output, code, errors = evaluated(lua, "--timeout", "0.3")
      assert.same({ "", 1 }, { output, code }, lua)
      assert.matches("^interrupted\n", errors)
    end
    assert.equal("5\n", (evaluated "counter"))
  end)

  it("holds up neither the server nor others while it waits", function()
    start()
    local one, two = connect(), connect()
    assert.equal(1, one.pop().worker)
    assert.equal(1, two.pop().workers)
    one.send "nap(1000)"
    two.send "nap(0.01)"
    assert.same({ values = { '"rested"' } }, two.pop())
    assert.equal(
      "hi",
      require("perilune.http").get(("http://127.0.0.1:%d/"):format(program:wait_port())).text
    )
    one.send "return 2"
    one.send "return 3"
    one.socket:write "\3"
    for _ = 1, 3 do
      assert.matches("^interrupted", one.pop().error)
    end
    one.send "return 4"
    assert.same({ values = { "4" } }, one.pop())
    one.socket:close()
    two.socket:close()
  end)

  it("interrupts what nobody waits for any more", function()
    start()
    local run =
      process.start { process.PERILUNE, "attach", path, "-e", "started = 1 while true do end" }
    timer.sleep(0.3)
    run:kill()
    assert.equal("1\n", (evaluated "started"))
    run = process.start { process.PERILUNE, "attach", path, "-e", "pcall(nap, 1000) ended = true" }
    timer.sleep(0.3)
    run:kill()
    assert.truthy(clock.try(function() return evaluated "ended" == "true\n" end, PATIENCE))
  end)

  it("keeps to its limits", function()
    start()
    local limits, peer = attached.limits, connect()
    peer.pop()
    peer.send "for i = 1, 1e5 do print(('x'):rep(100)) end return 1"
    local size = 0
    local answer
    repeat
      answer = peer.pop()
      size = size + #(answer.print or "")
    until not answer.print
    assert.same({ values = { "1" } }, answer)
    assert.is_true(size <= limits.output + 100 and size > limits.output / 2)
    peer.send "nap(1000)"
    for _ = 1, limits.chunks + 1 do
      peer.send "return 1"
    end
    assert.equal("too many chunks wait", peer.pop().error)
    peer.socket:close()
    peer = connect()
    peer.pop()
    peer.socket:write '{"lua": 1}\nnonsense\n'
    assert.matches("a line of JSON", peer.pop().error)
    assert.matches("a line of JSON", peer.pop().error)
    peer.socket:write(('"'):rep(limits.chunk + 1))
    assert.matches("at most 1048576 bytes", peer.pop().error)
    assert.same({ nil, "the queue is closed", "ECLOSED" }, { peer.pop() })
    local peers = {}
    for i = 1, limits.sessions do
      peers[i] = connect()
      assert.equal(1, peers[i].pop().worker)
    end
    assert.matches("too many are attached", connect().pop().error)
    for i = 1, limits.sessions do
      peers[i].socket:close()
    end
    assert.truthy(clock.try(function() return evaluated "1" == "1\n" end, PATIENCE))
  end)

  it("is what goes first of what one does not read", function()
    start()
    local peer = connect()
    peer.pop()
    for _ = 1, 20 do
      peer.send "for i = 1, 1e4 do print(('x'):rep(100)) end"
    end
    for _ = 1, 20 do
      local answer
      repeat
        answer = peer.pop()
      until not answer or not answer.print
      if not answer then break end
    end
    assert.equal("5\n", (evaluated "counter"))
    peer.socket:close()
  end)

  it("talks in a terminal: lines, history, more lines, Ctrl-C", function()
    start()
    local run = pty.start { process.PERILUNE, "attach", path }
    run:wait_output "1> $"
    run:send "counter\r"
    run:wait_output "\n5\r\n.*1> $"
    run:send "for i = 1, 2 do\r"
    run:wait_output "1>> $"
    run:send "print('n' .. i)\r"
    run:wait_output "1>> [^\n]*\n.*1>> $"
    run:send "end\r"
    run:wait_output "n1\r\nn2\r\n"
    run:send "\27[A\27[A\27[A\27[A\r" -- history
    run:wait_output "n2.*\n5\r\n"
    run:send "boom()\r"
    run:wait_output "boom\r\nstack traceback"
    run:send "while true do end\r"
    timer.sleep(0.6)
    run:send "\3"
    run:wait_output "interrupted\r\n"
    run:send "nap(1000)\r"
    timer.sleep(0.6)
    run:send "\3"
    run:wait_output "interrupted\r\n.*interrupted\r\n"
    run:send "_ = nil return 8\r"
    run:wait_output "\n8\r\n"
    run:send "_ + 1\r"
    run:wait_output "\n9\r\n"
    run:send "\4"
    assert.equal(0, run:wait())
  end)

  it("ends with the program, whose files go", function()
    start(2)
    local run = pty.start { process.PERILUNE, "attach", path }
    run:wait_output "1> $"
    assert.same({ true, true }, { exists(path), exists(path .. ".2") })
    program:signal "TERM"
    assert.equal(0, program:wait())
    assert.same({ false, false }, { exists(path), exists(path .. ".2") })
    run:send "1\r"
    assert.equal(1, run:wait())
  end)

  it("is not there unless it is asked for", function()
    local script = fixture.script 'print(require("perilune.core.control").enabled)'
    assert.equal("false\n", process.run({ process.PERILUNE, script }).output)
    local env = { PERILUNE_CONTROL = path }
    assert.equal("true\n", process.run({ process.PERILUNE, script }, { env = env }).output)
    local run = process.run { process.PERILUNE, "--check", "--control", path, script }
    assert.same({ 0, false }, { run.code, exists(path) })
    assert.equal(2, process.run({ process.PERILUNE, "--control" }).code)
    assert.equal(2, process.run({ process.PERILUNE, "--control", path, "test" }).code)
  end)

  it("replaces what a killed process has left, nothing else", function()
    start(2)
    local script = fixture.script(APP)
    local function again()
      return process.run { process.PERILUNE, "--workers", "2", "--control", path, script }
    end
    local run = again()
    assert.equal(1, run.code)
    assert.matches("another program listens there", run.errors)
    assert.equal("5\n", (evaluated "counter"))
    program:kill()
    assert.is_true(exists(path))
    assert.matches("nobody listens there any more", select(3, evaluated "1"))
    program = process.perilune { "--workers", "2", "--control", path, script }
    program:wait_port()
    assert.equal("5\n", (evaluated("counter", "-w", "2")))
    program:kill()
    os.remove(path)
    folder:write("control", "mine")
    run = again()
    assert.same({ 1, "mine" }, { run.code, read_all(path) })
    assert.matches("no socket", run.errors)
    path = folder.path .. "/" .. ("x"):rep(120)
    assert.matches("too long", again().errors)
  end)

  it("answers the same user and root alone", function()
    start()
    assert.equal("600 socket\n", process.run({ "stat", "-c", "%a %F", path }).output)
    local other = { "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups" }
    local program_of_other = {
      "/usr/bin/python3",
      "-c",
      "import socket, sys\ns = socket.socket(socket.AF_UNIX)\n"
        .. "s.connect(sys.argv[1])\nprint(s.recv(9))",
      path,
    }
    for _, word in ipairs(program_of_other) do
      other[#other + 1] = word
    end
    assert.matches("PermissionError", process.run(other).errors)
    process.run { "chmod", "755", folder.path }
    process.run { "chmod", "777", path }
    assert.equal("b''\n", process.run(other).output)
    program:read()
    assert.matches("user 65534 may not attach", program.errors)
  end)
end)
