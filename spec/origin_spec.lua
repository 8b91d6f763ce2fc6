local fixture = require "spec.support.fixture"
local websocket = require "spec.support.websocket"

describe("security_options.origins_allowed:", function()
  after_each(fixture.clean)

  local function status(made, headers)
    local peer, response = websocket.handshake(made.port, { headers = headers })
    peer:close()
    return response.status
  end

  local function guarded(...)
    return fixture.server { security_options = { origins_allowed = { ... } } }
  end

  it("lets in the pages of the list, and nobody else's", function()
    local made = guarded("https://chat.example", "http://127.0.0.1:*")
    assert.equal(101, status(made, { "Origin: https://chat.example" }))
    assert.equal(101, status(made, { "Origin: http://127.0.0.1:8080" }))
    for _, origin in ipairs {
      "http://chat.example",
      "https://chat.example.evil.example",
      "https://evil-chat.example",
      "http://127.0.0.1.evil.example",
      "null",
    } do
      assert.equal(403, status(made, { "Origin: " .. origin }))
    end
  end)

  it(
    "lets in programs, which send no origin",
    function() assert.equal(101, status(guarded "https://chat.example")) end
  )

  it(
    "lets in everybody when there is no list",
    function() assert.equal(101, status(fixture.server(), { "Origin: https://evil.example" })) end
  )

  it("takes texts only", function()
    assert.has_error(function() guarded(8080) end)
  end)
end)
