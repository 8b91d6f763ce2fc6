--- TCP and TLS clients of ours against servers that know nothing of WebSocket: openssl's line
--- reverser, and a Python server that answers in pieces.
local certificates = require "spec.support.certificates"
local client = require "perilune.client"
local clock = require "spec.support.clock"
local peers = require "spec.support.peers"

local PYTHON = "/usr/bin/python3"

--- Answers each line in upper case, a byte at a time; ends after "bye".
local SHOUT = [[
import socketserver, sys, time
class Shout(socketserver.StreamRequestHandler):
    disable_nagle_algorithm = True
    def handle(self):
        for line in self.rfile:
            for i in range(len(line)):
                self.wfile.write(line[i:i + 1].upper())
            if line == b"bye\n":
                return
server = socketserver.ThreadingTCPServer(("127.0.0.1", int(sys.argv[1])), Shout)
server.serve_forever()
]]

describe("a TCP client and", function()
  after_each(peers.clean)

  --- A client that is connected, with what it was given in a list.
  local function connect(options)
    local made = client.new(options)
    local got = {}
    function made.OnBinary(_, bytes) got[#got + 1] = bytes end
    function made.OnDisconnect(_, code, reason) got.ended = { code, reason } end
    assert(made:connect(10))
    return made, got
  end

  it("a Python server", function()
    local peer = peers.start {
      argv = function(_, port) return { PYTHON, "-c", SHOUT, tostring(port) } end,
    }
    local made, got = connect {
      url = "tcp://127.0.0.1:" .. peer.port,
      end_of_frame = { bytes = "\n", strip = true },
      watchdog = false,
    }
    assert.equal("tcp", made.conn.transport)
    assert(made:write "one\ntwo\n")
    clock.wait_for(function() return #got == 2 end)
    local long = ("x"):rep(2000)
    assert(made:write_binary(long .. "\nbye\n"))
    clock.wait_for(function() return got.ended end)
    assert.same({ "ONE", "TWO", long:upper(), "BYE", ended = { 1000, "" } }, got)
  end)

  it("openssl s_server, over TLS 1.2 and 1.3", function()
    local folder = certificates.folder()
    local peer = peers.start {
      argv = function(_, port)
        local argv = { "openssl", "s_server", "-rev", "-accept", "127.0.0.1:" .. port, "-quiet" }
        local files = { "-cert", folder .. "/cert.pem", "-key", folder .. "/key.pem" }
        for _, more in ipairs { files, { "-CAfile", folder .. "/ca.pem", "-Verify", "2" } } do
          for _, argument in ipairs(more) do
            argv[#argv + 1] = argument
          end
        end
        return argv
      end,
    }
    for _, version in ipairs { "1.2", "1.3" } do
      local made, got = connect {
        url = "tls://localhost:" .. peer.port,
        end_of_frame = "\n",
        watchdog = false,
        tls = {
          root_cert_file = folder .. "/ca.pem",
          p12_file = certificates.p12(folder, "client.p12", "sesame"),
          password = "sesame",
          max_version = version,
        },
      }
      assert.equal("CN=localhost", made.conn.peer_certificate.subject)
      assert(made:write "hello\nworld\n")
      clock.wait_for(function() return #got == 2 end)
      assert.same({ "olleh\n", "dlrow\n" }, got)
      assert(made:disconnect(5))
      assert.equal(1000, clock.wait_for(function() return got.ended end)[1])
    end
  end)
end)
