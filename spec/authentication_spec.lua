-- covers: internal/authentication.lua lua/lua_server_authentication.c
-- covers: server/authentication.c server/login.c server/verdict.c
local base64 = require("perilune.core.text").base64_encode
local clock = require "spec.support.clock"
local fixture = require "spec.support.fixture"
local http = require "spec.support.http"
local process = require "spec.support.process"
local server = require "perilune.server"
local task = require "perilune.task"
local timer = require "perilune.timer"
local websocket = require "spec.support.websocket"

-- Of "pleaseletmein" (RFC 7914 12), cheaper than ours.
local HASH = "$scrypt$ln=14,r=8,p=1$U29kaXVtQ2hsb3JpZGU$"
  .. "cCO9yzr9c0hGHAbNgf046/2o+7qQT44+qbVD9lRdofLVQylVYT8Pz2LUlwUkKpr55h6F3A1lHkDfzwF7RVdYhw"

local function basic(user, word) return "Authorization: Basic " .. base64(user .. ":" .. word) end

--- A server that says who asks, and for what.
local function start(authentication, events, options)
  options = options or {}
  options.authentication = authentication
  local all = {
    OnCommandGet = function(conn, request, response)
      response.content_text = ("%s %s?%s"):format(
        tostring(request.user),
        request.document,
        request.query
      )
      assert(conn.user == request.user)
    end,
  }
  for name, handler in pairs(events or {}) do
    all[name] = handler
  end
  return fixture.server(options, all)
end

--- One request on a connection of its own.
local function get(made, path, ...)
  local peer = fixture.socket(made)
  peer:send(http.compose(path, { headers = { ... } }))
  return http.read(peer)
end

local function body(made, path, ...)
  local response = get(made, path, ...)
  return response.status == 200 and response.body or response.status
end

--- The status of a handshake, and the peer.
local function shake(made, path, ...)
  local peer = fixture.socket(made)
  peer:send(websocket.compose { path = path, headers = { ... } })
  return http.read(peer, "HEAD"), peer
end

local USERS = { "admin=1234", "ü ä=1=2", ["carl"] = "p/s?#%" }

