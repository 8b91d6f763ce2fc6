local capture = require "spec.support.capture"
local certificates = require "spec.support.certificates"
local client = require "perilune.client"
local clock = require "spec.support.clock"
local fixture = require "spec.support.fixture"
local process = require "spec.support.process"

local function move(from, to, name)
  local source, target = from .. "/" .. name, to .. "/" .. name
  assert(process.run({ "cp", source, target .. ".new" }).code == 0)
  assert(process.run({ "mv", target .. ".new", target }).code == 0)
end

describe("a certificate that is renewed", function()
  after_each(fixture.clean)

  --- A client that is connected, and trusts the folder's authority.
  local function connect(made, folder)
    local one = client.new {
      url = ("wss://localhost:%d/"):format(made.port),
      tls = { root_cert_file = folder .. "/ca.pem" },
    }
    local ok, message = one:connect()
    if not ok then return nil, message end
    return one
  end

  it("is shown to connections to come, and those that are there stay", function()
    local before, after = certificates.folder(), certificates.folder()
    local made = fixture.server(
      { tls = certificates.tls(before, { reload_interval = 0.1 }) },
      { OnMessage = function(conn, text) conn:write(text) end }
    )
    local first = assert(connect(made, before))
    local log = capture(function()
      move(after, before, "key.pem")
      move(after, before, "cert.pem")
      clock.wait_for(function()
        local second = connect(made, after)
        return second and second:disconnect()
      end)
    end)
    assert.matches("connections to come get those of now: .*/cert%.pem", log)
    assert.equal("still here", first:write_and_wait "still here")
    local refused, message = connect(made, before)
    assert.is_nil(refused)
    assert.matches("unknown authority", message)
    first:disconnect()
  end)

  it("is left alone with reload_interval = false", function()
    local before, after = certificates.folder(), certificates.folder()
    local made = fixture.server { tls = certificates.tls(before, { reload_interval = false }) }
    move(after, before, "key.pem")
    move(after, before, "cert.pem")
    assert(connect(made, before)):disconnect()
  end)
end)
