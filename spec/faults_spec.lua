--- What the system does to a program that runs: a disk without room, a clock that is set, a process
--- that is stopped for a while, peers that are gone without a word.
local attack = require "spec.support.attack"
local clock = require "spec.support.clock"
local ffi = require "ffi"
local fixture = require "spec.support.fixture"
local http = require "spec.support.http"
local process = require "spec.support.process"
local socket = require "spec.support.socket"
local timer = require "perilune.timer"

ffi.cdef [[
  int setsockopt(int fd, int level, int name, const void *value, unsigned int len);
  void __tsan_init(void);
]]

local TCP, TCP_REPAIR = 6, 19
local PATIENT = 20 -- seconds: the machine may be busy

local function assert_within(seconds, f, what) assert.is_truthy(clock.try(f, seconds), what) end

--- Waits until the log has this, as it is.
local function wait_log(program, text)
  assert_within(PATIENT, function()
    program:read()
    return program.errors:find(text, 1, true)
  end, text)
end

describe("a disk that is full", function()
  after_each(fixture.clean)

  local SCRIPT = [[
    local server = require("perilune.server").new {
      port = 0,
      log_file = "disk/messages.log",
      http_upload_files = { stream_type = "file", save_directory = "disk" },
    }
    function server.OnMessage(conn, text) conn:write(#text) end
    function server.OnCommandGet(_, request, response) response.content_text = "ok" end
    assert(server:start())
  ]]

  local LARGE = ("x"):rep(300000)
  local TYPE = "Content-Type: multipart/form-data; boundary=B"

  local function post(port, bytes)
    local head = "--B\r\nContent-Disposition: form-data; name=f; filename=f\r\n\r\n"
    local body = head .. bytes .. "\r\n--B--"
    return http.request(port, "/", { method = "POST", headers = { TYPE }, body = body }).status
  end

  --- The program with a disk of 256 KiB of its own; where that is for others.
  local function start()
    local path, folder = fixture.script(SCRIPT)
    folder:write("disk/filler", "")
    local mount = 'mount -t tmpfs -o size=256k perilune "$1/disk" && exec "$2" "$3"'
    local program = process.start {
      "unshare",
      "--mount",
      "sh",
      "-c",
      mount,
      "sh",
      folder.path,
      process.PERILUNE,
      path,
    }
    local port = program:wait_port()
    return program, port, ("/proc/%d/root%s/disk"):format(program.pid, folder.path)
  end

  local function names(folder) return process.run({ "ls", "-A", folder }).output end

  it("refuses uploads, keeps nothing of them, and takes those that have room", function()
    local program, port, disk = start()
    for _ = 1, 3 do
      assert.equal(507, post(port, LARGE))
      assert.equal(200, http.request(port, "/").status)
    end
    assert.equal("messages.log\n", names(disk))
    assert.equal(200, post(port, "small"))
    assert.equal("f\nmessages.log\n", names(disk))
    program:signal "TERM"
    assert.equal(0, program:wait(PATIENT))
  end)

  it("loses lines of log_file, says so, and goes on with whole ones", function()
    local program, port, disk = start()
    local peer = fixture.connect { port = port }
    local function say(text)
      peer:send(text)
      assert.equal(tostring(#text), peer:read(PATIENT))
    end
    say "before"
    process.run { "sh", "-c", ('head -c 300000 /dev/zero >"%s/filler"'):format(disk) }
    for _ = 1, 10 do
      say(("y"):rep(20000))
    end
    wait_log(program, "entries are lost: ")
    assert.equal(200, http.request(port, "/").status)
    assert(os.remove(disk .. "/filler"))
    local function has_after()
      say "after"
      local file = assert(io.open(disk .. "/messages.log"))
      local text = file:read "*a"
      file:close()
      return text:find " text: after\n" and text
    end
    local text
    assert_within(PATIENT, function()
      text = has_after()
      return text
    end)
    -- What was cut stands in a line of its own.
    for line in text:gmatch "[^\n]+" do
      local starts = select(2, line:gsub("127%.0%.0%.1:%d+ %a+ %d%d%d%d%-", ""))
      assert.is_true(starts <= 1, line:sub(1, 200))
    end
    program:signal "TERM"
    assert.equal(0, program:wait(PATIENT))
  end)

  it("does not mind where its output goes", function()
    local path = fixture.script [[
      local log = require "perilune.log"
      local server = require("perilune.server").new { port = tonumber(arg[1]) }
      function server.OnCommandGet(_, request, response)
        log.warn "asked"
        print "asked"
        response.content_text = "ok"
      end
      assert(server:start())
    ]]
    for _, streams in ipairs { ">/dev/full 2>/dev/full", ">&- 2>&- <&-" } do
      local port = socket.free_port()
      local line = ('exec "$0" "$1" %d %s'):format(port, streams)
      local program = process.start { "sh", "-c", line, process.PERILUNE, path }
      assert_within(PATIENT, function()
        local ok, answer = pcall(http.request, port, "/")
        return ok and answer and answer.status == 200
      end, streams)
      for _ = 1, 20 do
        assert.equal("ok", http.request(port, "/").body)
      end
      program:signal "TERM"
      assert.equal(0, program:wait(PATIENT))
    end
  end)
end)

describe("a clock that is set", function()
  after_each(fixture.clean)

  local DAY = 86400
  local SCRIPT = [[
    local timer = require "perilune.timer"
    local server = require("perilune.server").new {
      port = 0,
      document_root = "public",
      session_state = true,
      session_timeout = 600,
      authentication = { auth_users = { "user=secret" }, public_paths = { "/file.txt", "/" } },
      heartbeat = { interval = 1, timeout = 20 },
      limits = { keep_alive = 60 },
    }
    local ticks = 0
    timer.every(0.01, function() ticks = ticks + 1 end)
    function server.OnMessage(conn, text) conn:write(text) end
    function server.OnCommandGet(_, request, response)
      if request.document == "/file.txt" then return end
      local data = request.session.data
      data.count = (data.count or 0) + 1
      response.content_text = ("%d %d %d"):format(data.count, ticks, os.time())
    end
    assert(server:start())
  ]]

  --- libfaketime, wherever it is.
  local function library()
    local found = process.run {
      "sh",
      "-c",
      "ls /usr/lib/*/faketime/libfaketime.so.1 /usr/lib/faketime/libfaketime.so.1 2>/dev/null",
    }
    return assert(found.output:match "[^\n]+", "the package libfaketime is missing")
  end

  --- The program, and a function that sets its clock so many seconds from the machine's.
  local function start()
    local path, folder = fixture.script(SCRIPT)
    folder:write("public/file.txt", "the text")
    local offset = folder:write("offset", "+0")
    local program = process.perilune({ path }, {
      env = {
        LD_PRELOAD = library(),
        FAKETIME_TIMESTAMP_FILE = offset,
        FAKETIME_NO_CACHE = "1",
        FAKETIME_DONT_FAKE_MONOTONIC = "1",
        ASAN_OPTIONS = (os.getenv "ASAN_OPTIONS" or "") .. ":verify_asan_link_order=0",
      },
    })
    return program,
      program:wait_port(),
      function(seconds)
        -- In one step: half a number would be another time.
        folder:write("offset.new", ("%+d"):format(seconds))
        assert(os.rename(folder.path .. "/offset.new", offset))
      end
  end

  local MONTHS = "JanFebMarAprMayJunJulAugSepOctNovDec"

  --- Seconds of an HTTP date since 1970.
  local function seconds_of(date)
    local day, month, year, hour, min, sec = date:match "(%d+) (%a+) (%d+) (%d+):(%d+):(%d+) GMT"
    local fields = { day = day, year = year, hour = hour, min = min, sec = sec, isdst = false }
    fields.month = (MONTHS:find(month, 1, true) + 2) / 3
    local zone = os.time() - os.time(os.date "!*t")
    return os.time(fields) + zone
  end

  -- libfaketime does not begin beside the thread sanitizer.
  local check = pcall(function() return ffi.C.__tsan_init end) and function() end or it
  check("forward and back ends no session, no connection and no timer", function()
    local program, port, set = start()
    local peer = fixture.connect(
      { port = port },
      { path = "/", headers = {
        "Authorization: Basic dXNlcjpzZWNyZXQ=",
      } }
    )
    local first = http.request(port, "/")
    assert.equal(200, first.status)
    local cookies = first.headers["set-cookie"]
    local cookie = (type(cookies) == "table" and cookies[1] or cookies):match "^[^;]+"
    local count, ticks = 1, 0
    local kept = socket.connect(port)
    for _, offset in ipairs { 400 * DAY, -400 * DAY, 0, 3 * DAY, -DAY, 0 } do
      set(offset)
      timer.sleep(0.2)
      kept:send(http.compose("/", { headers = { "Cookie: " .. cookie } }))
      local answer = assert(http.read(kept))
      count = count + 1
      local said, now, time = answer.body:match "^(%d+) (%d+) (%d+)$"
      assert.equal(count, tonumber(said)) -- the session is the same one
      assert.is_true(tonumber(now) > ticks, "a timer has stopped")
      ticks = tonumber(now)
      assert.is_true(math.abs(tonumber(time) - os.time() - offset) < 60, "the clock is not set")
      local date = seconds_of(answer.headers.date)
      assert.is_true(math.abs(date - tonumber(time)) < 60, answer.headers.date)
      -- RFC 9110 8.8.2.1: never later than Date.
      local file = http.request(port, "/file.txt")
      assert.equal("the text", file.body)
      assert.is_true(
        seconds_of(file.headers["last-modified"]) <= seconds_of(file.headers.date),
        ("%s is later than %s"):format(file.headers["last-modified"], file.headers.date)
      )
      peer:send "still there"
      assert.equal("still there", peer:read(PATIENT))
    end
    program:signal "TERM"
    assert.equal(0, program:wait(PATIENT))
  end)
end)

describe("a process that is stopped for a while", function()
  after_each(fixture.clean)

  local SERVER = [[
    local server = require("perilune.server").new {
      port = 0, metrics = true,
      heartbeat = { interval = 0.3, timeout = 1, type = "always" },
      limits = { write_timeout = 1, handshake_timeout = 1, header_timeout = 1 },
    }
    function server.OnMessage(conn, text)
      local over = os.clock() + (tonumber(text) or 0)
      repeat until os.clock() > over
      conn:write(text)
    end
    function server.OnCommandGet(_, request, response) response.content_text = "ok" end
    assert(server:start())
  ]]

  local CLIENT = [[
    local client = require("perilune.client").new {
      url = "ws://127.0.0.1:" .. arg[1], heartbeat = false,
      watchdog = { interval = 0.2 },
    }
    local conns = 0
    function client.OnConnect() conns = conns + 1 print("connected " .. conns) end
    client:start()
  ]]

  local function metric(port, name)
    local text = http.request(port, "/metrics").body
    return tonumber(text:match("\n" .. name .. " (%d+)"))
  end

  it("holds its connections against nobody when it goes on", function()
    local program = process.perilune { "--workers", "2", (fixture.script(SERVER)) }
    local port = program:wait_port()
    local peer = fixture.connect { port = port }
    timer.sleep(0.6) -- a ping waits for its answer
    program:signal "STOP"
    -- Its time is over when the program goes on, and the answer has come meanwhile.
    peer:send "meanwhile"
    timer.sleep(2)
    program:signal "CONT"
    assert.equal("meanwhile", peer:read(PATIENT))
    assert.equal(0, metric(port, "perilune_heartbeat_timeouts_total"))
    peer:close()
    program:signal "TERM"
    assert.equal(0, program:wait(PATIENT))
  end)

  it("by a handler, too", function()
    local program = process.perilune { (fixture.script(SERVER)) }
    local port = program:wait_port()
    local waiting, busy = fixture.connect { port = port }, fixture.connect { port = port }
    timer.sleep(0.6)
    busy:send "2"
    timer.sleep(0.2)
    waiting:send "meanwhile"
    assert.equal("meanwhile", waiting:read(PATIENT))
    assert.equal("2", busy:read(PATIENT))
    assert.equal(0, metric(port, "perilune_heartbeat_timeouts_total"))
    program:kill()
  end)

  it("as a peer is dropped in time, and comes back", function()
    local program = process.perilune { (fixture.script(SERVER)) }
    local port = program:wait_port()
    local peer = process.perilune { (fixture.script(CLIENT)), tostring(port) }
    peer:wait_output "connected 1\n"
    peer:signal "STOP"
    assert_within(
      PATIENT,
      function() return metric(port, "perilune_heartbeat_timeouts_total") == 1 end
    )
    peer:signal "CONT"
    peer:wait_output("connected 2\n", PATIENT)
    peer:signal "TERM"
    assert.equal(0, peer:wait(PATIENT))
  end)

  it("as a server is why a client's calls end in time", function()
    local program = process.perilune { (fixture.script(SERVER)) }
    local port = program:wait_port()
    program:signal "STOP"
    local one = require("perilune.client").new {
      url = "ws://127.0.0.1:" .. port,
      connect_timeout = 0.5,
    }
    local ok, _, code = one:connect()
    assert.is_nil(ok)
    assert.equal("ETIMEDOUT", code)
    local got, _, why =
      require("perilune.http").get(("http://127.0.0.1:%d/"):format(port), { timeout = 0.5 })
    assert.is_nil(got)
    assert.equal("ETIMEDOUT", why)
    program:signal "CONT"
    assert.equal(200, http.request(port, "/").status)
  end)
end)

describe("a peer that is gone without a word", function()
  after_each(fixture.clean)

  --- Takes the socket away: nothing is sent, and what comes later is answered with RST.
  local function vanish(peer)
    local yes = ffi.new("int[1]", 1)
    assert(
      ffi.C.setsockopt(peer.fd, TCP, TCP_REPAIR, yes, ffi.sizeof(yes)) == 0,
      "no CAP_NET_ADMIN"
    )
    peer:close()
  end

  it("is forgotten, in whichever state it was", function()
    local ended = 0
    local made = fixture.server({
      heartbeat = { interval = 0.3, timeout = 1 },
      limits = { header_timeout = 1, keep_alive = 1, handshake_timeout = 1 },
    }, {
      OnDisconnect = function() ended = ended + 1 end,
      OnCommandGet = function(_, _, response) response.content_text = "ok" end,
    })
    local COUNT = 20
    local before = attack.descriptors()
    for i = 1, COUNT do
      local silent, half, idle =
        socket.connect(made.port), socket.connect(made.port), socket.connect(made.port)
      half:send "GET / HTTP/1.1\r\nHo"
      idle:send(http.compose "/")
      assert.equal(200, assert(http.read(idle)).status)
      local open = fixture.connect(made)
      clock.wait_for(function() return made:count() == i - ended end)
      vanish(silent)
      vanish(half)
      vanish(idle)
      vanish(open.socket)
    end
    assert_within(PATIENT, function() return made:count() == 0 and ended == COUNT end)
    assert_within(PATIENT, function() return attack.descriptors() <= before end, "they stay open")
    assert.equal(200, http.request(made.port, "/").status)
  end)
end)
