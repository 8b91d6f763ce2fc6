local binary = require "perilune.binary"
local fixture = require "spec.support.fixture"

describe("binary", function()
  after_each(fixture.clean)

  it("puts a text in front of bytes, and takes it off", function()
    assert.equal("0000000002id\1\2", binary.write("id", "\1\2"))
    assert.equal("0000000000", binary.write("", ""))
    local cases = { { "00001", "payload" }, { "", "" }, { "Mond 🌙", "\0\255" } }
    for _, case in ipairs(cases) do
      assert.same(case, { binary.read(binary.write(case[1], case[2])) })
    end
  end)

  it("reads what others write", function()
    assert.same({ "id", "\0" }, { binary.read "         2id\0" })
    assert.same({ ("x"):rep(100), "y" }, { binary.read("100       " .. ("x"):rep(100) .. "y") })
  end)

  it("says what has no header", function()
    local cases = {
      [""] = "it is shorter than a header",
      ["hello, world"] = "it does not begin with a number",
      ["0000000003id"] = "its header is longer than itself",
      ["0000000001\255"] = "its header is no UTF-8",
    }
    for message, why in pairs(cases) do
      assert.same({ nil, "the message has no header: " .. why, "EPROTO" }, { binary.read(message) })
    end
  end)

  it("takes ids of ten characters", function()
    assert.equal("0000000040" .. ("🌙"):rep(10), binary.write(("🌙"):rep(10), ""))
    assert.error_matches(
      function() binary.write("eleven char", "") end,
      "bad argument #1 to '.-' %(takes at most 10 characters%)"
    )
    assert.error_matches(function() binary.write("\255", "") end, "must be UTF%-8")
    assert.error_matches(function() binary.write("id") end, "bad argument #2")
    assert.error_matches(function() binary.read() end, "bad argument #1")
  end)

  it("goes over a WebSocket", function()
    local made = fixture.server({}, {
      OnBinary = function(conn, message)
        local id, bytes = binary.read(message)
        conn:write_binary(binary.write(id:reverse(), bytes:reverse()))
      end,
    })
    local peer = fixture.connect(made)
    peer:send_binary(binary.write("00001", "abc"))
    local message = assert(peer:read())
    assert.same({ "10000", "cba" }, { binary.read(message) })
  end)
end)
