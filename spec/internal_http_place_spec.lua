local place = require "perilune.internal.http.place"

describe("place.of", function()
  it("says where a URL leads", function()
    local parts = place.of "HTTPS://me@API.example.com/a?b#c"
    assert.equal("https://api.example.com:443", parts.origin)
    assert.equal("api.example.com", parts.host)
    assert.equal("/a?b", parts.target)
    assert.equal("/a", parts.path)
    assert.equal("c", parts.fragment)
    assert.equal("me", parts.user)
    assert.equal("https://API.example.com/a?b#c", parts.url)
    assert.equal("/", place.of("http://a?b").path)
    assert.is_true(parts.secure)
    assert.is_false(place.of("http://a").secure)
  end)

  it("takes no other schemes", function()
    for _, bad in ipairs { "ws://a/", "ftp://a/", "a", "", 1, false } do
      local parts, message = place.of(bad)
      assert.is_nil(parts)
      assert.equal("string", type(message))
    end
  end)
end)
