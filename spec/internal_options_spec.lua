-- covers: internal/component.lua
local component = require "perilune.internal.component"
local options = require "perilune.internal.options"

local heartbeat = {
  type = "table",
  off = true,
  default = {},
  fields = {
    interval = { type = "number", unit = "seconds", min = 0.1, max = 86400, default = 25 },
    type = { type = "string", values = { "always", "if_no_message" }, default = "always" },
  },
}

local schema = {
  host = { type = "string", default = "127.0.0.1" },
  port = { type = "integer", min = 0, max = 65535, default = 8080 },
  document_root = { type = "string", min = 1 },
  heartbeat = heartbeat,
  authentication = {
    type = "table",
    off = true,
    fields = {
      users = { type = "table", required = true },
      password = { type = "string", min = 8, secret = true },
      pin = { type = "integer", min = 1000, secret = true },
    },
  },
  deflate = {
    type = "table",
    off = true,
    default = false,
    fields = { level = { type = "integer", min = 1, max = 9, default = 6 } },
  },
  protocols = { type = "list", of = { type = "string", min = 1 }, max = 3 },
  bindings = {
    type = "list",
    of = { type = "table", fields = { host = { type = "string", required = true } } },
  },
  channel = { type = { "string", "list" }, of = { type = "string" } },
  handler = { type = "function" },
  verbose = { type = "boolean" },
  ratio = { type = "number" },
  count = { type = "integer", max = 10 },
  small = { type = "integer", min = 2 },
  name = { type = "string", max = 4 },
  anything = { type = "any" },
  server = { type = "component", component = "server" },
}

local function new(given)
  local settings = options.check("server.new", schema, given)
  return settings
end

--- The message of a call that throws, without its place.
local function message_of(f, ...)
  local ok, message = pcall(f, ...)
  assert.is_false(ok)
  return (message:gsub("^.-:%d+: ", ""))
end

