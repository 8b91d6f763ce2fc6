-- covers: lua/lua_terminal.c net/tty.c internal/keys.lua
local clock = require "spec.support.clock"
local fixture = require "spec.support.fixture"
local keys = require "perilune.internal.keys"
local process = require "spec.support.process"
local pty = require "spec.support.terminal"
local timer = require "perilune.timer"

after_each(fixture.clean)

local PRELUDE = [[
  local terminal = require "perilune.terminal"
  local task, timer = require "perilune.task", require "perilune.timer"
  require("ffi").cdef "int getpid();"
  local function say(...) print(...) io.stdout:flush() end
]]

local function script(text) return (fixture.script(PRELUDE .. text)) end

--- Runs a script to its end with this input: "pipe" is ended at once.
local function run(text, input, env)
  local made = process.perilune({ script(text) }, { input = input, env = env })
  made:finish()
  assert.equal(0, made:wait(), made.errors)
  return made
end

--- Runs a script with text for its input, from a pipe or a file.
local function run_with(given, text, kind)
  if kind == "file" then return run(text, fixture.folder():write("input", given)).output end
  local made = process.perilune({ script(text) }, { input = "pipe" })
  made:send(given)
  made:finish()
  assert.equal(0, made:wait(), made.errors)
  return made.output
end

local function in_terminal(text, ...)
  local made = pty.start({ process.PERILUNE, script(text), ... })
  return made
end

