-- apps/snapshots: its server as a program, and client.lua as another that saves what it sends.
local fixture = require "spec.support.fixture"
local process = require "spec.support.process"

after_each(fixture.clean)

local CLIENT = "apps/snapshots/client.lua"
local SIZE = 54 + 240 * 240 * 3

local function snapshots(...)
  local made = process.perilune { "apps/snapshots", "--port", "0", ... }
  return made:wait_port(), made
end

local function save(port, ...)
  local url = ("ws://127.0.0.1:%d/"):format(port)
  local made = process.perilune { CLIENT, url, ... }
  made:wait()
  return made
end

local function read(path)
  local file = assert(io.open(path, "rb"))
  local bytes = file:read "*a"
  file:close()
  return bytes
end

local function lines(text)
  local list = {}
  for line in text:gmatch "[^\n]+" do
    list[#list + 1] = line
  end
  return list
end

--- What a server of one message makes the client say.
local function offer(bytes, ...)
  local server = fixture.server(nil, {
    OnConnect = function(conn)
      conn:write_binary(bytes)
      conn:write "a text"
      conn:write_binary("BM" .. "\60\0\0\0" .. ("x"):rep(54))
    end,
  })
  return save(server.port, "--count", "1", ...)
end

describe("apps/snapshots", function()
  it("sends pictures that the client saves, each another one than before", function()
    local folder = fixture.folder()
    local port = snapshots("--interval", "0.1")
    local made = save(port, "--folder", folder.path .. "/new/one", "--count", "4")
    assert.equal(0, made.code, made.errors)
    local paths = lines(made.output)
    assert.equal(4, #paths)
    local before
    for _, path in ipairs(paths) do
      local bytes = read(path)
      assert.equal(SIZE, #bytes)
      assert.equal("BM", bytes:sub(1, 2))
      assert.is_true(bytes ~= before)
      before = bytes
    end
  end)

  it("shows who comes the picture of now, and keeps only the last files", function()
    local folder = fixture.folder()
    local port = snapshots("--interval", "3600")
    local first = save(port, "--folder", folder.path, "--count", "1")
    local second = save(port, "--folder", folder.path .. "/again", "--count", "1")
    assert.equal(read(lines(first.output)[1]), read(lines(second.output)[1]))

    port = snapshots("--interval", "0.1")
    local made = save(port, "--folder", folder.path .. "/few", "--count", "5", "--keep", "2")
    local paths = lines(made.output)
    for index, path in ipairs(paths) do
      local file = io.open(path)
      assert.equal(index > 3, file ~= nil)
      if file then file:close() end
    end
  end)

  it("saves nothing that is no picture", function()
    local folder = fixture.folder()
    for _, bytes in ipairs { "", "BM", "no picture", "BM" .. ("\255"):rep(100) } do
      local made = offer(bytes, "--folder", folder.path)
      assert.equal(0, made.code, made.errors)
      assert.matches("what is no picture", made.errors, 1, true)
      assert.equal(60, #read(lines(made.output)[1]))
    end
  end)

  it("says what cannot be", function()
    local folder = fixture.folder()
    folder:write("file", "")
    local made = save(1, "--folder", folder.path .. "/file/below")
    assert.equal(1, made.code)
    assert.matches("file", made.errors)
    for _, flags in ipairs { { "--insecure" }, { "--ca", "x" }, { "--count", "0" }, { "more" } } do
      made = save(1, unpack(flags))
      assert.equal(2, made.code)
      assert.matches("^snapshots client: .*%(try %-%-help%)\n$", made.errors)
    end
  end)

  it("has a help", function()
    for _, app in ipairs { "apps/snapshots", CLIENT } do
      local made = process.perilune { app, "--help" }
      made:wait()
      assert.equal(0, made.code)
      assert.matches("%-%-help", made.output)
    end
  end)
end)