describe("options.check", function()
  it("fills in defaults, nested ones too", function()
    assert.same({
      host = "127.0.0.1",
      port = 8080,
      heartbeat = { interval = 25, type = "always" },
      deflate = false,
    }, new())
    assert.same(new(), new {})
  end)

  it("takes what is given and completes nested tables", function()
    local settings = new { port = 0, heartbeat = { interval = 2.5 }, deflate = {} }
    assert.equal(0, settings.port)
    assert.same({ interval = 2.5, type = "always" }, settings.heartbeat)
    assert.same({ level = 6 }, settings.deflate)
  end)

  it("turns off what false turns off", function()
    assert.is_false(new({ heartbeat = false }).heartbeat)
    assert.is_false(new({ authentication = false }).authentication)
    assert.is_nil(new().authentication)
  end)

  it("copies lists, leaves the given table alone and its defaults unshared", function()
    local given = { protocols = { "chat" }, bindings = { { host = "::1" } } }
    local settings = new(given)
    assert.same(given.protocols, settings.protocols)
    assert.not_equal(given.protocols, settings.protocols)
    assert.same({ { host = "::1" } }, settings.bindings)
    assert.same({ protocols = { "chat" }, bindings = { { host = "::1" } } }, given)
    assert.not_equal(new().heartbeat, new().heartbeat)
  end)

  it("accepts every type it names", function()
    local function handler() end
    local given = {
      handler = handler,
      verbose = false,
      ratio = -0.5,
      count = -(2 ^ 53),
      channel = { "a", "b" },
      anything = { 1 },
      name = "four",
    }
    local settings = new(given)
    for name, value in pairs(given) do
      assert.same(value, settings[name])
    end
    assert.equal("news", new({ channel = "news" }).channel)
  end)

  local port = "an integer from 0 to 65535"
  local list = "a list, each a non-empty string with at most 3 elements"
  -- Options, the path in the message, what it takes, what it got.
  local refused = {
    { { port = "80" }, "port", port, '"80" (a string)' },
    { { port = 1.5 }, "port", port, "1.5 (a number)" },
    { { port = 65536 }, "port", port, "65536 (a number)" },
    { { port = -1 }, "port", port, "-1 (a number)" },
    { { port = false }, "port", port, "false (a boolean)" },
    { { count = 11 }, "count", "an integer of at most 10", "11 (a number)" },
    { { small = 1 }, "small", "an integer of at least 2", "1 (a number)" },
    { { small = 2 ^ 54 }, "small", "an integer of at least 2", "1.8014398509482e+16 (a number)" },
    { { ratio = 0 / 0 }, "ratio", "a number", "nan (a number)" },
    { { ratio = 1 / 0 }, "ratio", "a number", "inf (a number)" },
    { { heartbeat = true }, "heartbeat", "a table or false", "true (a boolean)" },
    {
      { heartbeat = { interval = 0 } },
      "heartbeat.interval",
      "a number of seconds from 0.1 to 86400",
      "0 (a number)",
    },
    {
      { heartbeat = { type = "never" } },
      "heartbeat.type",
      'one of "always", "if_no_message"',
      '"never" (a string)',
    },
    { { document_root = "" }, "document_root", "a non-empty string", '"" (a string)' },
    { { name = "fives" }, "name", "a string with at most 4 bytes", '"fives" (a string)' },
    { { protocols = { "a", "" } }, "protocols[2]", "a non-empty string", '"" (a string)' },
    { { protocols = { "a", "b", "c", "d" } }, "protocols", list, "a table" },
    { { protocols = { x = 1 } }, "protocols", list, "a table" },
    { { channel = 5 }, "channel", "a string or a list, each a string", "5 (a number)" },
    { { handler = "f" }, "handler", "a function", '"f" (a string)' },
    { { server = {} }, "server", "a server", "a table" },
    { { host = io.stdout }, "host", "a string", "a userdata" },
    {
      { verbose = ("x"):rep(100) },
      "verbose",
      "a boolean",
      ('"%s..." (a string)'):format(("x"):rep(40)),
    },
    { { verbose = 'a"\\\n\27' }, "verbose", "a boolean", [["a\"\\\10\27" (a string)]] },
  }
  for i, case in ipairs(refused) do
    it(("refuses a wrong value, case %d"):format(i), function()
      local expected = ("option '%s' of server.new takes %s, got %s"):format(unpack(case, 2))
      assert.equal(expected, message_of(new, case[1]))
    end)
  end

  -- Options, the path in the message, its end.
  local unknown = {
    { { prot = 1 }, "prot", ": did you mean 'port'?" },
    { { DocumentRoot = "x" }, "DocumentRoot", ": did you mean 'document_root'?" },
    {
      { heartbeat = { intervall = 1 } },
      "heartbeat.intervall",
      ": did you mean 'heartbeat.interval'?",
    },
    { { deflate = { [1] = 9 } }, "deflate.[1]", "; there is level" },
    {
      { bindings = { { host = "a" }, { hots = "b" } } },
      "bindings[2].hots",
      ": did you mean 'bindings[2].host'?",
    },
  }
  for i, case in ipairs(unknown) do
    it(("refuses an unknown option, case %d"):format(i), function()
      local expected = ("unknown option '%s' of server.new%s"):format(case[2], case[3])
      assert.equal(expected, message_of(new, case[1]))
    end)
  end

  it("lists what there is when nothing is near", function()
    local message = message_of(new, { zzzz = 1 })
    assert.matches("^unknown option 'zzzz' of server.new; there is anything, auth", message)
  end)

  it("refuses what is missing, and what is no table", function()
    assert.equal(
      "option 'authentication.users' of server.new is missing; it takes a table",
      message_of(new, { authentication = {} })
    )
    assert.equal('server.new takes a table of options, got "x" (a string)', message_of(new, "x"))
  end)

  it("does not show secrets", function()
    local function refusal(field, value)
      return message_of(new, { authentication = { users = {}, [field] = value } })
    end
    assert.matches(", got a string$", refusal("password", "hunter2"))
    assert.matches(", got a number$", refusal("pin", 123))
  end)

  it("names the user's line", function()
    local chunk = assert(loadstring("local new = ...\n\nlocal s = new { prot = 1 }", "=user"))
    local _, message = pcall(chunk, new)
    assert.matches("^user:3: unknown option 'prot'", message)
  end)

  it("throws for a schema with a type that there is not", function()
    assert.matches(
      'a schema has the type "sting"',
      message_of(function()
        local settings = options.check("f", { a = { type = "sting" } }, { a = 1 })
        return settings
      end)
    )
  end)
end)

