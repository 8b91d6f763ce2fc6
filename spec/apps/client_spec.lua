-- apps/client as a program: what it says, sends, shows, and ends with.
local certificates = require "spec.support.certificates"
local clock = require "spec.support.clock"
local fixture = require "spec.support.fixture"
local fs = require "perilune.fs"
local json = require "perilune.json"
local process = require "spec.support.process"
local pty = require "spec.support.terminal"

after_each(fixture.clean)

local APP = "apps/client"

--- Prints its port; gives back what it gets.
local TCP_ECHO = [[
import socket
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1])
while True:
    peer = listener.accept()[0]
    while True:
        data = peer.recv(65536)
        if not data:
            break
        peer.sendall(data)
    peer.close()
]]

local function address(server, rest)
  local place = "ws://127.0.0.1:%d/%s"
  return place:format(server.port, rest or "")
end

--- A server that gives back what it gets; "bye CODE REASON" closes.
local function echo(events, options)
  events = events or {}
  events.OnMessage = events.OnMessage
    or function(conn, text)
      local code, reason = text:match "^bye (%d+) ?(.*)$"
      if code then return conn:close(tonumber(code), reason) end
      conn:write(text)
    end
  events.OnBinary = events.OnBinary or function(conn, bytes) conn:write_binary(bytes) end
  return fixture.server(options, events)
end

--- Runs it to its end; `input` is what a pipe gives it.
local function run(arguments, input)
  local made = process.perilune({ APP, unpack(arguments) }, { input = input and "pipe" or nil })
  if input then
    made:send(input)
    made:finish()
  end
  made:wait()
  return made
end

