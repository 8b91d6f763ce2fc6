-- More of it in internal_client_authentication_spec.lua and internal_http_authorization_spec.lua.
local authorization = require "perilune.internal.authorization"
local options = require "perilune.internal.options"

local schema = { token = authorization.token_option }

local function complete(given)
  return assert(options.complete("client.new", schema, { token = given })).token
end

describe("authorization", function()
  it("is Basic", function()
    assert.equal(
      "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==",
      authorization.basic("Aladdin", "open sesame")
    )
    assert.equal("Basic dGVzdDoxMjPCow==", authorization.basic("test", "123£"))
  end)

  it("is a token, with a name or without", function()
    local token = complete { auth_token = "abc" }
    assert.is_nil(authorization.token_fault(token))
    assert.is_false(authorization.asks(token))
    assert.equal("Bearer abc", authorization.token_value(token))
    assert.equal("abc", authorization.token_value(complete { auth_token = "abc", auth_name = "" }))
  end)

  it("asks for a token", function()
    local token = complete { auth_token = function() return "fresh" end }
    assert.is_nil(authorization.token_fault(token))
    assert.is_true(authorization.asks(token))
    assert.equal("Bearer fresh", authorization.token_value(token))
    token = complete { jwt = { get_token = function() return "made" end } }
    assert.equal("Bearer made", authorization.token_value(token))
    token = complete { auth_token = function() return nil, "later", "EAGAIN" end }
    assert.same({ nil, "later", "EAGAIN" }, { authorization.token_value(token) })
    token = complete { auth_token = function() return "a\r\nb" end }
    assert.same({ nil, "there is no token", "EACCES" }, { authorization.token_value(token) })
  end)

  it("says what is wrong", function()
    local function fault(given) return table.concat({ authorization.token_fault(given) }, " ") end
    assert.equal(" takes one of auth_token, oauth2 and jwt", fault(complete {}))
    assert.equal(".auth_name takes a word", fault(complete { auth_token = "x", auth_name = "a b" }))
    assert.equal(
      ".auth_token takes text without control characters",
      fault(complete { auth_token = "x\n" })
    )
    for _, bad in ipairs { 5, "x", { get_token = 5 } } do
      local message = fault(complete { jwt = bad })
      assert.equal(".jwt takes an object with the method get_token", message)
    end
    local _, message = options.complete("client.new", schema, { token = { auth_token = 55555 } })
    assert.is_nil(message:find "55555")
    assert.is_false(complete(false))
  end)
end)
