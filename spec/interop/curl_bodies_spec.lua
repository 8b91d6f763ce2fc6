--- Bodies that stream, with curl as the client: lengths, chunks, Expect, flat memory, cuts.
local certificates = require "spec.support.certificates"
local clock = require "spec.support.clock"
local fixture = require "spec.support.fixture"
local process = require "spec.support.process"

local MIB = 1024 * 1024
local LARGE = 160 * MIB
local SERVER = "spec/interop/bodies.lua"

local running, base, folder

--- Starts the server, with these arguments.
local function start(...)
  folder = fixture.folder()
  -- The address sanitizer keeps what was freed; a little of it will do.
  local sanitizer = (os.getenv "ASAN_OPTIONS" or "") .. ":quarantine_size_mb=1"
  running = process.perilune({ SERVER, ... }, { env = { ASAN_OPTIONS = sanitizer } })
  base = running:wait_output "listening on (https?://[^\n]-:%d+)/\n"
end

--- Runs curl; the last argument is the path.
local function run(...)
  local arguments = { "curl", "-sS", "--insecure", "--noproxy", "*", "--max-time", "60", ... }
  arguments[#arguments] = base .. arguments[#arguments]
  return process.run(arguments, { timeout = 90 })
end

--- Its output, when all went well.
local function curl(...)
  local done = run(...)
  assert.equal(0, done.code, done.errors)
  return done.output
end

--- A file of so many bytes, which do not repeat soon.
local function file_of(size)
  local path = folder.path .. "/body.bin"
  local made = process.run {
    "sh",
    "-c",
    ("seq 100000000 | head -c %d >'%s'"):format(size, path),
  }
  assert.equal(0, made.code, made.errors)
  return path
end

local function same(one, other) return process.run({ "cmp", one, other }).code == 0 end

--- The most memory that the server has had, in bytes.
local function peak()
  local file = assert(io.open(("/proc/%d/status"):format(running.pid)))
  local text = file:read "*a"
  file:close()
  return tonumber(text:match "VmHWM:%s*(%d+) kB") * 1024
end

--- Asserts that f costs the server much less than what it moves: some 12 MiB, 70 with the thread
--- sanitizer.
local function assert_flat(f)
  curl "/count"
  local before = peak()
  f()
  local more = peak() - before
  assert.is_true(more < LARGE / 2, ("%.1f MiB more"):format(more / MIB))
end

--- What the last cut request of the server came to.
local function cut_seen() return running:wait_output "cut: (%S+)\n" end

describe("curl:", function()
  before_each(function() start() end)
  after_each(fixture.clean)

  it("uploads a large file by length, with flat memory", function()
    local path = file_of(LARGE)
    assert_flat(function() assert.equal(tostring(LARGE), curl("--upload-file", path, "/count")) end)
  end)

  it("uploads from a pipe in chunks, with flat memory", function()
    local command = "head -c %d /dev/zero | curl -sS --noproxy '*' --upload-file - %s/count"
    assert_flat(function()
      local done = process.run { "sh", "-c", command:format(LARGE, base) }
      assert.equal(tostring(LARGE), done.output, done.errors)
    end)
  end)

  it("downloads what is written, with flat memory", function()
    local out = { "--output", "/dev/null", "--write-out", "%{size_download}" }
    assert_flat(
      function()
        assert.equal(
          tostring(LARGE),
          curl(out[1], out[2], out[3], out[4], "/write?bytes=" .. LARGE)
        )
      end
    )
  end)

  it("downloads what is written in every form", function()
    local function download(...)
      return curl("--output", "/dev/null", "--write-out", "%{size_download}", ...)
    end
    for _, query in ipairs { "", "&length=1" } do
      local path = "/write?bytes=3000000" .. query
      assert.equal("3000000", download("--http1.0", path))
      assert.equal("3000000", download("--http1.1", path))
      assert.equal("0", download("--head", "--max-time", "5", path):sub(-1))
    end
  end)

  it("gets back what it sends, while it sends", function()
    local path = file_of(LARGE)
    local back = folder.path .. "/back.bin"
    assert_flat(function() curl("--upload-file", path, "--output", back, "/echo") end)
    assert.is_true(same(path, back))
  end)

  it("is told to go on when the handler wants the body", function()
    local path = file_of(2 * MIB)
    local begun = clock.now()
    local written = curl(
      "--expect100-timeout",
      "30",
      "--header",
      "Expect: 100-continue",
      "--upload-file",
      path,
      "/late?seconds=0.5"
    )
    assert.equal(tostring(2 * MIB), written)
    assert.is_true(clock.now() - begun < 20)
  end)

  it("does not send a body that is refused", function()
    local path = file_of(8 * MIB)
    local done = run(
      "--expect100-timeout",
      "30",
      "--header",
      "Expect: 100-continue",
      "--upload-file",
      path,
      "--write-out",
      " %{http_code} %{size_upload}",
      "/refuse"
    )
    assert.equal("no 403 0", done.output)
  end)

  it("keeps its connection over streamed bodies", function()
    local path = file_of(MIB)
    local out = { "--output", "/dev/null", "--write-out", "%{http_code}:%{num_connects} " }
    local output = curl(
      "--upload-file",
      path,
      out[1],
      out[2],
      out[3],
      out[4],
      base .. "/count",
      "--upload-file",
      path,
      out[1],
      out[2],
      base .. "/echo",
      "--upload-file",
      path,
      out[1],
      out[2],
      "/count"
    )
    assert.equal("200:1 200:0 200:0 ", output)
  end)

  it("cuts an upload", function()
    local path = file_of(LARGE)
    local done = run("--limit-rate", "1M", "--max-time", "1", "--upload-file", path, "/count")
    assert.equal(28, done.code) -- timed out
    assert.equal("ECLOSED", cut_seen())
    assert.equal("0", curl "/count")
  end)

  it("cuts a download", function()
    local done =
      run("--limit-rate", "1M", "--max-time", "1", "--output", "/dev/null", "/write?bytes=1e12")
    assert.equal(28, done.code)
    assert.equal("ECLOSED", cut_seen())
    assert.equal("0", curl "/count")
  end)

  it("sees an answer that is cut", function()
    local PARTIAL = 18
    assert.equal(PARTIAL, run("--output", "/dev/null", "/throw").code)
    assert.equal(PARTIAL, run("--output", "/dev/null", "/throw?length=1").code)
    assert.equal("0", curl "/count")
  end)
end)

describe("curl over TLS:", function()
  before_each(function() start(certificates.folder()) end)
  after_each(fixture.clean)

  it("sends and gets large bodies, with flat memory", function()
    local path = file_of(LARGE)
    local back = folder.path .. "/back.bin"
    assert_flat(function()
      assert.equal(tostring(LARGE), curl("--upload-file", path, "/count"))
      curl("--upload-file", path, "--output", back, "/echo")
    end)
    assert.is_true(same(path, back))
  end)
end)