describe("options.nearest", function()
  local names = { "OnConnect", "OnDisconnect", "OnMessage", "OnBinary", "port", "host" }
  local cases = {
    { "OnMesage", "OnMessage" },
    { "onmessage", "OnMessage" },
    { "on_message", "OnMessage" },
    { "OnConect", "OnConnect" },
    { "OnBinray", "OnBinary" },
    { "prot", "port" },
    { "hots", "host" },
    { "OnTotallyElse", nil },
    { "x", nil },
    { "", nil },
  }
  for _, case in ipairs(cases) do
    it(
      ("finds %s for %q"):format(tostring(case[2]), case[1]),
      function() assert.equal(case[2], options.nearest(case[1], names)) end
    )
  end

  it("has no answer for what is no name, or absurdly long", function()
    assert.is_nil(options.nearest(1, names))
    assert.is_nil(options.nearest(("port"):rep(1000), names))
  end)

  it(
    "takes the first in the alphabet of two that are as near",
    function() assert.equal("cat", options.nearest("at", { "hat", "cat" })) end
  )
end)

describe("component.build", function()
  local metatable, object, handlers, assigned

  before_each(function()
    handlers, assigned = {}, {}
    metatable = component.build {
      name = "server",
      methods = {
        count = function() return 3 end,
      },
      getters = {
        active = function() return true end,
      },
      setters = {
        data = function(_, value) assigned.data = value end,
      },
      events = { "OnConnect", "OnMessage" },
      get_handler = function(_, event) return handlers[event] end,
      set_handler = function(_, event, handler) handlers[event] = handler end,
    }
    object = newproxy(true)
    local raw = getmetatable(object) -- before __metatable hides it
    for key, value in pairs(metatable) do
      raw[key] = value
    end
  end)

  local function assign(key, value)
    return message_of(function() object[key] = value end)
  end

  it("gives methods, properties and handlers; nil for the rest", function()
    assert.equal(3, object:count())
    assert.is_true(object.active)
    assert.is_nil(object.OnMessage)
    local function handler() end
    object.OnMessage = handler
    assert.equal(handler, object.OnMessage)
    object.OnMessage = nil
    assert.is_nil(object.OnMessage)
    assert.is_nil(object.nothing)
  end)

  it("asks a function for properties, after methods and events", function()
    local built = component.build {
      name = "conn",
      methods = { write = print },
      events = { "OnMessage" },
      get_handler = function() return "handler" end,
      getters = function(_, key) return key .. "!" end,
    }
    assert.equal(print, built.__index({}, "write"))
    assert.equal("handler", built.__index({}, "OnMessage"))
    assert.equal("guid!", built.__index({}, "guid"))
  end)

  it("assigns what may be assigned", function()
    object.data = { 1 }
    assert.same({ 1 }, assigned.data)
  end)

  it("refuses what is no event or field, with the nearest", function()
    local f = print
    assert.equal("server has no event 'OnMesage': did you mean 'OnMessage'?", assign("OnMesage", f))
    assert.equal("server has no event 'OnQuux'; it takes OnConnect, OnMessage", assign("OnQuux", f))
    local nearest = "server has no field 'onMessage': did you mean 'OnMessage'?"
    assert.equal(nearest, assign("onMessage", f))
    assert.equal("server has no field 'x'; it takes OnConnect, OnMessage, data", assign("x", 1))
    assert.equal("server has no field '1'; it takes OnConnect, OnMessage, data", assign(1, 1))
    assert.equal("server.count cannot be assigned", assign("count", f))
    assert.equal("server.active cannot be assigned", assign("active", false))
    assert.equal("server.OnMessage takes a function or nil, got a string", assign("OnMessage", "f"))
  end)

  it("names the line that assigns", function()
    local chunk = assert(loadstring("local object = ...\n\nobject.x = 1", "=user"))
    local _, message = pcall(chunk, object)
    assert.matches("^user:3: server has no field 'x'", message)
  end)

  it("shows its name, not its metatable", function()
    assert.matches("^server: 0x%x+$", tostring(object))
    assert.equal("server", metatable.__name)
    assert.equal("server", getmetatable(object))
    local check = { server = { type = "component", component = "server" } }
    local settings = options.check("f", check, { server = object })
    assert.equal(object, settings.server)
  end)
end)
