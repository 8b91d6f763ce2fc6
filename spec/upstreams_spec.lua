local clock = require "spec.support.clock"
local fixture = require "spec.support.fixture"
local http = require "spec.support.http"
local timer = require "perilune.timer"
local upstreams = require "perilune.upstreams"

local CONN = { ip = "192.0.2.1" }

--- A server that says its name.
local function named(name, events)
  local made = fixture.server({}, {
    OnCommandGet = function(_, _, response) response.content_text = name end,
  })
  for event, handler in pairs(events or {}) do
    made[event] = handler
  end
  return made
end

local function url_of(made) return "http://127.0.0.1:" .. made.port end

--- A URL where nobody is.
local function nobody()
  local listener = fixture.listener()
  local port = listener.port
  listener:close()
  return "http://127.0.0.1:" .. port
end

local function front(backends, changes)
  return fixture.server({}, {
    OnBeforeForwardHTTP = function(conn, request) return backends:pick(conn, request, changes) end,
    OnError = function() end,
  })
end

local function ask(made, path) return http.request(made.port, path or "/") end

--- How often each body comes in so many requests.
local function tally(made, times)
  local counts = {}
  for _ = 1, times do
    local body = ask(made).body
    counts[body] = (counts[body] or 0) + 1
  end
  return counts
end

describe("upstreams.new", function()
  it("checks its options", function()
    local function refused(given)
      local ok, message = pcall(upstreams.new, given)
      assert.is_false(ok)
      return message
    end
    assert.matches("option 'servers' of upstreams.new is missing", refused {})
    assert.matches("'servers'", refused { servers = {} })
    assert.matches("did you mean 'balance'", refused { servers = { "http://a" }, balanced = "x" })
    assert.matches(
      "servers%[2%] of upstreams.new: .*URL",
      refused { servers = { "http://a", "b" } }
    )
    assert.matches(
      "'forward.document'",
      refused {
        servers = { "http://a" },
        forward = { document = 1 },
      }
    )
    assert.matches(
      "'document' of forward of upstreams.new",
      refused {
        servers = { "http://a" },
        forward = { document = "a" },
      }
    )
  end)
end)

