-- covers: worker/watch.c lua/lua_where.c net/notify.c net/inherited.c
local clock = require "spec.support.clock"
local ffi = require "ffi"
local fixture = require "spec.support.fixture"
local http = require "spec.support.http"
local process = require "spec.support.process"
local timer = require "perilune.timer"

ffi.cdef [[
  struct operations_sockaddr_un { unsigned short family; char path[108]; };
  int socket(int domain, int type, int protocol);
  int bind(int fd, const void *address, unsigned int len);
  ssize_t recv(int fd, void *data, size_t len, int flags);
  int getpid(void);
]]

local C = ffi.C
local AF_UNIX, SOCK_DGRAM, MSG_DONTWAIT, FAMILY_SIZE = 1, 2, 0x40, 2

--- Plays systemd: what the program says to the socket of this name.
local function supervisor(name)
  local address = ffi.new "struct operations_sockaddr_un"
  address.family = AF_UNIX
  ffi.copy(address.path, (name:gsub("^@", "\0")), #name)
  local fd = C.socket(AF_UNIX, SOCK_DGRAM, 0)
  assert(C.bind(fd, address, FAMILY_SIZE + #name) == 0)
  finally(function() C.close(fd) end)
  local heard = {}
  local function listen()
    local room = ffi.new "char[1024]"
    while true do
      local len = tonumber(C.recv(fd, room, 1024, MSG_DONTWAIT))
      if len < 0 then return heard end
      heard[#heard + 1] = { text = ffi.string(room, len), time = timer.now() }
    end
  end
  return {
    name = name,
    listen = listen,
    --- How many said this, so far.
    count = function(text)
      local count = 0
      for _, each in ipairs(listen()) do
        if each.text:find(text, 1, true) then count = count + 1 end
      end
      return count
    end,
  }
end

local serial = 0
local function abstract()
  serial = serial + 1
  return supervisor(("@perilune/spec/%d/%d"):format(C.getpid(), serial))
end

local SERVER = [[
  local worker = require "perilune.worker"
  local server = require("perilune.server").new { port = tonumber(arg[1]) or 0, metrics = true }
  function server.OnMessage(conn, text)
    if text == "hang" then while true do end end
    local over = os.clock() + tonumber(text)
    repeat until os.clock() > over
    conn:write("worker " .. worker.id)
  end
  assert(server:start())
  print("worker " .. worker.id)
]]

local function start(text, options)
  local arguments = { "--workers", tostring(options.workers or 1), (fixture.script(text)) }
  return process.perilune(arguments, { env = options.env })
end

describe("a supervisor", function()
  after_each(fixture.clean)

  for _, kind in ipairs { "path", "abstract" } do
    it("hears when the program is ready and when it stops, at a socket of kind " .. kind, function()
      local systemd = kind == "abstract" and abstract()
        or supervisor(fixture.folder().path .. "/notify")
      local running = start(SERVER, { workers = 2, env = { NOTIFY_SOCKET = systemd.name } })
      local port = running:wait_port()
      clock.wait_for(function() return systemd.count "READY=1" == 1 end)
      assert.equal(200, http.request(port, "/healthz").status)
      assert.is_truthy(running.output:find "worker 2" or running:wait_output "worker 2")
      assert.equal(0, systemd.count "STOPPING=1")
      running:signal "TERM"
      assert.equal(0, running:wait())
      assert.equal(1, systemd.count "STOPPING=1")
      assert.equal(2, #systemd.listen())
    end)
  end

  it("hears of no readiness before the script is", function()
    local systemd = abstract()
    local running = start(
      [[
      local timer = require "perilune.timer"
      print "loading"
      timer.sleep(0.5)
      assert(require("perilune.server").new({ port = 0 }):start())
      print "loaded"
      timer.sleep(1000)
    ]],
      { env = { NOTIFY_SOCKET = systemd.name } }
    )
    running:wait_output "loading"
    assert.equal(0, systemd.count "READY=1")
    running:wait_output "loaded"
    clock.wait_for(function() return systemd.count "READY=1" == 1 end)
  end)

  it("hears nothing of readiness from a script that fails", function()
    local systemd = abstract()
    local running = start("error 'no'", { env = { NOTIFY_SOCKET = systemd.name } })
    assert.equal(1, running:wait())
    assert.equal(0, systemd.count "READY=1")
  end)

  it("hears that all is well until a worker is stuck", function()
    for _, workers in ipairs { 1, 2 } do
      local systemd = abstract()
      local running = start(SERVER, {
        workers = workers,
        env = { NOTIFY_SOCKET = systemd.name, WATCHDOG_USEC = "1000000" },
      })
      local port = running:wait_port()
      running:wait_output("worker " .. workers)
      clock.wait_for(function() return systemd.count "WATCHDOG=1" >= 3 end)
      -- One connection to a worker that is not the first, where there are two.
      local peer
      repeat
        peer = fixture.connect { port = port }
        peer:send "0"
      until peer:read() == "worker " .. workers
      peer:send "hang"
      timer.sleep(1)
      local said = systemd.count "WATCHDOG=1"
      timer.sleep(1)
      assert.equal(said, systemd.count "WATCHDOG=1")
      running:kill()
    end
  end)
end)

describe("a handler", function()
  after_each(fixture.clean)

  it("that holds its worker is told of, with its line, and counted", function()
    local running = start(SERVER, { env = { PERILUNE_SLOW_HANDLER = "0.1" } })
    local port = running:wait_port()
    local peer = fixture.connect { port = port }
    peer:send "0.2"
    assert(peer:read())
    clock.wait_for(function()
      running:read()
      return running.errors:find "slow: OnMessage, [^\n]*lua:3 has held its worker for 0%.%d+ s"
    end)
    local text = http.request(port, "/metrics").body
    assert.is_truthy(text:find("\nperilune_slow_handlers_total 1\n", 1, true))
    local quick = tonumber(text:match 'loop_turn_seconds_bucket{le="0.1"} (%d+)')
    assert.equal(quick + 1, tonumber(text:match "loop_turn_seconds_count (%d+)"))
  end)

  it("is held to the usual time when another one cannot be read, and that is told of", function()
    for _, text in ipairs { "abc", "50ms", "-1", "nan" } do
      local run = start("print 'ran'", { env = { PERILUNE_SLOW_HANDLER = text } })
      assert.equal(0, run:wait())
      local told = "PERILUNE_SLOW_HANDLER is no time: it is not heeded"
      assert.is_truthy(run.errors:find(told, 1, true), text)
    end
  end)

  it("that is stuck is told of, with its line", function()
    local running = start(SERVER, { workers = 2 })
    local peer = fixture.connect { port = running:wait_port() }
    peer:send "0"
    local number = peer:read()
    peer:send "hang"
    clock.wait_for(function()
      running:read()
      return running.errors:find(
        number .. " is stuck: for %d s it has been in OnMessage, [^\n]*script.lua:3\n"
      )
    end, 15)
    running:kill()
  end)
end)

describe("a socket that is there already", function()
  after_each(fixture.clean)

  local function free_port()
    local listener = fixture.listener()
    listener:close()
    return listener.port
  end

  --- Starts the server when somebody connects, as systemd does.
  local function activated(port, workers, address)
    return process.start {
      "systemd-socket-activate",
      "-l",
      (address or "127.0.0.1:%d"):format(port),
      process.PERILUNE,
      "--workers",
      tostring(workers),
      (fixture.script(SERVER)),
      tostring(port),
    }
  end

  for _, workers in ipairs { 1, 2 } do
    it("is used in place of one of its own, workers: " .. workers, function()
      local port = free_port()
      local running = activated(port, workers)
      clock.wait_for(function()
        running:read()
        return running.errors:find "Listening on"
      end)
      local peer = fixture.connect { port = port }
      peer:send "0"
      assert.is_truthy(peer:read():find "^worker %d$")
      assert.equal(200, http.request(port, "/readyz").status)
      running:signal "TERM"
      assert.equal(0, running:wait())
      assert.is_nil(running.errors:find "no server listens")
    end)
  end

  it("is told of when they are more than can be", function()
    local script = fixture.script [[ print "ran" ]]
    local command = 'LISTEN_PID=$$ LISTEN_FDS=$1 exec "$2" "$3"'
    for given, heeded in pairs { ["65"] = false, ["1x"] = false, ["0"] = true } do
      local run = process.start { "/bin/sh", "-c", command, "sh", given, process.PERILUNE, script }
      assert.equal(0, run:wait())
      assert.equal("ran\n", run.output)
      local told = run.errors:find("LISTEN_FDS is no number up to 64: it is not heeded", 1, true)
      assert.equal(heeded, told == nil, run.errors)
    end
  end)

  it("is told of when no server listens there", function()
    local port, other = free_port(), free_port()
    local running = process.start {
      "systemd-socket-activate",
      "-l",
      ("127.0.0.1:%d"):format(port),
      process.PERILUNE,
      (fixture.script(SERVER)),
      tostring(other),
    }
    clock.wait_for(function()
      running:read()
      return running.errors:find "Listening on"
    end)
    fixture.socket { port = port }
    clock.wait_for(function()
      running:read()
      return running.errors:find(
        ("no server listens on the socket that was given for 127.0.0.1 port %d"):format(port),
        1,
        true
      )
    end)
    running:kill()
  end)
end)
