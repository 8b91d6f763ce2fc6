--- What `cmake --install` and `cpack -G DEB` make of a build. Run by `./test package`.
local files = require "spec.support.files"
local http = require "spec.support.http"
local json = require "perilune.json"
local process = require "spec.support.process"
local socket = require "spec.support.socket"
local timer = require "perilune.timer"
local websocket = require "spec.support.websocket"

local BUILD = assert(process.PERILUNE:match "^(.*)/perilune$")
local EXPOSURE = "20" -- what systemd-analyze may think of the unit at most, in tenths

local function run(...)
  local done = process.run({ ... }, { timeout = 120 })
  assert(done.code == 0, table.concat({ ... }, " ") .. ": " .. done.output .. done.errors)
  return done.output, done.errors
end

local function read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read "*a"
  file:close()
  return text
end

local function exists(path)
  local file = io.open(path, "rb")
  if file then file:close() end
  return file ~= nil
end

local function has(text, part) assert.matches(part, text, 1, true) end

--- Starts an application of an installation below `top`.
local function start(top, app)
  local words = { top .. "/bin/perilune", top .. "/share/perilune/apps/" .. app, "--port", "0" }
  local running = process.start(words, { folder = "/", env = { PERILUNE_HOME = false } })
  return running, running:wait_port()
end

--- `parts`: what has to be in what is served, by paths.
local function assert_serves(port, parts)
  for path, part in pairs(parts) do
    local peer = socket.connect(port)
    peer:send(http.compose(path))
    local response = assert(http.read(peer))
    peer:close()
    assert.equal(200, response.status, path)
    has(response.body, part)
  end
end

--- The chat of an installation below `top` serves its page and talks.
local function assert_chat_runs(top)
  local running, port = start(top, "chat")
  assert_serves(port, { ["/"] = "<!doctype html>", ["/sgcWebSockets.js"] = "sgcWebSocket" })
  local peer = websocket.connect(port)
  peer:send(json.encode { room = "tea", name = "anna" })
  assert.equal("welcome", json.decode(peer:read()).type)
  peer:close()
  running:signal "TERM"
  assert.equal(0, running:wait())
end

