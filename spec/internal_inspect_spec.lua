local inspect = require "perilune.internal.inspect"

local value = inspect.value

describe("internal.inspect", function()
  it("shows plain values as Lua writes them", function()
    for text, plain in pairs {
      ["1"] = 1,
      ["0.5"] = 0.5,
      ["-inf"] = -math.huge,
      ["true"] = true,
      ['"tea"'] = "tea",
      ['"a\\"b\\\\c\\n\\t\\r\\000\\027[31m\\127"'] = 'a"b\\c\n\t\r\0\27[31m\127',
      ['"\195\164"'] = "\195\164",
      ['"\\195("'] = "\195(",
    } do
      assert.equal(text, value(plain))
    end
    assert.equal("nil", value(nil))
    assert.matches("^function: ", value(print))
  end)

  it("shows tables with their fields, the list first", function()
    assert.equal("{}", value {})
    assert.equal(
      '{ 1, "b", [4] = 2, a = 1, ["end"] = 3, ["x y"] = {} }',
      value {
        1,
        "b",
        [4] = 2,
        a = 1,
        ["end"] = 3,
        ["x y"] = {},
      }
    )
    local long = ("x"):rep(50)
    assert.equal(
      ('{\n  "%s",\n  {\n    "%s",\n    "%s"\n  }\n}'):format(long, long, long),
      value {
        long,
        { long, long },
      }
    )
    local own = { 1 }
    own[2] = own
    assert.equal("{ 1, <itself> }", value(own))
    assert.equal("{ { { { {...} } } } }", value { { { { { 1 } } } } })
  end)

  it("asks nobody but a __tostring", function()
    local function throw() error "no" end
    assert.equal(
      "{ a = 1 }",
      value(setmetatable({ a = 1 }, { __index = throw, __len = throw, __pairs = throw }))
    )
    local function named(name) return setmetatable({}, { __tostring = name }) end
    assert.equal("me\\027", value(named(function() return "me\27" end)))
    assert.equal("<table whose __tostring failed>", value(named(throw)))
    assert.equal("<table whose __tostring failed>", value(named(function() return 1 end)))
  end)

  it("keeps to its limits", function()
    local limits = inspect.limits
    local text = value(("x"):rep(limits.string + 7))
    assert.matches('x"%.%.%. %(7 bytes more%)$', text)
    local many = {}
    for i = 1, limits.fields + 3 do
      many[i] = i
    end
    assert.matches("  100,\n  %.%.%. %(3 more%)\n}$", value(many))
    local huge = {}
    for i = 1, 100 do
      huge[i] = { ("y"):rep(limits.string) }
    end
    assert.is_true(#value { huge, huge, huge } < 3 * limits.text)
    assert.is_true(
      #value(setmetatable({}, { __tostring = function() return ("z"):rep(1e6) end })) < 1e5
    )
  end)
end)
