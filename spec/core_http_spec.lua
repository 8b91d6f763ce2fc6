-- perilune.core.http: calls over pooled connections, as perilune.http makes them.
-- covers: lua/lua_http.c lua/lua_http_call.c lua/lua_http_body.c
local core = require "perilune.core.http"
local fixture = require "spec.support.fixture"

local function serving(handler, options)
  return fixture.server(options, { OnCommandGet = handler, OnCommandOther = handler })
end

--- The rest of a response's content.
local function content(call)
  local pieces = {}
  while true do
    local piece, message, code = call:read()
    if message then return nil, message, code end
    if not piece then return table.concat(pieces) end
    pieces[#pieces + 1] = piece
  end
end

local function order(port, more)
  local made = { method = "GET", scheme = "http", host = "127.0.0.1", port = port, target = "/" }
  for name, value in pairs(more or {}) do
    made[name] = value
  end
  return made
end

describe("a call", function()
  local pool
  before_each(function() pool = core.pool {} end)
  after_each(function()
    pool:close()
    fixture.clean()
  end)

  it("asks and is answered", function()
    local seen
    local server = serving(function(_, request, response)
      seen = { request.command, request.query, request.headers["x-a"], request.headers.host }
      response.headers["X-Two"] = { "b", "c" }
      response.content_text = "hello"
    end)
    local call = assert(pool:open(order(server.port, {
      target = "/a?b=c",
      fields = { { "X-A", "1" } },
    })))
    local head = assert(call:head())
    assert.equal(200, head.status)
    assert.equal("OK", head.reason)
    assert.equal("HTTP/1.1", head.version)
    assert.equal("b, c", head.headers["x-two"])
    local found = 0
    for _, field in ipairs(head.fields) do
      if field[1] == "X-Two" then found = found + 1 end
    end
    assert.equal(2, found)
    assert.equal("hello", content(call))
    assert.is_nil(call:read())
    assert.same({ "GET", "b=c", "1", "127.0.0.1:" .. server.port }, seen)
    assert.same({}, call:trailers())
    assert.equal(5, call.received)
    assert.equal(0, call.sent)
    assert.equal("127.0.0.1", call.remote)
    assert.is_false(call.reused)
    assert.is_true(call.timing.first_byte >= 0)
  end)

  it("uses connections again", function()
    local ports = {}
    local server = serving(function(conn, _, response)
      ports[conn.port] = true
      response.content_text = "x"
    end)
    for i = 1, 5 do
      local call = assert(pool:open(order(server.port)))
      assert.equal("x", content(call))
      assert.equal(i > 1, call.reused)
      assert.same({ idle = 1, active = 0 }, pool:counts())
    end
    local count = 0
    for _ in pairs(ports) do
      count = count + 1
    end
    assert.equal(1, count)
  end)

  it("sends a body of a known length, and one of any length", function()
    local server = serving(
      function(_, request, response) response.content_text = request.body:upper() end
    )
    for _, length in ipairs { 6, false } do
      local call = assert(pool:open(order(server.port, {
        method = "POST",
        body = true,
        length = length or nil,
      })))
      assert.is_true(call:write "abc")
      assert.is_true(call:write "def")
      assert.is_true(call:finish())
      assert.equal("ABCDEF", content(call))
      assert.equal(6, call.sent)
    end
  end)

  it("says why there is none", function()
    local call, message, code = pool:open(order(1))
    assert.is_nil(call)
    assert.equal("ECONNREFUSED", code)
    assert.is_string(message)
    call, message, code = pool:open(order(80, { fields = { { "Content-Length", "1" } } }))
    assert.same({ nil, "EINVAL" }, { call, code })
    assert.is_string(message)
  end)
end)