describe("cmake --install", function()
  local folder

  before_each(function() folder = files.folder() end)
  after_each(function()
    process.kill_all()
    folder:remove()
  end)

  local function install() run("cmake", "--install", BUILD, "--prefix", folder.path) end

  it("gives a program that needs nothing of the source tree", function()
    install()
    assert_chat_runs(folder.path)
  end)

  it("gives the pages the libraries that they load, and nothing else of npm", function()
    install()
    for app, parts in pairs {
      monitor = { ["/lib/uPlot.js"] = "export { uPlot as default }", ["/lib/uPlot.txt"] = "MIT" },
      grid = { ["/lib/tabulator.js"] = "TabulatorFull", ["/lib/tabulator.txt"] = "MIT" },
    } do
      local running, port = start(folder.path, app)
      parts["/"] = "<!doctype html>"
      assert_serves(port, parts)
      running:signal "TERM"
      assert.equal(0, running:wait())
      assert.is_false(exists(folder.path .. "/share/perilune/apps/" .. app .. "/package.json"))
    end
  end)

  it("gives a manual page without warnings, which knows every option", function()
    install()
    local page = folder.path .. "/share/man/man1/perilune.1.gz"
    local text, warnings = run("man", "--warnings", "-l", page)
    assert.equal("", warnings)
    has(text, folder.path .. "/share/perilune/apps")
    local known = run("zcat", page):gsub("\\%-", "-")
    local count = 0
    for option in run(process.PERILUNE, "--help"):gmatch "%-%-[%w-]+" do
      has(known, option)
      count = count + 1
    end
    assert.is_true(count > 4)
    has(run(process.PERILUNE, "--version"), known:match '"Perilune ([%d.]+)"')
  end)

  it("gives a unit that systemd takes, and that is locked up", function()
    install()
    local units = folder.path .. "/lib/systemd/system"
    local _, complaints =
      run("systemd-analyze", "verify", "--man=no", units .. "/perilune@chat.service")
    assert.is_nil(complaints:match "perilune@[^\n]*", complaints)
    local unit = units .. "/perilune@.service"
    run("systemd-analyze", "security", "--offline=yes", "--threshold=" .. EXPOSURE, unit)
    has(read(unit), "EnvironmentFile=" .. folder.path .. "/etc/perilune/%i.conf\n")
  end)

  it("does not touch settings that are there", function()
    install()
    local path = folder.path .. "/etc/perilune/chat.conf"
    has(read(path), "APP=" .. folder.path .. "/share/perilune/apps/chat\n")
    folder:write("etc/perilune/chat.conf", "mine\n")
    install()
    assert.equal("mine\n", read(path))
  end)

  it("gives types of every module for editors", function()
    install()
    local types = folder.path .. "/share/perilune/types/perilune/"
    local count = 0
    for path in run("sh", "-c", "ls lua/perilune/*.lua lua/perilune/_meta/*.lua"):gmatch "%S+" do
      assert(loadfile(types .. path:match "^lua/perilune/(.*)$"))
      count = count + 1
    end
    assert.is_true(count > 5)
    assert.is_false(exists(types .. "internal/boot.lua"))
  end)

  it("gives what the pages link to, and those link to in turn", function()
    install()
    local doc = folder.path .. "/share/doc/perilune/"
    local pages, count = { doc .. "README.md" }, 0
    local seen = { [pages[1]] = true }
    while #pages > 0 do
      local page = table.remove(pages)
      local beside = page:gsub("[^/]*$", "")
      for link in read(page):gsub("```.-```", ""):gmatch "%]%(([%w%./_-]+)%)" do
        local real = run("realpath", "-m", beside .. link):match "^[^\n]+"
        assert.is_true(exists(real), page .. ": " .. link)
        count = count + 1
        if real:find "%.md$" and not seen[real] then pages[#pages + 1] = real end
        seen[real] = true
      end
    end
    assert.is_true(count > 50)
  end)
end)

describe("the Debian package", function()
  local folder, package

  setup(function()
    folder = files.folder()
    run("cpack", "-G", "DEB", "--config", BUILD .. "/CPackConfig.cmake", "-B", folder.path)
    package = run("sh", "-c", "ls " .. folder.path .. "/perilune_*.deb"):match "^[^\n]+"
  end)
  teardown(function() folder:remove() end)

  it("says what it is and what it needs", function()
    local function field(name) return (run("dpkg-deb", "-f", package, name):gsub("\n$", "")) end
    assert.equal("perilune", field "Package")
    assert.equal("net", field "Section")
    local version = run(process.PERILUNE, "--version"):match "^perilune (%S+)"
    assert.equal(version .. "-1", field "Version")
    for library in ("libc6 libluajit libssl3 libuv1 zlib1g libbrotli1 libsqlite3-0"):gmatch "%S+" do
      has(field "Depends", library)
    end
    assert.is_nil(field("Depends"):find "-dev")
    assert.equal("/etc/perilune/chat.conf\n", (run("dpkg-deb", "-I", package, "conffiles")))
  end)

  it("has what is expected, owned by root", function()
    local list = run("dpkg-deb", "-c", package)
    for _, path in ipairs {
      "/etc/perilune/chat.conf",
      "/usr/bin/perilune",
      "/usr/lib/systemd/system/perilune@.service",
      "/usr/share/doc/perilune/changelog.gz",
      "/usr/share/doc/perilune/changelog.Debian.gz",
      "/usr/share/doc/perilune/copyright",
      "/usr/share/doc/perilune/docs/guides/deploy.md",
      "/usr/share/doc/perilune/examples/01-echo.lua",
      "/usr/share/man/man1/perilune.1.gz",
      "/usr/share/perilune/apps/chat/main.lua",
      "/usr/share/perilune/apps/chat/public/index.html",
      "/usr/share/perilune/apps/grid/public/lib/tabulator.js",
      "/usr/share/perilune/apps/monitor/public/lib/uPlot.js",
      "/usr/share/perilune/types/perilune/server.lua",
      "/usr/share/perilune/types/perilune/_meta/conn.lua",
    } do
      has(list, " ." .. path .. "\n")
    end
    for line in list:gmatch "[^\n]+" do
      local mode = line:find "^l" and "lrwxrwxrwx" or "[d-]rw[x-]r%-[x-]r%-[x-]"
      assert.matches("^" .. mode .. " root/root ", line)
    end
  end)

  it("runs, and its paths are those of the system", function()
    run("dpkg-deb", "-x", package, folder.path .. "/unpacked")
    assert_chat_runs(folder.path .. "/unpacked/usr")
    has(
      read(folder.path .. "/unpacked/etc/perilune/chat.conf"),
      "APP=/usr/share/perilune/apps/chat\n"
    )
    local unit = read(folder.path .. "/unpacked/usr/lib/systemd/system/perilune@.service")
    has(unit, "ExecStart=/usr/bin/perilune ")
    has(unit, "EnvironmentFile=/etc/perilune/%i.conf\n")
  end)

  it("is made the same twice", function()
    local function make(name)
      local where = folder.path .. "/" .. name
      local settings = "--config=" .. BUILD .. "/CPackConfig.cmake"
      run("env", "SOURCE_DATE_EPOCH=1700000000", "cpack", settings, "-B", where)
      return run("sh", "-c", ("cat %s/perilune_*.deb | sha256sum"):format(where))
    end
    local first = make "first"
    timer.sleep(1.1) -- the files of the second are newer
    assert.equal(first, make "second")
  end)

  it("gives lintian nothing to warn of", function()
    local done = process.run(
      { "lintian", "--fail-on", "error,warning", package },
      { timeout = 120 }
    )
    assert.equal(0, done.code, done.output .. done.errors)
  end)
end)
