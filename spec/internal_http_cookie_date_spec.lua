local cookie_date = require "perilune.internal.http.cookie_date"

describe("cookie_date.decode", function()
  it("reads what servers send", function()
    for _, text in ipairs {
      "Sun, 06 Nov 1994 08:49:37 GMT",
      "Sunday, 06-Nov-94 08:49:37 GMT",
      "Sun Nov  6 08:49:37 1994",
      "6 november 1994 8:49:37",
      "1994 Nov 6 08:49:37",
      "08:49:37 06-NOV-1994",
      "Sun, 06 Nov 1994 08:49:37x GMT",
    } do
      assert.equal(784111777, cookie_date.decode(text), text)
    end
  end)

  it("has short years from 1970 to 2069", function()
    assert.equal(0, cookie_date.decode "Thu, 01-Jan-70 00:00:00 GMT")
    assert.equal(915148800, cookie_date.decode "1 Jan 99 0:0:0")
    assert.equal(3124224000, cookie_date.decode "1 Jan 69 0:0:0")
    assert.equal(946684800, cookie_date.decode "1 Jan 00 0:0:0")
  end)

  it("knows the calendar", function()
    assert.equal(951782400, cookie_date.decode "29 Feb 2000 00:00:00")
    assert.equal(253402300799, cookie_date.decode "31 Dec 9999 23:59:59")
    assert.equal(-11644473600, cookie_date.decode "1 Jan 1601 00:00:00")
    for _, text in ipairs {
      "29 Feb 1900 00:00:00",
      "30 Feb 2000 00:00:00",
      "31 Apr 2000 00:00:00",
      "0 Jan 2000 00:00:00",
      "1 Jan 1600 00:00:00",
      "1 Jan 2000 24:00:00",
      "1 Jan 2000 00:60:00",
      "1 Jan 2000 00:00:60",
    } do
      assert.is_nil(cookie_date.decode(text), text)
    end
  end)

  it("needs every part", function()
    for _, text in ipairs {
      "",
      "0",
      "-1",
      "1 Jan 2000",
      "1 Jan 00:00:00",
      "Jan 2000 00:00:00",
      "1 2000 00:00:00",
      "1 Jan 20000 00:00:00",
      "123 Jan 2000 00:00:00",
      "1 Jan 2000 00:00",
      "1 Jan 2000 000:00:00",
    } do
      assert.is_nil(cookie_date.decode(text), text)
    end
  end)
end)
