-- Uploads by programs that others wrote: curl, and Python's http.client; and with nginx in front.
local certificates = require "spec.support.certificates"
local clock = require "spec.support.clock"
local fixture = require "spec.support.fixture"
local fs = require "perilune.fs"
local json = require "perilune.json"
local nginx = require "spec.support.nginx"
local peers = require "spec.support.peers"
local process = require "spec.support.process"

local SIZE = 5000000

--- A server whose answer is request.files; its folder.
local function serving(limits)
  local folder = fixture.folder()
  local function handler(_, request, response)
    response.content_text = json.encode { files = request.files, params = request.params }
  end
  local made = fixture.server({
    http_upload_files = { stream_type = "file", save_directory = folder.path },
    limits = limits,
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

for path, name in pairs {
  ["/kept/"] = "keeps requests until they are whole",
  ["/passed/"] = "passes them on",
} do
  describe("uploads behind an nginx that " .. name .. ":", function()
    after_each(peers.clean)

    --- A server with nginx before it: the folder, and the URL below which that passes all on.
    local function fronted(limits)
      local made, folder = serving(limits)
      local peer = nginx.start(certificates.folder(), made.port)
      return folder, ("http://127.0.0.1:%d%s"):format(peer.port, path)
    end

    local function large(size)
      local bytes = ("\r\n--boundary\0"):rep(size / 13)
      return fixture.folder():write("large.bin", bytes)
    end

    it(
      "forms and bodies come whole",
      peers.telling(function()
        local folder, base = fronted()
        local file = large(SIZE)
        local got = curl("-F", "title=Moon", "-F", "f=@" .. file, "-F", "g=@" .. file, base)
        assert.equal("Moon", got.params.title)
        assert.equal("large.bin", got.files[1].filename)
        assert.equal("large-2.bin", got.files[2].filename)
        same(file, got.files[1].path)
        same(file, got.files[2].path)
        for _, more in ipairs {
          "X-A: b",
          "Transfer-Encoding: chunked",
          "Expect: 100-continue",
        } do
          got = curl("-T", file, "-H", more, base .. "name.bin")
          same(file, got.files[1].path)
        end
        assert.equal(5, #fs.list(folder.path))
      end)
    )

    it(
      "the answer to one that is too large reaches the client",
      peers.telling(function()
        local folder, base = fronted { upload = 100000 }
        local file = large(SIZE)
        for _, more in ipairs { "X-A: b", "Transfer-Encoding: chunked" } do
          local run = process.run {
            "curl",
            "-sS",
            "--max-time",
            "60",
            "-T",
            file,
            "-H",
            more,
            "-o",
            "-",
            "-w",
            " %{http_code}",
            base .. "name.bin",
          }
          assert.equal("over limits.upload 413", run.output)
        end
        clock.wait_for(function() return #fs.list(folder.path) == 0 end)
      end)
    )

    it(
      "one that is cut leaves nothing",
      peers.telling(function()
        local folder, base = fronted()
        local run = process.start {
          "curl",
          "-sS",
          "--max-time",
          "60",
          "--limit-rate",
          "400K",
          "-F",
          "f=@" .. large(SIZE),
          base,
        }
        local comes = clock.try(
          function() return #fs.list(folder.path) == 1 end,
          path == "/kept/" and 1 or nil
        )
        assert.equal(path == "/passed/", comes == true)
        run:kill()
        clock.wait_for(function() return #fs.list(folder.path) == 0 end)
        local got = curl("-F", "f=@/etc/hostname", base)
        same("/etc/hostname", got.files[1].path)
      end)
    )
  end)
end
