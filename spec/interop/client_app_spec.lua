--- apps/client with servers that are not ours: npm ws, python3-websockets, openssl s_server.
local certificates = require "spec.support.certificates"
local json = require "perilune.json"
local peers = require "spec.support.peers"
local process = require "spec.support.process"

local NODE = { "node", "spec/interop/ws_server.mjs" }
local PYTHON = { "/usr/bin/python3", "spec/interop/websockets_server.py" }

--- Runs it to its end.
local function run(...)
  return process.run({ process.PERILUNE, "apps/client", ... }, { timeout = 30 })
end

local function objects(text)
  local list = {}
  for line in text:gmatch "[^\n]+" do
    list[#list + 1] = assert(json.decode(line))
  end
  return list
end

local function names(list)
  local found = {}
  for i, object in ipairs(list) do
    found[i] = object.event
  end
  return table.concat(found, " ")
end

after_each(function()
  peers.clean()
  process.kill_all()
end)

for name, argv in pairs { ["npm ws"] = NODE, ["python3-websockets"] = PYTHON } do
  describe("apps/client and " .. name .. ":", function()
    local function start(...)
      local words = { unpack(argv) }
      for _, word in ipairs { ... } do
        words[#words + 1] = word
      end
      local peer = peers.announced(words)
      return ("ws://127.0.0.1:%d/"):format(peer.port), peer
    end

    it("messages, and how it ends", function()
      local url = start()
      local done = run(url, "-q", "-m", "Grüße", "-m", "", "-n", "2")
      assert.same({ 0, "Grüße\n\n", "" }, { done.code, done.output, done.errors })
      done = run(url, "-m", "!close 4001 enough")
      assert.equal(5, done.code)
      assert.matches("closed: 4001 enough\n$", done.errors)
      done = run(url, "-m", "!terminate")
      assert.equal(5, done.code)
      assert.matches("closed: 1006", done.errors)
      assert.equal(4, run(url .. "401", "-m", "x").code)
    end)

    it("fragments in place of messages, and the ping between", function()
      local list = objects(run(start(), "--json", "-N", "-m", "!fragments abc", "-n", "1").output)
      local seen = {}
      for _, object in ipairs(list) do
        if object.event == "fragment" and object.data ~= "" then seen[#seen + 1] = object.data end
      end
      assert.equal("abc", table.concat(seen))
      assert.matches(" fragment ping fragment ", names(list))
    end)

    it("a large message, compressed with small windows", function()
      local words = { "--deflate", "--deflate-client-bits", "9", "--deflate-server-bits", "10" }
      local url = start "--deflate"
      local done = run(url, "-v", "--json", "-m", "!big 3000000", "-n", "1", unpack(words))
      local list = objects(done.output)
      assert.equal("connected sent binary disconnected", names(list))
      assert.equal(3000000, list[3].size)
      local agreed = list[1].response_headers["sec-websocket-extensions"]
      assert.matches("permessage%-deflate", agreed)
      assert.is_true(list[4].received_bytes < 100000)
    end)
  end)
end

describe("apps/client and openssl s_server:", function()
  it("lines over TLS, by its authority, and nothing to anybody else", function()
    local folder = certificates.folder()
    local certificate = certificates.server(folder, "good", "DNS:localhost")
    local peer = peers.start {
      argv = function(_, port)
        local place = "127.0.0.1:" .. port
        local words = { "openssl", "s_server", "-quiet", "-rev", "-accept", place }
        for _, word in ipairs { "-cert", certificate, "-key", certificate } do
          words[#words + 1] = word
        end
        return words
      end,
    }
    local url = ("tls://localhost:%d"):format(peer.port)
    local lines = { "--end-of-frame", "\\n", "--strip" }
    local done =
      run(url, "-q", "--ca", folder .. "/ca.pem", "-m", "abc\ndef\n", "-n", "2", unpack(lines))
    assert.same({ 0, "cba\nfed\n", "" }, { done.code, done.output, done.errors })
    assert.equal(3, run(url, "-m", "abc\n", unpack(lines)).code)
    local other = ("tls://127.0.0.1:%d"):format(peer.port)
    assert.equal(3, run(other, "--ca", folder .. "/ca.pem", "-m", "abc\n").code)
    local named = { "--ca", folder .. "/ca.pem", "--server-name", "localhost" }
    assert.equal("ba\n", run(other, "-q", "-m", "ab\n", "-n", "1", unpack(named)).output)
  end)
end)
