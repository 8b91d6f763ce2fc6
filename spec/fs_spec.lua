-- covers: lua/lua_fs.c net/watch.c
local clock = require "spec.support.clock"
local fixture = require "spec.support.fixture"
local fs = require "perilune.fs"
local task = require "perilune.task"
local timer = require "perilune.timer"

local folder

--- A path in the test's folder.
local function at(name) return folder.path .. "/" .. name end

local function throws(message, f, ...)
  local ok, thrown = pcall(f, ...)
  assert.is_false(ok)
  assert.matches(message, thrown, 1, true)
end

--- Compares nil, "path: text", code.
local function fails(code, name, text, result, message, got)
  assert.is_nil(result)
  assert.equal(("%s: %s"):format(at(name), text), message)
  assert.equal(code, got)
end

before_each(function() folder = fixture.folder() end)
after_each(fixture.clean)

describe("whole files", function()
  it("are written and read, with every byte", function()
    local bytes = "\0\r\n\255" .. ("x"):rep(100000)
    assert.is_true(fs.write(at "f", bytes))
    assert.equal(bytes, fs.read(at "f"))
    assert.is_true(fs.write(at "f", ""))
    assert.equal("", fs.read(at "f"))
  end)

  it("are read up to a size", function()
    folder:write("f", "12345")
    assert.equal("12345", fs.read(at "f", { max_size = 5 }))
    fails("ETOOBIG", "f", "too large", fs.read(at "f", { max_size = 4 }))
    folder:write("f", "")
    assert(os.execute(("truncate -s 67108865 '%s'"):format(at "f")) == 0)
    fails("ETOOBIG", "f", "too large", fs.read(at "f"))
  end)

  it("tell what is wrong with them", function()
    fails("ENOENT", "none", "no such file or directory", fs.read(at "none"))
    folder:write("f", "")
    fails("ENOTDIR", "f/x", "is no directory", fs.read(at "f/x"))
    fails("ENOENT", "no/f", "no such file or directory", fs.write(at "no/f", ""))
    assert.same({ nil, folder.path .. ": is a directory", "EISDIR" }, { fs.read(folder.path) })
  end)

  it("are appended to, exclusive, atomic, synchronous", function()
    assert.is_true(fs.append(at "log", "a"))
    assert.is_true(fs.append(at "log", "b"))
    assert.is_true(fs.write(at "log", "c", { append = true, sync = true }))
    assert.equal("abc", fs.read(at "log"))
    fails("EEXIST", "log", "exists already", fs.write(at "log", "x", { exclusive = true }))
    assert.is_true(fs.write(at "log", "new", { atomic = true }))
    assert.equal("new", fs.read(at "log"))
    assert.is_true(fs.write(at "key", "x", { mode = "600" }))
    assert.equal("600", fs.stat(at "key").mode)
    assert.is_true(fs.write(at "key2", "x", { mode = "0640", atomic = true }))
    assert.equal("640", fs.stat(at "key2").mode)
  end)

  it("are never seen half written, when atomic", function()
    local a, b = ("a"):rep(50000), ("b"):rep(50000)
    assert(fs.write(at "f", a, { atomic = true }))
    local writer = task.start(function()
      for i = 1, 30 do
        assert(fs.write(at "f", i % 2 == 0 and a or b, { atomic = true }))
      end
    end)
    while writer.active do
      local text = fs.read(at "f")
      assert.is_true(text == a or text == b)
    end
    assert.equal(1, #fs.list(folder.path))
  end)

  it("are copied", function()
    folder:write("f", "text")
    assert.is_true(fs.chmod(at "f", "750"))
    assert.is_true(fs.copy(at "f", at "g"))
    assert.same({ "text", "750" }, { fs.read(at "g"), fs.stat(at "g").mode })
    fails("EEXIST", "f", "exists already", fs.copy(at "f", at "g", { overwrite = false }))
    fails("EINVAL", "f", "invalid argument", fs.copy(at "f", at "f"))
    assert.equal("text", fs.read(at "f"))
    assert.equal("ENOTSUP", select(3, fs.copy("/dev/zero", at "z")))
    fails("EISDIR", "", "is a directory", fs.copy(at "", at "f"))
    assert.same({ "text", false }, { fs.read(at "f"), fs.exists(at "z") })
  end)
end)

describe("open files", function()
  local function open(name, how) return assert(fs.open(at(name), how)) end

  it("are read in pieces", function()
    folder:write("f", "0123456789")
    local file = open "f"
    assert.equal("012", file:read(3))
    assert.equal("3456789", file:read(100))
    assert.is_nil(file:read(1))
    assert.equal(10, file:seek())
    assert.equal(2, file:seek("set", 2))
    assert.equal("2", file:read(1))
    assert.equal(4, file:seek("cur", 1))
    assert.equal(8, file:seek("end", -2))
    assert.equal("89", file:read(5))
    assert.equal("45", file:read_at(4, 2))
    assert.is_nil(file:read_at(10, 2))
    assert.equal(10, file:seek())
    fails("EINVAL", "f", "invalid argument", file:seek("set", -1))
    assert.equal(10, file:stat().size)
    assert.is_true(file:close())
  end)

  it("are read by lines, mixed with other reading", function()
    folder:write("f", "one\n\ntwo\r\nthree\nfour")
    local file = open "f"
    assert.equal("one", file:read_line())
    assert.equal(4, file:seek())
    assert.equal("", file:read_line())
    assert.equal("tw", file:read(2))
    assert.equal("o\r", file:read_line())
    assert.equal(3, file:seek("cur", -7))
    assert.equal("\n", file:read(1))
    local seen = {}
    for line in file:lines() do
      seen[#seen + 1] = line
    end
    assert.same({ "", "two\r", "three", "four" }, seen)
    assert.is_nil(file:read_line())
    assert(fs.append(at "f", " more\n"))
    assert.equal(" more", file:read_line())
    file:close()
  end)

  it("have lines of any length, up to a limit", function()
    local lines = {}
    for i = 1, 400 do
      lines[i] = ("x"):rep((i * 7919) % 1500)
    end
    lines[200] = ("y"):rep(200000)
    folder:write("f", table.concat(lines, "\n") .. "\n")
    local file, count = open "f", 0
    for line in file:lines() do
      count = count + 1
      assert.equal(lines[count], line)
    end
    assert.equal(#lines, count)
    file:seek("set", 0)
    fails("ETOOBIG", "f", "too large", file:read_line(#lines[1] - 1))
    file:seek("set", 0)
    assert.equal(lines[1], file:read_line(#lines[1]))
    file:seek("set", 0)
    throws("too large", function()
      for line in file:lines(1400) do
        assert.is_true(#line <= 1400)
      end
    end)
    file:close()
  end)

  it("are written", function()
    local file = open("f", "w+")
    assert.is_true(file:write "hello ")
    assert.is_true(file:write "world")
    assert.equal(11, file:seek())
    assert.is_true(file:write_at(0, "J"))
    assert.equal(11, file:seek())
    assert.is_true(file:sync())
    assert.equal("Jello world", file:read_at(0, 100))
    assert.is_true(file:truncate(5))
    file:seek("set", 0)
    assert.equal("Jello", file:read_line())
    file:close()
    local appender = open("f", "a+")
    assert.is_true(appender:write "!")
    assert.is_true(appender:write "?")
    assert.equal("Jello!?", appender:read_at(0, 100))
    appender:close()
    local changer = open("f", "r+")
    changer:read_line()
    changer:seek("set", 0)
    changer:write "C"
    assert.equal("ello!?", changer:read(100))
    changer:close()
    assert.equal("Cello!?", fs.read(at "f"))
    fails("EEXIST", "f", "exists already", fs.open(at "f", "wx"))
    local maker = assert(fs.open(at "g", "wx+", { mode = "600" }))
    maker:close()
    assert.equal("600", fs.stat(at "g").mode)
  end)

  it("refuse what they were not opened for", function()
    folder:write("f", "x")
    local file = open("f", "r")
    fails("EACCES", "f", "permission denied", file:write "x")
    file:close()
    local writer = open("f", "a")
    fails("EACCES", "f", "permission denied", writer:read(1))
    writer:close()
    fails("ECLOSED", "f", "the file is closed", writer:write "x")
    fails("ECLOSED", "f", "the file is closed", writer:read(1))
    fails("ECLOSED", "f", "the file is closed", writer:read_line())
    fails("ECLOSED", "f", "the file is closed", writer:seek())
    fails("ECLOSED", "f", "the file is closed", writer:stat())
    fails("ECLOSED", "f", "the file is closed", writer:sync())
    fails("ECLOSED", "f", "the file is closed", writer:close())
    fails("ENOENT", "none", "no such file or directory", fs.open(at "none"))
  end)

  it("do what several tasks ask of one, one after the other", function()
    local file = open("f", "w+")
    local tasks = {}
    for i = 1, 50 do
      tasks[i] = task.start(function() return assert(file:write(("%02d"):format(i))) end)
    end
    assert(task.all(tasks))
    local expected = {}
    for i = 1, 50 do
      expected[i] = ("%02d"):format(i)
    end
    assert.equal(table.concat(expected), fs.read(at "f"))
    -- Closing waits its turn, and so does what comes behind it.
    local reading = task.start(function() return file:read_at(0, 4) end)
    local closing = task.start(function() return file:close() end)
    local late = task.start(function() return select(3, file:read_at(0, 4)) end)
    assert.same({ "0102", true, "ECLOSED" }, task.all { reading, closing, late })
  end)

  it("are closed when nobody refers to them", function()
    local function descriptors() return #assert(fs.list "/proc/self/fd") end
    local before = descriptors()
    for _ = 1, 20 do
      open("f", "a")
    end
    assert.is_true(descriptors() >= before + 20)
    collectgarbage()
    collectgarbage()
    clock.wait_for(function() return descriptors() <= before end)
  end)

  it("are of a kind that can be read", function()
    assert(os.execute(("mkfifo '%s'"):format(at "fifo")) == 0)
    fails("ENOTSUP", "fifo", "not supported here", fs.open(at "fifo"))
    fails("ENOTSUP", "fifo", "not supported here", fs.read(at "fifo"))
    assert.equal("\0\0\0", assert(fs.open "/dev/zero"):read(3))
    assert.equal("fifo", fs.stat(at "fifo").type)
  end)
end)

describe("names", function()
  it("are described", function()
    folder:write("f", "text")
    folder:link("f", "link")
    folder:link("nowhere", "dangling")
    local info = assert(fs.stat(at "f"))
    assert.same({ "file", 4, 1 }, { info.type, info.size, info.links })
    assert.is_true(math.abs(info.modified - os.time()) < 60)
    assert.equal("folder", fs.stat(folder.path).type)
    assert.equal("file", fs.stat(at "link").type)
    assert.equal("link", fs.stat(at "link", { follow = false }).type)
    assert.equal("character device", fs.stat("/dev/null").type)
    fails("ENOENT", "dangling", "no such file or directory", fs.stat(at "dangling"))
    assert.same({ true, false, false, false }, {
      fs.exists(at "f"),
      fs.exists(at "none"),
      fs.exists(at "f/x"),
      fs.exists(at "dangling"),
    })
    folder:link("loop", "loop")
    fails("ELOOP", "loop", "too many symbolic links", fs.exists(at "loop"))
  end)

  it("are listed", function()
    folder:write("b", "")
    folder:write("a/x", "")
    folder:link("b", "c")
    assert.same({
      { name = "a", type = "folder" },
      { name = "b", type = "file" },
      { name = "c", type = "link" },
    }, fs.list(folder.path))
    local _, message, code = fs.list(folder.path, { max_entries = 2 })
    assert.same({ folder.path .. ": a limit was reached", "ELIMIT" }, { message, code })
    fails("ENOENT", "none", "no such file or directory", fs.list(at "none"))
  end)

  it("of folders are made and removed", function()
    fails("ENOENT", "a/b", "no such file or directory", fs.mkdir(at "a/b"))
    assert.is_true(fs.mkdir(at "a/b", { parents = true, mode = "700" }))
    assert.equal("700", fs.stat(at "a/b").mode)
    fails("EEXIST", "a/b", "exists already", fs.mkdir(at "a/b"))
    assert.is_true(fs.mkdir(at "a/b", { parents = true }))
    folder:write("a/b/f", "x")
    folder:link("a/b/f", "link")
    fails("ENOTEMPTY", "a", "directory is not empty", fs.remove(at "a"))
    assert.is_true(fs.remove(at "link"))
    assert.is_true(fs.exists(at "a/b/f"))
    assert.is_true(fs.remove(at "a", { recursive = true }))
    assert.is_false(fs.exists(at "a"))
    fails("ENOENT", "a", "no such file or directory", fs.remove(at "a", { recursive = true }))
  end)

  it("are changed, linked, resolved", function()
    folder:write("f", "1")
    folder:write("g", "2")
    assert.is_true(fs.rename(at "f", at "g"))
    assert.same({ "1", false }, { fs.read(at "g"), fs.exists(at "f") })
    fails("ENOENT", "f", "no such file or directory", fs.rename(at "f", at "g"))
    assert.is_true(fs.symlink("g", at "link"))
    assert.equal("g", fs.readlink(at "link"))
    fails("EINVAL", "g", "invalid argument", fs.readlink(at "g"))
    assert.equal(fs.realpath(at "g"), fs.realpath(at "./link"))
    fails("EEXIST", "link", "exists already", fs.symlink("g", at "link"))
  end)

  it("of temporary things are free", function()
    local file, path = assert(fs.temporary_file { folder = folder.path, prefix = "t" })
    assert.matches("^" .. folder.path:gsub("%p", "%%%0") .. "/t%w%w%w%w%w%w$", path)
    assert.is_true(file:write "x")
    assert.equal("x", fs.read(path))
    assert.equal("600", fs.stat(path).mode)
    file:close()
    fails("ECLOSED", path:match "[^/]+$", "the file is closed", file:close())
    local made = assert(fs.temporary_folder())
    assert.same({ "folder", "700" }, { fs.stat(made).type, fs.stat(made).mode })
    assert.is_true(fs.remove(made))
    assert.equal("ENOENT", select(3, fs.temporary_file { folder = at "none" }))
  end)

  it("without a root are beside the script", function()
    local _, place = fixture.script ""
    place:write("data/text", "beside")
    local main = place:write(
      "main.lua",
      [[
      local fs = require "perilune.fs"
      print(fs.read "data/text")
      print(fs.write("made", "x"), fs.realpath "made")
    ]]
    )
    local process = require "spec.support.process"
    local run = process.run({ process.PERILUNE, main }, { folder = "/" })
    assert.equal("beside\ntrue\t" .. fs.realpath(place.path) .. "/made\n", run.output)
  end)
end)

describe("names", function()
  after_each(fixture.clean)

  it("a name is made safe, and never replaces a file", function()
    local kept = fixture.folder()
    assert.equal("passwd", fs.safe_name "../../etc/passwd")
    assert.equal("_NUL.txt", fs.safe_name "C:\\NUL.txt")
    assert.has_error(function() fs.safe_name(5) end, "fs.safe_name takes a name, got a number")
    local wanted = kept.path .. "/a.txt"
    local function place(text) return fs.place(kept:write("from", text), wanted) end
    assert.equal(kept.path .. "/a.txt", place "1")
    assert.equal(kept.path .. "/a-2.txt", place "2")
    assert.equal("1", fs.read(kept.path .. "/a.txt"))
    assert.equal("2", fs.read(kept.path .. "/a-2.txt"))
    assert.is_nil(fs.stat(kept.path .. "/from"))
    for _ = 1, 100 do
      assert(place "more")
    end
    assert.equal(102, #fs.list(kept.path))
    assert.equal("ENOENT", select(3, fs.place(kept.path .. "/a.txt", kept.path .. "/none/a")))
    assert.equal("ENOENT", select(3, fs.place(kept.path .. "/none", kept.path .. "/b")))
    assert.is_nil(fs.stat(kept.path .. "/b"))
    local made, path = assert(fs.temporary_file { folder = "/dev/shm" })
    made:write "there"
    made:close()
    assert.equal(kept.path .. "/a.c", fs.place(path, kept.path .. "/a.c"))
    assert.equal("there", fs.read(kept.path .. "/a.c"))
    assert.is_nil(fs.stat(path))
    assert.equal("644", fs.stat(kept.path .. "/a.c").mode)
  end)
end)

describe("wrong use", function()
  it("throws, at the line of the call", function()
    throws("fs_spec.lua", function() local _ = fs.read() end)
    throws("fs.read takes a path, got nil", fs.read)
    throws("fs.read takes a path, got ''", fs.read, "")
    throws("fs.rename takes a path, got number", fs.rename, "a", 5)
    throws("fs.stat takes a path without NUL", fs.stat, "a\0b")
    throws("unknown option 'max_sise' of fs.read: did you mean 'max_size'?", fs.read, "x", {
      max_sise = 5,
    })
    throws("fs.write takes a string to write, got a number", fs.write, "x", 5)
    throws("fs.write takes one of the options", fs.write, "x", "", { append = true, atomic = true })
    throws("fs.write takes a mode of three or four octal digits, got '8'", fs.write, "x", "", {
      mode = "8",
    })
    throws("fs.chmod takes a mode", fs.chmod, "x", 600)
    throws("fs.open takes one of", fs.open, "x", "q")
    throws("takes a name without slashes", fs.temporary_file, { prefix = "a/b" })
    throws("unknown option 'dir' of fs.temporary_folder", fs.temporary_folder, { dir = "x" })
    throws("fs.watch takes a function, got a nil", fs.watch, "x")
    local file = assert(fs.open("/dev/null", "r+"))
    throws("file:read takes an integer from 1 to 1073741824, got 0", file.read, file, 0)
    throws("file:read takes", file.read, file)
    throws("file:seek takes one of", file.seek, file, "up")
    throws("file:write takes a string to write, got a nil", file.write, file)
    throws("file:read_at takes", file.read_at, file, -1, 1)
    throws("file expected, got nil", file.close)
    throws("cannot wait here", string.gsub, "x", "x", function() fs.read "x" end)
    throws("file has no field 'x'", function() file.x = 1 end)
    assert.equal("file", getmetatable(file))
  end)
end)

describe("meanwhile", function()
  it("all else goes on", function()
    local ticks, ticking = 0, true
    task.start(function()
      while ticking do
        timer.sleep(0)
        ticks = ticks + 1
      end
    end)
    for _ = 1, 20 do
      assert(fs.write(at "f", ("x"):rep(100000), { sync = true }))
    end
    ticking = false
    assert.is_true(ticks > 5, ticks)
  end)

  it("a task may be cancelled; what was begun is done", function()
    local writer = task.start(fs.write, at "f", ("x"):rep(1000000))
    timer.sleep(0)
    writer:cancel()
    assert.same({ nil, "the task was cancelled", "ECANCELED" }, { writer:wait() })
    clock.wait_for(function() return #(fs.read(at "f") or "") == 1000000 end)
    local file = assert(fs.open(at "f", "r+"))
    local list = {}
    for i = 1, 10 do
      list[i] = task.start(function()
        local ok, message = pcall(function() return file:read(100000) end)
        if not ok then error(message, 0) end
      end)
    end
    timer.sleep(0)
    for i = 1, 10, 2 do
      list[i]:cancel()
    end
    for i = 1, 10 do
      list[i]:wait()
    end
    assert.is_true(file:close())
    local opener = task.start(fs.open, at "f")
    timer.sleep(0)
    opener:cancel()
    opener:wait()
  end)

  it("the program may end: what was begun is done", function()
    local run = fixture.run(
      [[
      local fs, task = require "perilune.fs", require "perilune.task"
      local timer = require "perilune.timer"
      local file = fs.open(arg[1], "w")
      task.start(function() file:write(("y"):rep(1000000)) end)
      task.start(function() file:write "z" end)
      task.start(function() fs.open(arg[1]) end)
      task.start(function() fs.list "/" end)
      timer.sleep(0)
      os.exit(0)
    ]],
      at "f"
    )
    assert.same({ 0, "" }, { run.code, run.errors })
    assert.is_true(fs.stat(at "f").size >= 1000000)
  end)
end)

describe("fs.watch", function()
  local watchers = {}
  after_each(function()
    while #watchers > 0 do
      table.remove(watchers):stop()
    end
  end)

  local function watch(path, changed, given)
    local watcher = assert(fs.watch(path, changed, given))
    watchers[#watchers + 1] = watcher
    return watcher
  end

  it("tells once of many changes to a file", function()
    folder:write("f", "0")
    local calls = {}
    watch(at "f", function(names, lost) calls[#calls + 1] = { names, lost } end)
    for i = 1, 10 do
      assert(fs.append(at "f", "x"))
      assert(fs.append(at "g", "x"))
    end
    clock.wait_for(function() return #calls > 0 end)
    timer.sleep(0.1)
    assert.same({ { "f" }, false }, calls[1])
    assert.is_true(#calls <= 2)
    calls = {}
    assert(fs.write(at "f", "new", { atomic = true }))
    clock.wait_for(function() return #calls > 0 end)
    timer.sleep(0.1)
    calls = {}
    assert(fs.append(at "f", "again"))
    clock.wait_for(function() return #calls > 0 end)
  end)

  it("tells what has changed in a folder", function()
    local names = {}
    watch(folder.path, function(changed)
      for _, name in ipairs(changed) do
        names[name] = (names[name] or 0) + 1
      end
    end, { delay = 0.2 })
    assert(fs.write(at "a", "x"))
    assert(fs.write(at "b", "x"))
    assert(fs.remove(at "a"))
    clock.wait_for(function() return names.a and names.b end)
    assert.same({ a = 1, b = 1 }, names)
  end)

  it("waits for its function, and says when names were lost", function()
    local inside, most, told, some_lost = 0, 0, 0, false
    watch(folder.path, function(names, lost)
      inside = inside + 1
      most = math.max(most, inside)
      told = told + #names
      some_lost = some_lost or lost
      timer.sleep(0.03)
      inside = inside - 1
    end, { delay = 0.01 })
    for i = 1, 1200 do
      io.open(at(("n%d"):format(i)), "w"):close()
    end
    clock.wait_for(function() return told > 0 and inside == 0 end)
    assert.equal(1, most)
    assert.is_true(told >= 1000)
    assert.is_true(some_lost or told >= 1200)
  end)

  it("stops, also within its function, which may throw", function()
    local capture = require "spec.support.capture"
    local count, watcher = 0, nil
    watcher = watch(folder.path, function()
      count = count + 1
      if count == 2 then watcher:stop() end
      error "watching is hard"
    end, { delay = 0 })
    assert.is_true(watcher.active)
    local log = capture(function()
      for i = 1, 3 do
        fs.append(at "f", "x")
        clock.try(function() return count >= i end, i == 3 and 0.05 or nil)
      end
    end)
    assert.equal(2, count)
    assert.is_false(watcher.active)
    assert.is_false(watcher:stop())
    assert.matches("watching is hard.*watching is hard", log)
  end)

  it("keeps the program, until it ends", function()
    folder:write("f", "")
    local text = [[
      local fs = require "perilune.fs"
      local watcher
      watcher = fs.watch(arg[1], function()
        print "changed"
        if arg[2] == "stop" then watcher:stop() else os.exit(0) end
      end)
      fs.append(arg[1], "x")
    ]]
    for _, how in ipairs { "stop", "exit" } do
      local run = fixture.run(text, at "f", how)
      assert.same({ 0, "changed\n", "" }, { run.code, run.output, run.errors })
    end
  end)

  it(
    "needs something to watch",
    function() fails("ENOENT", "none", "no such file or directory", fs.watch(at "none", print)) end
  )
end)
