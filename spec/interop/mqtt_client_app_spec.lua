--- apps/mqtt/client.lua as a program, with mosquitto and its own clients.
--- covers: internal/writer.lua
local clock = require "spec.support.clock"
local fixture = require "spec.support.fixture"
local json = require "perilune.json"
local peers = require "spec.support.peers"
local process = require "spec.support.process"

local APP = "apps/mqtt/client.lua"

local CONFIG = [[
user root
listener %d 127.0.0.1
allow_anonymous false
password_file %s
]]

describe("apps/mqtt/client.lua", function()
  local broker, url

  before_each(function()
    broker = peers.start {
      argv = function(own, port)
        local passwords = own:write("passwords", "")
        local made = process.run { "mosquitto_passwd", "-b", passwords, "me", "secret" }
        assert.equal(0, made.code, made.errors)
        return { "mosquitto", "-c", own:write("mosquitto.conf", CONFIG:format(port, passwords)) }
      end,
    }
    url = ("mqtt://127.0.0.1:%d"):format(broker.port)
  end)

  after_each(function()
    process.kill_all()
    peers.clean()
    fixture.clean()
  end)

  local function start(...)
    return process.perilune({ APP, url, "-u", "me:secret", ... }, { input = "pipe" })
  end

  --- Runs it to its end; `input` is what a pipe gives it.
  local function run(input, ...)
    local made = start(...)
    if input ~= "" then made:send(input) end
    made:finish()
    made:wait()
    return made
  end

  local function foreign(program, ...)
    local base = {
      "stdbuf",
      "-oL",
      program,
      "-h",
      "127.0.0.1",
      "-p",
      tostring(broker.port),
      "-u",
      "me",
      "-P",
      "secret",
    }
    for _, word in ipairs { ... } do
      base[#base + 1] = word
    end
    return base
  end

  --- Starts it, and waits until it is subscribed.
  local function subscribed(...)
    local made = start("-v", ...)
    clock.wait_for(function()
      made:read()
      return made.errors:find "subscribed"
    end)
    return made
  end

  it("publishes arguments, lines, the whole input, a file, and nothing", function()
    local file = fixture.folder():write("file", "of a\nfile")
    local sub = process.start(
      foreign("mosquitto_sub", "-q", "2", "-t", "a/#", "-F", "%q %r %p", "-d", "-C", "6")
    )
    sub:wait_output "SUBACK"
    for _, case in ipairs {
      { "", "-q", "2", "-m", "one", "-m", "two" },
      { "three\n", "-q", "1" },
      { "fo\nur", "-w" },
      { "", "-f", file },
      { "", "-e", "-r" },
    } do
      local made = run(case[1], "-p", "a/b", unpack(case, 2))
      assert.equal(0, made.code, made.errors)
      assert.equal("", made.output .. made.errors)
    end
    assert.equal(0, sub:wait())
    local got = {}
    for line in sub.output:gmatch "[^\n]+" do
      if not line:find "^Client" and not line:find "^Subscribed" then got[#got + 1] = line end
    end
    assert.same(
      { "2 0 one", "2 0 two", "1 0 three", "0 0 fo", "ur", "0 0 of a", "file", "0 0 " },
      got
    )
  end)

  it("shows what comes, in the forms that are asked for", function()
    local forms = {
      { {}, "21\n\255\n" },
      { { "--hex" }, "3231\nff\n" },
      { { "--raw" }, "21\255" },
      { { "-v" }, "t/x 21\nt/x \255\n" },
    }
    for _, form in ipairs(forms) do
      local made = subscribed("-s", "t/#", "-n", "2", "--subscribe-qos", "1", unpack(form[1]))
      for _, text in ipairs { "21", "\255" } do
        process.run(foreign("mosquitto_pub", "-q", "1", "-t", "t/x", "-m", text))
      end
      assert.equal(0, made:wait())
      if form[1][1] ~= "-v" then form[2] = "t/x " .. form[2]:gsub("\n(.)", "\nt/x %1") end
      if form[1][1] == "--raw" then form[2] = "t/x 21t/x \255" end
      assert.equal(form[2], made.output)
    end
  end)

  it("tells all as JSON", function()
    local made = start("--json", "-s", "j", "-n", "1", "-V", "5.0")
    made:wait_output '"subscribed"'
    local words = { "-p", "j", "-m", "x", "-V", "5.0", "--property", "user:k=v" }
    assert.equal(0, run("", "--property", "content_type=a/b", unpack(words)).code)
    assert.equal(0, made:wait())
    local last
    for line in made.output:gmatch "[^\n]+" do
      local object = assert(json.decode(line), line)
      if object.event == "message" then last = object end
    end
    assert.same({ "j", "x", "a/b", { k = "v" } }, {
      last.topic,
      last.text,
      last.content_type,
      last.user_properties,
    })
  end)

  it("ends with a code that says how", function()
    local cases = {
      { 2, "say what to do" },
      { 2, "needs %-%-publish", "-m", "x", "-s", "a" },
      { 2, "exclude each other", "-p", "a", "-m", "x", "-e" },
      { 2, "takes NAME=VALUE", "-p", "a", "-m", "x", "--property", "x" },
      { 2, "did you mean", "-p", "a", "-m", "x", "-o", "keep_aliv=5" },
      { 2, "need %-%-mqtt%-version", "-s", "a", "--no-local" },
      { 6, "the time is over", "-s", "a", "-t", "0.3" },
      { 7, "no such file", "-p", "a", "-f", "/nowhere" },
    }
    for _, case in ipairs(cases) do
      local made = run("", unpack(case, 3))
      assert.equal(case[1], made.code, made.errors)
      assert.matches(case[2], made.errors)
    end
    local stranger = process.perilune { APP, url, "-u", "me:wrong", "-p", "a", "-m", "x" }
    assert.equal(4, stranger:wait())
    assert.matches("[Nn]ot authori", stranger.errors)
    local nobody = process.perilune { APP, "mqtt://127.0.0.1:1", "-p", "a", "-m", "x" }
    assert.equal(3, nobody:wait())
  end)

  it("a broker that goes is the end, but with --reconnect", function()
    local made = subscribed("-s", "a")
    broker.process:kill()
    assert.equal(5, made:wait())
    assert.matches("has ended", made.errors)
  end)

  it("a session in a file goes on where it was", function()
    local file = fixture.folder().path .. "/session"
    local sub = { "-s", "kept", "--session", file, "--subscribe-qos", "1" }
    local made = subscribed(unpack(sub))
    made:signal "TERM"
    made:wait()
    process.run(foreign("mosquitto_pub", "-q", "1", "-t", "kept", "-m", "meanwhile"))
    made = run("", "-n", "1", unpack(sub))
    assert.equal(0, made.code, made.errors)
    assert.equal("meanwhile\n", made.output)
  end)

  it("leaves a will", function()
    local sub = subscribed("-s", "will", "-n", "1")
    local made = subscribed("-s", "other", "--will", "will=gone", "--will-qos", "1")
    made:kill()
    assert.equal(0, sub:wait())
    assert.equal("will gone\n", sub.output)
  end)

  it("takes any option by its path, lists too", function()
    local nobody = "mqtt://127.0.0.1:1"
    local options =
      { "-o", "servers.1=" .. nobody, "-o", "servers.2=" .. url, "-o", "keep_alive=7" }
    local made = process.perilune {
      APP,
      nobody,
      "-u",
      "me:secret",
      "-p",
      "a",
      "-m",
      "x",
      "-q",
      "1",
      "--reconnect",
      "0.1",
      unpack(options),
    }
    assert.equal(0, made:wait(), made.errors)
    made = run("", "-p", "a", "-m", "x", "-o", "keep_alve=7")
    assert.equal(2, made.code)
    assert.matches("'keep_alve'.*did you mean 'keep_alive'", made.errors)
    made = run("", "-p", "a", "-m", "x", "-o", "=7")
    assert.equal(2, made.code)
    assert.matches("--option takes PATH=VALUE, got '=7'", made.errors)
  end)

  it("ends when nobody reads its output", function()
    local command = ("%s %s %s -u me:secret -s pipe | head -n 1"):format(process.PERILUNE, APP, url)
    local made = process.start { "sh", "-c", command }
    clock.wait_for(function()
      process.run(foreign("mosquitto_pub", "-t", "pipe", "-m", "line"))
      return made:poll()
    end)
    assert.equal(0, made.code)
    assert.equal("line\n", made.output)
  end)
end)
