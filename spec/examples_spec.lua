--- What the examples do, as a peer sees it. That each of them starts is seen by docs_spec.lua.
local clock = require "spec.support.clock"
local files = require "spec.support.files"
local fixture = require "spec.support.fixture"
local http = require "spec.support.http"
local process = require "spec.support.process"
local socket = require "spec.support.socket"
local websocket = require "spec.support.websocket"

describe("examples:", function()
  local peers = {}

  local function start(name) return process.perilune({ "examples/" .. name, "0" }):wait_port() end

  local function connect(port, path)
    local peer = websocket.connect(port, { path = path })
    peers[#peers + 1] = peer
    return peer
  end

  after_each(function()
    fixture.clean()
    while #peers > 0 do
      table.remove(peers).socket:close()
    end
  end)

  it("01-echo says back what it hears", function()
    local peer = connect(start "01-echo.lua")
    peer:send "hello"
    assert.same({ "hello", "text" }, { peer:read() })
    peer:send_binary "\0\255"
    assert.same({ "\0\255", "binary" }, { peer:read() })
  end)

  it("02-rooms has a room an address", function()
    local port = start "02-rooms.lua"
    local speaker, listener = connect(port, "/tea"), connect(port, "/tea")
    local other = connect(port, "/coffee")
    listener:ping ""
    other:ping ""
    speaker:send "hello"
    assert.equal("hello", listener:read())
    assert.is_true(speaker:is_silent(0.02))
    assert.is_true(other:is_silent(0.02))
  end)

  it("03-tasks works beside the conversation", function()
    local peer = connect(start "03-tasks.lua")
    peer:send "0.05 0.01 60"
    assert.equal("0.01 is done", peer:read())
    assert.equal("0.05 is done", peer:read())
    peer:send "stop"
    assert.equal("stopped", peer:read())
    assert.is_true(peer:is_silent(0.02))
  end)

  it("04-journal keeps what is said, and tells of edits", function()
    local folder = files.folder()
    local path = folder.path .. "/journal"
    local port = process.perilune({ "examples/04-journal.lua", "0", path }):wait_port()
    local peer = connect(port)
    peer:send "first"
    assert.equal("first", peer:read())
    assert.equal("first", connect(port):read())
    assert.is_true(peer:is_silent(0.1))
    folder:write("journal", "edited\n")
    assert.equal("(the journal was edited)", peer:read())
    assert.equal("edited", connect(port):read())
    folder:remove()
  end)

  it("05-console says what is typed", function()
    local run = process.start(
      { process.PERILUNE, "examples/05-console.lua", "0" },
      { input = "pipe" }
    )
    local peer = connect(run:wait_port())
    run:wait_output "%+ 127.0.0.1"
    run:send "hello all\n/who\n"
    assert.equal("hello all", peer:read())
    run:wait_output "%x+ 127.0.0.1\n"
    peer:send "\27[2J"
    run:wait_output '"\\27%[2J"'
    run:send "/stop\n"
    assert.equal(0, run:wait())
  end)

  it("06-bot stays connected", function()
    local heard = {}
    local made = fixture.server(nil, {
      OnMessage = function(_, text) heard[#heard + 1] = text end,
    })
    local port = made.port
    local url = ("ws://127.0.0.1:%d/"):format(port)
    local run = process.start { process.PERILUNE, "examples/06-bot.lua", url }
    clock.wait_for(function() return heard[1] end)
    made:broadcast "time"
    clock.wait_for(function() return heard[2] end)
    assert.equal("the bot is here", heard[1])
    assert.matches("^%d%d:%d%d:%d%d$", heard[2])
    made:stop()
    run:wait_output "lost the server:%s+1001"
    run:wait_output "attempt 1\n"
    local again = fixture.server({ port = port }, {
      OnMessage = function(_, text) heard[3] = text end,
    })
    assert.equal("the bot is here", clock.wait_for(function() return heard[3] end))
    run:signal "TERM"
    assert.equal(0, run:wait(), run.errors)
    clock.wait_for(function() return again:count() == 0 end)
  end)

  it("07-api asks for what it has given", function()
    local run = process.perilune { "examples/07-api.lua", "0" }
    assert.equal("feed the cat", run:wait_output "1\tbuy milk\n2\t([^\n]*)\n")
  end)

  it("08-download says how far it is", function()
    local folder = files.folder()
    local path = folder.path .. "/file"
    local run = process.perilune { "examples/08-download.lua", "0" }
    local port = run:wait_port()
    run:wait_output "10 %%, 65536 of 655360 bytes\n.*100 %%, .*file: 655360 bytes\n"
    local url = ("http://127.0.0.1:%d/"):format(port)
    process.perilune({ "examples/08-download.lua", "0", url, path }):wait_output ": 655360 bytes\n"
    local file = assert(io.open(path))
    assert.equal(("\0"):rep(655360), file:read "*a")
    file:close()
    folder:remove()
  end)

  it("09-events goes on where it was", function()
    local run = process.perilune { "examples/09-events.lua", "0" }
    run:wait_output "3\ttick\t[^\n]+\nthe server ended the stream\n4\ttick\t"
    run:signal "TERM"
    assert.equal(0, run:wait(), run.errors)
  end)

  it("10-forward is answered by one after the other", function()
    local run = process.perilune { "examples/10-forward.lua", "0" }
    local port = tonumber(run:wait_output "listening.*listening.*listening on http://[^ ]*:(%d+)/")
    assert.matches("^Ask for", http.request(port, "/").body)
    assert.equal("one, to 127.0.0.1\n", http.request(port, "/a").body)
    assert.equal("two, to 127.0.0.1\n", http.request(port, "/a").body)
  end)

  it("11-login asks for a password", function()
    local run = process.perilune { "examples/11-login.lua", "0" }
    local url = ("http://127.0.0.1:%d"):format(run:wait_port())
    local function curl(...)
      local run_curl = process.run { "curl", "-s", "-w", "%{http_code}", ... }
      return run_curl.output
    end
    assert.equal("Unauthorized\n401", curl(url))
    assert.equal("0 are here\n200", curl(url .. "/status"))
    assert.equal("hello, admin\n200", curl("-u", "admin:1234", url))
    assert.equal("hello, eve\n200", curl("-u", "eve:" .. os.date "!%A", url))
  end)

  it("12-lines talks to netcat and to WebSockets", function()
    local run = process.perilune { "examples/12-lines.lua", "0" }
    local port = run:wait_port()
    local peer = websocket.connect(port)
    local lines = socket.connect(port)
    lines:send "hello\n"
    assert.equal("tcp: is here\n", (peer:read()))
    assert.equal("tcp: hello\n", (peer:read()))
    peer:send "hello, too"
    assert.equal("rfc6455: hello, too\n", lines:read_through "\n")
    lines:close()
    assert.equal("tcp: has gone\n", (peer:read()))
    peer:close()
    run:signal "TERM"
    assert.equal(0, run:wait(), run.errors)
  end)

  it("13-operations counts what is said", function()
    local port = start "13-operations.lua"
    local peer = connect(port)
    peer:send "one two three"
    assert(peer:read())
    local text = http.request(port, "/metrics").body
    assert.is_truthy(text:find("\nwords_total 3\n", 1, true))
    assert.is_truthy(text:find('\nmessage_words_bucket{le="3"} 1\n', 1, true))
  end)
end)
