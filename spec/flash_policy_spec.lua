-- covers: codec/flash_policy.c
local fixture = require "spec.support.fixture"
local http = require "spec.support.http"
local process = require "spec.support.process"

local POLICY = '<?xml version="1.0"?><cross-domain-policy>'
  .. '<allow-access-from domain="swf.example.com" to-ports="123,456-458"/>'
  .. "</cross-domain-policy>\0"
local FLASH = { domain = "swf.example.com", ports = "123,456-458" }

local function serving(flash)
  return fixture.server({ fallback = { flash = flash } }, {
    OnCommandGet = function(_, _, response) response.content_text = "a page" end,
  })
end

describe("the policy of Flash Player", function()
  after_each(fixture.clean)

  it("is given to netcat", function()
    local command = ([[printf '<policy-file-request/>\0' | nc -w 20 127.0.0.1 %d]]):format(
      serving(FLASH).port
    )
    local peer = process.run({ "sh", "-c", command }, { timeout = 60 })
    assert.same({ 0, POLICY }, { peer.code, peer.output })
  end)

  it("is given byte by byte, beside HTTP and WebSocket", function()
    local made = serving(FLASH)
    local peer = fixture.socket(made)
    for byte in ("<policy-file-request/>\0"):gmatch "." do
      peer:send(byte)
    end
    assert.equal(POLICY, peer:read(#POLICY))
    assert.equal("a page", http.request(made.port, "/").body)
    local websocket = fixture.connect(made)
    websocket:send "text"
  end)

  it("is off by default", function()
    local peer = fixture.socket(serving(nil))
    peer:send "<policy-file-request/>\0"
    assert.truthy(peer:read(12):find "^HTTP/1.1 400")
  end)
end)
