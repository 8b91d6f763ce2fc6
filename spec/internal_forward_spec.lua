-- covers: lua/lua_place.c
local forward = require "perilune.internal.forward"
local options = require "perilune.internal.options"

local LIMITS = { message_log = 65536 }

local function made(given)
  local complete = assert(options.complete("f", forward.fields, given))
  return forward.ready("f", "to.", complete, LIMITS)
end

describe("internal.forward", function()
  it("makes ways of URLs and what goes with them", function()
    for _, given in ipairs {
      { url = "http://a" },
      { url = "HTTP://a:81/b/" },
      { url = "https://[::1]/" },
      { url = "ws://a" },
      { url = "WSS://a:444" },
      { url = "http://a", host = "[::1]:80", document = "/a b?#%", query_params = "" },
      { url = "http://a", query_params = { a = { 1, 2 } }, origin = false },
      { url = "http://a", custom_headers = { A = { "b", "c" }, D = false, e = 1 } },
      { url = "http://a", timeouts = { total = 5, tunnel = false, first_byte = false } },
      { url = "https://a", tls = { verify = false, min_version = "1.3" } },
    } do
      local way, message = made(given)
      assert.is_nil(message)
      assert.equal("forward", getmetatable(way))
    end
  end)

  it("says what is wrong, with the option's whole name", function()
    for message, given in pairs {
      ["option 'to.url' of f takes an http or https URL: "] = { url = "a b" },
      ["option 'to.url' of f takes no query and no fragment: "] = { url = "http://a/#b" },
      ["option 'to.host' of f takes a host, "] = { url = "http://a", host = "a b" },
      ["option 'to.origin' of f takes an origin, "] = { url = "http://a", origin = "a\r\nb" },
      ["option 'to.query_params.a' of f takes strings, "] = {
        url = "http://a",
        query_params = { a = print },
      },
      ["option 'to.log_filename' of f: "] = {
        url = "http://a",
        log_filename = "/nonexistent/a/b.log",
      },
      ["option 'to.tls.key_file' of f "] = { url = "https://a", tls = { key_file = "a" } },
    } do
      local way, why = made(given)
      assert.is_nil(way)
      assert.equal(message, (why or ""):sub(1, #message))
    end
  end)
end)
