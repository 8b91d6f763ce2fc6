local suffix = require "perilune.internal.http.suffix"

describe("suffix.is_public", function()
  it("knows the list", function()
    for _, domain in ipairs { "com", "co.uk", "github.io", "xn--p1ai", "ck", "anything.ck" } do
      assert.is_true(suffix.is_public(domain), domain)
    end
    for _, domain in ipairs { "example.com", "a.co.uk", "x.github.io", "www.ck", "a.b.c.de" } do
      assert.is_false(suffix.is_public(domain), domain)
    end
    assert.is_true(select(2, suffix.is_public "com"))
  end)

  it("takes a single label for one", function()
    assert.is_true(suffix.is_public "localhost")
    assert.is_true(suffix.is_public "no-such-label")
  end)
end)