describe("authentication", function()
  after_each(fixture.clean)

  it("is off without the option, and its paths are others' then", function()
    local made = start()
    assert.equal("nil /a?", body(made, "/a", basic("admin", "1234")))
    assert.equal("nil /sgc/auth/url/admin/1234?", body(made, "/sgc/auth/url/admin/1234"))
    for _, event in ipairs { "OnAuthentication", "OnUnknownAuthentication", "OnBeforeCommand" } do
      assert.has_error(
        function() made[event] = print end,
        ("server.%s needs the option 'authentication'"):format(event)
      )
      made[event] = nil
    end
  end)

  describe("Basic", function()
    it("lets in who is in the list", function()
      local made = start { auth_users = USERS }
      assert.equal("admin /a?b", body(made, "/a?b", basic("admin", "1234")))
      assert.equal("ü ä /a?", body(made, "/a", basic("ü ä", "1=2")))
      assert.equal("admin /a?", body(made, "/a", "aUTHORIZATION: bASIC " .. base64 "admin:1234"))
      for _, line in ipairs {
        basic("admin", "123"),
        basic("admin", "12345"),
        basic("admin", ""),
        basic("Admin", "1234"),
        basic("", "1234"),
        basic("nobody", "1234"),
        "Authorization: Bearer 1234",
        "X: y",
      } do
        assert.equal(401, body(made, "/a", line), line)
      end
    end)

    it("is asked for with the realm, and refused with headers of one's own", function()
      local made = start({
        auth_users = USERS,
        realm = "the lake",
        custom_headers = { ["X-Help"] = { "one", "two" }, ["Cache-Control"] = "private" },
      }, nil, { headers = { ["X-All"] = "yes" } })
      local response = get(made, "/a")
      assert.equal(401, response.status)
      assert.equal('Basic realm="the lake", charset="UTF-8"', response.headers["www-authenticate"])
      assert.equal("one, two", response.headers["x-help"])
      assert.equal("private", response.headers["cache-control"])
      assert.equal("yes", response.headers["x-all"])
      assert.equal("Unauthorized\n", response.body)
      assert.is_nil(get(made, "/a", basic("admin", "1234")).headers["x-help"])
    end)

    it("that is malformed is a bad request", function()
      local made = start { auth_users = USERS }
      for _, line in ipairs {
        "Authorization: Basic !!!",
        "Authorization: Basic " .. base64 "admin",
        "Authorization: Basic",
        "Authorization: ",
        "Authorization: =x y",
        basic("admin", "12\n34"),
        basic(("u"):rep(1025), "1234"),
        basic("admin", "1234") .. "\r\n" .. basic("admin", "1234"),
      } do
        assert.equal(400, body(made, "/a", line), line)
      end
    end)

    it("is decided anew for each request of a connection", function()
      local made = start { auth_users = USERS }
      local peer = fixture.socket(made)
      for _, step in ipairs {
        { 200, "admin /?", basic("admin", "1234") },
        { 401, "Unauthorized\n", "X: y" },
        { 200, "carl /?", basic("carl", "p/s?#%") },
        { 401, "Unauthorized\n", basic("admin", "p/s?#%") },
        { 200, "admin /?", basic("admin", "1234") },
      } do
        peer:send(http.compose("/", { headers = { step[3] } }))
        local response = http.read(peer)
        assert.same({ step[1], step[2] }, { response.status, response.body })
      end
    end)

    it("opens a WebSocket, whose conn has the user", function()
      local seen = {}
      local made = start({ auth_users = USERS }, {
        OnHandshake = function(conn) seen.handshake = conn.user end,
        OnConnect = function(conn)
          seen.connect, seen.url = conn.user, conn.url
        end,
        OnDisconnect = function(conn) seen.disconnect = conn.user end,
      })
      assert.equal(401, shake(made, "/room").status)
      assert.is_nil(next(seen))
      local response, peer = shake(made, "/room", basic("admin", "1234"))
      assert.equal(101, response.status)
      clock.wait_for(function() return seen.connect end)
      peer:close()
      clock.wait_for(function() return seen.disconnect end)
      assert.same({
        handshake = "admin",
        connect = "admin",
        disconnect = "admin",
        url = "/room",
      }, seen)
    end)

    it("may be off", function()
      local made = start { auth_users = USERS, basic = false }
      local response = get(made, "/a", basic("admin", "1234"))
      assert.equal(401, response.status)
      assert.equal('Session realm="Perilune"', response.headers["www-authenticate"])
    end)
  end)

  describe("URL", function()
    it("has the user and password in front of the path, which nobody else sees", function()
      local heads = {}
      local made = start({ auth_users = USERS }, {
        OnConnect = function(conn)
          heads[#heads + 1] = conn.url
          local raw = ""
          for name, value in pairs(conn.headers_request) do
            raw = raw .. name .. value
          end
          assert.is_nil(raw:find("1234", 1, true))
        end,
      })
      for path, expected in pairs {
        ["/sgc/auth/url/admin/1234"] = "admin /?",
        ["/sgc/auth/url/admin/1234/"] = "admin /?",
        ["/sgc/auth/url/admin/1234/a/b?c=d"] = "admin /a/b?c=d",
        ["/sgc/auth/url/admin/1234?c=d"] = "admin /?c=d",
        ["/sgc/auth/url/%61dmin/123%34/a%20b"] = "admin /a b?",
        ["/sgc/auth/url/%C3%BC%20%C3%A4/1%3D2"] = "ü ä /?",
        ["/sgc/auth/url/carl/p%2Fs%3F%23%25/a"] = "carl /a?",
        ["http://other/sgc/auth/url/admin/1234/a"] = "admin /a?",
        ["/sgc/auth/url/admin/12345"] = 401,
        ["/sgc/auth/url/nobody/1234"] = 401,
        ["/sgc/auth/url/admin"] = 400,
        ["/sgc/auth/url//1234"] = 400,
        ["/sgc/auth/url/admin/%zz"] = 400,
        ["/sgc/auth/url/admin/12%0034"] = 400,
        ["/sgc/auth/url/" .. ("u"):rep(1025) .. "/1234"] = 400,
      } do
        assert.equal(expected, body(made, path), path)
      end
      local refused = get(made, "/sgc/auth/url/admin/12345")
      assert.equal('Session realm="Perilune"', refused.headers["www-authenticate"])
      assert.equal(101, shake(made, "/sgc/auth/url/admin/1234/room?x=1").status)
      assert.equal(101, shake(made, "/sgc/auth/url/admin/1234").status)
      assert.equal(401, shake(made, "/sgc/auth/url/admin/4321").status)
      clock.wait_for(function() return #heads == 2 end)
      assert.same({ "/room?x=1", "/" }, heads)
    end)

    it("keeps Host and the rest of an absolute target, also with a long method", function()
      local seen
      local made = start({ auth_users = USERS }, {
        OnCommandOther = function(_, request, response)
          seen = { request.command, request.document, request.headers.host }
          response.content_text = "x"
        end,
      })
      local function ask(target, method)
        seen = nil
        local peer = fixture.socket(made)
        peer:send(http.compose(target, { method = method }))
        return http.read(peer).status, seen
      end
      local long = ("M"):rep(60)
      assert.same({ 200, { "PUT", "/a", "other:1" } }, {
        ask("http://other:1/sgc/auth/url/admin/1234/a", "PUT"),
      })
      assert.same({ 200, { long, "/a", "test" } }, { ask("/sgc/auth/url/admin/1234/a", long) })
      assert.same({ 200, { long, "/", "other:1" } }, {
        ask("http://other:1/sgc/auth/url/admin/1234", long),
      })
    end)

    it("may be off", function()
      local made = start { auth_users = USERS, url = false }
      assert.equal(401, body(made, "/sgc/auth/url/admin/1234"))
      local path = "/sgc/auth/url/admin/1234"
      assert.equal("admin " .. path .. "?", body(made, path, basic("admin", "1234")))
    end)
  end)

  describe("Session", function()
    it("is a token for a user and password", function()
      local made = start { auth_users = USERS }
      local response = get(made, "/sgc/req/auth/session/carl/p%2Fs%3F%23%25")
      assert.equal(200, response.status)
      assert.equal("text/plain; charset=utf-8", response.headers["content-type"])
      assert.equal("no-store", response.headers["cache-control"])
      local token = response.body
      assert.matches("^[%w_-]+$", token)
      assert.equal(32, #token)
      assert.equal("carl /?", body(made, "/sgc/auth/session/" .. token))
      assert.equal("carl /a?b", body(made, "/sgc/auth/session/" .. token .. "/a?b"))
      assert.equal(101, shake(made, "/sgc/auth/session/" .. token).status)
      assert.not_equal(token, body(made, "/sgc/req/auth/session/carl/p%2Fs%3F%23%25"))
    end)

    it("is given for Basic too, and to nobody else", function()
      local made = start { auth_users = USERS, basic = false, url = false }
      local token = body(made, "/sgc/req/auth/session", basic("admin", "1234"))
      assert.equal("admin /?", body(made, "/sgc/auth/session/" .. token))
      local response = get(made, "/sgc/req/auth/session/admin/4321")
      assert.equal(401, response.status)
      assert.equal('Session realm="Perilune"', response.headers["www-authenticate"])
      for path, status in pairs {
        ["/sgc/req/auth/session"] = 401,
        ["/sgc/req/auth/session/admin"] = 400,
        ["/sgc/req/auth/session/admin/1234/more"] = 400,
        ["/sgc/req/auth/sessions"] = 401,
        ["/sgc/auth/session/"] = 400,
        ["/sgc/auth/session/" .. ("x"):rep(32)] = 401,
        ["/sgc/auth/session/x"] = 401,
      } do
        assert.equal(status, body(made, path), path)
      end
    end)

    it("is not made for HEAD", function()
      local made = start { auth_users = USERS }
      local peer = fixture.socket(made)
      peer:send(http.compose("/sgc/req/auth/session/admin/1234", { method = "HEAD" }))
      local response = http.read(peer, "HEAD")
      assert.same({ 405, "GET, POST" }, { response.status, response.headers.allow })
    end)

    it("ends after its lifetime", function()
      local made = start { auth_users = USERS, session = { lifetime = 1 } }
      local token = body(made, "/sgc/req/auth/session/admin/1234")
      assert.equal("admin /?", body(made, "/sgc/auth/session/" .. token))
      clock.wait_for(function() return body(made, "/sgc/auth/session/" .. token) == 401 end)
    end)

    it("ends with a logout, and beyond the limits", function()
      local made = start({ auth_users = USERS }, nil, {
        limits = { login_sessions = 3, login_sessions_per_user = 2 },
      })
      local path = "/sgc/req/auth/session"
      local function fetch(user, word) return body(made, path, basic(user, word)) end
      local one, two, three = fetch("admin", "1234"), fetch("admin", "1234"), fetch("admin", "1234")
      local other = fetch("carl", "p/s?#%")
      local function alive(token) return body(made, "/sgc/auth/session/" .. token) ~= 401 end
      assert.same(
        { false, true, true, true },
        { alive(one), alive(two), alive(three), alive(other) }
      )
      assert.equal(503, fetch("ü ä", "1=2"))
      assert.equal(2, made:logout "admin")
      assert.equal(0, made:logout "admin")
      assert.same({ false, false, true }, { alive(two), alive(three), alive(other) })
      assert.equal(32, #fetch("ü ä", "1=2"))
    end)

    it("may be off", function()
      local made = start { auth_users = USERS, session = false }
      assert.equal(401, body(made, "/sgc/req/auth/session/admin/1234"))
    end)
  end)

  describe("hashes", function()
    it("stand in the list in place of passwords", function()
      local made = start { auth_users = { hashed = HASH, plain = "text" } }
      assert.equal("hashed /?", body(made, "/", basic("hashed", "pleaseletmein")))
      assert.equal("hashed /?", body(made, "/", basic("hashed", "pleaseletmein")))
      assert.equal(401, body(made, "/", basic("hashed", "pleaseletmei")))
      assert.equal(401, body(made, "/", basic("unhashed", "pleaseletmein")))
      assert.equal("plain /?", body(made, "/", basic("plain", "text")))
      assert.equal("hashed /a?", body(made, "/sgc/auth/url/hashed/pleaseletmein/a"))
      assert.equal(101, shake(made, "/", basic("hashed", "pleaseletmein")).status)
    end)

    it("that was right is known again at once", function()
      local made = start { auth_users = { hashed = HASH } }
      local function time(...)
        local before = timer.now()
        body(made, "/", ...)
        return timer.now() - before
      end
      local first = time(basic("hashed", "pleaseletmein"))
      local wrong = time(basic("hashed", "wrong"))
      local nobody = time(basic("nobody", "wrong"))
      local again = math.huge
      for _ = 1, 5 do
        again = math.min(again, time(basic("hashed", "pleaseletmein")))
      end
      assert.is_true(again < first / 2, again .. " " .. first)
      assert.is_true(again < wrong / 2 and again < nobody / 2)
    end)

    it("are made off the loop, some at a time; the rest is told to come again", function()
      local made = start({ auth_users = { hashed = HASH } }, nil, {
        limits = { password_hashes = 1, password_queue = 2 },
      })
      local results, open, sockets = {}, 8, {}
      for i = 1, open do
        sockets[i] = fixture.socket(made)
      end
      for _, peer in ipairs(sockets) do
        peer:send(http.compose("/", { headers = { basic("hashed", "pleaseletmein") } }))
      end
      for _, peer in ipairs(sockets) do
        task.start(function()
          local response = http.read(peer)
          results[response.status] = (results[response.status] or 0) + 1
          if response.status == 503 then assert.equal("1", response.headers["retry-after"]) end
          open = open - 1
        end)
      end
      local turns = 0
      while open > 0 do
        timer.sleep(0.001)
        turns = turns + 1
      end
      assert.is_true(turns > 15, turns .. " turns while three hashes were made")
      assert.same({ [200] = 3, [503] = 5 }, results)
    end)

    it("that is being made for a client that has gone does no harm", function()
      local made = start { auth_users = { hashed = HASH } }
      for _ = 1, 6 do
        local peer = fixture.socket(made)
        peer:send(http.compose("/", { headers = { basic("hashed", "wrong") } }))
        peer:close()
      end
      assert.equal("hashed /?", body(made, "/", basic("hashed", "pleaseletmein")))
      made:stop()
    end)

    it("that is being made when the server stops is answered", function()
      local dear = "$scrypt$ln=17,r=8,p=4$" .. ("A"):rep(22) .. "$" .. ("A"):rep(22)
      local made = start { auth_users = { hashed = dear } }
      local peer = fixture.socket(made)
      peer:send(http.compose("/", { headers = { basic("hashed", "x") } }))
      timer.sleep(0.02)
      made:stop()
      assert.equal(503, http.read(peer).status)
    end)
  end)

  describe("OnAuthentication", function()
    it("is asked when the list does not let in, and when nothing is said", function()
      local asked = {}
      local made = start({ auth_users = USERS }, {
        OnAuthentication = function(conn, user, word)
          assert.is_string(conn.ip)
          asked[#asked + 1] = user .. ":" .. word
          timer.sleep(0.01)
          return user == "eve" and word == "x" or word == "any"
        end,
      })
      assert.equal("admin /?", body(made, "/", basic("admin", "1234")))
      assert.same({}, asked)
      assert.equal("eve /?", body(made, "/", basic("eve", "x")))
      assert.equal("admin /?", body(made, "/", basic("admin", "any")))
      assert.equal(401, body(made, "/", basic("eve", "y")))
      assert.equal(401, body(made, "/"))
      assert.equal("eve /a?", body(made, "/sgc/auth/url/eve/x/a"))
      assert.same({ "eve:x", "admin:any", "eve:y", ":", "eve:x" }, asked)
      local token = body(made, "/sgc/req/auth/session/eve/x")
      assert.equal("eve /?", body(made, "/sgc/auth/session/" .. token))
      assert.equal(101, shake(made, "/", basic("eve", "x")).status)
    end)

    it("lets in nobody but for true", function()
      local result
      local made = start(true, { OnAuthentication = function() return result end })
      for _, value in ipairs { "yes", 1, {}, false } do
        result = value
        assert.equal(401, body(made, "/", basic("a", "b")))
      end
      result = true
      assert.equal("nil /?", body(made, "/"))
      made.OnException = function() end
      made.OnAuthentication = function() error "on purpose" end
      assert.equal(401, body(made, "/", basic("a", "b")))
    end)

    it("has handshake_timeout to answer", function()
      local made = start(true, {
        OnAuthentication = function()
          timer.sleep(0.5)
          return true
        end,
      }, { limits = { handshake_timeout = 0.05 } })
      assert.equal(503, body(made, "/", basic("a", "b")))
      made:stop()
    end)

    it("may close the connection meanwhile", function()
      local made = start(true, {
        OnAuthentication = function(conn)
          conn:disconnect()
          return true
        end,
      })
      local peer = fixture.socket(made)
      peer:send(http.compose("/", { headers = { basic("a", "b") } }))
      assert.is_nil((http.read(peer)))
    end)

    it("leaves a body to who answers", function()
      local made = start({ auth_users = { hashed = HASH } }, {
        OnCommandGet = function(_, request, response) response.content_text = request.body end,
      })
      local peer = fixture.socket(made)
      local options = { method = "POST", body = ("b"):rep(100000) }
      options.headers = { basic("hashed", "pleaseletmein") }
      local bytes = http.compose("/", options)
      peer:send(bytes .. bytes)
      assert.equal(options.body, http.read(peer).body)
      assert.equal(options.body, http.read(peer).body)
    end)
  end)

  describe("OnUnknownAuthentication", function()
    it("decides on other schemes, and says who it is", function()
      local made = start({ auth_users = USERS }, {
        OnUnknownAuthentication = function(_, auth_type, auth_data)
          if auth_data == "long" then return true, ("u"):rep(1025) end
          if auth_data == "number" then return true, 17 end
          return auth_type == "Bearer" and auth_data ~= "no",
            auth_data ~= "anonymous" and "jo" or nil
        end,
      })
      assert.equal("jo /?", body(made, "/", "Authorization: Bearer a.b.c"))
      assert.equal("nil /?", body(made, "/", "Authorization: Bearer anonymous"))
      assert.equal(401, body(made, "/", "Authorization: Bearer no"))
      assert.equal(401, body(made, "/", "Authorization: Digest x"))
      assert.equal(401, body(made, "/", "Authorization: Bearer long"))
      assert.equal(401, body(made, "/", "Authorization: Bearer number"))
      assert.equal(401, body(made, "/"))
      assert.equal("admin /?", body(made, "/", basic("admin", "1234")))
      assert.equal(101, shake(made, "/", "Authorization: Bearer x").status)
    end)
  end)

  describe("paths without it", function()
    it("are those of public_paths, however they are written", function()
      local made = start { auth_users = USERS, public_paths = { "/", "/login", "/public/*" } }
      for path, expected in pairs {
        ["/"] = "nil /?",
        ["/?x"] = "nil /?x",
        ["/login"] = "nil /login?",
        ["/%6Cogin"] = "nil /login?",
        ["/public/"] = "nil /public/?",
        ["/public/a/b"] = "nil /public/a/b?",
        ["/login/"] = 401,
        ["/loginx"] = 401,
        ["/public"] = 401,
        ["/private"] = 401,
        ["/public/../private"] = 401,
        ["/public/%2e%2e/private"] = 401,
        ["/public/..%2Fprivate"] = 401,
        ["/public/..\\private"] = 401,
        ["/public/.."] = 401,
        ["/public/./a"] = 401,
        ["/public//a"] = 401,
        ["//"] = 401,
        ["/public/a%00"] = 401,
        ["/public/%zz"] = 401,
        ["/public/..x"] = "nil /public/..x?",
        ["/public/" .. ("x"):rep(4089)] = 401,
      } do
        assert.equal(expected, body(made, path), path)
      end
      -- Nothing is checked there, but what stands in the path.
      assert.equal("nil /login?", body(made, "/login", basic("admin", "wrong")))
      assert.equal("nil /login?", body(made, "/login", basic("admin", "1234")))
      assert.equal(401, body(made, "/sgc/auth/url/admin/wrong/login"))
      assert.equal("admin /login?", body(made, "/sgc/auth/url/admin/1234/login"))
    end)

    it("are none for who would get messages there", function()
      local made = start { auth_users = USERS, public_paths = { "/", "/public/*" } }
      local stream = "Accept: text/event-stream"
      local function open(path, ...)
        local peer = fixture.socket(made)
        peer:send(http.compose(path, { headers = { stream, ... } }))
        return http.read(peer, "HEAD").status
      end
      for _, path in ipairs { "/", "/?a", "/public/room", "/public/%72oom" } do
        assert.equal(401, shake(made, path).status, path)
        assert.equal(401, open(path), path)
        assert.equal(101, shake(made, path, basic("admin", "1234")).status, path)
        assert.equal(200, open(path, basic("admin", "1234")), path)
      end
      assert.equal(101, shake(made, "/sgc/auth/url/admin/1234").status)
      assert.equal("nil /?", body(made, "/", "Upgrade: h2c", "Connection: Upgrade"))
      made = start(
        { auth_users = USERS, public_paths = { "/" } },
        nil,
        { fallback = { server_sent_events = false } }
      )
      assert.equal("nil /?", body(made, "/", stream))
    end)

    it("are those that OnBeforeCommand says", function()
      local seen = {}
      local result
      local made = start({ auth_users = USERS, public_paths = { "/open" } }, {
        OnBeforeCommand = function(conn, request)
          assert.is_string(conn.guid)
          seen[#seen + 1] = ("%s %s?%s %s %s"):format(
            request.command,
            request.document,
            request.query,
            request.version,
            request.headers.host
          )
          timer.sleep(0.01)
          if request.document == "/public" then return "authorized" end
          return result
        end,
      })
      assert.equal("nil /public?a=b", body(made, "/public?a=b"))
      assert.equal("nil /public?", body(made, "/public", basic("admin", "1234")))
      assert.equal(401, body(made, "/private"))
      assert.equal("admin /private?", body(made, "/private", basic("admin", "1234")))
      for _, value in ipairs { true, 1, "authorised" } do
        result = value
        assert.equal(401, body(made, "/private"))
      end
      assert.equal("nil /open?", body(made, "/open"))
      assert.equal(101, shake(made, "/public").status)
      assert.equal("admin /x?", body(made, "/sgc/auth/url/admin/1234/x"))
      assert.equal(8, #seen)
      assert.equal("GET /public?a=b HTTP/1.1 test", seen[1])
      made.OnException = function() end
      made.OnBeforeCommand = function() error "on purpose" end
      assert.equal(401, body(made, "/public"))
    end)
  end)

  describe("wrong passwords", function()
    it("make an address wait", function()
      local errors = {}
      local made = start({ auth_users = USERS, custom_headers = { ["X-Help"] = "h" } }, {
        OnError = function(_, message, code) errors[#errors + 1] = code .. " " .. message end,
        OnUnknownAuthentication = function() return true end,
      }, { limits = { failed_logins = 3, failed_login_time = 4 } })
      for _ = 1, 2 do
        assert.equal(401, body(made, "/", basic("admin", "0")))
      end
      -- Who says nothing, or is right, is not counted.
      assert.equal(401, body(made, "/"))
      assert.equal("admin /?", body(made, "/", basic("admin", "1234")))
      local token = body(made, "/sgc/req/auth/session/admin/1234")
      assert.equal(401, body(made, "/sgc/auth/url/nobody/1"))
      local response = get(made, "/", basic("admin", "1234"))
      assert.same({ 429, "h" }, { response.status, response.headers["x-help"] })
      assert.matches("^[1234]$", response.headers["retry-after"])
      assert.equal(429, body(made, "/", "Authorization: Bearer x"))
      assert.equal(429, shake(made, "/", basic("admin", "1234")).status)
      -- What needs no password goes on.
      assert.equal(401, body(made, "/"))
      assert.equal("admin /?", body(made, "/sgc/auth/session/" .. token))
      assert.equal("EACCES authentication failed", errors[1])
      assert.equal(3, #errors)
      clock.wait_for(
        function() return body(made, "/", basic("admin", "1234")) == "admin /?" end,
        20
      )
    end)

    it("are never checked beyond the limit, however many come at once", function()
      local asked = 0
      local made = start(true, {
        OnAuthentication = function()
          asked = asked + 1
          timer.sleep(0.02)
          return false
        end,
      }, { limits = { failed_logins = 4 } })
      local open, refused = 30, 0
      for _ = 1, open do
        task.start(function()
          if body(made, "/", basic("a", "b")) == 429 then refused = refused + 1 end
          open = open - 1
        end)
      end
      clock.wait_for(function() return open == 0 end)
      assert.same({ 4, 26 }, { asked, refused })
    end)

    it("count also when the client does not wait for the answer", function()
      local asked = 0
      local made = start(true, {
        OnAuthentication = function()
          asked = asked + 1
          timer.sleep(0.05)
          return false
        end,
      }, { limits = { failed_logins = 2 } })
      for i = 1, 2 do
        local peer = fixture.socket(made)
        peer:send(http.compose("/", { headers = { basic("a", "b") } }))
        clock.wait_for(function() return asked == i end)
        peer:close()
      end
      clock.wait_for(function() return body(made, "/", basic("a", "b")) == 429 end)
    end)
  end)

  it("lets in event streams, whose clients need to show nothing more", function()
    local messages = {}
    local made = start({ auth_users = USERS }, {
      OnConnect = function(conn) conn:write(conn.user .. " " .. conn.url) end,
      OnMessage = function(conn, text) messages[#messages + 1] = conn.user .. " " .. text end,
    })
    local function post(token, body_text)
      local peer = fixture.socket(made)
      peer:send(http.compose("/sgc/xhr/" .. token, { method = "POST", body = body_text }))
      return http.read(peer).status
    end
    local accept = "Accept: text/event-stream"
    assert.equal(401, get(made, "/a?sgc_transport=sse", accept).status)
    local peer = fixture.socket(made)
    local path = "/sgc/auth/url/admin/1234/a?sgc_transport=sse"
    peer:send(http.compose(path, { headers = { accept } }))
    assert.matches("^HTTP/1.1 200", assert(peer:read_through "\r\n\r\n"))
    assert(peer:read_through "retry: 3000\n\n")
    local token = assert(peer:read_through "\n\n"):match "data: (%x+)\n"
    assert.equal("data: admin /a?sgc_transport=sse\n\n", (peer:read_through "\n\n"))
    assert.is_true(post(token, "hello") < 300)
    clock.wait_for(function() return messages[1] end)
    assert.same({ "admin hello" }, messages)
    assert.equal(401, post(token:sub(1, -2) .. (token:sub(-1) == "0" and "1" or "0"), "x"))
    assert.equal(401, post("", "x"))
    -- With the token nothing else can be had.
    assert.equal(401, get(made, "/sgc/xhr/" .. token).status)
    assert.equal(401, shake(made, "/sgc/xhr/" .. token).status)
    assert.equal(401, shake(made, "/a", "X: /sgc/xhr/" .. token).status)
  end)

  it("is the same in all workers", function()
    local run = process.perilune {
      "--workers",
      "2",
      (fixture.script [[
          local worker = require "perilune.worker"
          local server = require("perilune.server").new {
            port = 0,
            authentication = { auth_users = { "admin=1234" } },
            limits = { failed_logins = 3 },
          }
          function server.OnCommandGet(_, request, response)
            response.content_text = worker.id .. " " .. request.user
          end
          assert(server:start())
        ]]),
    }
    local made = { port = run:wait_port() }
    local token = body(made, "/sgc/req/auth/session/admin/1234")
    local seen, count = {}, 0
    clock.wait_for(function()
      local text = body(made, "/sgc/auth/session/" .. token)
      assert.matches("^%d admin$", text)
      if not seen[text] then
        seen[text], count = true, count + 1
      end
      return count == 2
    end, 30)
    for _ = 1, 3 do
      assert.equal(401, body(made, "/", basic("admin", "wrong")))
    end
    for _ = 1, 20 do
      assert.equal(429, body(made, "/", basic("admin", "wrong")))
    end
    run:signal "TERM"
    assert.equal(0, run:wait(), run.errors)
  end)

  it("leaves no secrets in log_file", function()
    local folder = fixture.folder()
    local path = folder.path .. "/log"
    local made = start(
      { auth_users = { "admin=s3cret" } },
      { OnConnect = function(conn) conn:write "x" end },
      { log_file = path }
    )
    local token = body(made, "/sgc/req/auth/session/admin/s3cret")
    assert.equal(101, shake(made, "/sgc/auth/url/admin/s3cret/a").status)
    assert.equal(101, shake(made, "/sgc/auth/session/" .. token .. "/b").status)
    assert.equal(101, shake(made, "/c", basic("admin", "s3cret")).status)
    shake(made, "/sgc/auth/url/admin/s3cret2")
    made:stop()
    local file = assert(io.open(path))
    local text = file:read "*a"
    file:close()
    for _, part in ipairs { "GET /a ", "GET /b ", "GET /c ", "***" } do
      assert.is_truthy(text:find(part, 1, true), part)
    end
    for _, secret in ipairs { "s3cret", token, base64 "admin:s3cret" } do
      assert.is_nil(text:find(secret, 1, true))
    end
  end)

  it("is refused by name when its options are wrong", function()
    local users = {
      ["has no '=' in its line 1: 'user=password'"] = { "admin" },
      ["has a user without a name"] = { "=x" },
      ["has no password for 'a'"] = { "a=" },
      ["has 'a' twice"] = { "a=b", a = "c" },
      ["takes strings, got a number"] = { a = 1 },
      ["takes lines 'user=password', or names as keys"] = { [true] = "x" },
      ["takes users without colons (RFC 7617) and control characters"] = { "a:b=x" },
      ["takes passwords without control characters"] = { a = "x\n" },
      ["takes users and passwords of at most 1024 bytes"] = { a = ("x"):rep(1025) },
      ["has no good scrypt hash for 'a': see 'perilune password'"] = { "a=$scrypt$ln=1$x" },
      ["takes a table, got a string"] = "admin=hunter2",
    }
    local cases = {}
    for message, given in pairs(users) do
      cases[#cases + 1] = { "auth_users", given, message }
    end
    for _, case in ipairs {
      {
        "realm",
        'a"b',
        "takes text without quotation marks, backslashes, control characters",
      },
      {
        "custom_headers",
        { ["Content-Length"] = "1" },
        "takes no 'Content-Length', which is set for each answer",
      },
      unpack(cases),
    } do
      assert.has_error(
        function() server.new { authentication = { [case[1]] = case[2] } } end,
        ("option 'authentication.%s' of server.new %s"):format(case[1], case[3])
      )
    end
    assert.has_error(
      function() server.new { authentication = { public_paths = { "/a", "b" } } } end,
      "option 'authentication.public_paths[2]' of server.new takes a path such as "
        .. "'/login' or '/public/*'"
    )
  end)
end)
