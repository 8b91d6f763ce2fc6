local json = require "perilune.json"

local null = json.null

--- The message and the code of a call that returned nil.
local function failure(value, message, code)
  assert.is_nil(value)
  assert.equal("string", type(message))
  return message, code
end

local function nested(open, depth, close) return open:rep(depth) .. (close or ""):rep(depth) end

--- A double of any size, with all its bits by chance.
local function random_double()
  local digits = math.random(0, 2 ^ 26) * 2 ^ 27 + math.random(0, 2 ^ 27 - 1)
  local sign = math.random(2) == 1 and -1 or 1
  return sign * math.ldexp(digits, math.random(-1074, 970))
end

describe("json.decode", function()
  local accepted = {
    { "null", null },
    { "true", true },
    { "false", false },
    { '""', "" },
    { '"text"', "text" },
    { " \t\r\n1 \t\r\n", 1 },
    { "[]", {} },
    { "{}", {} },
    { "[ ]", {} },
    { "{ }", {} },
    { "[1,2,3]", { 1, 2, 3 } },
    { "[null,false]", { null, false } },
    { '{"a":1,"b":{"c":[{}]}}', { a = 1, b = { c = { {} } } } },
    { ' { "a" : [ 1 , 2 ] , "" : "x" } ', { a = { 1, 2 }, [""] = "x" } },
    { '{"a":1,"a":2}', { a = 2 } },
    { '{"1":1}', { ["1"] = 1 } },
    -- Numbers
    { "0", 0 },
    { "-1", -1 },
    { "0.5", 0.5 },
    { "-0.5", -0.5 },
    { "10.25e2", 1025 },
    { "1E+2", 100 },
    { "1e-2", 0.01 },
    { "0e5", 0 },
    { "0.0000001", 1e-7 },
    { "9007199254740991", 2 ^ 53 - 1 },
    { "9007199254740992", 2 ^ 53 },
    { "-9007199254740992", -(2 ^ 53) },
    { "123456789012345", 123456789012345 },
    { "9007199254740993", 2 ^ 53 }, -- the nearest there is
    { "12345678901234567890", 12345678901234567890 },
    { "1.7976931348623157e308", 1.7976931348623157e308 },
    { "5e-324", 2 ^ -1074 },
    { "2.2250738585072011e-308", 2.2250738585072011e-308 },
    { "1e-400", 0 },
    { "1e-99999999999", 0 },
    { "0e99999999999", 0 },
    { "1" .. ("0"):rep(308), 1e308 },
    { "0." .. ("0"):rep(400) .. "1", 0 },
    -- Strings
    { [["\"\\\/\b\f\n\r\t"]], '"\\/\b\f\n\r\t' },
    { [["\u0041\u00e9\u00E9\u20ac"]], "Aéé€" },
    { [["\ud83d\ude00"]], "😀" },
    { [["\uD800\uDC00\uDBFF\uDFFF"]], "\240\144\128\128\244\143\191\191" },
    { [["\u0000"]], "\0" },
    { [["a\u0000b"]], "a\0b" },
    { [["\ufeff\uffff\ud7ff\ue000"]], "\239\187\191\239\191\191\237\159\191\238\128\128" },
    { '"é€😀"', "é€😀" },
    { '"\127"', "\127" },
    { '"a/b"', "a/b" },
    { '{"\\u00e9":1}', { ["é"] = 1 } },
  }
  for _, case in ipairs(accepted) do
    it(("reads %s"):format(case[1]:sub(1, 60)), function()
      local value, message, code = json.decode(case[1])
      assert.same(case[2], value)
      assert.is_nil(message)
      assert.is_nil(code)
    end)
  end

  it("keeps the sign of zero", function()
    for _, text in ipairs { "-0", "-0.0", "-0e1", "-1e-400" } do
      assert.equal(-math.huge, 1 / json.decode(text))
    end
  end)

  local early = "the text ends too early"
  local value = "a value is expected"
  local digit = "a digit is expected"
  local rest = "the text goes on behind its value"
  local control = "a control character in a string is not escaped"
  local escape = "not an escape, or half of a surrogate pair"
  local large = "a number is too large"
  local name = "a name in quotes is expected"
  -- Text, column, what is wrong there; line 1 unless there is a fourth.
  local refused = {
    { "", 1, early },
    { "  ", 3, early },
    { "nul", 1, value },
    { "nulL", 1, value },
    { "True", 1, value },
    { "truex", 5, value },
    { "undefined", 1, value },
    { "NaN", 1, value },
    { "nan", 1, value },
    { "Infinity", 1, value },
    { "-Infinity", 2, digit },
    { "'a'", 1, value },
    { "/* a */ 1", 1, value },
    { "1 // a", 3, value },
    { "\239\187\1911", 1, value },
    { "\v1", 1, value },
    { "\f1", 1, value },
    { "\194\1601", 1, value },
    { "1\0", 2, value },
    { "\0", 1, value },
    { "[1]]", 4, rest },
    { "1 2", 3, rest },
    { "{}{}", 3, rest },
    { ":1", 1, value },
    { ",", 1, value },
    { "]", 1, value },
    { "}", 1, value },
    -- Numbers
    { "01", 2, rest },
    { "-01", 3, rest },
    { "00", 2, rest },
    { "+1", 1, value },
    { ".5", 1, value },
    { "-.5", 2, digit },
    { "-", 2, early },
    { "--1", 2, digit },
    { "1.", 3, early },
    { "[1.]", 4, digit },
    { "1.e5", 3, digit },
    { "1e", 3, early },
    { "1e+", 4, early },
    { "[1e]", 4, digit },
    { "1e1.5", 4, value },
    { "0x10", 2, value },
    { "1_000", 2, value },
    { "1e999", 1, large },
    { "-1e999", 1, large },
    { "1e99999999999999999999", 1, large },
    { "[1" .. ("0"):rep(309) .. "]", 2, large },
    { "1.7976931348623159e308", 1, large },
    -- Strings
    { '"', 2, early },
    { '"a', 3, early },
    { '"\\', 2, escape },
    { '"\\"', 4, early },
    { '"a\nb"', 3, control },
    { '"\t"', 2, control },
    { '"\0"', 2, control },
    { '"\31"', 2, control },
    { [["\x41"]], 2, escape },
    { [["\a"]], 2, escape },
    { [["\']], 2, escape },
    { [["\N"]], 2, escape },
    { '"\\\0"', 2, escape },
    { [["\u12"]], 2, escape },
    { [["\u123g"]], 2, escape },
    { [["\U0041"]], 2, escape },
    { [["\u{41}"]], 2, escape },
    { [["\ud800"]], 2, escape },
    { [["\udc00"]], 2, escape },
    { [["\ud800\ud800"]], 2, escape },
    { [["\ud800\u0041"]], 2, escape },
    { [["\ud800x\udc00"]], 2, escape },
    { [["\udc00\ud800"]], 2, escape },
    { [["ab\ud800\udc0"]], 4, escape },
    -- Arrays and objects
    { "[", 2, early },
    { "[1", 3, early },
    { "[1,", 4, early },
    { "[1,]", 4, value },
    { "[,1]", 2, value },
    { "[1,,2]", 4, value },
    { "[1 2]", 4, "',' or ']' is expected" },
    { "[1}", 3, "',' or ']' is expected" },
    { "[1:2]", 3, "',' or ']' is expected" },
    { "{", 2, early },
    { "{1:2}", 2, name },
    { "{a:1}", 2, value },
    { "{null:1}", 2, name },
    { '{"a"', 5, early },
    { '{"a"}', 5, "':' is expected" },
    { '{"a",1}', 5, "':' is expected" },
    { '{"a":', 6, early },
    { '{"a":}', 6, value },
    { '{"a":1', 7, early },
    { '{"a":1,', 8, early },
    { '{"a":1,}', 8, name },
    { '{,"a":1}', 2, name },
    { '{"a":1]', 7, "',' or '}' is expected" },
    { '{"a":1 "b":2}', 8, "',' or '}' is expected" },
    { '{"a":1}}', 8, rest },
    { "\n[1,\r\n  x]", 3, value, 3 },
  }
  for _, case in ipairs(refused) do
    it(("refuses %q"):format(case[1]:sub(1, 60)), function()
      local message, code = failure(json.decode(case[1]))
      local place = ("JSON, line %d, column %d: "):format(case[4] or 1, case[2])
      assert.equal(place .. case[3], message)
      assert.equal("EJSON", code)
    end)
  end

  it("refuses every cut of a text", function()
    local text = [[{"a":[1.5e3,true,"\u00e9\n€",null],"b":{}}]]
    assert.is_table(json.decode(text))
    for length = 0, #text - 1 do
      assert.is_nil((json.decode(text:sub(1, length))))
    end
  end)

  it("refuses bad UTF-8 wherever it is", function()
    local bad = {
      "\128",
      "\191",
      "\192\128",
      "\193\191",
      "\195",
      "\195(",
      "\224\128\128",
      "\224\159\191",
      "\226\130",
      "\237\160\128",
      "\237\191\191",
      "\240\128\128\128",
      "\240\159\152",
      "\244\144\128\128",
      "\245\128\128\128",
      "\254",
      "\255",
    }
    for _, bytes in ipairs(bad) do
      for _, form in ipairs { '"%s"', '"0123456789%s"', '{"%s":1}', '{"a":["é%sé"]}', '"\\n%s"' } do
        local message, code = failure(json.decode((form:format(bytes))))
        assert.equal("EUTF8", code)
        assert.matches("^JSON, line 1, column %d: a string is not valid UTF%-8$", message)
      end
    end
  end)

  it("limits how deep arrays and objects are nested", function()
    assert.equal(1000, json.max_depth)
    for _, form in ipairs { { "[", "]" }, { '{"a":', "}" }, { '[{"a":', "}]" } } do
      local open, close = form[1], form[2]
      local levels = select(2, open:gsub("[%[{]", ""))
      local inner = open:find ":" and "1" or ""
      local allowed = open:rep(1000 / levels) .. inner .. close:rep(1000 / levels)
      assert.is_table(json.decode(allowed))
      local message, code = failure(json.decode("[" .. allowed .. "]"))
      assert.equal("ELIMIT", code)
      assert.matches("arrays and objects are nested too deeply$", message)
      message, code = failure(json.decode(nested(open, 1e6)))
      assert.equal("ELIMIT", code)
      assert.matches("nested too deeply$", message)
    end
    assert.is_table(json.decode("[" .. ("[],"):rep(2000) .. "[]]"))
  end)

  it("works on a coroutine, to the full depth", function()
    local run = coroutine.wrap(function() return json.decode(nested("[", 1000, "]")) end)
    assert.is_table(run())
  end)

  it("reads numbers as Lua does", function()
    math.randomseed(20240229)
    for _ = 1, 20000 do
      local digits = {}
      for i = 1, math.random(1, 24) do
        digits[i] = math.random(0, 9)
      end
      local text = ("%d.%se%d"):format(
        math.random(0, 99),
        table.concat(digits),
        math.random(-320, 290)
      )
      assert.equal(tonumber(text), json.decode(text), text)
    end
  end)

  it("throws for what is no string", function()
    for _, wrong in ipairs { 1, true, {}, print, null } do
      assert.error_matches(function() json.decode(wrong) end, "string expected, got")
    end
    assert.error_matches(function() json.decode(nil) end, "bad argument #1 .*string expected")
  end)
end)

describe("json.encode", function()
  local written = {
    { nil, "null" },
    { null, "null" },
    { true, "true" },
    { false, "false" },
    { "", '""' },
    { "é€😀/\127", '"é€😀/\127"' },
    { '"\\\b\f\n\r\t\0\1\31', [["\"\\\b\f\n\r\t\u0000\u0001\u001f"]] },
    { ("0123456"):rep(5) .. "\n", '"' .. ("0123456"):rep(5) .. '\\n"' },
    -- Numbers
    { 0, "0" },
    { -0, "-0" },
    { 1, "1" },
    { -17, "-17" },
    { 1e15, "1000000000000000" },
    { 123456789012345, "123456789012345" },
    { 2 ^ 53 - 1, "9007199254740991" },
    { 2 ^ 53, "9007199254740992" },
    { -(2 ^ 53), "-9007199254740992" },
    { 2 ^ 63, "9.223372036854776e+18" },
    { 1e300, "1e+300" },
    { 0.1, "0.1" },
    { -0.5, "-0.5" },
    { 0.1 + 0.2, "0.30000000000000004" },
    { 1 / 3, "0.3333333333333333" },
    { 64231.52, "64231.52" },
    { 99.99999999, "99.99999999" },
    { 0.000001, "1e-06" },
    { 123456.789, "123456.789" },
    { 2 ^ 51 + 0.5, "2251799813685248.5" },
    { 1.7976931348623157e308, "1.7976931348623157e+308" },
    -- Tables
    { {}, "{}" },
    { json.array {}, "[]" },
    { json.array(), "[]" },
    { json.array { 1 }, "[1]" },
    { { 1, "a", true, null }, '[1,"a",true,null]' },
    { { { {} } }, "[[{}]]" },
    { { [3] = "c", [2] = "b", [1] = "a" }, '["a","b","c"]' },
    { { a = 1 }, '{"a":1}' },
    { { ["é\n"] = { 1 } }, '{"é\\n":[1]}' },
    { { ["1"] = 1 }, '{"1":1}' },
    { setmetatable({ a = 1 }, { __index = { b = 2 } }), '{"a":1}' },
  }
  for _, case in ipairs(written) do
    it("writes " .. case[2]:sub(1, 60), function()
      local text, message, code = json.encode(case[1])
      assert.equal(case[2], text)
      assert.is_nil(message)
      assert.is_nil(code)
    end)
  end

  describe("of a list that was not filled in order", function()
    --- A table with the keys 1 to n, in the order of their insertion, and its text.
    local function shuffled(n)
      local order, list, parts = {}, {}, {}
      for i = 1, n do
        table.insert(order, math.random(i), i)
        parts[i] = ('"%d"'):format(i)
      end
      for _, i in ipairs(order) do
        list[i] = tostring(i)
      end
      return list, "[" .. table.concat(parts, ",") .. "]"
    end

    it("writes all elements in order", function()
      math.randomseed(7)
      for n = 1, 100 do
        local list, text = shuffled(n)
        assert.equal(text, json.encode(list))
      end
    end)

    it("refuses one key that is not of it", function()
      math.randomseed(7)
      for n = 1, 100 do
        for _, key in ipairs { 0, -1, 1.5, n + 0.5, n + 2, "x", "1", true } do
          local list = shuffled(n)
          list[key] = "y"
          local message, code = failure(json.encode(list))
          assert.equal("cannot encode: its keys are neither 1 to n nor all strings", message)
          assert.equal("EJSON", code)
        end
      end
    end)

    it("names the element that cannot be written", function()
      local list = {}
      for i = 9, 1, -1 do
        list[i] = i
      end
      list[8] = print
      assert.equal("cannot encode [8]: JSON has no function", (failure(json.encode(list))))
    end)
  end)

  local same = { 1 }
  it(
    "writes a table again where it is met again",
    function() assert.equal("[[1],[1]]", json.encode { same, same }) end
  )

  local keys = "its keys are neither 1 to n nor all strings"
  local number = "JSON has no NaN and no infinity"
  local index = "an array has a key that is no index"
  local text = "a string is not valid UTF-8"
  local refused = {
    { print, "cannot encode: JSON has no function" },
    { coroutine.create(print), "cannot encode: JSON has no thread" },
    { io.stdout, "cannot encode: JSON has no userdata" },
    { { { print } }, "cannot encode [1][1]: JSON has no function" },
    { { a = { b = { 1, print } } }, "cannot encode a.b[2]: JSON has no function" },
    { 0 / 0, "cannot encode: " .. number },
    { { x = 1 / 0 }, "cannot encode x: " .. number },
    { { -1 / 0 }, "cannot encode [1]: " .. number },
    { { 1, nil, 3 }, "cannot encode: " .. keys },
    { { [2] = 1 }, "cannot encode: " .. keys },
    { { [0] = 1 }, "cannot encode: " .. keys },
    { { [-1] = 1 }, "cannot encode: " .. keys },
    { { [1.5] = 1 }, "cannot encode: " .. keys },
    { { [2 ^ 53] = 1 }, "cannot encode: " .. keys },
    { { 1, 2, x = 3 }, "cannot encode: " .. keys },
    { { a = { 1, x = 3 } }, "cannot encode a: " .. keys },
    { { [true] = 1 }, "cannot encode: " .. keys },
    { { [null] = 1 }, "cannot encode: " .. keys },
    { { [{}] = 1 }, "cannot encode: " .. keys },
    { { [1] = 1, [true] = 1 }, "cannot encode: " .. keys },
    { json.array { x = 1 }, "cannot encode: " .. index },
    { json.array { 1, x = 1 }, "cannot encode: " .. keys },
    { "\255", "cannot encode: " .. text, "EUTF8" },
    { { a = "\237\160\128" }, "cannot encode a: " .. text, "EUTF8" },
    { { ["\255"] = 1 }, "cannot encode ?: " .. text, "EUTF8" },
    {
      { ["\1" .. ("k"):rep(50)] = print },
      "cannot encode ?" .. ("k"):rep(39) .. ": JSON has no function",
    },
  }
  for i, case in ipairs(refused) do
    it(("refuses %s, case %d"):format(case[2], i), function()
      local message, code = failure(json.encode(case[1]))
      assert.equal(case[2], message)
      assert.equal(case[3] or "EJSON", code)
      local sorted_message, sorted_code = failure(json.encode(case[1], { sort = true }))
      assert.equal(case[2], sorted_message)
      assert.equal(code, sorted_code)
    end)
  end

  it("refuses numbers of the foreign function interface", function()
    local message = failure(json.encode(loadstring "return 1LL"()))
    assert.equal("cannot encode: JSON has no cdata", message)
  end)

  it("goes 1000 deep and no deeper, so that a circle ends", function()
    local deepest = {}
    for _ = 2, 1000 do
      deepest = { deepest }
    end
    assert.equal(nested("[", 999) .. "{}" .. ("]"):rep(999), json.encode(deepest))
    local message, code = failure(json.encode { deepest })
    assert.equal("ELIMIT", code)
    assert.matches(
      "^cannot encode %.%.%.[%d%[%]]+: tables are nested too deeply, or in a circle$",
      message
    )

    local circle = {}
    circle.again = { circle }
    message, code = failure(json.encode(circle))
    assert.equal("ELIMIT", code)
    assert.is_true(#message < 200)
    assert.equal('{"a":1}', json.encode { a = 1 })
  end)

  it("sorts by the bytes of the names", function()
    local value = { b = 1, a = { z = 1, y = {}, x = { 1 } }, aa = 2, A = 3, ["é"] = 4, [""] = 5 }
    local expected = '{"":5,"A":3,"a":{"x":[1],"y":{},"z":1},"aa":2,"b":1,"é":4}'
    assert.equal(expected, json.encode(value, { sort = true }))
    local many = {}
    for i = 1, 1000 do
      many[("%04d"):format(i)] = { b = { c = 1, b = 2 }, a = i }
    end
    local text_of_many = json.encode(many, { sort = true })
    assert.matches('^{"0001":{"a":1,"b":{"b":2,"c":1}},"0002":', text_of_many)
    assert.same(many, json.decode(text_of_many))
  end)

  it("indents when asked", function()
    local value = { a = { 1, { b = true }, {} }, c = json.array {}, d = "x" }
    local expected = [[
{
  "a": [
    1,
    {
      "b": true
    },
    {}
  ],
  "c": [],
  "d": "x"
}]]
    assert.equal(expected, json.encode(value, { pretty = true, sort = true }))
    assert.equal("1", json.encode(1, { pretty = true }))
    local same_value = json.decode(json.encode(value, { pretty = true }))
    assert.equal(json.encode(value, { sort = true }), json.encode(same_value, { sort = true }))
  end)

  it("throws for options that it does not have", function()
    local function encode(given)
      return function() return json.encode({}, given) end
    end
    assert.error_matches(encode { prety = true }, "unknown option 'prety' .* mean 'pretty'?")
    assert.error_matches(encode { sort = 1 }, "option 'sort' of json.encode takes a boolean")
    assert.error_matches(encode(true), "json.encode takes a table of options")
  end)
end)

describe("json.array", function()
  it("marks the table that it is given", function()
    local list = {}
    assert.equal(list, json.array(list))
    assert.equal(json.array_mt, getmetatable(list))
    assert.equal(list, json.array(list))
    list[1] = "a"
    assert.equal('["a"]', json.encode(list))
    list[1] = nil
    assert.equal("[]", json.encode(list))
  end)

  it("throws for what it cannot mark", function()
    assert.error_matches(function() json.array "a" end, "json.array takes a table, got a string")
    assert.error_matches(
      function() json.array(setmetatable({}, {})) end,
      "json.array takes a table without a metatable"
    )
  end)
end)

describe("json, both ways,", function()
  it("tells empty arrays from empty objects", function()
    local text = '{"a":[],"b":{},"c":[[],{}]}'
    assert.equal(text, json.encode(json.decode(text), { sort = true }))
    local list = json.decode("[1]")
    table.remove(list)
    assert.equal("[]", json.encode(list))
  end)

  it(
    "keeps ids above 2^53 when they are strings",
    function()
      assert.equal(
        '{"id":"9223372036854775807"}',
        json.encode(json.decode '{"id":"9223372036854775807"}')
      )
    end
  )

  it("keeps every integer up to 2^53", function()
    math.randomseed(53)
    for bits = 0, 53 do
      for _ = 1, 100 do
        local low = math.random(0, 2 ^ 26 - 1)
        local value = math.floor((math.random(0, 2 ^ 27 - 1) * 2 ^ 26 + low) % 2 ^ bits)
        local text = json.encode(value)
        assert.equal(("%.0f"):format(value), text)
        assert.equal(value, json.decode(text))
      end
    end
  end)

  it("keeps every double", function()
    math.randomseed(754)
    for _ = 1, 20000 do
      local value = random_double()
      if value - value == 0 then
        local text = json.encode(value)
        assert.is_true(json.decode(text) == value and tonumber(text) == value, text)
        assert.is_true(#text <= 24, text)
      end
    end
  end)

  it("keeps decimal fractions as they were written", function()
    math.randomseed(10)
    for _ = 1, 20000 do
      local text = ("%.8f"):format(math.random(0, 99999) + math.random())
      local shortest = text:gsub("%.?0+$", "")
      assert.equal(shortest, json.encode(json.decode(text)))
    end
  end)

  local alphabet =
    { "a", "é", "€", "😀", '"', "\\", "\n", "\0", "/", " ", "\127", "0123456789" }

  local function random_string()
    local parts = {}
    for i = 1, math.random(0, 12) do
      parts[i] = alphabet[math.random(#alphabet)]
    end
    return table.concat(parts)
  end

  local random_value

  local function random_array(depth)
    local list = json.array {}
    for i = 1, math.random(0, 6) do
      list[i] = random_value(depth + 1)
    end
    return list
  end

  local function random_object(depth)
    local object = {}
    for _ = 1, math.random(0, 6) do
      object[random_string()] = random_value(depth + 1)
    end
    return object
  end

  local makers = {
    random_string,
    random_string,
    function() return math.random(-1e9, 1e9) end,
    function() return math.random(-1e6, 1e6) / 1000 end,
    function() return math.random(2) == 1 end,
    function() return null end,
    random_array,
    random_object,
  }

  function random_value(depth)
    local count = depth < 6 and #makers or #makers - 2
    return makers[math.random(count)](depth)
  end

  it("keeps values made by chance, with and without spaces and order", function()
    math.randomseed(8259)
    for _ = 1, 500 do
      local value = random_object(1)
      local text = json.encode(value, { sort = true })
      assert.same(value, json.decode(text))
      assert.equal(text, json.encode(json.decode(text), { sort = true }))
      assert.equal(text, json.encode(json.decode(json.encode(value)), { sort = true }))
      local pretty = json.encode(value, { sort = true, pretty = true })
      assert.equal(text, json.encode(json.decode(pretty), { sort = true }))
    end
  end)

  it("takes any bytes without harm", function()
    math.randomseed(36)
    local base = [[{"a":[1.5e3,true,"\u00e9\n€",null],"b":{"c":-0}}]]
    for _ = 1, 20000 do
      local at = math.random(#base)
      local byte = string.char(math.random(0, 255))
      local value, message, code = json.decode(base:sub(1, at - 1) .. byte .. base:sub(at + 1))
      if value == nil then
        assert.is_string(message)
        assert.is_true(code == "EJSON" or code == "EUTF8")
      else
        assert.is_string(json.encode(value))
      end
    end
  end)

  it("carries large strings and tables", function()
    local long = ("0123456789abcde\n"):rep(100000)
    assert.equal(long, json.decode(json.encode(long)))
    local list = {}
    for i = 1, 100000 do
      list[i] = i
    end
    local text = json.encode(list)
    assert.equal(588895 + 1, #text)
    assert.same(list, json.decode(text))
  end)

  it("may be used by finalizers that run within it", function()
    local runs = 0
    local function finalizer()
      runs = runs + 1
      assert(json.decode(json.encode { "\n", { nested = "\r" } })[1] == "\n")
    end
    local value = { a = "x\ny", b = { "\t", "é" } }
    local expected = '{"a":"x\\ny","b":["\\t","é"]}'
    for _ = 1, 5000 do
      getmetatable(newproxy(true)).__gc = finalizer
      local text = json.encode(value, { sort = true })
      assert.equal(expected, text)
      assert.same(value, json.decode(text))
    end
    collectgarbage()
    assert.is_true(runs >= 5000)
  end)
end)
