--- Forwarding with servers and clients that are not ours: nginx, HAProxy and node behind and in
--- front, curl, npm ws and python3-websockets through it.
local certificates = require "spec.support.certificates"
local clock = require "spec.support.clock"
local fixture = require "spec.support.fixture"
local foreign = require "spec.support.foreign"
local haproxy = require "spec.support.haproxy"
local http = require "perilune.http"
local nginx = require "spec.support.nginx"
local peers = require "spec.support.peers"
local process = require "spec.support.process"
local socket = require "spec.support.socket"
local task = require "perilune.task"

local MIB = 1024 * 1024

--- A server that forwards everything to a port; its own port.
local function front(port, more)
  local rule = { path = "/", url = ("http://127.0.0.1:%d"):format(port) }
  for name, value in pairs(more or {}) do
    rule[name] = value
  end
  return fixture.server({ forward = { rule } }, { OnError = function() end }).port
end

local function url_of(port, path) return ("http://127.0.0.1:%d%s"):format(port, path or "") end

local function curl(...)
  local run = process.run { "curl", "--silent", "--show-error", "--max-time", "60", ... }
  assert.equal(0, run.code, run.errors)
  return run.output
end

local function node() return peers.announced { "node", "spec/interop/http_server.mjs" } end

describe("node behind:", function()
  local peer, port

  before_each(function()
    peer = node()
    port = front(peer.port)
  end)
  after_each(peers.clean)

  it(
    "gets bodies of any framing, from curl",
    peers.telling(function()
      local folder = fixture.folder()
      local large = folder:write("large", ("0123456789abcdef"):rep(MIB / 2))
      local sum = process.run({ "sha256sum", large }).output:match "^%x+"
      for _, arguments in ipairs {
        { "--data-binary", "@" .. large },
        { "--upload-file", large },
        { "--upload-file", large, "--header", "Transfer-Encoding: chunked" },
        { "--upload-file", large, "--header", "Expect: 100-continue", "--expect100-timeout", "30" },
        { "--upload-file", large, "--http1.0" },
      } do
        arguments[#arguments + 1] = url_of(port, "/echo")
        local answer = require("perilune.json").decode(curl(unpack(arguments)))
        assert.equal(8 * MIB, answer.length)
        assert.equal(sum, answer.sha256)
        assert.equal("127.0.0.1", answer.headers["x-forwarded-for"])
        assert.is_nil(answer.headers.connection and answer.headers.connection:find "xpect")
      end
    end)
  )

  it(
    "answers with 1xx, trailers, no content, and heads alone",
    peers.telling(function()
      local hints = curl("--include", url_of(port, "/hints"))
      assert.matches("^HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\n", hints)
      assert.matches("after hints$", hints)
      local chunked = curl("--raw", "--header", "TE: trailers", url_of(port, "/chunked"))
      assert.matches("\r\n0\r\nX%-Sum: 5050\r\n\r\n$", chunked)
      chunked = curl("--raw", url_of(port, "/chunked"))
      assert.matches("\r\n0\r\n\r\n$", chunked)
      assert.matches("^HTTP/1.1 204 ", curl("--include", url_of(port, "/empty")))
      assert.matches("Content%-Length: 12345\r\n", curl("--head", url_of(port, "/head")))
      assert.matches(
        "Set%-Cookie: a=1.*Set%-Cookie: b=2",
        curl("--include", url_of(port, "/cookies"))
      )
    end)
  )

  it(
    "that hangs up answers 502, and the next request finds it again",
    peers.telling(function()
      for _ = 1, 3 do
        assert.equal(502, assert(http.get(url_of(port, "/hang%20up"))).status)
        assert.equal(200, assert(http.get(url_of(port, "/cookies"))).status)
      end
    end)
  )

  it(
    "that is killed in the middle breaks its answers off, and nothing else",
    peers.telling(function()
      local client = socket.connect(port)
      client:send "GET /slow HTTP/1.1\r\nHost: a\r\n\r\n"
      assert(client:read_through "\r\n\r\n")
      assert.equal("hello", client:read(5))
      peer.process:kill()
      local rest, why = client:read_all()
      assert.equal("", rest or "")
      assert.not_equal("timeout", why)
      client:close()
      assert.equal(502, assert(http.get(url_of(port, "/cookies"))).status)
    end)
  )

  it(
    "is asked by many at a time",
    peers.telling(function()
      local client = http.client { pool = { max_idle_per_origin = 32 } }
      local tasks = {}
      for i = 1, 32 do
        tasks[i] = task.start(function()
          for j = 1, 10 do
            local text = ("x"):rep(i * j * 100)
            local response = assert(client:post(url_of(port, "/echo"), { body = text }))
            assert(response.status == 200, response.text)
            assert(response.json.body == text)
          end
          return true
        end)
      end
      for _, each in ipairs(tasks) do
        assert(each:wait())
      end
      client:close()
    end)
  )
end)

describe("nginx", function()
  local folder

  before_each(function() folder = certificates.folder() end)
  after_each(peers.clean)

  it(
    "behind: a connection that it ends after 50 requests is replaced, and nobody notices",
    peers.telling(function()
      local port = front(nginx.start(folder).ports[1])
      for i = 1, 200 do
        local response = assert(http.get(url_of(port, "/says")))
        assert.equal(200, response.status, i)
      end
    end)
  )

  it(
    "behind: files, ranges, uploads, redirects, refusals",
    peers.telling(function()
      local peer = nginx.start(folder)
      local port = front(1, { url = ("http://localhost:%d"):format(peer.ports[1]) })
      local large = ("0123456789abcdef"):rep(65536)
      assert.equal(large, curl(url_of(port, "/large.bin")))
      assert.equal(large, curl("--limit-rate", "4M", url_of(port, "/large.bin")))
      assert.equal("6789", curl("--range", "6-9", url_of(port, "/large.bin")))
      local head = curl("--include", url_of(port, "/small.txt"))
      local tag = head:match "ETag: ([^\r]*)"
      local again =
        curl("--include", "--header", "If-None-Match: " .. tag, url_of(port, "/small.txt"))
      assert.matches("^HTTP/1.1 304 ", again)
      local path = fixture.folder():write("sent", large)
      curl("--upload-file", path, url_of(port, "/put/sent"))
      assert.equal(large, curl(url_of(port, "/put/sent")))
      assert.matches("\r\nLocation: /secret\r\n", curl("--include", url_of(port, "/302")))
      local refused = curl("--include", "--upload-file", path, url_of(port, "/413"))
      assert.matches("HTTP/1.1 413 ", refused)
      assert.equal(502, assert(http.get(url_of(port, "/444"))).status)
    end)
  )

  it(
    "behind with TLS",
    peers.telling(function()
      local peer = nginx.start(folder)
      local port = front(1, {
        url = ("https://localhost:%d"):format(peer.ports[2]),
        tls = { root_cert_file = folder .. "/ca.pem" },
      })
      assert.matches("^TLSv1.3 ", assert(http.get(url_of(port, "/tls"))).text)
      assert.matches("^GET https ", assert(http.get(url_of(port, "/says"))).text)
    end)
  )

  it(
    "in front and HAProxy behind, of WebSockets",
    peers.telling(function()
      local echo = fixture.server({}, { OnMessage = function(conn, text) conn:write(text) end })
      local port = nginx.start(folder, front(haproxy.start(echo.port).ports[1])).ports[1]
      local client = fixture.client({ url = ("ws://127.0.0.1:%d/ws"):format(port) })
      local large = ("x"):rep(3 * MIB)
      assert.equal("hello", client:write_and_wait "hello")
      assert.equal(large, client:write_and_wait(large, 20))
      assert(client:disconnect())
      clock.wait_for(function() return echo:count() == 0 end)
    end)
  )
end)

describe("memory:", function()
  after_each(peers.clean)

  local SIZE = 512 * MIB

  --- The most that a process has had, in KiB.
  local function most(pid)
    local file = assert(io.open(("/proc/%d/status"):format(pid)))
    local text = file:read "*a"
    file:close()
    return tonumber(text:match "VmHWM:%s+(%d+)")
  end

  it(
    "large bodies pass through, and none of it is kept",
    peers.telling(function()
      local folder = fixture.folder()
      local large = folder.path .. "/public/large"
      folder:write("public/small", "")
      assert(process.run({ "truncate", "--size", tostring(SIZE), large }).code == 0)
      local behind = fixture.script [[
        local server = require("perilune.server").new { port = 0, document_root = arg[1] }
        function server.OnCommandOther(_, request, response)
          local count, piece = 0, request:read()
          while piece do
            count, piece = count + #piece, request:read()
          end
          response.content_text = tostring(count)
        end
        assert(server:start())
      ]]
      local between = fixture.script [[
        local rule = { path = "/", url = "http://127.0.0.1:" .. arg[1] }
        assert(require("perilune.server").new({ port = 0, forward = { rule } }):start())
      ]]
      local public = folder.path .. "/public"
      local port = process.perilune({ behind, public }):wait_port()
      -- The address sanitizer keeps what was freed.
      local env = { ASAN_OPTIONS = "quarantine_size_mb=1:thread_local_quarantine_size_kb=64" }
      local run = process.perilune({ between, tostring(port) }, { env = env })
      local url = url_of(run:wait_port())
      curl(url .. "/small")
      local before = most(run.pid)
      local got = curl("--output", "/dev/null", "--write-out", "%{size_download}", url .. "/large")
      assert.equal(tostring(SIZE), got)
      assert.equal(tostring(SIZE), curl("--upload-file", large, url .. "/"))
      got = curl("--upload-file", large, "--header", "Transfer-Encoding: chunked", url .. "/")
      assert.equal(tostring(SIZE), got)
      local grown = most(run.pid) - before
      assert.truthy(grown < 16 * 1024, grown .. " KiB more")
    end)
  )
end)

describe("HAProxy in front and behind:", function()
  after_each(peers.clean)

  it(
    "bodies come whole",
    peers.telling(function()
      local port = haproxy.start(front(haproxy.start(node().port).ports[1])).ports[1]
      local text = ("0123456789abcdef"):rep(65536)
      for _ = 1, 20 do
        local answer = assert(http.post(url_of(port, "/echo"), { body = text })).json
        assert.equal(#text, answer.length)
        assert.equal("127.0.0.1, 127.0.0.1", answer.headers["x-forwarded-for"])
      end
    end)
  )
end)

for name, program in pairs {
  ["npm ws"] = { "node", "spec/interop/ws_client.mjs" },
  ["python3-websockets"] = { "/usr/bin/python3", "spec/interop/websockets_client.py" },
} do
  describe(name .. " through it:", function()
    local results

    setup(function() results = foreign.run_through(front, unpack(program)) end)
    teardown(peers.clean)

    for _, case in ipairs(foreign.NAMES) do
      it(case, function() assert.equal("ok", results[case]) end)
    end
  end)
end