local function objects(text)
  local list = {}
  for line in text:gmatch "[^\n]+" do
    list[#list + 1] = assert(json.decode(line))
  end
  return list
end

local function events_of(list)
  local names = {}
  for i, object in ipairs(list) do
    names[i] = object.event
  end
  return table.concat(names, " ")
end

describe("apps/client", function()
  it("sends lines of a pipe and prints what comes", function()
    local made = run({ address(echo()), "--wait", "0.3" }, "one\ntwo\nlast")
    assert.equal(0, made.code)
    assert.equal("one\ntwo\nlast\n", made.output)
    assert.matches(
      "^%* connected to ws://127.0.0.1:%d+/ %(127.0.0.1:%d+%)\n%* closed: 1000\n$",
      made.errors
    )
  end)

  it("sends messages of the command line, and ends with the last answer", function()
    local made = run { address(echo()), "-q", "-m", "a", "-m", "b", "-n", "2" }
    assert.same({ 0, "a\nb\n", "" }, { made.code, made.output, made.errors })
  end)

  it("sends the whole input as one message, in fragments", function()
    local seen
    local server = echo {
      OnMessage = function(conn, text)
        seen = text
        conn:write "thanks"
      end,
    }
    local made =
      run({ address(server), "-q", "--whole", "--fragment", "3", "-n", "1" }, "a\n\r\nb\nc d\n")
    assert.same({ 0, "thanks\n", "a\n\r\nb\nc d\n" }, { made.code, made.output, seen })
  end)

  it("sends the whole input, whatever has no line's end in it", function()
    local text = ('head -c 2000000 /dev/zero | "$0" apps/client -q -w -b -n 1 %s | wc -c'):format(
      address(echo())
    )
    local made = process.start { "bash", "-c", text, process.PERILUNE }
    made:wait()
    assert.same({ "2000001\n", "" }, { made.output, made.errors })
  end)

  it("closes with no code that cannot be sent", function()
    local made = run { address(echo()), "-m", "hi", "--close", "1005" }
    assert.equal(2, made.code)
    assert.matches("^client: %-%-close takes 1000 to 1003", made.errors)
  end)

  it("has failed when what came cannot be written", function()
    local text = ('exec "$0" apps/client -q -m hi -n 1 %s >/dev/full'):format(address(echo()))
    local made = process.start { "bash", "-c", text, process.PERILUNE }
    made:wait()
    assert.equal(7, made.code)
  end)

  it("says in the handshake what it was told to, and shows no secrets", function()
    local headers, url
    local server = echo({
      OnConnect = function(conn)
        headers, url = conn.headers_request, conn.url
      end,
    }, { protocols = { "chat" } })
    local made = run {
      address(server, "room?token=hidden&x=1"),
      "-v",
      "-n",
      "1",
      "-m",
      "hi",
      "-H",
      "X-Kind: test",
      "-H",
      "Cookie: a=hidden",
      "-p",
      "chat",
      "--origin",
      "http://page.example",
      "-u",
      "me:hidden",
    }
    assert.equal(0, made.code, made.errors)
    assert.equal("test", headers["x-kind"])
    assert.equal("a=hidden", headers.cookie)
    assert.equal("http://page.example", headers.origin)
    assert.equal("Basic bWU6aGlkZGVu", headers.authorization)
    assert.equal("/room?token=hidden&x=1", url)
    assert.is_nil((made.errors .. made.output):find "hidden")
    assert.is_nil(made.errors:find "bWU6")
    local again = run { address(server), "--json", "-v", "-m", "x", "-n", "1", "-u", "me:hidden" }
    assert.equal("***", objects(again.output)[1].request_headers.authorization)
    for _, expected in ipairs {
      "> x%-kind: test\n",
      "> authorization: %*%*%*\n",
      "< sec%-websocket%-protocol: chat\n",
      "connected to ws://127.0.0.1:%d+/room%?token=%*%*%*&x=1 %(127.0.0.1:%d+%), protocol chat\n",
      "> text, 2 bytes\n",
      "received: 1 messages, %d+ bytes; sent: 1 messages, %d+ bytes; %d+%.%d%d%d s\n",
    } do
      assert.matches(expected, made.errors)
    end
  end)

  it("takes a user of the URL, and a token of a file", function()
    local seen = {}
    local server =
      echo { OnConnect = function(conn) seen[#seen + 1] = conn.headers_request.authorization end }
    run { ("ws://me:a%%20b@127.0.0.1:%d/"):format(server.port), "-m", "x", "-n", "1" }
    local token = fixture.folder():write("token", "abc.def\n")
    run { address(server), "--token", "@" .. token, "-m", "x", "-n", "1" }
    assert.same({ "Basic bWU6YSBi", "Bearer abc.def" }, seen)
  end)

  it("speaks JSON, one object a line", function()
    local made =
      run { address(echo()), "--json", "-v", "-m", "ä\n", "--ping", "0.05", "--wait", "0.3" }
    local list = objects(made.output)
    assert.equal(0, made.code)
    assert.matches("^connected sent text pong .*disconnected$", events_of(list))
    assert.equal("127.0.0.1", list[1].ip)
    assert.equal("websocket", list[1].response_headers.upgrade)
    assert.same({ "ä\n", 3 }, { list[3].data, list[3].size })
    assert.is_true(list[4].milliseconds > 0 and list[4].milliseconds < 5000)
    local last = list[#list]
    assert.same({ 1000, 1, 1 }, { last.code, last.received, last.sent })
    assert.is_true(last.time >= list[1].time and last.seconds > 0)
    assert.equal("", made.errors)
  end)

  it("tries other servers, slowly, and only public ones", function()
    local url = address(echo())
    local made = run {
      "ws://127.0.0.1:1/",
      "--server",
      url,
      "--reset",
      "--write-rate",
      "100000",
      "-q",
      "-m",
      ("x"):rep(5000),
      "-n",
      "1",
      "--heartbeat-timeout",
      "1",
      "--reconnect",
      "1",
      "--max-interval",
      "9",
    }
    assert.equal(0, made.code, made.errors)
    assert.equal(5001, #made.output)
    made = run { url, "--guard", "-m", "x" }
    assert.equal(3, made.code)
    assert.equal(2, run({ url, "--strip" }).code)
  end)

  it("shows pings of the server", function()
    local server = echo {
      OnConnect = function(conn)
        conn:ping()
        conn:write "hi"
      end,
    }
    local made = run { address(server), "-v", "-n", "1", "--no-input" }
    assert.matches("%* ping, %d+ bytes\n", made.errors)
    local list = objects(run({ address(server), "--json", "-n", "1", "--no-input" }).output)
    assert.matches("^connected ping text disconnected$", events_of(list))
  end)

  it("sends and shows bytes", function()
    local server, path = echo(), fixture.folder():write("b", "\0\255")
    assert.equal("00ff\n", run({ address(server), "-q", "--hex", "-n", "1", "-f", path }).output)
    local list = objects(run({ address(server), "--json", "-b", "-m", "a", "-n", "1" }).output)
    assert.equal("connected sent binary disconnected", events_of(list))
    assert.same({ "61", 1 }, { list[3].hex, list[3].size })
  end)

  it("sends files and writes what comes to files, with progress", function()
    local folder, server = fixture.folder(), echo()
    local bytes = ("0123456789abcdef"):rep(200000)
    local path, out = folder:write("big", bytes), folder.path .. "/out"
    local made = run { address(server), "-f", path, "-o", out, "-n", "1", "--progress" }
    assert.equal(0, made.code, made.errors)
    assert.matches(
      "sent 3.1 MiB of 3.1 MiB %(100 %%%), [%d.]+ MiB/s; received 3.1 MiB, ",
      made.errors
    )
    assert.equal(bytes, fs.read(out))
    made = run { address(server), "-f", path, "--chunk", "65536", "-o", out, "-n", "49" }
    assert.equal(0, made.code, made.errors)
    assert.equal(bytes, fs.read(out))
  end)

  it("says how far a message is that is on its way", function()
    local size, server = 4 * 2 ^ 20, echo()
    local path = fixture.folder():write("big", ("x"):rep(size))
    local words = { "-f", path, "--write-rate", "4000000", "--progress" }
    local made = pty.start { process.PERILUNE, APP, address(server), unpack(words) }
    made:wait_output "\27%[Ksent [%d.]+ %a+ of 4.0 MiB %(%d%d? %%%), [%d.]+ %a+/s, %d+ s left"
    made:kill()
    server = echo({
      OnConnect = function(conn) conn:write(("x"):rep(size)) end,
    }, { throttle = { write = 4000000 } })
    words = { "--no-input", "-o", fixture.folder().path .. "/out" }
    made = pty.start { process.PERILUNE, APP, address(server), unpack(words) }
    made:wait_output "\27%[Kreceived [%d.]+ KiB, [%d.]+ %a+/s" -- nothing of it is in OnMessage yet
    made:kill()
  end)

  it("does not say that all was sent when it was not", function()
    local path = fixture.folder():write("big", ("x"):rep(4 * 2 ^ 20))
    local server = echo({}, { limits = { message = 1000 } })
    local made = run { address(server), "-f", path, "--write-rate", "8000000", "--progress" }
    assert.equal(5, made.code)
    assert.matches("closed: 1009", made.errors)
    assert.matches("sent [%d.]+ %a+ of 4.0 MiB %(%d%d? %%%), [^\n]+\n$", made.errors)
    made = run { address(server), "-f", "/dev/zero", "--chunk", "2000", "--progress" }
    assert.equal(5, made.code)
    assert.is_nil(made.errors:find " of ")
  end)

  it("shows fragments in place of messages", function()
    local server = echo {
      OnMessage = function(conn) conn:write("aé", 2) end,
    }
    local made = run { address(server), "-q", "-N", "-m", "x", "-n", "1" }
    assert.same({ 0, "aé\n" }, { made.code, made.output })
    local list = objects(run({ address(server), "--json", "-N", "-m", "x", "-n", "1" }).output)
    assert.equal("connected sent fragment fragment disconnected", events_of(list))
    assert.same({ "61c3", true }, { list[3].hex, list[3].continuation })
    assert.same({ "a9", false, 1 }, { list[4].hex, list[4].continuation, list[5].received })
  end)

  it("keeps messages for the next connection", function()
    local server = echo()
    local words = { "--json", "--reconnect", "0.3", "--keep-messages", "-n", "2" }
    local made = process.perilune({ APP, address(server), unpack(words) }, { input = "pipe" })
    made:send "bye 1012 restart\n"
    made:wait_output '"disconnected"'
    made:send "one\ntwo\n"
    made:finish()
    assert.equal(0, made:wait(), made.errors)
    assert.equal(
      "connected sent disconnected sent sent connected text text disconnected",
      events_of(objects(made.output))
    )
  end)

  it("ends as the server wants to while lines are still to be sent", function()
    local server = echo { OnMessage = function(conn) conn:close(4001, "full") end }
    local text = ('seq 200000 2>/dev/null | "$0" apps/client %s'):format(address(server))
    local made = process.start { "bash", "-c", text, process.PERILUNE }
    assert.equal(5, made:wait())
    assert.matches("closed: 4001 full\n$", made.errors)
    assert.is_nil(made.errors:find "!")
  end)

  it("logs what is said, and does not wait for a Close", function()
    local path = fixture.folder().path .. "/log"
    local made = run { address(echo()), "-q", "--log", path, "--abrupt", "-m", "hi", "-n", "1" }
    assert.equal(0, made.code)
    local log = fs.read(path)
    assert.matches("Sent [^\n]+ text: hi\n", log)
    assert.matches("Recv [^\n]+ text: hi\n", log)
    run { address(echo()), "-q", "--log", path, "--log-hex", "-m", "hi", "-n", "1" }
    assert.matches("Recv [^\n]+ text: 6869\n", fs.read(path))
  end)

  it("shows fragments as they come", function()
    local server = echo {
      OnMessage = function(conn) conn:write("abcdef", 2) end,
    }
    local made = run { address(server), "--frames", "-m", "x", "-n", "1" }
    assert.matches("fragment, 2 bytes so far\n.*fragment, 4 bytes so far\n", made.errors)
    assert.equal("abcdef\n", made.output)
  end)

  it("has a code for each end", function()
    local server = echo()
    local refusing = fixture.server({}, { OnHandshake = function() return false end })
    local secure = ("wss://127.0.0.1:%d/"):format(server.port)
    for i, case in ipairs {
      { 0, "closed: 1000", address(server), "-m", "bye 1000" },
      { 5, "closed: 4001 so long", address(server), "-m", "bye 4001 so long" },
      { 5, "closed: 1000", address(server), "-m", "bye 1000", "-n", "1" },
      { 6, "the time is over", address(server), "--no-input", "-t", "0.1" },
      { 4, "403", address(refusing), "-m", "x" },
      { 3, "connection refused", "ws://127.0.0.1:1/", "-m", "x" },
      { 3, "TLS", secure, "-m", "x" },
      { 3, "nowhere.invalid", "ws://nowhere.invalid/", "-m", "x" },
      { 7, "no such file", address(server), "-f", "/nonexistent" },
      { 7, "no such file", address(server), "-m", "x", "-o", "/nonexistent/out" },
      { 7, "%-%-log '/nonexistent/x': no such file", address(server), "--log", "/nonexistent/x" },
      { 7, "no such file", secure, "--ca", "/nonexistent", "-m", "x" },
      { 7, "no such file", secure, "--ca", "/nonexistent", "--reconnect", "1", "-m", "x" },
      { 7, "UTF%-8", address(server), "-m", "\255" },
      { 3, "not of this machine", address(server), "--bind", "192.0.2.1", "-m", "x" },
      { 2, "takes 'NAME: VALUE'", address(server), "-H", "bad" },
      { 2, "^client: %-%-protocol ", address(server), "-p", "a", "-p", "a b" },
      { 2, "^client: %-%-attempts needs %-%-reconnect ", address(server), "--attempts", "2" },
      { 2, "^client: %-%-level takes text=N", address(server), "--level", "pong=1" },
      { 2, "^client: %-%-limit takes NAME=VALUE", address(server), "--limit", "message" },
      { 2, "did you mean %-%-limit message", address(server), "--limit", "mesage=5" },
      {
        2,
        "did you mean %-%-proxy%-tls verify",
        address(server),
        "--proxy-tls",
        "verfy=1",
        "-x",
        "https://a",
      },
      { 2, "needs the URL of a %-%-proxy", address(server), "--proxy-tls", "verify=false" },
      { 2, "needs ws:// or wss://", "tcp://127.0.0.1:1", "--no-buffer" },
      { 2, "URL begins with ws://", "127.0.0.1:80", "-m", "x" },
      { 2, "URL begins with ws://", "nothing" },
      { 2, "tcp://", "ftp://127.0.0.1/" },
      { 2, "unknown flag %-%-frame: did you mean %-%-frames", address(server), "--frame" },
      { 2, "needs wss://", address(server), "--ca", "/ca.pem" },
      { 2, "needs tcp", "ws://127.0.0.1/", "--protocol", "x", "--end-of-frame", "x" },
      { 2, "exclude each other", address(server), "-m", "x", "--whole" },
      { 2, "%-%-bind takes an IP", address(server), "--bind", "here" },
    } do
      local made = run { unpack(case, 3) }
      local text = ("case %d: %s%s"):format(i, made.output, made.errors)
      assert.equal(case[1], made.code, text)
      assert.is_truthy(made.errors:find(case[2]), text)
    end
  end)

  it("is quick with many small messages", function()
    local made = process.run {
      "sh",
      "-c",
      'seq 100000 | "$1" apps/client -q "$2" -n 100000 | tail -n 1',
      "sh",
      process.PERILUNE,
      address(echo()),
    }
    assert.equal("100000\n", made.output)
  end)

  it("ends when nobody reads any more", function()
    local server = echo()
    local made = process.run {
      "sh",
      "-c",
      'seq 50000 | "$1" apps/client -q "$2" -n 50000 | head -n 1; exit ${PIPESTATUS:-0}',
      "sh",
      process.PERILUNE,
      address(server),
    }
    assert.equal("1\n", made.output)
  end)

  it("connects again, and gives up when it is told to", function()
    local count = 0
    local server = echo {
      OnConnect = function(conn)
        count = count + 1
        conn:write("number " .. count)
        if count < 3 then conn:close(1012, "restart") end
      end,
    }
    local made = run { address(server), "--no-input", "--reconnect", "0.02", "-n", "3" }
    assert.same({ 0, "number 1\nnumber 2\nnumber 3\n" }, { made.code, made.output })
    made = run { "ws://127.0.0.1:1/", "--no-input", "--reconnect", "0.02", "--attempts", "2" }
    assert.equal(3, made.code)
    assert.equal(3, select(2, made.errors:gsub("connection refused", "")))
  end)

  it("obeys nothing that a server sends, and is edited, in a terminal", function()
    local made = pty.start { process.PERILUNE, APP, address(echo()) }
    made:wait_output "connected to"
    made:send "hello\r"
    made:wait_output "< hello\r\n"
    made:send "/binary 1b5b33\r"
    made:wait_output "< \\x1b%[3"
    made:send "/binary 1b5\r"
    made:wait_output "takes hexadecimal digits"
    made:send "/ping\r"
    made:wait_output "pong after %d+%.%d%d%d ms"
    made:send "//slash\r"
    made:wait_output "< /slash\r\n"
    made:send "/what\r"
    made:wait_output "/close %[CODE %[REASON%]%]"
    made:send "/close 4000 enough\r"
    made:wait_output "closed: 4000"
    assert.equal(0, made:wait())
  end)

  it("ends with Ctrl-D, and with Ctrl-C", function()
    for _, key in ipairs { "\4", "\3" } do
      local server = echo()
      local made = pty.start { process.PERILUNE, APP, address(server), "--wait", "0.05" }
      made:wait_output "connected to"
      made:send(key)
      assert.equal(0, made:wait())
      clock.wait_for(function() return server:count() == 0 end)
    end
  end)

  it("asks for a password that is missing", function()
    local seen
    local server = echo { OnConnect = function(conn) seen = conn.headers_request.authorization end }
    local made = pty.start { process.PERILUNE, APP, address(server), "-u", "me" }
    made:wait_output "Password of me: "
    made:send "hidden\r"
    made:wait_output "connected to"
    assert.equal("Basic bWU6aGlkZGVu", seen)
    assert.is_nil(made.output:find "hidden")
    made:send "/quit\r"
    assert.equal(0, made:wait())
  end)

  it("speaks TCP", function()
    local peer = process.start { "/usr/bin/python3", "-u", "-c", TCP_ECHO }
    local url = "tcp://127.0.0.1:" .. peer:wait_output "(%d+)\n"
    local made = run({ url, "--wait", "0.3" }, "one\ntwo\nlast")
    assert.same({ 0, "one\ntwo\nlast\n" }, { made.code, made.output })
    local folder = fixture.folder()
    local bytes = ("0123456789abcdef"):rep(40000)
    local path, out = folder:write("big", bytes), folder.path .. "/out"
    made = run { url, "-f", path, "-o", out, "--wait", "0.3" }
    assert.equal(0, made.code, made.errors)
    assert.equal(bytes, fs.read(out))
    local list = objects(run({ url, "--json", "-m", "a\255", "-n", "1" }).output)
    assert.equal("connected sent bytes disconnected", events_of(list))
    assert.same({ "61ff", "tcp" }, { list[3].hex, list[1].transport })
    made = run { url, "-q", "--hex", "--end-of-frame", "\\x0a", "-m", "a\nb\n", "-n", "2" }
    assert.same({ 0, "610a\n620a\n" }, { made.code, made.output }, made.errors)
    made = run { url, "-q", "--hex", "--end-of-frame", "\\n", "--strip", "-m", "a\nb\n", "-n", "2" }
    assert.same({ 0, "61\n62\n" }, { made.code, made.output }, made.errors)
  end)

  it("verifies servers, unless it is told not to", function()
    local folder = certificates.folder "127.0.0.1"
    local url = ("wss://127.0.0.1:%d/"):format(echo({}, { tls = certificates.tls(folder) }).port)
    assert.equal(3, run({ url, "-m", "x" }).code)
    for _, flag in ipairs { "--ca=" .. folder .. "/ca.pem", "-k" } do
      local made = run { url, flag, "-q", "-m", "x", "-n", "1" }
      assert.same({ 0, "x\n" }, { made.code, made.output }, made.errors)
    end
  end)

  it("explains its flags", function()
    local made = run { "--help" }
    assert.equal(0, made.code)
    assert.matches("Usage: client %[options%] URL\n", made.output)
    local file = assert(io.open(APP .. "/README.md"))
    local page, count = file:read "*a", 0
    file:close()
    for flag in made.output:gmatch "\n  [-%w, ]*%-%-([%l-]+)" do
      count = count + 1
      assert.is_truthy(page:find("`--" .. flag, 1, true), flag .. " is not in the README")
    end
    assert.is_true(count > 45)
  end)
end)
