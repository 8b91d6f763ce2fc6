-- covers: internal/test.lua lua/lua_script.c lua/lua_modules.c worker/worker.c
local clock = require "spec.support.clock"
local files = require "spec.support.files"
local fixture = require "spec.support.fixture"
local http = require "spec.support.http"
local process = require "spec.support.process"
local socket = require "spec.support.socket"
local timer = require "perilune.timer"
local websocket = require "spec.support.websocket"

local SERVER = [[
  server = require("perilune.server").new { port = 0 }
  assert(server:start())
]]

--- Runs perilune with these arguments to its end.
local function perilune(...) return process.run { process.PERILUNE, ... } end

local function has(text, part) assert.matches(part, text, 1, true) end

describe("the command line:", function()
  after_each(fixture.clean)

  it("--help", function()
    for _, option in ipairs { "--help", "-h" } do
      local run = perilune(option)
      assert.equal(0, run.code)
      assert.equal("", run.errors)
      assert.matches("^Usage: perilune %[options%] APP", run.output)
      for _, word in ipairs { "--check", "--log-level", "--workers", "--version", "test" } do
        has(run.output, word)
      end
    end
  end)

  it("--version", function()
    local run = perilune "--version"
    assert.equal(0, run.code)
    assert.matches("^perilune %d+%.%d+%.%d+[^\n]*\n$", run.output)
  end)

  --- Wrong usage: exit code 2, a line that says why, nothing on standard output.
  local function assert_usage(part, ...)
    local run = perilune(...)
    assert.equal(2, run.code)
    assert.equal("", run.output)
    has(run.errors, part)
    has(run.errors, "Try 'perilune --help'.")
  end

  it("2 for wrong usage", function()
    assert_usage "which script?"
    assert_usage("unknown option --nonsense", "--nonsense", "x.lua")
    assert_usage("there is no file or folder 'missing.lua'", "missing.lua")
    assert_usage("--log-level takes error, warn, info or debug", "--log-level", "loud", "x.lua")
    assert_usage("--log-level takes", "--log-level")
    for _, command in ipairs { "test", "cert", "password", "attach" } do
      assert_usage(command .. " takes no --check", "--check", command, "a")
      assert_usage(command .. " takes no --control", "--control", "x", command, "a")
      assert_usage(command .. " runs in one worker", "--workers", "2", command, "a")
    end
  end)

  it("options behind APP are the script's", function()
    local run = fixture.run(
      [[
      print(#arg, unpack(arg))
      print(arg[0]:match "[^/]*$")
    ]],
      "--help",
      "-x",
      "",
      "a b",
      "--check"
    )
    assert.equal(0, run.code)
    assert.equal("5\t--help\t-x\t\ta b\t--check\nscript.lua\n", run.output)
  end)

  it("--log-level bounds the log", function()
    local path = fixture.script [[
      local log = require "perilune.log"
      for _, level in ipairs { "error", "warn", "info", "debug" } do log[level]("a line") end
    ]]
    local lines = { error = 1, warn = 2, info = 3, debug = 4 }
    for level, expected in pairs(lines) do
      local run = perilune("--log-level", level, path)
      assert.equal(expected, select(2, run.errors:gsub("a line", "")))
      assert.equal("", run.output)
    end
    assert.equal(3, select(2, perilune(path).errors:gsub("a line", "")))
  end)
end)

describe("a script", function()
  after_each(fixture.clean)

  it("ends with 0", function()
    local run = fixture.run "print 'hello'"
    assert.same({ 0, "hello\n", "" }, { run.code, run.output, run.errors })
    assert.equal(0, fixture.run("").code)
  end)

  it("that throws ends with 1, and the traceback has its lines", function()
    local run = fixture.run [[
local function inner() error "what a pity" end
local function outer() inner() end
outer()
]]
    assert.equal(1, run.code)
    assert.equal("", run.output)
    assert.matches("^perilune: [^\n]*script.lua:1: what a pity\nstack traceback:\n", run.errors)
    assert.matches("script.lua:1: in function 'inner'", run.errors)
    assert.matches("script.lua:2: in function 'outer'", run.errors)
    assert.matches("script.lua:3: in main chunk", run.errors)
    assert.is_nil(run.errors:find("perilune/internal", 1, true))
  end)

  it("that throws anything ends with 1", function()
    local run = fixture.run "error { code = 5 }"
    assert.equal(1, run.code)
    has(run.errors, "error object is a table value")
    run = fixture.run "error()"
    assert.equal(1, run.code)
    run = fixture.run "error(setmetatable({}, { __tostring = function() return 'my error' end }))"
    assert.equal(1, run.code)
    has(run.errors, "my error")
  end)

  it("that throws while something runs ends with 1", function()
    local run = fixture.run(SERVER .. "require('perilune.timer').sleep(0.01) error 'too late'")
    assert.equal(1, run.code)
    has(run.errors, "too late")
  end)

  it("that is no Lua ends with 1", function()
    local run = fixture.run "this is not Lua"
    assert.equal(1, run.code)
    assert.matches("^perilune: [^\n]*script.lua:1: ", run.errors)
  end)

  it("that is bytecode is refused", function()
    local run = fixture.run(string.dump(function() print "ran" end))
    assert.equal(1, run.code)
    assert.equal("", run.output)
    has(run.errors, "attempt to load chunk with wrong mode")
  end)

  it("with an unknown option ends with 1 and names it at its line", function()
    local run = fixture.run "\nrequire('perilune.server').new { prot = 1 }"
    assert.equal(1, run.code)
    has(run.errors, "script.lua:2: unknown option 'prot' of server.new: did you mean 'port'?")
  end)

  it("that requires what is not there ends with 1 and says where it looked", function()
    local run = fixture.run "require 'not.there'"
    assert.equal(1, run.code)
    has(run.errors, "module 'not.there' not found:")
    has(run.errors, "not/there.lua")
    run = fixture.run "require 'perilune.nonsense'"
    assert.equal(1, run.code)
    has(run.errors, "module 'perilune.nonsense' not found:")
  end)

  it("runs until its last component stops", function()
    local run = fixture.run(SERVER .. [[
      require("perilune.timer").after(0.02, function() server:stop() print "stopped" end)
    ]])
    assert.equal(0, run.code)
    assert.matches("^listening on http://127.0.0.1:%d+/\nstopped\n$", run.output)
  end)

  it("whose finalizer throws outside of any handler says why it ends", function()
    local run = fixture.run [[
      for _ = 1, 2000 do
        getmetatable(newproxy(true)).__gc = function() error "thrown by a finalizer" end
      end
    ]]
    assert.equal(1, run.code)
    has(run.errors, "thrown by a finalizer")
  end)

  it("starts nothing in a finalizer at the end", function()
    local run = fixture.run [[
      kept = newproxy(true)
      getmetatable(kept).__gc = function()
        print(require("perilune.server").new({ port = 0 }):start())
        print(require("perilune.timer").after(0, print).active)
      end
    ]]
    assert.equal("nil\tthe program is ending\tECANCELED\nfalse\n", run.output)
    assert.equal(0, run.code)
  end)

  it("may begin with a line for the shell", function()
    local run = fixture.run "#!/usr/bin/env perilune\nprint 'hello'"
    assert.equal("hello\n", run.output)
  end)

  it("of which a start fails, and nothing else runs, ends with 1", function()
    local made = fixture.server()
    local text = [[
      local server = require("perilune.server").new { port = tonumber(arg[1]) }
      server:start()
    ]]
    local run = fixture.run(text, tostring(made.port))
    assert.equal(1, run.code)
    assert.equal("", run.output)
    assert.equal(
      ("perilune: cannot listen on 127.0.0.1 port %d: address already in use\n"):format(made.port),
      run.errors
    )
    run = fixture.run(SERVER .. text .. "os.exit(0)", tostring(made.port))
    assert.equal(0, run.code)
  end)

  it("of which a server does not come back, and nothing else runs, ends with 1", function()
    local text = [[
      local folder = assert(require("perilune.fs").temporary_folder())
      local server = require("perilune.server").new { port = 0, document_root = folder }
      assert(server:start())
      os.remove(folder)
      server:restart()
    ]]
    local run = fixture.run(text)
    assert.equal(1, run.code)
    assert.matches("^perilune: document_root '.*' is no folder\n$", run.errors)
    run = fixture.run(SERVER .. text .. "os.exit(0)")
    assert.equal(0, run.code)
  end)

  it("that asserts its start shows the message", function()
    local made = fixture.server()
    local run = fixture.run(
      [[
      local server = require("perilune.server").new { port = tonumber(arg[1]) }
      assert(server:start())
    ]],
      tostring(made.port)
    )
    assert.equal(1, run.code)
    has(run.errors, "address already in use")
  end)
end)

describe("--check", function()
  after_each(fixture.clean)

  local function check(text) return perilune("--check", (fixture.script(text))) end

  it("loads and validates, and starts nothing", function()
    local run = check(SERVER .. [[
      require("perilune.timer").every(0.01, function() print "tick" end)
    ]])
    assert.same({ 0, "", "" }, { run.code, run.output, run.errors })
  end)

  it("does not wait", function()
    local from = clock.now()
    assert.equal(0, check("require('perilune.timer').sleep(60)").code)
    assert.is_true(clock.now() - from < 10)
  end)

  it("finds a bad option", function()
    local run = check "require('perilune.server').new { port = 'web' }"
    assert.equal(1, run.code)
    has(run.errors, "option 'port' of server.new takes an integer from 0 to 65535")
  end)

  it("finds what is no Lua", function() assert.equal(1, check("x =").code) end)

  it("finds an error", function() assert.equal(1, check("nothing.there()").code) end)

  it("does not mind a port in use", function()
    local made = fixture.server()
    local run =
      check(("assert(require('perilune.server').new { port = %d }:start())"):format(made.port))
    assert.equal(0, run.code)
  end)
end)

describe("APP", function()
  after_each(fixture.clean)

  it("is a folder with main.lua, whose modules are found", function()
    local folder = fixture.folder()
    folder:write(
      "app/main.lua",
      [[
      print(require("part").name, require("deep.part").name, require("whole").name)
      print((...))
    ]]
    )
    folder:write("app/part.lua", "return { name = 'part' }")
    folder:write("app/deep/part.lua", "return { name = 'deep' }")
    folder:write("app/whole/init.lua", "return { name = 'whole' }")
    for _, path in ipairs { folder.path .. "/app", folder.path .. "/app/" } do
      local run = perilune(path)
      assert.equal("", run.errors)
      assert.equal("part\tdeep\twhole\nnil\n", run.output)
    end
    local run = process.run({ process.PERILUNE, "app" }, { folder = folder.path })
    assert.equal(0, run.code)
    run = process.run({ process.PERILUNE, "." }, { folder = folder.path .. "/app" })
    assert.equal(0, run.code)
  end)

  it("is a file, whose folder is on package.path before others", function()
    local path, folder = fixture.script "print(require('part'))"
    folder:write("part.lua", "return 'beside the script'")
    folder:write("elsewhere/part.lua", "return 'wrong'")
    local options = { folder = folder.path .. "/elsewhere" }
    local run = process.run({ process.PERILUNE, path }, options)
    assert.equal("beside the script\n", run.output)
  end)

  it("is a folder without main.lua: 1", function()
    local run = perilune(fixture.folder().path)
    assert.equal(1, run.code)
    has(run.errors, "main.lua")
  end)

  it("is not taken for a subcommand when it has a folder", function()
    local folder = fixture.folder()
    folder:write("test", "print 'mine'")
    local run = process.run({ process.PERILUNE, "./test" }, { folder = folder.path })
    assert.equal("mine\n", run.output)
  end)
end)

describe("PERILUNE_HOME", function()
  after_each(fixture.clean)

  it("has the modules instead of the program", function()
    local path, folder = fixture.script "print(require('perilune.mine'))"
    os.execute(("cp -r lua '%s/lua'"):format(folder.path))
    folder:write("lua/perilune/mine.lua", "return 'from the tree'")
    local env = { PERILUNE_HOME = folder.path }
    assert.equal("from the tree\n", process.run({ process.PERILUNE, path }, { env = env }).output)
    env.PERILUNE_HOME = ""
    assert.equal(1, process.run({ process.PERILUNE, path }, { env = env }).code)
  end)

  it("that is no source tree: 1 and the file that is missing", function()
    local path = fixture.script "print 'ran'"
    local run = process.run({ process.PERILUNE, path }, { env = { PERILUNE_HOME = "/nowhere" } })
    assert.equal(1, run.code)
    assert.equal("", run.output)
    has(run.errors, "/nowhere/lua/perilune/internal/boot.lua")
  end)
end)

describe("a signal", function()
  after_each(fixture.clean)

  local function start(text) return process.perilune { (fixture.script(text)) } end

  for _, name in ipairs { "TERM", "INT" } do
    it(name .. " closes with 1001 and ends with 0", function()
      local running = start(SERVER .. [[
        function server.OnDisconnect(_, code, reason) print("disconnect", code, reason) end
        function server.OnShutdown() print "shutdown" end
      ]])
      local peer = websocket.connect(running:wait_port())
      running:signal(name)
      assert.equal(1001, (peer:read_close()))
      peer.socket:close()
      assert.equal(0, running:wait())
      assert.matches("disconnect\t1001\tserver stops\nshutdown\n$", running.output)
      assert.equal("", running.errors)
    end)
  end

  it("ends a script that only waits", function()
    local running = start "print 'ready' require('perilune.timer').sleep(60) print 'never'"
    running:wait_output "ready"
    running:signal "TERM"
    assert.equal(0, running:wait())
    assert.equal("ready\n", running.output)
  end)

  it("lets what was asked be answered", function()
    local running = start(SERVER .. [[
      function server.OnCommandGet(_, _, response)
        print "asked"
        require("perilune.timer").sleep(0.05)
        response.content_text = "answered"
      end
    ]])
    local peer = socket.connect(running:wait_port())
    peer:send(http.compose "/")
    running:wait_output "asked"
    running:signal "TERM"
    local response = http.read(peer)
    peer:close()
    assert.equal("answered", response and response.body)
    assert.equal(0, running:wait())
  end)

  it("does not wait for ever for a handler", function()
    local running = start [[
      server = require("perilune.server").new { port = 0, limits = { close_timeout = 0.05 } }
      function server.OnCommandGet()
        print "asked"
        require("perilune.timer").sleep(60)
      end
      assert(server:start())
    ]]
    local peer = socket.connect(running:wait_port())
    peer:send(http.compose "/")
    running:wait_output "asked"
    running:signal "TERM"
    assert.equal(0, running:wait(10))
    peer:close()
  end)

  it("refuses new connections at once", function()
    local running = start(SERVER)
    local port = running:wait_port()
    local peer = websocket.connect(port)
    running:signal "TERM"
    peer:read_close()
    assert.has_error(function() websocket.connect(port) end)
    peer.socket:close()
    assert.equal(0, running:wait())
  end)

  it("the second ends at once", function()
    local running = start(SERVER)
    local peer = websocket.connect(running:wait_port())
    running:signal "TERM"
    peer:read_close() -- and does not go away
    running:signal "TERM"
    assert.equal(143, running:wait(1))
    peer.socket:close()
  end)

  it("the second ends a script that never comes back", function()
    -- Writing nothing lets signals in where the thread sanitizer holds them back.
    local running = start "print 'ready' while true do io.write '' end"
    running:wait_output "ready"
    running:signal "TERM"
    running:signal "INT"
    assert.is_true(({ [130] = true, [143] = true })[running:wait(1)])
  end)

  it("ends a program whose handler waits for long, in order", function()
    local running = start(SERVER .. [[
      function server.OnCommandGet() print "asked" require("perilune.timer").sleep(60) end
    ]])
    local peer = socket.connect(running:wait_port())
    peer:send "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    running:wait_output "asked"
    peer:reset()
    running:signal "TERM"
    assert.equal(0, running:wait())
    assert.equal("", running.errors)
  end)

  it("kill -9 leaves nothing that the next start minds", function()
    local text = "local server = require('perilune.server').new { port = tonumber(arg[1]) }"
      .. " assert(server:start())"
    local path = fixture.script(text)
    local running = process.perilune { path, "0" }
    local port = running:wait_port()
    local peer = websocket.connect(port)
    running:signal "KILL"
    assert.equal(137, running:wait())
    peer.socket:close()
    running = process.perilune { path, tostring(port) }
    assert.equal(port, running:wait_port())
    websocket.connect(port):close()
  end)
end)

describe("os.exit", function()
  after_each(fixture.clean)

  it("ends with its code", function()
    local codes = { ["0"] = 0, ["3"] = 3, ["true"] = 0, ["false"] = 1, [""] = 0, ["255"] = 255 }
    for argument, code in pairs(codes) do
      assert.equal(code, fixture.run(("os.exit(%s) print 'never'"):format(argument)).code)
    end
  end)

  it("closes in order", function()
    local running = process.perilune {
      (fixture.script(SERVER .. [[
        function server.OnMessage(conn, text)
          conn:write "last words"
          os.exit(7)
          print "never"
        end
        function server.OnShutdown() print "shutdown" end
      ]])),
    }
    local peer = websocket.connect(running:wait_port())
    peer:send "x"
    assert.equal("last words", peer:read())
    assert.equal(1001, (peer:read_close()))
    peer.socket:close()
    assert.equal(7, running:wait())
    assert.matches("shutdown\n$", running.output)
    assert.is_nil(running.output:find "never")
  end)

  it("works where nothing can wait", function()
    local run = fixture.run [[
      print(pcall(string.gsub, "x", "x", function() os.exit(5) end))
      print "still here"
    ]]
    assert.equal(5, run.code)
  end)

  it("works in a coroutine", function()
    local run = fixture.run [[
      coroutine.wrap(function() os.exit(6) print "never" end)()
      print "never"
    ]]
    assert.same({ 6, "" }, { run.code, run.output })
  end)
end)

describe("perilune test", function()
  after_each(fixture.clean)

  local function test(name, text, ...)
    local folder = files.folder()
    folder:write(name, text)
    local run = process.run(
      { process.PERILUNE, "test", ".", "-o", "TAP", ... },
      { folder = folder.path }
    )
    folder:remove()
    return run
  end

  it("explains itself", function()
    for _, option in ipairs { "--help", "-h" } do
      local run = process.run { process.PERILUNE, "test", option }
      assert.same({ 0, "" }, { run.code, run.errors })
      assert.matches("^Usage: perilune test ", run.output)
    end
  end)

  it("is 0 when all specs pass", function()
    local run = test("x_spec.lua", "it('passes', function() assert.is_true(true) end)")
    assert.equal(0, run.code)
    has(run.output, "ok 1 - passes")
  end)

  it("is not 0 when a spec fails", function()
    local run = test("x_spec.lua", "it('fails', function() assert.is_true(false) end)")
    assert.are_not.equal(0, run.code)
    has(run.output, "not ok 1 - fails")
  end)

  it("is not 0 when a spec throws, or is no Lua, or there is none", function()
    assert.are_not.equal(0, test("x_spec.lua", "it('throws', function() error 'x' end)").code)
    assert.are_not.equal(0, test("x_spec.lua", "error 'outside'").code)
    assert.are_not.equal(0, test("x_spec.lua", "not lua").code)
    assert.are_not.equal(0, test("other.lua", "").code)
  end)

  it("may wait, and serve", function()
    local run = test(
      "x_spec.lua",
      [[
      local timer = require "perilune.timer"
      describe("a spec", function()
        local server
        before_each(function()
          timer.sleep(0.001)
          server = require("perilune.server").new { port = 0 }
          assert(server:start())
        end)
        after_each(function() assert(server:stop()) end)
        for i = 1, 2 do
          it("waits " .. i, function()
            timer.sleep(0.001)
            assert.is_true(server.active)
          end)
        end
      end)
    ]]
    )
    assert.equal(0, run.code)
    assert.equal("ok 1 - a spec waits 1\nok 2 - a spec waits 2\n1..2\n", run.output)
  end)

  it("leaves running servers behind", function()
    local run = test(
      "x_spec.lua",
      [[
      it("starts", function()
        local server = require("perilune.server").new { port = 0 }
        assert(server:start())
        require("perilune.timer").every(0.001, function() end)
      end)
    ]]
    )
    assert.equal(0, run.code)
  end)
end)

describe("what a script prints", function()
  after_each(fixture.clean)

  it("is seen at once", function()
    local running = process.perilune {
      (fixture.script "print 'now' require('perilune.timer').sleep(60)"),
    }
    assert.equal("now", running:wait_output "now")
    timer.sleep(0)
    running:kill()
  end)
end)
