-- What perilune.core.text gives to modules in Lua.
local text = require "perilune.core.text"

describe("perilune.core.text", function()
  it("writes and reads base64", function()
    local pairs_of = {
      { "", "" },
      { "f", "Zg==" },
      { "fo", "Zm8=" },
      { "foo", "Zm9v" },
      { "\0\255\254", "AP/+" },
      { ("x"):rep(3000), ("eHh4"):rep(1000) },
    }
    for _, pair in ipairs(pairs_of) do
      assert.equal(pair[2], text.base64_encode(pair[1]))
      assert.equal(pair[1], text.base64_decode(pair[2]))
    end
    for _, bad in ipairs { "Zg", "Zg=", "Z===", "Zh==", "Zm 8", "Zm9v\n", "AP_-" } do
      assert.is_nil(text.base64_decode(bad), bad)
    end
  end)

  it("has random bytes", function()
    assert.equal("", text.random(0))
    assert.equal(4096, #text.random(4096))
    assert.not_equal(text.random(16), text.random(16))
    assert.has_error(function() text.random(-1) end)
    assert.has_error(function() text.random(4097) end)
  end)

  it("reads the three forms of dates", function()
    assert.equal(784111777, text.http_date "Sun, 06 Nov 1994 08:49:37 GMT")
    assert.equal(784111777, text.http_date "Sunday, 06-Nov-94 08:49:37 GMT")
    assert.equal(784111777, text.http_date "Sun Nov  6 08:49:37 1994")
    assert.is_nil(text.http_date "Mon, 06 Nov 1994 08:49:37 GMT")
    assert.is_nil(text.http_date "120")
  end)

  it("knows types of files", function()
    assert.equal("image/png", text.media_type "a/b.png")
    assert.equal("application/octet-stream", text.media_type "a.unknown")
  end)
end)
