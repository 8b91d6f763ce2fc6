local form = require "perilune.internal.http.form"

describe("form.encode", function()
  it("escapes as browsers do", function()
    assert.equal("a=b+c%26%3D%2B%25", form.encode { a = "b c&=+%" })
    assert.equal("%C3%A9+x=%E2%82%AC", form.encode { ["é x"] = "€" })
    assert.equal("a=*-._%7E%21%27%28%29%00%0D%0A", form.encode { a = "*-._~!'()\0\r\n" })
  end)

  it("has names in order, and lists as repeats", function()
    assert.equal("a=1&b=x&b=2&b=true&c=", form.encode { c = "", b = { "x", 2, true }, a = 1 })
    assert.equal("", form.encode {})
    assert.equal("", form.encode { a = {} })
  end)

  it(
    "keeps the order of a list of pairs",
    function() assert.equal("b=1&a=2&b=3", form.encode { { "b", 1 }, { "a", 2 }, { "b", 3 } }) end
  )

  it("writes numbers exactly", function()
    assert.equal("a=9007199254740991&b=0.1&c=-1", form.encode { a = 2 ^ 53 - 1, b = 0.1, c = -1 })
    assert.equal(1 / 3, tonumber(form.text(1 / 3)))
    assert.equal("1e%2B100", form.encode({ a = 1e100 }):sub(3))
  end)

  it("says what it does not take", function()
    local function failure(fields)
      local encoded, place, message = form.encode(fields)
      assert.is_nil(encoded)
      return place .. " " .. message
    end
    assert.equal(".a takes strings, numbers and booleans, got a function", failure { a = print })
    assert.equal(".a takes strings, numbers and booleans, got a number", failure { a = 0 / 0 })
    assert.equal(".a takes strings, numbers and booleans, got a table", failure { a = { {} } })
    local no_list = ".a takes a list without holes as table, no names within"
    assert.equal(no_list, failure { a = { b = 1 } })
    assert.equal(no_list, failure { a = { 1, b = 2 } })
    assert.equal(no_list, failure { a = { 1, nil, 3 } })
    assert.equal(" takes names, or a list of pairs, not both", failure { { "a", 1 }, b = 2 })
    assert.equal("[1] takes { name, value }", failure { { "a", 1, 2 } })
    assert.equal("[true] takes names as keys", failure { [true] = 1 })
    assert.equal("[2] takes { name, value }", failure { { "a", 1 }, "b" })
    assert.equal("[1] takes strings, numbers and booleans, got a nil", failure { { "a" } })
  end)
end)
