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
      ["http://a?subscription-key=1&keyword=2"] = "http://a?subscription-key=***&keyword=2",
      ["http://a?clientKey=1&Keynote=2"] = "http://a?clientKey=***&Keynote=2",
      ["http://a?PHPSESSID=1&jwt=2"] = "http://a?PHPSESSID=***&jwt=***",
      ["http://a/b;jsessionid=1;v=2/c"] = "http://a/b;jsessionid=***;v=2/c",
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
      { "X-Functions-Key", "k" },
      { "Content-Location", "/?token=5" },
      { "Referer", "http://u:p@a/?sid=5" },
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
      "***",
      "/?token=***",
      "http://a/?sid=***",
    }, list)
  end)

  it(
    "makes one line",
    function() assert.equal("a\\x0ab\\x1b\\xe4\\x5c", redact.line "a\nb\27\228\\") end
  )
end)
