--- Hixie-76 to a client of CPAN, by itself, forwarded and through nginx.
--- (HAProxy refuses such handshakes.)
local certificates = require "spec.support.certificates"
local fixture = require "spec.support.fixture"
local nginx = require "spec.support.nginx"
local peers = require "spec.support.peers"
local process = require "spec.support.process"

local ALL = "open\nsame\nsame\nsame\nff00\n"

describe("Hixie-76 of Protocol::WebSocket:", function()
  local made

  before_each(function()
    made = fixture.server({ protocols = { "echo" }, specifications = { hixie76 = true } }, {
      OnMessage = function(conn, message) conn:write(message) end,
    })
  end)
  after_each(function()
    fixture.clean()
    peers.clean()
  end)

  local function run(port, ...)
    local url = ("ws://127.0.0.1:%d/ws?a=b"):format(port)
    local argv = { "perl", "spec/interop/hixie_client.pl", url, tostring(port), ... }
    local done = process.run(argv, { timeout = 60 })
    return done.output .. done.errors
  end

  it("keys at once, and after the head of the answer", function()
    assert.equal(ALL, run(made.port))
    assert.equal(ALL, run(made.port, "late"))
  end)

  it("through a server that forwards", function()
    for _, hixie76 in ipairs { false, true } do
      local front = fixture.server {
        specifications = { hixie76 = hixie76 },
        forward = { { path = "/", url = ("http://127.0.0.1:%d"):format(made.port) } },
      }
      assert.equal(ALL, run(front.port))
      assert.equal(ALL, run(front.port, "late"))
    end
  end)

  it("through nginx", function()
    local port = nginx.start(certificates.folder(), made.port).ports[1]
    assert.equal(ALL, run(port))
    assert.equal(ALL, run(port, "late"))
  end)
end)
