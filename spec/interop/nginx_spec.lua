--- Our clients and nginx: keep-alive, TLS, redirects, limits, gzip, ranges, uploads, WebSocket
--- behind it.
local attack = require "spec.support.attack"
local certificates = require "spec.support.certificates"
local client = require "perilune.client"
local clock = require "spec.support.clock"
local http = require "perilune.http"
local nginx = require "spec.support.nginx"
local peers = require "spec.support.peers"
local task = require "perilune.task"

local MIB = 1024 * 1024
local LARGE = ("0123456789abcdef"):rep(65536)

describe("nginx:", function()
  local peer, folder, tls, base, secure, own

  setup(function()
    folder = certificates.folder()
    tls = { root_cert_file = folder .. "/ca.pem" }
    local behind = peers.announced { "node", "spec/interop/ws_server.mjs" }
    peer = nginx.start(folder, behind.port)
    base = ("http://localhost:%d"):format(peer.ports[1])
    secure = ("https://localhost:%d"):format(peer.ports[2])
  end)
  teardown(peers.clean)
  before_each(function() own = http.client { tls = tls, timeout = 20 } end)
  after_each(function() own:close() end)

  --- The words of /says: the method, scheme, number of the connection, number of the request on it.
  local function says(url, options)
    local response = assert(own:get(url .. "/says", options))
    local words = {}
    for word in response.text:gmatch "%S+" do
      words[#words + 1] = tonumber(word) or word
    end
    return words
  end

  it(
    "one connection serves many requests, also over TLS",
    peers.telling(function()
      for _, url in ipairs { base, secure } do
        local first = says(url)
        for i = 1, 20 do
          local words = says(url)
          assert.equal(first[3], words[3])
          assert.equal(first[4] + i, words[4])
        end
      end
    end)
  )

  it(
    "a connection that nginx ends after 50 requests is replaced, and nobody notices",
    peers.telling(function()
      local connections = {}
      for _ = 1, 120 do
        connections[says(base)[3]] = true
      end
      local count = 0
      for _ in pairs(connections) do
        count = count + 1
      end
      assert.equal(3, count)
    end)
  )

  it(
    "requests at once have connections of their own, and the pool keeps some",
    peers.telling(function()
      local before = attack.descriptors()
      for _ = 1, 3 do
        local tasks = {}
        for i = 1, 20 do
          tasks[i] = task.start(function() return #assert(own:get(base .. "/large.bin")).text end)
        end
        for _, each in ipairs(tasks) do
          assert.equal(MIB, assert(each:wait()))
        end
      end
      clock.wait_for(function() return attack.descriptors() <= before + 8 end)
      own:close()
      clock.wait_for(function() return attack.descriptors() <= before end)
    end)
  )

  it(
    "files, heads and conditions",
    peers.telling(function()
      local response = assert(own:get(base .. "/small.txt"))
      assert.equal("small\n", response.text)
      local etag = response.headers.etag
      response = assert(own:get(base .. "/small.txt", { headers = { ["If-None-Match"] = etag } }))
      assert.equal(304, response.status)
      assert.equal("", response.text)
      response = assert(own:head(base .. "/large.bin"))
      assert.equal(tostring(MIB), response.headers["content-length"])
      assert.equal("", response.text)
      response = assert(own:get(base .. "/none"))
      assert.equal(404, response.status)
      assert.is_false(response.ok)
    end)
  )

  it(
    "ranges",
    peers.telling(function()
      local function range(value)
        return assert(own:get(base .. "/large.bin", { headers = { Range = "bytes=" .. value } }))
      end
      local response = range "16-31"
      assert.equal(206, response.status)
      assert.equal("0123456789abcdef", response.text)
      assert.equal("bytes 16-31/1048576", response.headers["content-range"])
      assert.equal("cdef", range("-4").text)
      assert.equal(416, range("2000000-").status)
      assert.matches("multipart/byteranges", range("0-1,4-5").headers["content-type"], 1, true)
    end)
  )

  it(
    "gzip, decoded or left alone",
    peers.telling(function()
      for _ = 1, 2 do
        local response = assert(own:get(base .. "/gzip/large.bin"))
        assert.is_true(LARGE == response.text)
      end
      local as_it_is = { decode = false, headers = { ["Accept-Encoding"] = "gzip" } }
      local response = assert(own:get(base .. "/gzip/large.bin", as_it_is))
      assert.equal("gzip", response.headers["content-encoding"])
      assert.equal("\31\139", response.text:sub(1, 2))
      assert.is_true(#response.text < MIB / 10)
    end)
  )

  it(
    "redirects",
    peers.telling(function()
      local response = assert(own:get(base .. "/301"))
      assert.equal(200, response.status)
      assert.matches("/says$", response.url)
      response = assert(own:get(base .. "/308"))
      assert.equal(200, response.status)
      assert.matches("^GET https", response.text)
      response = assert(own:get(base .. "/301", { redirects = false }))
      assert.equal(301, response.status)
      local answer, message, code = own:get(base .. "/loop")
      assert.is_nil(answer)
      assert.is_string(message)
      assert.equal("ELOOP", code)
    end)
  )

  it(
    "redirects to another host lose the password; from TLS to none they are refused",
    peers.telling(function()
      local secret = { authentication = { user = "alice", password = "secret" } }
      local numbers = ("http://127.0.0.1:%d"):format(peer.ports[1])
      assert.equal("[][]\n", assert(own:get(numbers .. "/302", secret)).text)
      -- The same host: it is kept.
      assert.matches("^%[Basic ", assert(own:get(base .. "/302", secret)).text)
      local answer, message, code = own:get(secure .. "/down")
      assert.is_nil(answer)
      assert.is_string(message)
      assert.matches("^E", code)
    end)
  )

  it(
    "limits: 429 and 413",
    peers.telling(function()
      assert.equal(200, assert(own:get(base .. "/429")).status)
      assert.equal(429, assert(own:get(base .. "/429")).status)
      for _, size in ipairs { 1025, 4 * MIB } do
        local response = assert(own:put(base .. "/413", { body = ("x"):rep(size) }))
        assert.equal(413, response.status)
      end
    end)
  )

  it(
    "uploads from memory, from a function and from a file",
    peers.telling(function()
      local function assert_kept(name)
        assert.is_true(LARGE == assert(own:get(base .. "/put/" .. name)).text, name)
        assert.equal(204, assert(own:delete(base .. "/put/" .. name)).status)
        assert.equal(404, assert(own:get(base .. "/put/" .. name)).status)
      end
      assert.equal(201, assert(own:put(base .. "/put/a", { body = LARGE })).status)
      assert_kept "a"
      local at = 0
      local function pieces()
        at = at + 10000
        local piece = LARGE:sub(at - 9999, at)
        return piece ~= "" and piece or nil
      end
      assert.equal(201, assert(own:put(secure .. "/put/b", { body = pieces })).status)
      assert_kept "b"
      local path = peer.folder.path .. "/public/large.bin"
      assert.equal(201, assert(own:put(secure .. "/put/c", { file = path })).status)
      assert_kept "c"
    end)
  )

  it(
    "a download to a file",
    peers.telling(function()
      local path = peer.folder.path .. "/saved"
      local last = 0
      local response = assert(own:get(secure .. "/large.bin", { stream = true }))
      assert(response:save(path, {
        progress = function(received) last = received end,
      }))
      local file = assert(io.open(path, "rb"))
      assert.is_true(LARGE == file:read "*a")
      file:close()
      assert.equal(MIB, last)
    end)
  )

  it(
    "Basic authentication",
    peers.telling(function()
      assert.equal(401, assert(own:get(base .. "/private")).status)
      local alice = { authentication = { user = "alice", password = "secret" } }
      assert.equal(200, assert(own:get(base .. "/private", alice)).status)
      alice.authentication.password = "wrong"
      assert.equal(401, assert(own:get(base .. "/private", alice)).status)
    end)
  )

  it(
    "no answer, a slow one, and one that asks to come again",
    peers.telling(function()
      local answer, _, code = own:get(base .. "/444")
      assert.is_nil(answer)
      assert.equal("ECONNRESET", code)
      answer, _, code = own:get(base .. "/slowly", { timeout = 0.5 })
      assert.is_nil(answer)
      assert.equal("ETIMEDOUT", code)
      local began = clock.now()
      assert.equal(503, assert(own:get(base .. "/503", { retries = 1 })).status)
      assert.is_true(clock.now() - began >= 0.9)
    end)
  )

  it(
    "TLS sessions are resumed, client certificates shown",
    peers.telling(function()
      local function words(options)
        local made = http.client(options)
        local list = {}
        for word in assert(made:get(secure .. "/tls")).text:gmatch "%S+" do
          list[#list + 1] = word
        end
        made:close()
        return list
      end
      assert.same(
        { "TLSv1.3", ".", "localhost", "NONE" },
        words { tls = { root_cert_file = tls.root_cert_file, verify_depth = 5 } }
      )
      assert.equal(
        "r",
        words({ tls = { root_cert_file = tls.root_cert_file, verify_depth = 5 } })[2]
      )
      local alice = certificates.client(folder, "alice")
      local shown = { root_cert_file = tls.root_cert_file, cert_file = alice }
      assert.equal("SUCCESS", words({ tls = shown })[4])
      shown.max_version = "1.2"
      assert.equal("TLSv1.2", words({ tls = shown })[1])
    end)
  )

  it(
    "WebSocket behind it, plain and over TLS",
    peers.telling(function()
      for _, url in ipairs {
        ("ws://localhost:%d/ws"):format(peer.ports[1]),
        ("wss://localhost:%d/ws"):format(peer.ports[2]),
      } do
        local made = client.new { url = url, tls = url:find "^wss" and tls or nil }
        assert(made:connect())
        assert.equal("hello", assert(made:write_and_wait "hello"))
        assert(made:disconnect())
      end
      local made = client.new { url = ("ws://localhost:%d/small.txt"):format(peer.ports[1]) }
      local ok, message = made:connect()
      assert.is_nil(ok)
      assert.matches("200", message)
    end)
  )
end)
