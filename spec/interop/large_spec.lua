-- Messages of 64 MiB, both ways, with foreign clients.
local fixture = require "spec.support.fixture"
local process = require "spec.support.process"

local MIB = 1024 * 1024

describe("64 MiB", function()
  local made, folder

  after_each(fixture.clean)

  local function echo(options)
    options.limits = { message = 64 * MIB, send_queue = 256 * MIB, high_water = 256 * MIB }
    made = fixture.server(options, {
      OnMessage = function(conn, text) assert(conn:write(text)) end,
      OnBinary = function(conn, bytes) assert(conn:write_binary(bytes, MIB)) end,
    })
  end

  local function certificates()
    folder = fixture.folder().path
    local run = process.run { process.PERILUNE, "cert", folder }
    assert.equal(0, run.code, run.errors)
  end

  local function assert_ok(argv)
    local peer = process.run(argv, { timeout = 120 })
    assert.equal(0, peer.code, peer.output .. peer.errors)
    assert.truthy(peer.output:find "^ok ")
  end

  it("by python3-websockets", function()
    echo { extensions = { permessage_deflate = { level = 1 } } }
    local url = ("ws://127.0.0.1:%d/"):format(made.port)
    assert_ok { "/usr/bin/python3", "spec/interop/large.py", url }
  end)

  it("by ws and by Node.js", function()
    echo { extensions = { permessage_deflate = { level = 1 } } }
    assert_ok { "node", "spec/interop/large.mjs", ("ws://127.0.0.1:%d/"):format(made.port) }
  end)

  it("over TLS", function()
    certificates()
    echo { tls = folder, extensions = { permessage_deflate = { level = 1 } } }
    local url = ("wss://localhost:%d/"):format(made.port)
    assert_ok { "/usr/bin/python3", "spec/interop/large.py", url, folder .. "/ca.pem" }
  end)
end)
