local authorization = require "perilune.internal.http.authorization"
local options = require "perilune.internal.options"

local schema = { authentication = authorization.option }

--- The value that the option leads to; or what is wrong.
local function value(given)
  local settings, wrong = options.complete("http.get", schema, { authentication = given })
  if not settings then return nil, wrong end
  local made, place, message = authorization.finish(settings.authentication)
  if not made then return made, made == nil and place .. " " .. message or nil end
  return authorization.value(made)
end

describe("authentication", function()
  it("is Basic, in UTF-8", function()
    -- The examples of RFC 7617.
    assert.equal(
      "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==",
      value { user = "Aladdin", password = "open sesame" }
    )
    assert.equal("Basic dGVzdDoxMjPCow==", value { user = "test", password = "123£" })
    assert.equal("Basic Og==", value { user = "" })
    assert.equal("Basic YTpiOmM=", value { user = "a", password = "b:c" })
    assert.is_false(value(nil))
    assert.is_false(value(false))
  end)

  it("has no user with a colon, and no control characters", function()
    for _, pair in ipairs { { "a:b", "c" }, { "a\n", "b" }, { "a", "b\0" }, { "a", "b\127" } } do
      local made, message = value { user = pair[1], password = pair[2] }
      assert.is_nil(made)
      assert.matches("^ takes", message)
    end
    assert.equal(" takes a user, or a token", select(2, value { password = "x" }))
  end)

  it("is a token", function()
    assert.equal("Bearer mF_9.B5f-4.1JqM", value { token = { auth_token = "mF_9.B5f-4.1JqM" } })
    assert.equal("token a:b", value { token = { auth_name = "token", auth_token = "a:b" } })
    for _, bad in ipairs { "a\r\nX: y", "a\0" } do
      assert.equal(
        ".token.auth_token takes text without control characters",
        select(2, value { token = { auth_token = bad } })
      )
    end
    assert.matches(
      "auth_name",
      select(2, value { token = { auth_name = "a b", auth_token = "x" } })
    )
    assert.matches("one of", select(2, value { token = {} }))
    assert.matches("one of", select(2, value { token = { auth_token = "x", jwt = {} } }))
    assert.matches("beside", select(2, value { user = "a", token = { auth_token = "x" } }))
  end)

  it("asks a function or an object", function()
    local count = 0
    local function ask()
      count = count + 1
      return "t" .. count
    end
    assert.equal("Bearer t1", value { token = { auth_token = ask } })
    local object = { get_token = function(self) return self.token end, token = "o" }
    assert.equal("Bearer o", value { token = { oauth2 = object } })
    assert.equal("Bearer o", value { token = { jwt = object } })
    assert.matches("get_token", select(2, value { token = { jwt = {} } }))
    assert.matches("get_token", select(2, value { token = { jwt = 5 } }))
    local function fail() return nil, "no network", "EHOST" end
    assert.same({ nil, "no network", "EHOST" }, { value { token = { auth_token = fail } } })
    local function nothing() end
    assert.equal("EACCES", select(3, value { token = { auth_token = nothing } }))
    local function bad() return "a\r\nb" end
    assert.equal("EACCES", select(3, value { token = { auth_token = bad } }))
  end)

  it("is not shown", function()
    local _, message = value { user = "a", password = 55555 }
    assert.is_nil(message:find "55555")
  end)
end)
