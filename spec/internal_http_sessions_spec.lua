local capture = require "spec.support.capture"
local certificates = require "spec.support.certificates"
local clock = require "spec.support.clock"
local fixture = require "spec.support.fixture"
local http = require "spec.support.http"
local process = require "spec.support.process"
local server = require "perilune.server"
local shared = require "perilune.shared"
local task = require "perilune.task"
local timer = require "perilune.timer"
local web = require "perilune.http"

local NAME = "perilune_session"

--- A server with sessions, and what its handlers were told.
local function serving(options, handlers)
  local settings = { session_state = true }
  for name, value in pairs(options or {}) do
    settings[name] = value
  end
  local told = {}
  local all = {
    OnCommandGet = function(_, request, response)
      local session = request.session
      if not session then
        response.content_text = "none"
        return
      end
      session.data.visits = (session.data.visits or 0) + 1
      response.content_text = ("%s %d"):format(session.id, session.data.visits)
    end,
    OnSessionStart = function(session) told[#told + 1] = "start " .. session.id end,
    OnSessionEnd = function(session)
      told[#told + 1] = ("end %s %s"):format(session.id, tostring(session.data.visits))
    end,
    OnInvalidSession = function(_, _, _, id) told[#told + 1] = "invalid " .. id end,
  }
  for name, handler in pairs(handlers or {}) do
    all[name] = handler
  end
  return fixture.server(settings, all), told
end

--- One request with the cookies of `jar`, which gets what comes.
local function get(made, jar, path)
  local headers = {}
  if jar.cookie then headers[1] = "Cookie: other=1; " .. jar.cookie end
  local got = http.request(made.port, path or "/", { headers = headers })
  local cookie = (got.headers["set-cookie"] or ""):match "perilune_session=[^;]*"
  if cookie then jar.cookie = cookie end
  return got.body, got
end

describe("HTTP sessions:", function()
  after_each(fixture.clean)

  it("a browser is known from one request to the next", function()
    local made, told = serving()
    local jar, other = {}, {}
    local first, got = get(made, jar)
    local id = first:match "^([%w_-]+) 1$"
    assert.equal(32, #id)
    assert.equal(
      ("%s=%s; Path=/; HttpOnly; SameSite=Lax"):format(NAME, id),
      got.headers["set-cookie"]
    )
    local second
    second, got = get(made, jar)
    assert.equal(id .. " 2", second)
    assert.is_nil(got.headers["set-cookie"])
    assert.matches(" 1$", get(made, other))
    assert.not_equal(jar.cookie, other.cookie)
    assert.equal("start " .. id, told[1])
    assert.equal(2, #told)
    assert.equal(2, #made:sessions())
    for _, one in ipairs(made:sessions()) do
      assert.equal("127.0.0.1", one.ip)
      assert.is_true(one.started > 1e9 and one.idle < clock.PATIENCE)
    end
  end)

  it("one that is not used ends, and its id is invalid then", function()
    local made, told = serving { session_timeout = 0.2 }
    local jar = {}
    local id = get(made, jar):match "^%S+"
    for _ = 1, 4 do
      timer.sleep(0.1)
      assert.matches("^" .. id:gsub("%-", "%%-"), get(made, jar))
    end
    clock.wait_for(function() return told[2] end)
    assert.equal(("end %s 5"):format(id), told[2])
    assert.matches(" 1$", get(made, jar))
    assert.equal("invalid " .. id, told[3])
    assert.equal(1, #made:sessions())
  end)

  it("OnInvalidSession may answer by itself", function()
    local made = serving(nil, {
      OnInvalidSession = function(_, _, response, id)
        response.response_no = 403
        response.content_text = "who is " .. id
        return false
      end,
    })
    local body, got = get(made, { cookie = NAME .. "=stolen" })
    assert.same({ 403, "who is stolen" }, { got.status, body })
    assert.is_nil(got.headers["set-cookie"])
  end)

  it("none begins by itself without auto_start_session", function()
    local made = serving({ auto_start_session = false }, {
      OnCommandGet = function(_, request, response)
        if request.document == "/login" then request:start_session().data.user = "ann" end
        response.content_text = request.session and request.session.data.user or "nobody"
      end,
    })
    local jar = {}
    assert.equal("nobody", get(made, jar))
    assert.is_nil(jar.cookie)
    assert.equal("ann", get(made, jar, "/login"))
    assert.equal("ann", get(made, jar))
  end)

  it("renew gives another id, and the old one is nobody's", function()
    local made = serving(nil, {
      OnCommandGet = function(_, request, response)
        local session = request.session
        session.data.visits = (session.data.visits or 0) + 1
        if request.document == "/login" then assert(session:renew()) end
        response.content_text = ("%s %d"):format(session.id, session.data.visits)
      end,
    })
    local jar = {}
    local before = get(made, jar):match "^%S+"
    local old = { cookie = jar.cookie }
    local after = get(made, jar, "/login")
    assert.not_equal(before, after:match "^%S+")
    assert.matches(" 2$", after)
    assert.matches(" 3$", get(made, jar))
    assert.matches(" 1$", get(made, old))
    assert.equal(2, #made:sessions())
  end)

  it("close ends it", function()
    local again
    local made, told = serving(nil, {
      OnCommandGet = function(_, request, response)
        local session = request.session
        session.data.visits = 7
        response.content_text = tostring(session:close())
        again = { session:close(), session:save() }
      end,
    })
    local jar = {}
    local body, got = get(made, jar)
    assert.equal("true", body)
    assert.same({ false, nil, "the session has ended", "ECLOSED" }, again)
    assert.matches("Max%-Age=0", got.headers["set-cookie"])
    assert.matches("^end %S+ 7$", told[2])
    assert.same({}, made:sessions())
  end)

  it("another one may begin where one was closed", function()
    local made, told = serving(nil, {
      OnCommandGet = function(_, request, response)
        local old = request.session
        if request.document == "/logout" then assert(old:close()) end
        local session = request:start_session()
        response.content_text = ("%s %s"):format(session.id, tostring(rawequal(session, old)))
        session.data.visits = 1
      end,
    })
    local jar = {}
    local old = get(made, jar):match "^(%S+) true$"
    local new, got = get(made, jar, "/logout")
    new = new:match "^(%S+) false$"
    assert.not_equal(old, new)
    assert.equal(NAME .. "=" .. new, jar.cookie)
    assert.is_nil(got.headers["set-cookie"]:find("Max-Age", 1, true))
    assert.equal(new .. " true", get(made, jar))
    assert.same({ "start " .. old, ("end %s 1"):format(old), "start " .. new }, told)
    assert.equal(1, #made:sessions())
  end)

  it("requests that change different names at once lose nothing", function()
    local made = serving(nil, {
      OnCommandGet = function(_, request, response)
        local data = request.session.data
        local name = request.params.name
        if name then
          data[name] = "here"
          data.list = data.list or { 1 }
          timer.sleep(0.05)
        end
        response.content_text = tostring(data.a) .. " " .. tostring(data.b)
      end,
    })
    local jar = {}
    get(made, jar)
    local tasks = {}
    for i, name in ipairs { "a", "b" } do
      tasks[i] = task.start(get, made, jar, "/?name=" .. name)
    end
    for _, each in ipairs(tasks) do
      each:wait()
    end
    assert.equal("here here", get(made, jar))
  end)

  it(
    "what JSON cannot say is told of, and what a handler that throws has changed is lost",
    function()
      local made = serving(nil, {
        OnCommandGet = function(_, request, response)
          local data = request.session.data
          response.content_text = tostring(data.good)
          if request.document == "/bad" then data.handler = print end
          if request.document == "/throw" then
            data.good = "no"
            error "on purpose"
          end
        end,
        OnException = function() end,
      })
      local jar = {}
      get(made, jar)
      local log = capture(function() get(made, jar, "/bad") end)
      assert.matches("what a handler has changed is not kept", log)
      get(made, jar, "/throw")
      assert.equal("nil", get(made, jar))
    end
  )

  it("there are max_sessions at most", function()
    local made = serving { session_state = { max_sessions = 2 } }
    local jars = { {}, {}, {} }
    assert.matches(" 1$", get(made, jars[1]))
    assert.matches(" 1$", get(made, jars[2]))
    local log = capture(function()
      assert.equal("none", get(made, jars[3]))
      assert.equal("none", get(made, {}))
    end)
    local _, warnings = log:gsub("max_sessions", "")
    assert.equal(1, warnings)
    assert.matches(" 2$", get(made, jars[1]))
  end)

  it("one that has ended makes room for another", function()
    local made, told = serving { session_state = { max_sessions = 1 }, session_timeout = 0.2 }
    for i = 1, 3 do
      assert.matches(" 1$", get(made, {}))
      clock.wait_for(function() return told[2 * i] end)
    end
  end)

  it("those that have gone by themselves make room, too", function()
    local made = serving { session_state = { max_sessions = 2 } }
    local ids = { get(made, {}):match "^%S+", get(made, {}):match "^%S+" }
    for _, name in ipairs(shared.names "http_session:") do
      if name:find(ids[1], 1, true) or name:find(ids[2], 1, true) then shared.delete(name) end
    end
    assert.matches(" 1$", get(made, {}))
    assert.matches(" 1$", get(made, {}))
    local log = capture(function() assert.equal("none", get(made, {})) end)
    assert.matches("max_sessions", log)
  end)

  it("one whose time is over is not known, also when nobody has told of its end", function()
    local ending, release = 0, false
    local made = serving({ session_timeout = 0.3 }, {
      OnSessionEnd = function()
        ending = ending + 1
        while not release do
          timer.sleep(0.01)
        end
      end,
    })
    local jars = { {}, {}, {} }
    local ids = {}
    for i, jar in ipairs(jars) do
      ids[i] = get(made, jar):match "^%S+"
    end
    clock.wait_for(function() return ending == 1 end)
    timer.sleep(0.2)
    for i, jar in ipairs(jars) do
      assert.not_equal(ids[i], get(made, jar):match "^%S+")
    end
    release = true
    clock.wait_for(function() return ending == 6 end)
    made:stop()
  end)

  it("one that another worker renews ends there", function()
    local running = process.perilune {
      "--workers",
      "2",
      (fixture.script [[
        local worker = require "perilune.worker"
        local server = require("perilune.server").new {
          port = 0,
          session_state = true,
          session_timeout = 0.3,
        }
        function server.OnSessionEnd(session) print("ended " .. session.id) end
        function server.OnCommandGet(_, request, response)
          local session = request.session
          if session.data.worker and session.data.worker ~= worker.id then session:renew() end
          session.data.worker = session.data.worker or worker.id
          response.content_text = session.id .. " " .. worker.id
        end
        assert(server:start())
        print("worker " .. worker.id .. " listens")
      ]]),
    }
    local made = { port = running:wait_port() }
    running:wait_output "worker 2 listens"
    running:wait_output "worker 1 listens"
    local jar = {}
    local id, first = get(made, jar):match "^(%S+) (%d)$"
    local new_id, other
    clock.wait_for(function()
      new_id, other = get(made, jar):match "^(%S+) (%d)$"
      return other ~= first
    end)
    assert.not_equal(id, new_id)
    running:wait_output("ended " .. new_id:gsub("%-", "%%-"))
  end)

  it("a preflight begins none", function()
    local made, told =
      serving(nil, { OnCommandOther = function(_, _, response) response.response_no = 204 end })
    local headers = { "Origin: https://a.example", "Access-Control-Request-Method: PUT" }
    local got = http.request(made.port, "/", { method = "OPTIONS", headers = headers })
    assert.equal(204, got.status)
    assert.is_nil(got.headers["set-cookie"])
    assert.same({}, made:sessions())
    http.request(made.port, "/", { method = "OPTIONS" })
    assert.equal(1, #told)
  end)

  it("end by time in a server that was stopped meanwhile, too", function()
    local startups = 0
    local made, told = serving({ session_timeout = 0.2 }, {
      OnStartup = function() startups = startups + 1 end,
    })
    local id = get(made, {}):match "^%S+"
    assert.is_true(made:restart())
    assert.equal(2, startups)
    clock.wait_for(function() return told[2] end)
    assert.equal(("end %s 1"):format(id), told[2])
  end)

  it("OnCreateSession may give the id, which has to be a good one", function()
    local id = "abcdefghijklmnop"
    local made = serving(nil, {
      OnCreateSession = function() return id end,
      OnException = function(_, message) id = message end,
    })
    assert.equal("abcdefghijklmnop 1", get(made, {}))
    id = "short"
    assert.equal(500, select(2, get(made, {})).status)
    assert.matches("OnCreateSession returns 16 to 128 letters", id)
  end)

  it("cookies say what the options say", function()
    local made = serving {
      session_state = {
        cookie = "perilune_session",
        domain = "a.example",
        same_site = "Strict",
        secure = true,
      },
    }
    local _, got = get(made, {})
    assert.matches("; SameSite=Strict; Domain=a%.example; Secure$", got.headers["set-cookie"])
  end)

  it("cookies of a port with TLS are for TLS alone", function()
    local tls = certificates.tls(certificates.folder "127.0.0.1")
    local made = serving { bindings = { { tls = true }, { tls = false } }, tls = tls, port = 0 }
    local _, plain = get({ port = made.bindings[2].port }, {})
    assert.not_matches("Secure", plain.headers["set-cookie"])
    local url = ("https://127.0.0.1:%d/"):format(made.bindings[1].port)
    local answer = assert(web.get(url, { tls = { verify = false } }))
    assert.matches("; Secure$", answer.headers["set-cookie"])
  end)

  it("ids that nobody has given are looked up by nobody", function()
    local made, told = serving()
    for _, id in ipairs { "", "a", ("x"):rep(129), "../..", "a b", "%00" } do
      get(made, { cookie = NAME .. "=" .. id })
    end
    assert.equal("invalid ", told[1])
    for name in pairs(shared.names "http_session:") do
      assert.is_nil(tostring(name):find("..", 1, true))
    end
  end)

  it("a long cookie holds the worker up for no time", function()
    local made = serving()
    local jar = {}
    local id = get(made, jar):match "^%S+"
    local spaces = ("a%sb; "):format((" "):rep(2000))
    for _, cookie in ipairs { ("a"):rep(25000), spaces, spaces .. jar.cookie } do
      local began = timer.now()
      get(made, { cookie = cookie })
      assert.is_true(timer.now() - began < 2, #cookie)
    end
    for _, before in ipairs {
      "",
      "a=1;",
      "perilune_session2=x; ",
      "x=perilune_session=y; ",
      "a; ;=; ",
    } do
      local body =
        http.request(made.port, "/", { headers = { "Cookie: " .. before .. jar.cookie } }).body
      assert.equal(id, body:match "^%S+", before)
    end
    local quoted = ('Cookie: perilune_session="%s"'):format(id)
    assert.equal(id, http.request(made.port, "/", { headers = { quoted } }).body:match "^%S+")
  end)

  it("do not hold the requests", function()
    local seen = setmetatable({}, { __mode = "k" })
    local made = serving(nil, {
      OnCommandGet = function(_, request, response)
        seen[request], seen[request.session] = true, true
        response.content_text = "seen"
      end,
    })
    local function count()
      local all = 0
      for _ in pairs(seen) do
        all = all + 1
      end
      return all
    end
    for _ = 1, 10 do
      get(made, {})
    end
    collectgarbage()
    collectgarbage()
    assert.is_true(count() <= 4) -- the last ones may be on a stack
  end)

  it("do not hold a server that has stopped", function()
    local made = serving()
    get(made, {})
    made:stop()
    assert.is_false(made.active)
  end)

  it("are refused where there are none", function()
    local made = fixture.server({}, {
      OnCommandGet = function(_, request, response)
        response.content_text = tostring(request.session)
        local ok, message = pcall(request.start_session, request)
        assert.is_false(ok)
        assert.matches("needs the server's option 'session_state'", message)
      end,
    })
    assert.equal("nil", get(made, {}))
    assert.has_error(function() made:sessions() end)
    local function set(event)
      return pcall(function() made[event] = print end)
    end
    for _, event in ipairs { "OnSessionStart", "OnSessionEnd" } do
      local ok, message = set(event)
      assert.is_false(ok)
      assert.matches(event .. " needs the option 'session_state'", message)
    end
  end)

  it("options are checked", function()
    local function refused(settings)
      local ok, message = pcall(server.new, settings)
      assert.is_false(ok)
      return (message:gsub("^[^:]*:%d+: ", ""))
    end
    assert.equal(
      "option 'session_state.cookie' of server.new takes letters, digits, '-' and '_'",
      refused { session_state = { cookie = "a;b" } }
    )
    assert.equal(
      "option 'session_state.same_site' of server.new is None, which needs 'secure'",
      refused { session_state = { same_site = "None", secure = false } }
    )
    assert.matches("session_timeout", refused { session_timeout = 0 })
  end)
end)
