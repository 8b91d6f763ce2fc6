-- apps/chat/client.lua as a program, against the chat itself.
local clock = require "spec.support.clock"
local fixture = require "spec.support.fixture"
local json = require "perilune.json"
local process = require "spec.support.process"
local pty = require "spec.support.terminal"
local websocket = require "spec.support.websocket"

after_each(fixture.clean)

local APP = "apps/chat/client.lua"

local function chat(port)
  local made = process.perilune { "apps/chat", "--port", tostring(port or 0) }
  return made:wait_port(), made
end

local function arguments(port, ...)
  return { APP, ("ws://127.0.0.1:%d/"):format(port), "-r", "tea", ... }
end

--- What a pipe says, run to its end.
local function say(port, name, text, ...)
  local made = process.perilune(arguments(port, "-n", name, ...), { input = "pipe" })
  made:send(text)
  made:finish()
  made:wait()
  return made
end

local function in_terminal(port, name, ...)
  return pty.start { process.PERILUNE, unpack(arguments(port, "-n", name, ...)) }
end

describe("apps/chat/client", function()
  it("says the lines of a pipe, and ends when they have arrived", function()
    local port = chat()
    local made = say(port, "ada", "hello\n\n  \n/who am I\nlast")
    assert.equal(0, made.code, made.errors)
    assert.matches(
      "^%d%d:%d%d ada: hello\n%d%d:%d%d ada: /who am I\n%d%d:%d%d ada: last\n$",
      made.output
    )
    assert.matches("%-%- in tea as ada\n", made.errors)
    made = say(port, "bob", "")
    assert.equal(0, made.code)
    made = say(port, "bob", "later\n")
    assert.matches("ada: last\n%d%d:%d%d bob: later\n$", made.output)
  end)

  it("says what a server says that is no chat", function()
    local server = fixture.server(nil, {
      OnConnect = function(conn)
        for _, text in ipairs {
          '{"type":"welcome"}',
          '{"type":"said"}',
          '{"type":"said","id":"1","text":"a","who":{"key":"1","name":"x"},"time":1e300}',
          '{"type":"left","who":{}}',
          '{"type":"joined","who":{"key":1,"name":[]}}',
          "[1]",
        } do
          conn:write(text)
        end
      end,
    })
    local made = process.perilune(arguments(server.port, "-n", "ada", "--timeout", "2"), {
      input = "pipe",
    })
    made:send "hello\n"
    made:finish()
    made:wait()
    assert.matches("none of the chat's messages", made.errors)
    assert.is_nil(made.errors:find "stack traceback")
  end)

  it("takes no name from $USER that is none", function()
    local text = ('USER=%s "$0" %s --help'):format(("u"):rep(200), APP)
    local made = process.start { "bash", "-c", text, process.PERILUNE }
    made:wait()
    assert.equal(0, made.code)
    assert.matches("default%s+somebody", made.output)
  end)

  it("says what is wrong with its flags", function()
    for expected, words in pairs {
      ["URL begins with ws:// or wss://"] = { "chat.example" },
      ["--ca and --insecure need wss://"] = { "ws://127.0.0.1:1/", "-k" },
      ["--ca and --insecure exclude each other"] = { "wss://127.0.0.1:1/", "-k", "--ca", "x" },
      ["URL takes a URL (host or port is malformed)"] = { "ws://127.0.0.1:99999/" },
    } do
      local made = process.run { process.PERILUNE, APP, unpack(words) }
      local said = "chat client: " .. expected .. " (try --help)\n"
      assert.same({ 2, said }, { made.code, made.errors })
    end
    local made = process.run { process.PERILUNE, APP, "-x", "foo" }
    assert.matches("^chat client: %-%-proxy takes the URL of a proxy", made.errors)
  end)

  it("is a conversation in a terminal", function()
    local port = chat()
    local ada = in_terminal(port, "ada")
    ada:wait_output "1 here: ada"
    ada:wait_output "tea> $"
    local bob = in_terminal(port, "bob")
    ada:wait_output "bob came"
    bob:wait_output "2 here: ada, bob"
    bob:send "hello ada\r"
    ada:wait_output "bob.-: hello ada\r\n"
    bob:wait_output "bob.-: hello ada\r\n"
    ada:send "/who\r"
    ada:wait_output "2 here: ada, bob"
    ada:send "/join milk\r"
    ada:wait_output "in milk as ada"
    ada:wait_output "milk> $"
    bob:wait_output "ada left"
    bob:send "/name ada\r"
    bob:wait_output "in tea as ada"
    ada:send "/join tea\r"
    ada:wait_output "ada %(2%)"
    ada:wait_output "bob.-: hello ada\r\n.*2 here"
    ada:send "/nonsense\r"
    ada:wait_output "/join ROOM"
    ada:send "/quit\r"
    assert.equal(0, ada:wait())
    bob:wait_output "ada %(2%) left"
    bob:send "\4"
    assert.equal(0, bob:wait())
  end)

  it("obeys nothing that others say", function()
    local port = chat()
    local ada = in_terminal(port, "ada")
    ada:wait_output "1 here"
    local peer = websocket.connect(port)
    peer:send(json.encode { room = "tea", name = "eve\27[2J\n" })
    peer:send(json.encode { id = "1", text = "one\27]0;x\7\ntwo\194\155\226\128\174" })
    ada:wait_output "eve\\x1b%[2J"
    ada:wait_output "one\\x1b%]0;x\\x07\r\n      two\\u009b\\u202e\r\n"
    ada:send("/join " .. ("語"):rep(32) .. "\r")
    ada:wait_output(("語"):rep(32) .. "> $")
    peer.socket:close()
  end)

  it("comes back, and loses and doubles nothing", function()
    local port, server = chat()
    local made = process.perilune(arguments(port, "-n", "ada"), { input = "pipe" })
    made:send "one\n"
    made:wait_output "ada: one\n"
    server:kill()
    clock.wait_for(function()
      made:read()
      return made.errors:find "connection is lost"
    end)
    made:send "two\nthree\n"
    made:finish()
    chat(port)
    assert.equal(0, made:wait(30), made.errors)
    local _, count = made.output:gsub("ada: (%a+)\n", "")
    assert.equal(3, count, made.output)
    assert.matches("ada: one\n.*ada: two\n.*ada: three\n$", made.output)
  end)

  it("says in a room what was meant for it", function()
    local port, server = chat()
    local ada = in_terminal(port, "ada")
    ada:wait_output "1 here: ada"
    server:kill()
    ada:wait_output "connection is lost"
    ada:send "for tea\r/join milk\rfor milk\r"
    ada:wait_output "for milk\r\n"
    chat(port)
    ada:wait_output("ada.-: for milk\r\n", 40)
    assert.is_nil(ada.output:find "ada[^\n]*: for tea")
    ada:send "\4"
    ada:wait_output "1 text did not arrive"
    assert.equal(1, ada:wait())
  end)

  it("does not take a dead server for one that listens", function()
    local server = fixture.server() -- a WebSocket server that is no chat
    local made = say(server.port, "ada", "hello\n", "--timeout", "0.3")
    assert.equal(1, made.code)
    assert.matches("1 text did not arrive", made.errors)
  end)

  it("says what the server would not take", function()
    local port = chat()
    local made = say(port, "ada", ("x"):rep(6001) .. "\n\255\nfine\n")
    assert.equal(0, made.code)
    assert.matches("a text has at most 6000 bytes, this one 6001\n", made.errors)
    assert.matches("a text has to be UTF%-8\n", made.errors)
    assert.matches("ada: fine\n$", made.output)
  end)

  it("takes more than may wait at once", function()
    local port = chat()
    local lines = {}
    for i = 1, 300 do
      lines[i] = "line " .. i .. "\n"
    end
    local made = say(port, "ada", table.concat(lines))
    assert.equal(0, made.code)
    assert.equal(300, select(2, made.output:gsub("\n", "\n")))
    assert.matches("line 299\n%d%d:%d%d ada: line 300\n$", made.output)
  end)

  it("explains itself, and refuses what is wrong", function()
    local made = process.run { process.PERILUNE, APP, "--help" }
    assert.equal(0, made.code)
    assert.matches("Usage: chat client", made.output)
    for argument, message in pairs {
      ["ftp://a/"] = "URL begins with",
      ["--room="] = "%-%-room takes a string from 1 to 96 bytes",
    } do
      made = process.run { process.PERILUNE, APP, argument }
      assert.equal(2, made.code)
      assert.matches(message, made.errors)
    end
  end)
end)
