-- covers: internal/boot.lua
local capture = require "spec.support.capture"
local ffi = require "ffi"

describe("a finalizer", function()
  --- Collects everything; returns what was logged.
  local function collected()
    return capture(function()
      collectgarbage()
      collectgarbage()
    end)
  end

  it("that throws is logged, and nothing ends", function()
    for _, thrown in ipairs { "boom", { "a table" } } do
      ffi.gc(ffi.new "int[1]", function() error(thrown, 0) end)
    end
    local log = collected()
    assert.matches("error a finalizer threw: boom\n", log, 1, true)
    assert.matches("error a finalizer threw: a table value\n", log, 1, true)
  end)

  it("of a type may throw, too", function()
    local seen = {}
    local metatable = {
      __gc = function(object)
        seen[#seen + 1] = object.number
        error("from the type", 0)
      end,
      __index = { double = function(object) return 2 * object.number end },
    }
    local make = ffi.metatype("struct { int number; }", metatable)
    assert.equal(14, make(7):double())
    assert.matches("error a finalizer threw: from the type\n", collected(), 1, true)
    assert.same({ 7 }, seen)
    assert.is_function(metatable.__gc)
  end)

  it("gets its object, and can be taken off", function()
    local got
    local object = ffi.gc(ffi.new("int[1]", 5), function(it) got = it[0] end)
    ffi.gc(object, nil)
    object = ffi.gc(ffi.new("int[1]", 6), function(it) got = it[0] end)
    assert.equal(6, object[0])
    object = nil -- luacheck: ignore 311
    assert.equal("", collected())
    assert.equal(6, got)
  end)
end)
