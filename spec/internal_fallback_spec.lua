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