describe("bytes of standard input", function()
  for _, kind in ipairs { "pipe", "file" } do
    it("come as they are from a " .. kind, function()
      local text = [[
        local pieces = { terminal.read_line() .. "|" }
        for bytes in terminal.read do pieces[#pieces + 1] = bytes end
        say(table.concat(pieces), select("#", terminal.read()))
      ]]
      assert.equal("a|\n\r\n\0last\t3\n", run_with("a\n\n\r\n\0last", text, kind))
    end)
  end
end)

describe("lines of standard input", function()
  local ECHO = [[
    for line in terminal.lines() do say("[" .. line .. "]") end
    say(select("#", terminal.read_line()), (terminal.read_line()))
  ]]

  for _, kind in ipairs { "pipe", "file" } do
    it("come from a " .. kind, function()
      assert.equal("[a]\n[]\n[c\r]\n[last]\n3\tnil\n", run_with("a\n\nc\r\nlast", ECHO, kind))
      assert.equal("3\tnil\n", run_with("", ECHO, kind))
    end)

    it(("come from a %s, however many"):format(kind), function()
      local lines = {}
      for i = 1, 20000 do
        lines[i] = ("%d %s"):format(i, ("x"):rep(i % 50))
      end
      local given = table.concat(lines, "\n") .. "\n"
      local sum = [[
        local count, bytes = 0, 0
        for line in terminal.lines() do count, bytes = count + 1, bytes + #line + 1 end
        print(count, bytes)
      ]]
      local folder = fixture.folder()
      local made = kind == "file" and run(sum, folder:write("input", given))
        or process.run {
          "sh",
          "-c",
          'cat "$1" | "$2" "$3"',
          "sh",
          folder:write("input", given),
          process.PERILUNE,
          script(sum),
        }
      assert.equal(("20000\t%d\n"):format(#given), made.output)
    end)
  end

  it("end at once when there is no input", function()
    assert.equal("3\tnil\n", run(ECHO, "/dev/null").output)
    local closed = process.run { "sh", "-c", '"$1" "$2" <&-', "sh", process.PERILUNE, script(ECHO) }
    assert.same({ 0, "3\tnil\n" }, { closed.code, closed.output })
  end)

  it("are at most 1 MiB long", function()
    local text = [[
      local line, message, code = terminal.read_line()
      say(line, message, code)
      repeat line, message, code = terminal.read_line() until code ~= "ETOOBIG"
      say(#line)
    ]]
    local given = ("x"):rep(3 * 2 ^ 20) .. "\nshort\n"
    local output = run_with(given, text, "file")
    assert.matches("^nil\ta line of more than 1048576 bytes\tETOOBIG\n%d+\n$", output)
  end)

  it("are waited for, while all else goes on", function()
    local made = process.perilune({
      script [[
        local ticks = 0
        local ticking = timer.every(0.005, function() ticks = ticks + 1 end)
        say(terminal.read_line("name? "))
        say(terminal.read_line(nil, 0.3))
        ticking:cancel()
        say(ticks > 3)
      ]],
    }, { input = "pipe" })
    clock.wait_for(function()
      made:read()
      return made.errors == "name? "
    end)
    made:send "Ada\nhalf"
    made:wait_output "Ada\tnil\tnil\n"
    made:wait_output "nil\ttimed out\tETIMEDOUT\ntrue\n"
    assert.equal(0, made:wait())
  end)

  it("are kept for the next who asks", function()
    assert.equal(
      "nil\ttimed out\tETIMEDOUT\none\nnil\tthe task was cancelled\tECANCELED\ntwo\n",
      run_with("", [[ io.stdout:write "" ]])
        .. (function()
          local made = process.perilune({
            script [[
            say(terminal.read_line(nil, 0.01))
            say((terminal.read_line()))
            local reader = task.start(terminal.read_line)
            timer.sleep(0.005)
            reader:cancel()
            say(reader:wait())
            say((terminal.read_line()))
          ]],
          }, { input = "pipe" })
          made:wait_output "ETIMEDOUT"
          made:send "one\n"
          made:wait_output "ECANCELED"
          made:send "two\n"
          made:wait()
          return made.output
        end)()
    )
  end)

  it("go to the tasks that ask in the order of their asking", function()
    local text = [[
      local list = {}
      for i = 1, 3 do list[i] = task.start(function() return i .. terminal.read_line() end) end
      say(unpack(task.all(list)))
    ]]
    assert.equal("1a\t2b\t3c\n", run_with("a\nb\nc\n", text))
  end)

  it("keep the program only while somebody waits for them", function()
    local made = process.perilune({ script [[ say(terminal.read_line()) ]] }, { input = "pipe" })
    made:send "x\n"
    assert.equal(0, made:wait())
    local ended = process.perilune({
      script [[
        task.start(function() for line in terminal.lines() do say(line) end end)
        timer.sleep(0.02)
        os.exit(3)
      ]],
    }, { input = "pipe" })
    ended:send "x\n"
    assert.equal(3, ended:wait())
    assert.equal("x\n", ended.output)
  end)

  it("are read by the first worker alone", function()
    local made = process.perilune({
      "--workers",
      "2",
      script [[
        local id = require("perilune.worker").id
        local line, message, code = terminal.read_line()
        say(id, line or code, message)
        function terminal.OnLine(text) say(id, "event", text) end
      ]],
    }, { input = "pipe" })
    made:wait_output "2\tENOTSUP\tstandard input is read by worker 1\n"
    made:send "first\nsecond\n"
    made:finish()
    assert.equal(0, made:wait())
    assert.matches("1\tfirst\tnil\n1\tevent\tsecond\n", made.output, 1, true)
  end)
end)

describe("events", function()
  it("raise OnLine for each line, and OnEnd", function()
    local text = [[
      function terminal.OnLine(line)
        timer.sleep(0.001)
        say("line", line)
        if line == "bad" then error "what a pity" end
      end
      function terminal.OnEnd() say "end" end
      say "main"
    ]]
    local made = process.perilune({ script(text) }, { input = "pipe" })
    made:wait_output "main\n"
    made:send "a\nbad\nb"
    made:finish()
    assert.equal(0, made:wait())
    assert.equal("main\nline\ta\nline\tbad\nline\tb\nend\n", made.output)
    assert.matches("what a pity.*stack traceback", made.errors)
  end)

  it("end when they are taken off", function()
    local text = [[
      function terminal.OnLine(line)
        say(line)
        if line == "off" then terminal.OnLine = nil end
      end
    ]]
    assert.equal("a\noff\n", run_with("a\noff\nb\n", text))
  end)

  it("may be taken off by their handler, which goes on waiting", function()
    local text = [[
      function terminal.OnLine(line)
        terminal.OnLine = nil
        say(pcall(timer.sleep, 0.001))
        say("before", line)
        terminal.OnLine = function(other) say("then", other) end
      end
      function terminal.OnEnd()
        terminal.OnLine = nil
        say("end", pcall(timer.sleep, 0.001))
      end
    ]]
    assert.equal("true\nbefore\ta\nthen\tb\nend\ttrue\n", run_with("a\nb\n", text))
  end)

  it("may be taken off from elsewhere while their handler waits", function()
    local text = [[
      function terminal.OnLine(line)
        timer.sleep(0.02)
        say(line)
      end
      timer.after(0.01, function() terminal.OnLine = nil end)
    ]]
    assert.equal("a\n", run_with("a\nb\n", text))
  end)

  it("end with an input that cannot be read; the log has it once", function()
    local text = [[
      function terminal.OnLine() say "line" end
      function terminal.OnEnd() say "end" end
    ]]
    local made = run(text, "/")
    assert.equal("end\n", made.output)
    local _, lines = made.errors:gsub("standard input: is a directory", "")
    assert.equal(1, lines)
  end)

  it("go on behind a line that is too long, of which no part is a line", function()
    local text = [[
      function terminal.OnLine(line) say(#line, line:sub(1, 1)) end
      function terminal.OnEnd() say "end" end
    ]]
    local max = 2 ^ 20
    for _, length in ipairs { max + 1, max * 3 + 5 } do
      local given = ("x"):rep(length) .. "\n" .. ("y"):rep(max) .. "\n" .. ("z"):rep(length)
      local made = process.perilune(
        { script(text) },
        { input = fixture.folder():write("i", given) }
      )
      assert.equal(0, made:wait())
      assert.equal("1048576\ty\nend\n", made.output)
      local _, told = made.errors:gsub("a line of more than 1048576 bytes", "")
      assert.equal(2, told)
    end
  end)

  it("are known by name, and exclude each other", function()
    local text = [[
      say(pcall(function() terminal.OnLin = print end))
      say(pcall(function() terminal.OnLine = 5 end))
      terminal.OnLine = print
      say(pcall(function() terminal.OnKey = print end))
      say(terminal.OnLine == print)
      terminal.OnLine = nil
    ]]
    local output = run(text).output
    assert.matches("terminal has no event 'OnLin': did you mean 'OnLine'?", output, 1, true)
    assert.matches("terminal.OnLine takes a function or nil, got a number", output, 1, true)
    assert.matches("terminal.OnKey and terminal.OnLine exclude each other", output, 1, true)
    assert.matches("true\n$", output)
  end)
end)

describe("a terminal", function()
  it("is known as one, with its size", function()
    local text = [[
      say(terminal.is_tty "stdin", terminal.is_tty(), terminal.is_tty "stderr", terminal.size())
    ]]
    assert.equal("false\tfalse\tfalse\tnil\tthere is no terminal\tENOTSUP\n", run(text).output)
    local made = in_terminal(text)
    made:wait_output "true\ttrue\ttrue\t80\t24\r\n"
    made:wait()
  end)

  it("gives lines, and an end that is not the last", function()
    local made = in_terminal [[
      say "ready"
      say(terminal.read_line "? ")
      say(terminal.read_line(), "ended")
      say(terminal.read_line())
    ]]
    made:wait_output "ready.*%? "
    assert.equal("echo lines signals", pty.mode(made))
    made:send "abc\127d\n"
    made:wait_output "abd\tnil\tnil\r\n"
    made:send "\4"
    made:wait_output "nil\tended\r\n"
    made:send "on\n"
    made:wait_output "on\tnil\tnil\r\n"
    assert.equal(0, made:wait())
  end)

  it("hides passwords, from before the prompt on", function()
    local made = in_terminal [[
      say("got", terminal.read_password "secret? ")
      local second = task.start(terminal.read_password, "again? ")
      timer.sleep(0.01)
      second:cancel()
      say(select(3, second:wait()))
      say "done"
      terminal.read_line()
    ]]
    made:wait_output "secret%? "
    assert.equal("lines signals", pty.mode(made))
    made:send "hunter2\n"
    made:wait_output "got\thunter2\tnil\tnil\r\n"
    assert.equal("secret? \r\ngot", made.output:match "^(.-)\t")
    made:wait_output "ECANCELED\r\ndone"
    assert.equal("echo lines signals", pty.mode(made))
    made:send "\n"
    assert.equal(0, made:wait())
    assert.equal("secret\tnil\tnil\n", run_with("secret\n", [[ say(terminal.read_password()) ]]))
  end)

  it("gives keys one by one when it is raw", function()
    local made = in_terminal [[
      say(terminal.set_raw(true))
      for key in terminal.keys() do
        say("<" .. key .. ">")
        if key == "q" then break end
      end
      say(terminal.read_key(0.01))
      say(terminal.set_raw(false))
      terminal.read_line()
    ]]
    made:wait_output "true"
    assert.equal("signals", pty.mode(made))
    for _, case in ipairs {
      { "a", "a" },
      { "\r", "enter" },
      { "\195\164", "ä" },
      { "\27[A", "up" },
      { "\27x", "alt+x" },
      { "\27", "escape" },
      { "\127", "backspace" },
      { "q", "q" },
    } do
      made:send(case[1])
      made:wait_output(("<%s>"):format(case[2]:gsub("%p", "%%%0")))
    end
    made:wait_output "nil\ttimed out\tETIMEDOUT\r\ntrue"
    assert.equal("echo lines signals", pty.mode(made))
    made:send "\n"
    assert.equal(0, made:wait())
  end)

  it("gives also Ctrl-C as a key when told so, else it ends the program", function()
    local text = [[
      say(terminal.set_raw(true, { signals = arg[1] == "signals" }))
      function terminal.OnKey(key) say("<" .. key .. ">") if key == "q" then os.exit(0) end end
    ]]
    local made = in_terminal(text, "none")
    made:wait_output "true"
    assert.equal("", pty.mode(made))
    made:send "\3\26\28"
    made:wait_output "<ctrl%+c>.*<ctrl%+z>.*<ctrl%+\\>"
    made:send "q"
    assert.equal(0, made:wait())
    made = in_terminal(text, "signals")
    made:wait_output "true"
    made:send "\3"
    assert.equal(0, made:wait())
  end)

  it("tells its new size", function()
    local made = in_terminal [[
      function terminal.OnResize(columns, rows)
        say("now", columns, rows)
        if columns == 33 then os.exit(0) end
      end
      say "ready"
      timer.sleep(60)
    ]]
    made:wait_output "ready"
    pty.resize(made, 132, 50)
    made:wait_output "now\t132\t50"
    pty.resize(made, 33, 22)
    assert.equal(0, made:wait())
  end)

  it(
    "has no keys and modes when there is none",
    function()
      assert.equal(
        "nil\tstandard input is no terminal\tENOTSUP\n<a>\n<up>\n<escape>\n",
        run_with(
          "a\27[A\27",
          [[
          say(terminal.set_raw(true))
          for key in terminal.keys() do say("<" .. key .. ">") end
        ]]
        )
      )
    end
  )
end)

describe("the mode is put back", function()
  --- Starts a script in raw mode, in a shell that lives on.
  local function raw(action)
    local path = script(([[
      assert(terminal.set_raw(true, { signals = false }))
      say("pid", require("ffi").C.getpid())
      timer.after(%s, function() %s end)
      for _ in terminal.keys() do end
    ]]):format(action and 0.02 or 60, action or ""))
    local text = 'trap "" INT; "$0" "$1"; echo "code $?"; read x'
    local made = pty.start { "bash", "-c", text, process.PERILUNE, path }
    local pid = tonumber(made:wait_output "pid\t(%d+)")
    return made, pid
  end

  local function ended(made, code)
    made:wait_output("code " .. code)
    assert.equal("echo lines signals", pty.mode(made))
    made:send "\n"
    made:wait()
  end

  it("when the program ends", function() ended(raw "os.exit(5)", 5) end)

  it("when the script throws", function()
    local path = script [[ terminal.set_raw(true) error "oops" ]]
    local text = '"$0" "$1"; echo "code $?"; read x'
    ended(pty.start { "bash", "-c", text, process.PERILUNE, path }, 1)
  end)

  it("when a signal ends it", function()
    for name, code in pairs { TERM = 0, HUP = 129 } do
      local made, pid = raw()
      assert.equal("", pty.mode(made))
      process.signal(pid, name)
      ended(made, code)
    end
  end)

  it("when the second signal ends it at once", function()
    local made, pid = raw()
    -- The thread sanitizer holds signals back until a function of libc is called.
    local stuck, stuck_pid = raw 'say("stuck") while true do os.time() end'
    stuck:wait_output "stuck"
    process.signal(pid, "TERM")
    ended(made, 0)
    -- Two that are pending at once are one, and GCC 12's thread sanitizer loses some. The last one
    -- may come when the program has gone.
    local again = timer.every(0.05, function() pcall(process.signal, stuck_pid, "TERM") end)
    ended(stuck, 143)
    again:cancel()
  end)

  it("when it crashes", function()
    local made, pid = raw()
    process.signal(pid, "ABRT")
    made:wait_output "code %d+"
    assert.equal("echo lines signals", pty.mode(made))
    made:send "\n"
    made:wait()
  end)

  it("while it is stopped", function()
    for _, name in ipairs { "TSTP", "STOP" } do
      local path = script [[
        assert(terminal.set_raw(true, { signals = false }))
        say("pid", require("ffi").C.getpid())
        for key in terminal.keys() do say("<" .. key .. ">") if key == "q" then break end end
      ]]
      local text =
        'set -m; "$0" "$1"; echo "stopped"; read x; stty sane; fg; echo "code $?"; read x'
      local made = pty.start { "bash", "-c", text, process.PERILUNE, path }
      local pid = tonumber(made:wait_output "pid\t(%d+)")
      process.signal(pid, name)
      made:wait_output "stopped\r?\n"
      if name == "TSTP" then assert.equal("echo lines signals", pty.mode(made)) end
      made:send "\n"
      made:wait_output 'stopped\r?\n.*"%$0" "%$1"\r?\n' -- what fg says
      clock.wait_for(function() return pty.mode(made) == "" end)
      made:send "k"
      made:wait_output "<k>"
      made:send "q"
      ended(made, 0)
    end
  end)
end)

describe("output", function()
  it("is coloured in a terminal, unless NO_COLOR or TERM say no", function()
    local text = [[
      local styled = terminal.style("x", "bold", "red", "on_bright_blue"):gsub("\27", "ESC")
      say(terminal.colors, styled, terminal.style "plain")
      say(pcall(terminal.style, "x", "read"))
    ]]
    local path = script(text)
    local function output(env)
      local made = pty.start({ process.PERILUNE, path }, { env = env })
      made:wait()
      return made.output
    end
    local colored = "true\tESC[1;31;104mxESC[0m\tplain\r\n"
    assert.matches(colored, output { NO_COLOR = false, TERM = "xterm" }, 1, true)
    assert.matches(colored, output { NO_COLOR = "", TERM = "xterm" }, 1, true)
    assert.matches("false\tx\tplain", output { NO_COLOR = "1", TERM = "xterm" }, 1, true)
    assert.matches("false\tx\tplain", output { NO_COLOR = false, TERM = "dumb" }, 1, true)
    local plain = run(text).output
    assert.matches("false\tx\tplain\n", plain, 1, true)
    assert.matches("terminal.style has no style 'read': did you mean 'red'?", plain, 1, true)
  end)

  it("waits for a slow reader without holding up the loop", function()
    local made = process.perilune({
      script [[
        io.stdout:write "first "
        local ticks = 0
        local ticking = timer.every(0.002, function() ticks = ticks + 1 end)
        local writers = {}
        for i = 1, 3 do
          writers[i] = task.start(terminal.write, (tostring(i)):rep(200000))
        end
        timer.sleep(0.05)
        io.stderr:write("ticks ", ticks > 5 and "went on" or "stood", "\n")
        assert(task.all(writers))
        ticking:cancel()
      ]],
    })
    timer.sleep(0.1)
    assert.equal(0, made:wait())
    local expected = "first " .. ("1"):rep(200000) .. ("2"):rep(200000) .. ("3"):rep(200000)
    assert.is_true(made.output == expected)
    assert.equal("ticks went on\n", made.errors)
  end)

  it("tells when nobody reads any more", function()
    local made = process.run {
      "bash",
      "-c",
      '"$0" "$1" | true; exit ${PIPESTATUS[0]}',
      process.PERILUNE,
      script [[
        timer.sleep(0.05)
        local ok, message, code = terminal.write "x"
        io.stderr:write(tostring(ok), " ", message, " ", code)
      ]],
    }
    assert.same(
      { 0, "nil standard output: the peer no longer reads EPIPE" },
      { made.code, made.errors }
    )
  end)

  it("takes strings", function()
    local output = run([[
      say(pcall(terminal.write))
      say(pcall(terminal.is_tty, "stdio"))
      say(pcall(terminal.read_line, 5))
      say(pcall(terminal.read_key, -1))
      say(pcall(terminal.set_raw))
      say(pcall(terminal.set_raw, true, { signal = true }))
    ]]).output
    for _, message in ipairs {
      "terminal.write takes a string, got a nil",
      'terminal.is_tty takes one of "stdin", "stdout", "stderr", got stdio',
      "terminal.read_line takes a prompt, got a number",
      "terminal.read_key takes a number of seconds from 0 to 2147483",
      "terminal.set_raw takes a boolean, got a nil",
      "unknown option 'signal' of terminal.set_raw: did you mean 'signals'?",
    } do
      assert.matches(message, output, 1, true)
    end
  end)
end)

describe("keys", function()
  for bytes, key in pairs {
    ["a"] = "a",
    [" "] = " ",
    ["\r"] = "enter",
    ["\n"] = "enter",
    ["\t"] = "tab",
    ["\127"] = "backspace",
    ["\8"] = "backspace",
    ["\0"] = "ctrl+space",
    ["\1"] = "ctrl+a",
    ["\26"] = "ctrl+z",
    ["\28"] = "ctrl+\\",
    ["\29"] = "ctrl+]",
    ["\30"] = "ctrl+^",
    ["\31"] = "ctrl+_",
    ["\226\130\172"] = "€",
    ["\240\159\152\128"] = "😀",
    ["\255"] = "\255",
    ["\27a"] = "alt+a",
    ["\27\r"] = "alt+enter",
    ["\27\27"] = "alt+escape",
    ["\27\195\164"] = "alt+ä",
    ["\27[A"] = "up",
    ["\27OB"] = "down",
    ["\27[1;2C"] = "shift+right",
    ["\27[1;7D"] = "alt+ctrl+left",
    ["\27[H"] = "home",
    ["\27[4~"] = "end",
    ["\27[2~"] = "insert",
    ["\27[3;5~"] = "ctrl+delete",
    ["\27[5~"] = "page_up",
    ["\27[6~"] = "page_down",
    ["\27[Z"] = "shift+tab",
    ["\27OP"] = "f1",
    ["\27[15~"] = "f5",
    ["\27[24;2~"] = "shift+f12",
    ["\27[99x"] = "\27[99x",
    ["\27[?1;2c"] = "\27[?1;2c",
  } do
    local shown = bytes:gsub("[%c\127-\255]", function(c) return ("\\%d"):format(c:byte()) end)
    it(("%s is a key"):format(shown), function()
      assert.same({ key, #bytes }, { keys.decode(bytes) })
      assert.same({ key, #bytes }, { keys.decode_last(bytes) })
      assert.equal(key, (keys.decode(bytes .. "x")))
      for cut = 1, #bytes - 1 do
        local part, length = keys.decode(bytes:sub(1, cut))
        assert.is_true(part == nil or length <= cut)
        part, length = keys.decode_last(bytes:sub(1, cut))
        assert.is_true(type(part) == "string" and length >= 1 and length <= cut)
      end
    end)
  end

  it("of any bytes come to an end", function()
    math.randomseed(7)
    local pieces = { "\27", "[", "O", ";", "1", "~", "A", "\195", "\164", "\255", "x", "\0" }
    for _ = 1, 2000 do
      local bytes = {}
      for i = 1, math.random(12) do
        bytes[i] = pieces[math.random(#pieces)]
      end
      local left = table.concat(bytes)
      while left ~= "" do
        local key, length = keys.decode_last(left)
        assert.is_true(#key > 0 and length >= 1 and length <= #left)
        left = left:sub(length + 1)
      end
    end
  end)
end)
