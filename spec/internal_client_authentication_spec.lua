local authentication = require "perilune.internal.client_authentication"
local options = require "perilune.internal.options"

local schema = { authentication = authentication.option }

local function finish(given)
  local complete = assert(options.complete("client.new", schema, { authentication = given }))
  return authentication.finish("client.new", complete.authentication)
end

local place = { target = "/" }

local function words(given, at, get)
  return authentication.words(assert(finish(given)), at or place, get)
end

describe("authentication of a client", function()
  it("is off by default", function()
    assert.is_false(authentication.finish("client.new", false))
    assert.same({ "/tea" }, { authentication.words(false, { target = "/tea" }) })
    assert.is_false(authentication.asks(false))
  end)

  it("is Basic for a user and a password", function()
    for _, given in ipairs {
      { user = "Aladdin", password = "open sesame" },
      { user = "Aladdin", password = "open sesame", basic = true },
    } do
      assert.same({ "/", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==" }, { words(given) })
    end
    assert.same({ "/", "Basic YTo=" }, { words { user = "a" } })
  end)

  it("is a token", function()
    assert.same({ "/", "Bearer abc" }, { words { token = { auth_token = "abc" } } })
    local given = { token = { auth_token = "abc", auth_name = "Token" } }
    assert.same({ "/", "Token abc" }, { words(given) })
    assert.same({ "/", "abc" }, { words { token = { auth_token = "abc", auth_name = "" } } })
  end)

  it("asks functions and objects for the token", function()
    local function get_token() return "fresh" end
    local object = { get_token = function(self) return self.value end, value = "of it" }
    for _, token in ipairs { { auth_token = get_token }, { oauth2 = object }, { jwt = object } } do
      assert.is_true(authentication.asks(assert(finish { token = token })))
    end
    assert.same({ "/", "Bearer fresh" }, { words { token = { auth_token = get_token } } })
    assert.same({ "/", "Bearer of it" }, { words { token = { oauth2 = object } } })
    assert.same({ "/", "Bearer of it" }, { words { token = { jwt = object } } })
  end)

  it("says why there is no token", function()
    local function refuse() return nil, "expired", "EPROTO" end
    assert.same({ nil, "expired", "EPROTO" }, { words { token = { auth_token = refuse } } })
    for _, bad in ipairs { "", "a\r\nb", false, 5 } do
      local result = { words { token = { auth_token = function() return bad end } } }
      assert.same({ nil, "there is no token", "EACCES" }, result)
    end
  end)

  it("is part of the URL", function()
    local given = { url = true, user = "a b", password = "c/d%" }
    assert.same({ "/sgc/auth/url/a%20b/c%2Fd%25" }, { words(given) })
    assert.same(
      { "/sgc/auth/url/a%20b/c%2Fd%25/tea?x=1" },
      { words(given, { target = "/tea?x=1" }) }
    )
  end)

  it("is a session that the server gives", function()
    local asked
    local function get(_, path)
      asked = path
      return " 0A1b-c\r\n"
    end
    local given = { session = true, user = "u", password = "p w" }
    assert.same({ "/sgc/auth/session/0A1b-c" }, { words(given, place, get) })
    assert.equal("/sgc/req/auth/session/u/p%20w", asked)
    assert.is_true(authentication.asks(assert(finish(given))))
    local function refuse() return nil, "the server answered 401", "EACCES" end
    assert.same(
      { nil, "no session: the server answered 401", "EACCES" },
      { words(given, place, refuse) }
    )
    for _, body in ipairs { "", "a/b", "a b", "<html>" } do
      local _, message, code = words(given, place, function() return body end)
      assert.same({ "no session: the server's answer holds none", "EPROTO" }, { message, code })
    end
  end)

  it("refuses what cannot be, without telling secrets", function()
    local cases = {
      { { user = "u", basic = true, url = true }, "takes one of basic, session, token, url" },
      { { user = "u", url = true, token = { auth_token = "x" } }, "got token and url" },
      { {}, "basic' of client.new needs 'authentication.user'" },
      { { session = true, password = "secret" }, "session' of client.new needs" },
      { { user = "a:b", password = "secret" }, "takes no colon" },
      { { user = "a", password = "secret\n" }, "without control characters" },
      { { token = {} }, "takes one of auth_token, oauth2 and jwt" },
      { { token = { auth_token = "secret", jwt = {} } }, "takes one of auth_token" },
      { { token = { jwt = {} } }, "takes an object with the method get_token" },
      { { token = { oauth2 = "secret" } }, "takes an object with the method get_token" },
      { { token = { auth_token = "secret\n" } }, "without control characters" },
      { { token = { auth_token = "secret", auth_name = "a b" } }, "takes a word" },
      { { user = "u", token = { auth_token = "secret" } }, "no user and password beside it" },
    }
    for _, case in ipairs(cases) do
      local result, message = finish(case[1])
      assert.is_nil(result)
      assert.matches(case[2], message, 1, true)
      assert.is_nil(message:find "secret")
    end
  end)
end)
