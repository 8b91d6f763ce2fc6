local authorization = require "perilune.internal.http.authorization"

describe("authorization", function()
  it("is Basic, in UTF-8", function()
    -- The examples of RFC 7617.
    assert.equal(
      "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==",
      authorization.basic("Aladdin", "open sesame")
    )
    assert.equal("Basic dGVzdDoxMjPCow==", authorization.basic("test", "123£"))
    assert.equal("Basic Og==", authorization.basic("", ""))
    assert.equal("Basic YTpiOmM=", authorization.basic("a", "b:c"))
  end)

  it("has no user with a colon, and no control characters", function()
    for _, pair in ipairs { { "a:b", "c" }, { "a\n", "b" }, { "a", "b\0" }, { "a", "b\127" } } do
      local value, message = authorization.basic(pair[1], pair[2])
      assert.is_nil(value)
      assert.matches("^takes", message)
    end
  end)

  it("is Bearer", function()
    assert.equal("Bearer mF_9.B5f-4.1JqM", authorization.bearer "mF_9.B5f-4.1JqM")
    assert.equal("Bearer a+/~==", authorization.bearer "a+/~==")
    for _, bad in ipairs { "", "a b", "a\r\nX: y", "=a", "ä", false, 1 } do
      assert.is_nil((authorization.bearer(bad)))
    end
  end)
end)
