local capture = require "spec.support.capture"
local certificates = require "spec.support.certificates"
local clock = require "spec.support.clock"
local ffi = require "ffi"
local fixture = require "spec.support.fixture"
local fs = require "perilune.fs"
local http = require "spec.support.http"
local servers = require "perilune.server"
local timer = require "perilune.timer"

ffi.cdef [[
  struct watchdog_sockaddr { uint16_t family; uint8_t port[2]; uint8_t rest[124]; };
  int getsockname(int fd, void *address, unsigned int *len);
  int getsockopt(int fd, int level, int name, void *value, unsigned int *len);
  int shutdown(int fd, int how);
]]

local C = ffi.C
local SOL_SOCKET, SO_ACCEPTCONN, SHUT_RDWR = 1, 30, 2

--- Makes the socket that listens on a port of this process stop to listen.
local function break_listener(port)
  local name = ffi.new "struct watchdog_sockaddr"
  local value, len = ffi.new "int[1]", ffi.new "unsigned int[1]"
  for fd = 3, 200 do
    len[0] = ffi.sizeof(name)
    if C.getsockname(fd, name, len) == 0 and name.port[0] * 256 + name.port[1] == port then
      len[0] = 4
      local known = C.getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, value, len) == 0
      if known and value[0] == 1 then return assert(C.shutdown(fd, SHUT_RDWR) == 0) end
    end
  end
  error("nobody listens on " .. port)
end

local function free_port()
  local listener = fixture.listener()
  listener:close()
  return listener.port
end

describe("a server's watchdog", function()
  after_each(fixture.clean)

  it("starts a server again whose socket has gone", function()
    local port, started = free_port(), 0
    local server = fixture.server(
      { port = port, watchdog = { interval = 0.1 }, metrics = true },
      { OnStartup = function() started = started + 1 end }
    )
    assert.equal(200, http.request(port, "/readyz").status)
    break_listener(port)
    clock.wait_for(function() return started == 2 end)
    assert.equal(200, http.request(port, "/readyz").status)
    assert.is_true(server.active)
    server:stop()
    timer.sleep(0.3)
    assert.is_false(server.active)
    assert.equal(2, started)
  end)

  it("starts a server again that nobody else refers to, when it can", function()
    local port, started, folder = free_port(), 0, fixture.folder().path .. "/of_log"
    assert(fs.mkdir(folder))
    local made = assert(servers.new {
      port = port,
      watchdog = { interval = 0.1 },
      log_file = folder .. "/messages.log",
    })
    local function on_startup()
      started = started + 1
      return started
    end
    made.OnStartup = on_startup
    assert(made:start())
    local seen = setmetatable({ made }, { __mode = "v" })
    made = nil -- luacheck: ignore 311
    assert(os.rename(folder, folder .. "_away"))
    local log = capture(function()
      break_listener(port)
      local stopped = 0
      clock.wait_for(function()
        collectgarbage()
        if seen[1] and not seen[1].active then stopped = stopped + 1 end
        return stopped > 30 or not seen[1]
      end)
    end)
    assert.matches("watchdog: ", log)
    assert(os.rename(folder .. "_away", folder))
    clock.wait_for(function() return started == 2 end)
    seen[1]:stop()
  end)

  it("starts none again that was stopped, and none that is well", function()
    local started = 0
    local server = fixture.server(
      { watchdog = { interval = 0.1, monitor = { timeout = 2 } }, protocols = { "chat" } },
      { OnStartup = function() started = started + 1 end }
    )
    timer.sleep(0.5)
    assert.equal(1, started)
    assert.is_true(server:restart())
    timer.sleep(0.3)
    assert.equal(2, started)
    server:stop()
    timer.sleep(0.3)
    assert.equal(2, started)
  end)

  it("connects to a server that has TLS alone", function()
    local folder, came = certificates.folder "localhost", 0
    local server = fixture.server({
      tls = folder,
      watchdog = { interval = 0.1, monitor = { timeout = 2 } },
    }, { OnConnect = function() came = came + 1 end })
    clock.wait_for(function() return came >= 2 end)
    assert.is_true(server.active)
  end)

  it("takes a refusal for an answer, and silence for none", function()
    local started, silent, asked = 0, false, 0
    local server = fixture.server({ watchdog = { interval = 0.1, monitor = { timeout = 0.3 } } }, {
      OnStartup = function() started = started + 1 end,
      OnHandshake = function()
        asked = asked + 1
        return false
      end,
      OnTCPConnect = function()
        if silent then timer.sleep(1) end
        return true
      end,
    })
    clock.wait_for(function() return asked >= 2 end)
    assert.equal(1, started)
    silent = true
    clock.wait_for(function() return started >= 2 end)
    silent = false
    local before = asked
    clock.wait_for(function() return asked >= before + 2 end)
    server:stop()
  end)

  it("gives up after so many attempts", function()
    local port = free_port()
    local server = fixture.server { port = port, watchdog = { interval = 0.1, attempts = 2 } }
    local blocker
    server.OnShutdown = function()
      blocker = blocker or fixture.new_server { port = port }
      if not blocker.active then assert(blocker:start()) end
    end
    break_listener(port)
    clock.wait_for(function() return blocker and blocker.active and not server.active end)
    timer.sleep(0.8)
    blocker:stop()
    timer.sleep(0.5)
    assert.is_false(server.active)
    assert.is_true(server:start())
    server.OnShutdown = nil
  end)

  it("counts attempts that fail in a row", function()
    local port, started = free_port(), 0
    fixture.server(
      { port = port, watchdog = { interval = 0.1, attempts = 1 } },
      { OnStartup = function() started = started + 1 end }
    )
    for round = 2, 4 do
      break_listener(port)
      clock.wait_for(function() return started == round end)
      timer.sleep(0.3) -- it is found well
    end
  end)

  it("does not keep a program whose server has stopped", function()
    local ended = fixture.run [[
      local server = require("perilune.server").new { port = 0, watchdog = { interval = 60 } }
      assert(server:start())
      server:stop()
    ]]
    assert.equal(0, ended.code, ended.errors)
  end)

  it("takes what its options can be", function()
    local new = require("perilune.server").new
    assert.has_error(function() new { watchdog = { interval = 0 } } end)
    assert.has_error(function() new { watchdog = { attempts = -1 } } end)
    assert.has_error(function() new { watchdog = { monitor = { time = 1 } } } end)
    assert.is_truthy(new { watchdog = { monitor = true } })
    assert.is_truthy(new { watchdog = false })
  end)
end)