describe("upstreams", function()
  local made
  after_each(function()
    if made then made:close() end
    made = nil
    fixture.clean()
  end)

  it("take turns by their weights", function()
    local one, two = named "one", named "two"
    made = upstreams.new { servers = { { url = url_of(one), weight = 3 }, url_of(two) } }
    local server = front(made)
    assert.same({ one = 6, two = 2 }, tally(server, 8))
    local order = {}
    for i = 1, 4 do
      order[i] = ask(server).body
    end
    assert.equal("one one two one", table.concat(order, " "))
  end)

  it("get the request that has least to do", function()
    local release = {}
    local one = named("one", {
      OnCommandGet = function(_, request, response)
        clock.wait_for(function() return release[1] or request.document == "/" end)
        response.content_text = "one"
      end,
    })
    local two = named "two"
    made = upstreams.new {
      servers = { url_of(one), url_of(two) },
      balance = "least_connections",
    }
    local server = front(made)
    local peer = fixture.socket(server)
    peer:send(http.compose "/wait")
    clock.wait_for(function() return made:list()[1].active + made:list()[2].active == 1 end)
    local busy = made:list()[1].active == 1 and "one" or "two"
    if busy == "one" then assert.same({ two = 5 }, tally(server, 5)) end
    release[1] = true
    assert(http.read(peer))
    clock.wait_for(function() return made:list()[1].active == 0 end)
    local counts = tally(server, 6)
    assert.same({ one = 3, two = 3 }, counts)
  end)

  it("keep a client, and move only those of a server that has gone", function()
    local servers = {}
    for i = 1, 5 do
      servers[i] = { url = "http://10.0.0." .. i, weight = i == 5 and 2 or 1 }
    end
    made = upstreams.new {
      servers = servers,
      balance = "hash",
      key = function(_, request) return request end,
    }
    local chosen, counts = {}, {}
    local function owner(key)
      for _, each in ipairs(made.servers) do
        each.active = 0
      end
      local way = made:pick(CONN, key)
      assert.equal("forward", getmetatable(way))
      -- What begins is what was picked.
      require("perilune.internal.forward").begin(way)
      for i, each in ipairs(made:list()) do
        if each.active == 1 then return i end
      end
    end
    for key = 1, 3000 do
      chosen[key] = owner("key" .. key)
      counts[chosen[key]] = (counts[chosen[key]] or 0) + 1
    end
    for i = 1, 5 do
      local share = counts[i] / 3000 * 6 / (i == 5 and 2 or 1)
      assert.truthy(share > 0.75 and share < 1.25, i .. ": " .. share)
    end
    made.servers[3].down = true
    for key = 1, 3000 do
      local now = owner("key" .. key)
      assert.truthy(chosen[key] == 3 and now ~= 3 or now == chosen[key])
    end
  end)

  it("are tried one after the other until one is reached, also with a body", function()
    local one = named("one", {
      OnCommandGet = function(_, request, response) response.content_text = request.body end,
    })
    made = upstreams.new { servers = { nobody(), nobody(), url_of(one) }, max_fails = 100 }
    local server = front(made)
    for _ = 1, 4 do
      local got = http.request(server.port, "/", { method = "POST", body = "content" })
      assert.equal("content", got.body)
    end
    made = upstreams.new { servers = { nobody(), nobody(), url_of(one) }, tries = 1 }
    assert.equal(502, ask(front(made)).status)
  end)

  it("are not tried twice for one request, whatever the way to choose", function()
    local one = named "one"
    for _, kind in ipairs { "round_robin", "least_connections", "hash" } do
      made = upstreams.new {
        servers = { nobody(), url_of(one), nobody() },
        balance = kind,
        key = function(_, request) return request.document end,
        max_fails = false,
      }
      local server = front(made)
      for i = 1, 12 do
        assert.equal(200, ask(server, "/" .. i).status)
      end
      for _, each in ipairs(made:list()) do
        assert.equal(0, each.active)
      end
    end
    made = upstreams.new { servers = { nobody(), nobody() }, tries = 10, max_fails = false }
    assert.equal(502, ask(front(made)).status)
    assert.equal(1, made:list()[1].failures)
    assert.equal(1, made:list()[2].failures)
  end)

  it("that come second get what the request says, too", function()
    local one = named("one", {
      OnCommandGet = function(_, request, response)
        response.content_text = request.document .. " " .. tostring(request.headers["x-a"])
      end,
    })
    for _, kind in ipairs { "round_robin", "hash" } do
      made = upstreams.new {
        servers = { nobody(), url_of(one) },
        balance = kind,
        max_fails = false,
        key = function(_, request) return request.document end,
        forward = { custom_headers = { ["X-A"] = "1" } },
      }
      local server = front(made, { document = "/mine" })
      for i = 1, 4 do
        assert.equal("/mine 1", ask(server, "/" .. i).body)
      end
    end
  end)

  it("that fail at once for many requests are out for one time of waiting", function()
    local listener = fixture.listener()
    made = upstreams.new {
      servers = { "http://127.0.0.1:" .. listener.port, { url = nobody(), backup = true } },
      max_fails = 3,
      back_off = 0.3,
      max_back_off = 60,
    }
    local server = front(made)
    local peers = {}
    for i = 1, 12 do
      peers[i] = fixture.socket(server)
      peers[i]:send(http.compose("/", { method = "POST", body = "a" }))
    end
    local taken = {}
    for i = 1, 12 do
      taken[i] = assert(listener:accept())
    end
    for i = 1, 12 do
      taken[i]:close()
    end
    for i = 1, 12 do
      assert.equal(502, http.read(peers[i]).status)
      peers[i]:close()
    end
    listener:close()
    assert.is_false(made:list()[1].healthy)
    assert.equal(12, made:list()[1].failures)
    clock.wait_for(function() return made:list()[1].healthy end, 5)
  end)

  it("are left out after failures, and tried again later", function()
    local listener = fixture.listener()
    local one, dead = named "one", "http://127.0.0.1:" .. listener.port
    listener:close()
    made = upstreams.new { servers = { url_of(one), dead }, max_fails = 2, back_off = 0.05 }
    local server = front(made)
    assert.same({ one = 6 }, tally(server, 6))
    assert.is_false(made:list()[2].healthy)
    assert.equal(2, made:list()[2].failures)
    clock.wait_for(function() return made:list()[2].healthy end)
    local back = fixture.server({ port = listener.port }, {
      OnCommandGet = function(_, _, response) response.content_text = "two" end,
    })
    clock.wait_for(function() return tally(server, 4).two end)
    assert.equal(0, made:list()[2].failures)
    assert.truthy(back.active)
  end)

  it("that are all left out answer 503; backups come before that", function()
    made = upstreams.new { servers = { nobody(), nobody() }, max_fails = 1, back_off = 60 }
    local server = front(made)
    assert.equal(502, ask(server).status)
    assert.equal(503, ask(server).status)
    made:close()
    local one = named "one"
    made = upstreams.new {
      servers = { nobody(), { url = url_of(one), backup = true } },
      max_fails = 1,
      back_off = 60,
    }
    assert.same({ one = 3 }, tally(front(made), 3))
    assert.equal(1, made:list()[1].failures)
  end)

  it("cannot be taken out by requests that are bad", function()
    local one, two = named "one", named "two"
    made = upstreams.new { servers = { url_of(one), url_of(two) }, max_fails = 1 }
    local server = front(made)
    for _ = 1, 4 do
      assert.equal(400, ask(server, "/a/../b").status)
    end
    local peer = fixture.socket(server)
    peer:send "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    peer:close()
    clock.wait_for(function() return made:list()[1].active == 0 and made:list()[2].active == 0 end)
    assert.is_true(made:list()[1].healthy and made:list()[2].healthy)
  end)

  it("are checked", function()
    local answers = { one = 200, two = 200 }
    local function checked(name)
      return url_of(named(name, {
        OnCommandGet = function(_, request, response)
          if request.document ~= "/health" then
            response.content_text = name
            return
          end
          response.response_no = answers[name]
        end,
      }))
    end
    made = upstreams.new {
      servers = { checked "one", checked "two" },
      check = { path = "/health", interval = 0.01, fall = 2, rise = 2 },
    }
    local server = front(made)
    assert.same({ one = 1, two = 1 }, tally(server, 2))
    answers.two = 500
    clock.wait_for(function() return not made:list()[2].healthy end)
    assert.same({ one = 4 }, tally(server, 4))
    answers.two = 204
    clock.wait_for(function() return made:list()[2].healthy end)
    assert.same({ one = 2, two = 2 }, tally(server, 4))
  end)

  it("get what the group and the request say", function()
    local one = named("one", {
      OnCommandGet = function(_, request, response)
        response.content_text = request.document
          .. " "
          .. tostring(request.headers["x-a"])
          .. " "
          .. tostring(request.headers["x-b"])
      end,
    })
    made = upstreams.new {
      servers = { url_of(one) },
      forward = { custom_headers = { ["X-A"] = "1" }, document = "/all" },
    }
    assert.equal("/all 1 nil", ask(front(made)).body)
    assert.equal("/mine 1 nil", ask(front(made, { document = "/mine" })).body)
    local server = front(made, { documents = "/mine" })
    assert.equal(500, ask(server).status)
  end)

  it("forget the requests of clients that have gone", function()
    local one = named "one"
    made = upstreams.new { servers = { nobody(), nobody(), url_of(one) }, max_fails = 100 }
    local picked = 0
    local server = fixture.server({}, {
      OnBeforeForwardHTTP = function(conn, request)
        timer.sleep(0.03)
        picked = picked + 1
        return made:pick(conn, request)
      end,
      OnError = function() end,
    })
    for i = 1, 6 do
      local peer = fixture.socket(server)
      peer:send(http.compose "/")
      if i % 2 == 0 then timer.sleep(0.031) end
      peer:close()
    end
    clock.wait_for(function() return picked == 6 end)
    clock.wait_for(function()
      local active = 0
      for _, each in ipairs(made:list()) do
        assert(each.active >= 0)
        active = active + each.active
      end
      return active == 0
    end)
    assert.equal("one", ask(server).body)
  end)

  it("count WebSockets as long as they are open", function()
    local one = fixture.server()
    made = upstreams.new { servers = { url_of(one) } }
    local server = front(made)
    local peer = fixture.connect(server)
    assert.equal(1, made:list()[1].active)
    peer:close()
    clock.wait_for(function() return made:list()[1].active == 0 end)
    assert.equal(0, made:list()[1].failures)
  end)
end)
