-- covers: lua/lua_settings.c
local fields = require "perilune.internal.fields"

describe("fields.limits", function()
  it("has every limit with its default and range", function()
    local all = fields.limits()
    assert.same({
      type = "integer",
      default = 16777216,
      min = 1,
      max = 1073741824,
      unit = "bytes",
      doc = "a WebSocket message",
    }, all.message)
    assert.equal("number", all.close_timeout.type)
    assert.equal(5, all.close_timeout.default)
    assert.equal(0.01, all.close_timeout.min)
    assert.equal("seconds", all.close_timeout.unit)
    assert.equal("integer", all.fragments.type)
    assert.is_nil(all.fragments.unit)
  end)

  it("takes those that are named", function()
    local chosen = fields.limits { "message", "close_timeout" }
    assert.equal(fields.limits().message.max, chosen.message.max)
    assert.is_table(chosen.close_timeout)
    assert.is_nil(chosen.fragments)
  end)

  it("knows no others", function()
    assert.has_error(function() fields.limits { "massage" } end, "massage")
  end)
end)

describe("fields.check_protocols", function()
  it("takes tokens alone", function()
    assert.is_nil(fields.check_protocols("client.new", {}))
    assert.is_nil(fields.check_protocols("client.new", { "chat", "v12.stomp", "a!#$%&'*+-.^_`|~" }))
    for _, bad in ipairs { "a b", "a,b", "a\n", "grün", 'a"', "a/b" } do
      local message = fields.check_protocols("client.new", { "chat", bad })
      assert.matches("^option 'protocols%[2%]' of client.new takes a token", message)
    end
  end)

  it("takes each name once, as RFC 6455 4.1 has it", function()
    assert.is_nil(fields.check_protocols("client.new", { "chat", "Chat" }))
    local message = fields.check_protocols("client.new", { "chat", "tea", "chat" })
    local expected = "option 'protocols' of client.new takes each name once, got \"chat\" twice"
    assert.equal(expected, message)
  end)
end)
