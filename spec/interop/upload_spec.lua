-- Uploads by programs that others wrote: curl, and Python's http.client.
local fixture = require "spec.support.fixture"
local fs = require "perilune.fs"
local json = require "perilune.json"
local process = require "spec.support.process"

local SIZE = 5000000

--- A server whose answer is request.files; its folder.
local function serving()
  local folder = fixture.folder()
  local function handler(_, request, response)
    response.content_text = json.encode { files = request.files, params = request.params }
  end
  local made = fixture.server({
    http_upload_files = { stream_type = "file", save_directory = folder.path },
  }, { OnCommandGet = handler, OnCommandOther = handler })
  return made, folder
end

local function curl(...)
  local made = process.run { "curl", "-sS", "--max-time", "60", ... }
  assert.equal(0, made.code, made.errors)
  return assert(json.decode(made.output))
end

local function url(made, path) return ("http://127.0.0.1:%d%s"):format(made.port, path or "/") end

local function same(path, other) assert.equal(0, process.run({ "cmp", path, other }).code) end

describe("uploads by curl", function()
  after_each(fixture.clean)

  local function large()
    local bytes = ("\r\n--boundary\0"):rep(SIZE / 13)
    return fixture.folder():write("large file.bin", bytes), #bytes
  end

  it("as a form", function()
    local made, folder = serving()
    local path, size = large()
    local got = curl(
      "-F",
      "title=Mond ä",
      "-F",
      "f=@" .. path,
      "-F",
      'g=@/etc/hostname;filename=a"b\\c',
      url(made)
    )
    assert.equal("Mond ä", got.params.title)
    assert.equal(size, got.files[1].size)
    assert.equal("large file.bin", got.files[1].filename)
    same(path, folder.path .. "/large file.bin")
    assert.matches("c$", got.files[2].filename)
    same("/etc/hostname", got.files[2].path)
  end)

  it("as a body, with its length and without", function()
    local made = serving()
    local path = large()
    for _, more in ipairs { "X-A: b", "Transfer-Encoding: chunked" } do
      local got = curl("-T", path, "-H", more, url(made, "/x/name.bin"))
      assert.matches("^name.*%.bin$", got.files[1].filename)
      same(path, got.files[1].path)
    end
  end)

  it("as a form, slowly", function()
    local made, folder = serving()
    local path = fixture.folder():write("slow", ("x"):rep(300000))
    curl("--limit-rate", "600K", "-F", "f=@" .. path, url(made))
    same(path, folder.path .. "/slow")
  end)

  it("that is cut", function()
    local made, folder = serving()
    local path = large()
    local run = process.run {
      "curl",
      "-sS",
      "--max-time",
      "1",
      "--limit-rate",
      "1M",
      "-F",
      "f=@" .. path,
      url(made),
    }
    assert.equal(28, run.code)
    for _ = 1, 1000 do
      if #fs.list(folder.path) == 0 then break end
      require("perilune.timer").sleep(0.01)
    end
    assert.same({}, fs.list(folder.path))
  end)
end)

describe("uploads by Python", function()
  after_each(fixture.clean)

  it("as requests writes them", function()
    local made = serving()
    local script = fixture.folder():write(
      "send.py",
      [[
import http.client, sys, uuid
boundary = uuid.uuid4().hex
body = b""
for head, data in (('name="a"', b"1"), ('name="f"; filename="x y.txt"', b"hello\r\n--")):
    body += f'--{boundary}\r\nContent-Disposition: form-data; {head}\r\n\r\n'.encode() + data + b"\r\n"
body += f"--{boundary}--\r\n".encode()
link = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]))
link.request("POST", "/", body, {"Content-Type": f"multipart/form-data; boundary={boundary}"})
print(link.getresponse().read().decode())
]]
    )
    local run = process.run { "/usr/bin/python3", script, tostring(made.port) }
    assert.equal(0, run.code, run.errors)
    local got = assert(json.decode(run.output))
    assert.equal("hello\r\n--", fs.read(got.files[1].path))
    assert.equal("x y.txt", got.files[1].filename)
    assert.equal("1", got.params.a)
  end)
end)
