local options = require "perilune.internal.options"
local retry = require "perilune.internal.http.retry"

local NOW = 784111777 -- Sun, 06 Nov 1994 08:49:37 GMT

local function policy(given)
  return retry.finish(assert(options.complete("http.get", { retries = retry.option }, {
    retries = given,
  })).retries)
end

local function delay(given, attempt, method, outcome)
  return retry.delay(policy(given), attempt, method or "GET", outcome, NOW)
end

describe("retries", function()
  it("are off unless they are asked for", function()
    assert.is_false(policy(nil))
    assert.is_false(policy(false))
    assert.is_nil(retry.delay(false, 1, "GET", { status = 503 }, NOW))
    assert.has_error(function() policy(0) end)
    assert.has_error(function() policy { max = 0 } end)
  end)

  it("are of idempotent methods, so often", function()
    local busy = { status = 503 }
    for _, method in ipairs { "GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE" } do
      assert.is_number(delay(1, 1, method, busy))
    end
    for _, method in ipairs { "POST", "PATCH", "get", "OWN" } do
      assert.is_nil(delay(1, 1, method, busy))
    end
    assert.is_number(delay({ methods = { "POST" } }, 2, "POST", busy))
    assert.is_nil(delay({ methods = { "POST" } }, 3, "POST", busy))
    assert.is_nil(delay(1, 2, "GET", busy))
  end)

  it("come after some statuses and failures", function()
    for _, status in ipairs { 408, 429, 502, 503, 504 } do
      assert.is_number(delay(1, 1, "GET", { status = status }))
    end
    for _, status in ipairs { 200, 301, 400, 404, 500, 501 } do
      assert.is_nil(delay(1, 1, "GET", { status = status }))
    end
    assert.is_number(delay({ statuses = { 500 } }, 1, "GET", { status = 500 }))
    assert.is_nil(delay({ statuses = { 500 } }, 1, "GET", { status = 503 }))
    for _, code in ipairs { "ECONNREFUSED", "ECONNRESET", "EPIPE", "ETIMEDOUT", "EHOST" } do
      assert.is_number(delay(1, 1, "GET", { code = code }))
    end
    for _, code in ipairs { "EPROTO", "ELIMIT", "EACCES", "EINVAL", "ECANCELED", "ECLOSED" } do
      assert.is_nil(delay(1, 1, "GET", { code = code }))
    end
  end)

  it("wait twice as long each time, by chance half of it", function()
    local given = { max = 10, delay = 1, max_delay = 5 }
    local seen = {}
    for _ = 1, 200 do
      for attempt, full in ipairs { 1, 2, 4, 5, 5 } do
        local got = delay(given, attempt, "GET", { status = 503 })
        assert.is_true(got >= full / 2 and got <= full, got)
        seen[attempt] = math.max(seen[attempt] or 0, got)
      end
    end
    assert.is_true(seen[1] > 0.9)
  end)

  it("do as Retry-After says", function()
    local function after(value, more)
      return delay(more or 1, 1, "GET", { status = 429, retry_after = value })
    end
    assert.equal(7, after "7")
    assert.equal(0, after "0")
    assert.equal(60, after "60")
    assert.is_nil(after "61")
    assert.is_nil(after(("9"):rep(400)))
    assert.equal(61, after("61", { max_retry_after = 61 }))
    assert.equal(23, after "Sun, 06 Nov 1994 08:50:00 GMT")
    assert.equal(0, after "Sun, 06 Nov 1994 08:49:00 GMT")
    assert.is_nil(after "Sun, 06 Nov 1994 09:00:00 GMT")
    for _, bad in ipairs { "soon", "-1", "1.5", "" } do
      assert.is_true(after(bad) <= 0.5, bad)
    end
  end)
end)
