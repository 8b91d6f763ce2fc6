local fallback = require "perilune.internal.fallback"
local options = require "perilune.internal.options"
local server = require "perilune.server"

local function finished(given)
  local settings = options.check("x", { fallback = fallback.option }, { fallback = given })
  fallback.finish(settings)
  return settings.fallback.server_sent_events
end

describe("the option fallback", function()
  it("has event streams on", function()
    local standard = { retry = 3, raw_fields = false, greet_all = false }
    assert.same(standard, finished(nil))
    assert.same(standard, finished {})
    assert.same(standard, finished { server_sent_events = true })
    assert.same(standard, finished { server_sent_events = {} })
    assert.equal(0.5, finished({ server_sent_events = { retry = 0.5 } }).retry)
  end)

  it("turns them off", function()
    assert.is_false(finished(false))
    assert.is_false(finished { server_sent_events = false })
  end)

  local function policy(flash)
    local settings = options.check("x", { fallback = fallback.option }, {
      fallback = { flash = flash },
    })
    fallback.finish(settings)
    return settings.fallback.flash and settings.fallback.flash.policy
  end

  it("composes the policy of Flash Player", function()
    assert.is_false(policy(nil))
    assert.is_false(policy(false))
    local all = '<?xml version="1.0"?><cross-domain-policy>'
      .. '<allow-access-from domain="*" to-ports="*"/></cross-domain-policy>\0'
    assert.equal(all, policy(true))
    assert.equal(all, policy {})
    assert.equal(
      '<?xml version="1.0"?><cross-domain-policy>'
        .. '<allow-access-from domain="swf.example.com" to-ports="123,456-458"/>'
        .. '<allow-access-from domain="*.example.org" to-ports="123,456-458"/>'
        .. "</cross-domain-policy>\0",
      policy { domain = "swf.example.com, *.example.org", ports = "123, 456-458" }
    )
  end)

  it("refuses what is no domain and no port", function()
    for _, domain in ipairs { "", "a b", 'x"/>', "a,", "<", "*.", "a\0" } do
      assert.error_matches(function() policy { domain = domain } end, "flash.domain")
    end
    for _, ports in ipairs { "", "a", "1-", "2-1", "65536", "1,,2", "-1", "1-65536" } do
      assert.error_matches(function() policy { ports = ports } end, "flash.ports")
    end
  end)

  it("knows its options", function()
    assert.has_error(
      function() server.new { fallback = { server_sent_event = {} } } end,
      "unknown option 'fallback.server_sent_event' of server.new: did you mean "
        .. "'fallback.server_sent_events'?"
    )
    assert.error_matches(
      function() server.new { fallback = { server_sent_events = { retry = -1 } } } end,
      "retry"
    )
  end)
end)
