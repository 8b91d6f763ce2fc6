local method = require "perilune.internal.http.method"

describe("a method", function()
  it("is a token, in its own case", function()
    for _, given in ipairs { "GET", "PATCH", "OPTIONS", "OWN", "own", "M-SEARCH" } do
      assert.is_nil(method.fault(given))
    end
    for _, given in ipairs { "", "G ET", "GET\n", "GET\0", 7, false } do
      assert.equal('takes a method such as "GET"', method.fault(given))
    end
    assert.equal('takes "GET", not "get"', method.fault "get")
    assert.equal('takes "DELETE", not "Delete"', method.fault "Delete")
    assert.matches("^takes no CONNECT", method.fault "CONNECT")
  end)
end)
