--- What a client means to the program: it lives as long as a client does, and ends in order.
local clock = require "spec.support.clock"
local fixture = require "spec.support.fixture"
local process = require "spec.support.process"
local recorder = require "spec.support.recorder"
local socket = require "spec.support.socket"
local websocket = require "spec.support.websocket"

local HEAD = [[
local client = require("perilune.client").new {
  url = arg[1],
  connect_timeout = 5,
  watchdog = arg[2] == "watchdog" and { interval = 0.05 } or false,
}
local timer = require "perilune.timer"
local function stay() print "now" timer.sleep(99) end
]]

local function url_of(made) return ("ws://127.0.0.1:%d/"):format(made.port) end

local function free_url()
  local listener = socket.listen()
  local port = listener.port
  listener:close()
  return ("ws://127.0.0.1:%d/"):format(port)
end

local function start(text, ...)
  local path = fixture.script(HEAD .. text)
  return process.perilune { path, ... }
end

local function run(text, ...)
  local path = fixture.script(HEAD .. text)
  return process.run { process.PERILUNE, path, ... }
end

--- A server, and the ends of its connections.
local function watched()
  local seen, events = recorder.new()
  local made = fixture.server(nil, {
    OnDisconnect = events.OnDisconnect,
    OnMessage = function(conn, text) conn:write(text) end,
  })
  return made, seen
end

describe("a program with a client", function()
  after_each(fixture.clean)

  it("lives until the client stops", function()
    local made, seen = watched()
    local done = run(
      [[
      function client.OnConnect(conn) conn:write "hello" end
      function client.OnMessage(_, text) print(text) client:stop() end
      function client.OnDisconnect(_, code) print(code) end
      assert(client:start())
    ]],
      url_of(made)
    )
    assert.same({ 0, "hello\n1000\n", "" }, { done.code, done.output, done.errors })
    recorder.assert_seen({ "disconnect 1000 " }, seen)
  end)

  it("lives when nobody holds the client", function()
    local made = watched()
    local done = run(
      [[
      do
        local one = client
        function one.OnConnect(conn) collectgarbage() conn:write "hello" end
        function one.OnMessage(conn, text) print(text) conn:close() end
        one:start()
      end
      client = nil
      collectgarbage()
      collectgarbage()
    ]],
      url_of(made)
    )
    assert.same({ 0, "hello\n", "" }, { done.code, done.output, done.errors })
  end)

  it("ends with 1 when the start was in vain and nothing else runs", function()
    local done = run("client:start()", free_url())
    assert.equal(1, done.code)
    assert.matches("perilune: .*127.0.0.1:%d+.*refused", done.errors)
    done = run("client.OnError = print\nclient:start()", free_url())
    assert.equal(1, done.code)
    assert.matches("^nil%s+.*refused%s+ECONNREFUSED", done.output)
  end)

  it("ends with 0 when something else ran", function()
    local done = run(
      [[
      client:start()
      timer.after(0.1, function() print "done" end)
    ]],
      free_url()
    )
    assert.same({ 0, "done\n" }, { done.code, done.output })
  end)

  it("leaves a failed connect to the script", function()
    local done = run("print(client:connect())\n", free_url())
    assert.equal(0, done.code)
    assert.matches("^nil%s+.*refused%s+ECONNREFUSED\n$", done.output)
    done = run("if not client:connect() then os.exit(3) end", free_url())
    assert.equal(3, done.code)
  end)

  it("only checks with --check", function()
    local path = fixture.script(HEAD .. "assert(client:start()) assert(client:connect())")
    local done = process.run { process.PERILUNE, "--check", path, free_url() }
    assert.same({ 0, "" }, { done.code, done.errors })
  end)

  it("says goodbye with 1001 when it ends", function()
    for _, how in ipairs { "signal", "exit" } do
      local made, seen = watched()
      local running = start(
        [[
        function client.OnConnect(conn) conn:write(arg[3]) end
        function client.OnMessage(_, text) if text == "exit" then os.exit(4) end end
        client:start()
      ]],
        url_of(made),
        "watchdog",
        how
      )
      if how == "signal" then
        clock.wait_for(function() return made:count() == 1 end)
        running:signal "TERM"
      end
      assert.equal(how == "exit" and 4 or 0, running:wait(), running.errors)
      assert.equal("", running.errors)
      recorder.assert_seen({ "disconnect 1001 " }, seen)
      made:stop()
    end
  end)

  it("ends when the main script throws or exits behind the start", function()
    local made = watched()
    local done = run("client:start() error 'broken'", url_of(made))
    assert.equal(1, done.code)
    assert.matches("broken", done.errors)
    done = run("client:start() os.exit(5)", url_of(made))
    assert.same({ 5, "" }, { done.code, done.errors })
    done = run("client:connect() os.exit(5)", url_of(made))
    assert.same({ 5, "" }, { done.code, done.errors })
  end)

  it("ends in every phase of a client", function()
    local phases = {
      before_connect = "function client.OnBeforeConnect() stay() end",
      handshake = "function client.OnHandshake() stay() end",
      answer = "function client.OnHandshake() print 'now' end",
      watchdog = "function client.OnError() end function client.OnBeforeWatchDog() stay() end",
      waiting = "function client.OnError() print 'now' end",
    }
    for phase, text in pairs(phases) do
      local listener = fixture.listener()
      local url = (phase == "watchdog" or phase == "waiting") and free_url() or url_of(listener)
      local running = start(text .. "\nclient:start()", url, "watchdog")
      running:wait_output "now"
      running:signal "TERM"
      assert.equal(0, running:wait(), phase .. ": " .. running.errors)
      assert.equal("", running.errors, phase)
    end
  end)

  it("ends right behind a TLS handshake that failed, whose server stays", function()
    local listener = fixture.listener()
    local url = ("wss://127.0.0.1:%d/"):format(listener.port)
    local running = start("function client.OnError() os.exit(7) end client:start()", url)
    fixture.accept(listener):send "HTTP/1.1 400 Bad Request\r\n\r\n"
    assert.equal(7, running:wait(), running.errors)
    assert.equal("", running.errors)
  end)

  it("ends while tasks wait for the client", function()
    local listener = fixture.listener()
    for _, text in ipairs {
      "print 'now' client:connect(60)",
      "timer.after(0.01, function() print 'now' os.exit(0) end) client:connect(60)",
      "client:start() print 'now' client:connect(60)",
    } do
      local running = start(text, url_of(listener))
      running:wait_output "now"
      running:signal "TERM"
      assert.equal(0, running:wait(), running.errors)
      assert.equal("", running.errors)
    end
    listener = fixture.listener()
    local running =
      start("client:connect() print 'now' client:write_and_wait('x', 60)", url_of(listener))
    local peer = websocket.serve(fixture.accept(listener))
    running:wait_output "now"
    assert.equal("x", peer:read())
    running:signal "TERM"
    local code = peer:read_close()
    peer.socket:close()
    assert.equal(0, running:wait(), running.errors)
    assert.equal(1001, code)
  end)
end)
