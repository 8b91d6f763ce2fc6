--- Debian's netcat speaks TCP to our server: lines on the port of HTTP and WebSocket.
local clock = require "spec.support.clock"
local fixture = require "spec.support.fixture"
local process = require "spec.support.process"

local NETCAT = "nc.openbsd"

--- What netcat prints that gets this as its input. Its input's end is the end of what it sends
--- (-N), not of what it reads.
local function pipe(input, port)
  local run = process.start({ NETCAT, "-N", "127.0.0.1", tostring(port) }, { input = "pipe" })
  run:send(input)
  run:finish()
  assert.equal(0, run:wait(), run.errors)
  return run.output
end

--- A server of lines, in upper case, and what its handlers were given.
local function start(handlers)
  local log = {}
  handlers.OnConnect = handlers.OnConnect or function(conn) log[#log + 1] = conn.transport end
  handlers.OnBinary = function(conn, line)
    log[#log + 1] = line
    if line == "bye" then return conn:close() end
    conn:write(line:upper() .. "\n")
  end
  handlers.OnDisconnect = function(_, code) log[#log + 1] = code end
  return fixture.server({ end_of_frame = { bytes = "\n", strip = true } }, handlers), log
end

describe("netcat", function()
  after_each(fixture.clean)

  it("speaks first, and gets an answer to every line before the end", function()
    local server, log = start { OnUnknownProtocol = function() return true end }
    assert.equal("ONE\nTWO\n", pipe("one\ntwo\n", server.port))
    clock.wait_for(function() return #log == 4 end)
    assert.same({ "tcp", "one", "two", 1000 }, log)
  end)

  it("hears first", function()
    local server, log = start {
      OnTCPConnect = function() return "tcp" end,
      OnConnect = function(conn) conn:write "who is there?\n" end,
    }
    assert.equal("who is there?\nME\n", pipe("me\n", server.port))
    clock.wait_for(function() return #log == 2 end)
    assert.same({ "me", 1000 }, log)
  end)

  it("is hung up on, while its input goes on", function()
    local server, log = start { OnUnknownProtocol = function() return true end }
    local run = process.start({ NETCAT, "127.0.0.1", tostring(server.port) }, { input = "pipe" })
    run:send "hello\nbye\n"
    run:wait_output "HELLO\n"
    clock.wait_for(function() return log[3] == "bye" end)
    run:finish()
    assert.equal(0, run:wait(), run.errors)
    clock.wait_for(function() return #log == 4 end)
    assert.same({ "tcp", "hello", "bye", 1000 }, log)
  end)

  it("gets much, whole", function()
    local piece, lines = ("x"):rep(1000), 2000
    local server = fixture.server({}, {
      OnUnknownProtocol = function() return true end,
      OnBinary = function(conn)
        for i = 1, lines do
          conn:write(("%d %s\n"):format(i, piece))
        end
        conn:close()
      end,
    })
    local got, count = pipe("go", server.port), 0
    for number, text in got:gmatch "(%d+) (x+)\n" do
      count = count + 1
      assert.equal(count, tonumber(number))
      assert.equal(piece, text)
    end
    assert.equal(lines, count)
  end)

  it("is let in nowhere without a handler that asks for it", function()
    local server, log = start {}
    assert.is_truthy(pipe("one\ntwo\n", server.port):find "^HTTP/1%.1 400 ")
    assert.same({}, log)
  end)
end)
