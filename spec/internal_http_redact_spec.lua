local redact = require "perilune.internal.http.redact"

describe("redact", function()
  it("takes secrets out of URLs", function()
    for given, shown in pairs {
      ["http://a/b"] = "http://a/b",
      ["http://me:pw@a/b"] = "http://a/b",
      ["http://a/b?x=1&token=abc&y=2#frag"] = "http://a/b?x=1&token=***&y=2",
      ["http://a/?API_KEY=1&apiKey=2"] = "http://a/?API_KEY=***&apiKey=***",
      ["http://a/?key=3&monkey=4"] = "http://a/?key=***&monkey=4",
      ["http://a/?access_token=1"] = "http://a/?access_token=***",
      ["http://a/?p%61ssword=1"] = "http://a/?p%61ssword=***",
      ["http://a/?signature=1&sig=2&flag"] = "http://a/?signature=***&sig=***&flag",
      ["http://a/?token="] = "http://a/?token=***",
      ["http://a?x=1"] = "http://a?x=1",
      ["http://a?sid=1&pass=2"] = "http://a?sid=***&pass=***",
      ["http://a?api-key=3&apikeys=4"] = "http://a?api-key=***&apikeys=***",
    } do
      assert.equal(shown, redact.url(given))
    end
  end)

  it("takes secrets out of fields", function()
    local shown = redact.fields {
      { "Accept", "*/*" },
      { "AUTHORIZATION", "Basic x" },
      { "Cookie", "a=1" },
      { "set-cookie", "a=1" },
      { "X-MBX-APIKEY", "k" },
      { "X-Auth-Token", "k" },
      { "WWW-Authenticate", 'Basic realm="x"' },
      { "Proxy-Authenticate", "Basic" },
      { "X-Access-Key", "k" },
      { "Location", "http://u:p@a/?code=5" },
    }
    local list = {}
    for i, field in ipairs(shown) do
      list[i] = field[2]
    end
    assert.same({
      "*/*",
      "***",
      "***",
      "***",
      "***",
      "***",
      'Basic realm="x"',
      "Basic",
      "***",
      "http://a/?code=***",
    }, list)
  end)

  it(
    "makes one line",
    function() assert.equal("a\\x0ab\\x1b\\xe4\\x5c", redact.line "a\nb\27\228\\") end
  )
end)
