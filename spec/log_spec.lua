-- covers: lua/lua_process.c
local capture = require "spec.support.capture"
local log = require "perilune.log"

describe("log", function()
  after_each(function() log.set_level "info" end)

  it("writes a line with time and level", function()
    local text = capture(function() log.info "hello" end)
    assert.matches("^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%d%.%d%d%dZ info  hello\n$", text)
  end)

  it("formats", function()
    local text = capture(function() log.warn("%d people in %s", 3, "tea") end)
    assert.matches(" warn  3 people in tea\n$", text)
  end)

  it("writes a text alone as it is", function()
    local text = capture(function() log.error "100% of it" end)
    assert.matches(" error 100%% of it\n$", text)
  end)

  it("has levels", function()
    local levels = { "error", "warn", "info", "debug" }
    for i, level in ipairs(levels) do
      log.set_level(level)
      local text = capture(function()
        for _, each in ipairs(levels) do
          log[each]("a line")
        end
      end)
      local _, lines = text:gsub("\n", "")
      assert.equal(i, lines)
    end
  end)

  it("does not format what it does not write", function()
    local asked = false
    local value = setmetatable({}, {
      __tostring = function()
        asked = true
        return "value"
      end,
    })
    local text = capture(function() log.debug("%s", value) end)
    assert.equal("", text)
    assert.is_false(asked)
  end)

  it("indents further lines, and escapes what a terminal obeys", function()
    local text = capture(
      function() log.info("a\r\nb\27[31m\0c\127 %s", "\t\n2026 error forged") end
    )
    assert.matches(
      "Z info  a\\x0d\n    b\\x1b%[31m\\x00c\\x7f \\x09\n    2026 error forged\n$",
      text
    )
  end)

  it("keeps UTF-8", function()
    assert.matches("Grüße 🌒\n$", capture(function() log.info "Grüße 🌒" end))
  end)

  it("throws for a format that is no string, at the caller's line", function()
    local ok, message = pcall(function() log.info(5) end)
    assert.is_false(ok)
    assert.matches("log_spec.lua:%d+: log.info takes a format, got a number", message)
    assert.has_error(function() log.error() end)
    assert.has_error(function() log.error("%d", "x") end)
  end)

  it("throws for a level that there is not", function()
    assert.has_error(function() log.set_level "loud" end)
    assert.has_error(function() log.set_level() end)
  end)
end)
