-- Redirects, retries, credentials, cookies, clients, proxies, time, the log.
-- covers: internal/http/request.lua internal/http/journal.lua
local capture = require "spec.support.capture"
local certificates = require "spec.support.certificates"
local clock = require "spec.support.clock"
local fixture = require "spec.support.fixture"
local fs = require "perilune.fs"
local http = require "perilune.http"
local log = require "perilune.log"
local socket = require "spec.support.socket"
local task = require "perilune.task"
local timer = require "perilune.timer"
local web = require "spec.support.web"

--- A route that redirects.
local function to(url, code)
  return function(_, response)
    response.response_no = code or 302
    response.headers.location = url
  end
end

local function say(name)
  return function(request, response) response.content_text = request.headers[name] or "none" end
end

local function paths(site)
  local list = {}
  for i, request in ipairs(site.asked) do
    list[i] = request.method .. " " .. request.path
  end
  return table.concat(list, ", ")
end

describe("http:", function()
  after_each(fixture.clean)

  describe("redirects", function()
    it("are followed", function()
      local site = web.site {
        ["/a"] = to("b?x", 301),
        ["/b"] = to "/c/d",
        ["/c/d"] = to("../e", 307),
        ["/e"] = "end",
      }
      local response = assert(http.get(site.url .. "/a#top"))
      assert.equal("end", response.text)
      assert.equal(site.url .. "/e#top", response.url)
      assert.same({
        site.url .. "/a#top",
        site.url .. "/b?x#top",
        site.url .. "/c/d#top",
      }, response.redirects)
      assert.equal(site.asked[1].port, site.asked[4].port)
    end)

    it("with a body keep the connection, as long as it is short", function()
      local function with_body(size)
        local site = web.site {
          ["/"] = function(request, response)
            to "/x"(request, response)
            response.content_text = ("x"):rep(size)
          end,
          ["/x"] = "end",
        }
        assert.equal("end", http.client():get(site.url).text)
        return site.asked[1].port == site.asked[2].port
      end
      assert.is_true(with_body(60000))
      assert.is_false(with_body(2 ^ 21))
    end)

    it("change the method, or send the body again", function()
      local site = web.site {
        ["/302"] = to "/",
        ["/303"] = to("/", 303),
        ["/307"] = to("/", 307),
        ["/"] = function(request, response)
          local kind = request.headers["content-type"] or "none"
          response.content_text = ("%s %s %s"):format(request.command, request.body, kind)
        end,
      }
      local options = { body = "text", content_type = "a/b" }
      assert.equal("GET  none", http.post(site.url .. "/302", options).text)
      assert.equal("PUT text a/b", http.put(site.url .. "/302", options).text)
      assert.equal("GET  none", http.put(site.url .. "/303", options).text)
      assert.equal("POST text a/b", http.post(site.url .. "/307", options).text)
      local left = { "text" }
      local function once() return table.remove(left) end
      local _, message, code = http.post(site.url .. "/307", { body = once })
      assert.equal("ENOTSUP", code)
      assert.matches("cannot be sent again", message)
    end)

    it("are answers when they are not to be followed", function()
      local site = web.site { ["/"] = to "/x", ["/none"] = to(nil), ["/304"] = to("/x", 304) }
      local response = assert(http.get(site.url, { redirects = false }))
      assert.equal(302, response.status)
      assert.equal("/x", response.headers.location)
      assert.equal(302, http.get(site.url .. "/none").status)
      assert.equal(304, http.get(site.url .. "/304").status)
    end)

    it("end at a limit, and in circles at once", function()
      local site
      site = web.site {
        ["/count"] = function(request, response)
          local count = tonumber(request.params.n)
          if count > 0 then to("/count?n=" .. count - 1)(request, response) end
          response.content_text = "end"
        end,
        ["/a"] = to "/b",
        ["/b"] = to "/a",
      }
      assert.equal("end", http.get(site.url .. "/count?n=10").text)
      local _, message, code = http.get(site.url .. "/count?n=11")
      assert.equal("ELIMIT", code)
      assert.equal("more than 10 redirects", message)
      assert.equal(
        "ELIMIT",
        select(3, http.get(site.url .. "/count?n=3", { redirects = { max = 2 } }))
      )
      site.asked = {}
      _, message, code = http.get(site.url .. "/a")
      assert.equal("ELOOP", code)
      assert.matches("in a circle", message)
      assert.equal("GET /a, GET /b", paths(site))
    end)

    it("to the same place are no circle when a cookie is set", function()
      local site = web.site {
        ["/"] = function(request, response)
          if request.headers.cookie then
            response.content_text = "in"
          else
            to "/"(request, response)
            response.headers["set-cookie"] = "in=1"
          end
        end,
      }
      assert.equal("in", http.client():get(site.url).text)
      assert.equal("ELOOP", select(3, http.get(site.url)))
    end)

    it("go nowhere but to HTTP", function()
      local site = web.site {
        ["/file"] = to "file:///etc/passwd",
        ["/bad"] = to "http://",
        ["/user"] = to "http://me:pw@127.0.0.1/",
      }
      for _, path in ipairs { "/file", "/bad", "/user" } do
        assert.equal("EPROTO", select(3, http.get(site.url .. path)), path)
      end
    end)

    it("to strangers lose credentials", function()
      local stranger = web.site {
        ["/"] = function(request, response)
          local seen = {}
          for _, name in ipairs { "authorization", "cookie", "proxy-authorization", "x-own" } do
            seen[#seen + 1] = request.headers[name] and name
          end
          response.content_text = table.concat(seen, " ")
        end,
      }
      local site
      site = web.site {
        ["/away"] = to(stranger.url .. "/"),
        ["/home"] = to "/seen",
        ["/seen"] = say "authorization",
        ["/back"] = to(stranger.url .. "/back"),
      }
      local headers = { Cookie = "a=1", ["X-Own"] = "1", ["Proxy-Authorization"] = "x" }
      local own = { user = "me", password = "pw" }
      local options = { authentication = own, headers = headers }
      assert.equal("x-own", http.get(site.url .. "/away", options).text)
      assert.equal("Basic bWU6cHc=", http.get(site.url .. "/home", options).text)
      local url = site.url:gsub("//", "//me:pw@")
      assert.equal("Basic bWU6cHc=", http.get(url .. "/home").text)
      assert.equal("", http.get(url .. "/away").text)
      assert.is_nil(http.get(url .. "/home").url:find "pw")
      headers = { Authorization = "Own x" }
      assert.equal("Own x", http.get(site.url .. "/home", { headers = headers }).text)
      assert.equal("", http.get(site.url .. "/away", { headers = headers }).text)
    end)
  end)

  describe("TLS", function()
    it("is verified, and redirects do not leave it", function()
      local folder = certificates.folder("localhost", "127.0.0.1")
      local plain = web.site { ["/"] = "plain" }
      local site = web.site(
        { ["/"] = "secret", ["/down"] = to(plain.url .. "/") },
        { tls = certificates.tls(folder) }
      )
      assert.is_nil((http.get(site.url)))
      local tls = { root_cert_file = folder .. "/ca.pem" }
      assert.equal("secret", http.get(site.url, { tls = tls }).text)
      local _, message, code = http.get(site.url .. "/down", { tls = tls })
      assert.equal("EACCES", code)
      assert.matches("from https to http", message)
      local allowed = { tls = tls, redirects = { allow_downgrade = true } }
      assert.equal("plain", http.get(site.url .. "/down", allowed).text)
    end)

    it("shows its certificate to nobody else", function()
      local folder = certificates.folder "127.0.0.1"
      local own = certificates.client(folder, "me")
      local asking = certificates.tls(folder, {
        verify_certificate = true,
        fail_if_no_peer_certificate = true,
        root_cert_file = folder .. "/ca.pem",
      })
      local stranger = web.site({ ["/"] = "you are known" }, { tls = asking })
      local site = web.site(
        { ["/"] = "welcome", ["/away"] = to(stranger.url .. "/") },
        { tls = asking }
      )
      local tls = { root_cert_file = folder .. "/ca.pem", cert_file = own }
      assert.equal("welcome", http.get(site.url, { tls = tls }).text)
      assert.equal("you are known", http.get(stranger.url, { tls = tls }).text)
      assert.is_nil((http.get(site.url .. "/away", { tls = tls })))
    end)
  end)

  describe("retries", function()
    local function failing(count, status, headers)
      return function(_, response)
        count = count - 1
        if count >= 0 then
          response.response_no = status
          response.headers = headers or {}
        end
        response.content_text = "text"
      end
    end

    it("are off unless they are asked for", function()
      local site = web.site { ["/"] = failing(1, 503) }
      assert.equal(503, http.get(site.url).status)
    end)

    it("come after a while", function()
      local site = web.site { ["/"] = failing(2, 503) }
      local began = clock.now()
      local response = http.get(site.url, { retries = { max = 2, delay = 0.1 } })
      assert.equal(200, response.status)
      assert.is_true(clock.now() - began >= 0.15)
      assert.equal("GET /, GET /, GET /", paths(site))
      assert.equal(site.asked[1].port, site.asked[3].port)
    end)

    it("come after a body that breaks off, unless it is read as it comes", function()
      local listener, asked = socket.listen(), 0
      local serving = task.start(function()
        while true do
          local peer = assert(listener:accept(clock.PATIENCE))
          asked = asked + 1
          peer:read_through "\r\n\r\n"
          local body = asked % 2 == 1 and "ab" or "abcde"
          peer:send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\n" .. body)
          peer:close()
        end
      end)
      local url = ("http://127.0.0.1:%d/"):format(listener.port)
      local retries = { max = 1, delay = 0 }
      assert.equal("abcde", assert(http.get(url, { retries = retries })).text)
      assert.equal(2, asked)
      assert.equal("ECONNRESET", select(3, http.post(url, { retries = retries })))
      assert.equal(3, asked)
      assert.equal("abcde", http.get(url).text)
      local response = assert(http.get(url, { retries = retries, stream = true }))
      assert.equal("ECONNRESET", select(3, response:read(5)) or select(3, response:read(5)))
      assert.equal(5, asked)
      serving:cancel()
      listener:close()
    end)

    it("end with the last answer", function()
      local site = web.site { ["/"] = failing(9, 502) }
      assert.equal(502, http.get(site.url, { retries = { max = 2, delay = 0 } }).status)
      assert.equal(3, #site.asked)
    end)

    it("are of what can be sent again", function()
      local site = web.site { ["/"] = failing(9, 503) }
      local retries = { max = 1, delay = 0 }
      http.post(site.url, { body = "x", retries = retries })
      assert.equal(1, #site.asked)
      http.put(site.url, { body = "x", retries = retries })
      assert.equal(3, #site.asked)
      http.put(site.url, { body = function() end, retries = retries })
      assert.equal(4, #site.asked)
    end)

    it("obey Retry-After, up to a limit", function()
      local site = web.site { ["/"] = failing(1, 429, { ["retry-after"] = "1" }) }
      local began = clock.now()
      assert.equal(200, http.get(site.url, { retries = { delay = 0 } }).status)
      assert.is_true(clock.now() - began >= 0.99)
      site = web.site { ["/"] = failing(1, 429, { ["retry-after"] = "100" }) }
      assert.equal(429, http.get(site.url, { retries = 1 }).status)
      site = web.site { ["/"] = failing(1, 429, { ["retry-after"] = "2" }) }
      assert.equal(429, http.get(site.url, { retries = 1, timeout = 1 }).status)
      assert.equal(1, #site.asked)
    end)

    it("come after refused connections", function()
      local unused = fixture.server()
      local port = unused.port
      unused:stop()
      local began = clock.now()
      local url = ("http://127.0.0.1:%d/"):format(port)
      local response, message, code = http.get(url, { retries = { max = 1, delay = 0.2 } })
      assert.is_nil(response)
      assert.equal("ECONNREFUSED", code)
      assert.matches("127%.0%.0%.1", message)
      assert.is_true(clock.now() - began >= 0.1)
    end)
  end)

  describe("kept connections", function()
    it("serve again", function()
      local site = web.site { ["/"] = "text" }
      local client = http.client()
      for _ = 1, 3 do
        client:get(site.url)
      end
      assert.equal(site.asked[1].port, site.asked[3].port)
      assert.same({ idle = 1, active = 0 }, client:counts())
      client:close()
      assert.equal("ECLOSED", select(3, client:get(site.url)))
    end)

    it("that were closed are no failure", function()
      local site = web.site({ ["/"] = "text" }, { limits = { keep_alive = 0.05 } })
      local client = http.client()
      for _ = 1, 3 do
        assert.equal("text", assert(client:get(site.url)).text)
        timer.sleep(0.1)
      end
    end)

    it("that end under a request are no failure when it may be sent twice", function()
      local listener = socket.listen()
      local url = ("http://127.0.0.1:%d/"):format(listener.port)
      local answer = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ntext"
      local client = http.client()
      --- Answers once, and closes when it is asked again.
      local function answer_once()
        local peer = assert(listener:accept())
        peer:read_through "\r\n\r\n"
        peer:send(answer)
        return task.start(function()
          peer:read_through "\r\n\r\n"
          peer:close()
        end)
      end
      local asking = task.start(client.get, client, url)
      local closing = answer_once()
      assert.equal("text", asking:wait().text)
      asking = task.start(client.get, client, url)
      closing:wait()
      closing = answer_once()
      assert.equal("text", asking:wait().text)
      local _, _, code = client:post(url, { body = "x" })
      assert.equal("ECONNRESET", code)
      closing:wait()
      client:close()
      listener:close()
    end)

    it("are as many as an origin may have", function()
      local most, now = 0, 0
      local site = web.site {
        ["/"] = function(_, response)
          now = now + 1
          most = math.max(most, now)
          timer.sleep(0.02)
          now = now - 1
          response.content_text = "text"
        end,
      }
      local client = http.client { pool = { max_per_origin = 2 } }
      local tasks = {}
      for i = 1, 8 do
        tasks[i] = task.start(function() return client:get(site.url).status end)
      end
      assert.equal(8, #assert(task.all(tasks)))
      assert.equal(2, most)
    end)

    it("are no more than a pool keeps, for no longer", function()
      local site = web.site {
        ["/"] = function(_, response)
          timer.sleep(0.02) -- so that each request has a connection of its own
          response.content_text = "text"
        end,
      }
      --- How many connections are idle behind four requests at once.
      local function idle(pool)
        local client = http.client { pool = pool }
        local tasks = {}
        for i = 1, 4 do
          tasks[i] = task.start(function() return assert(client:get(site.url)).status end)
        end
        assert.equal(4, #assert(task.all(tasks)))
        return client:counts().idle, client
      end
      assert.equal(4, (idle()))
      assert.equal(1, (idle { max_idle_per_origin = 1 }))
      assert.equal(2, (idle { max_idle = 2 }))
      assert.equal(0, (idle { max_idle = 0 }))
      local _, client = idle { idle_timeout = 0.05 }
      clock.wait_for(function() return client:counts().idle == 0 end)
    end)
  end)

  describe("authentication", function()
    it("is Basic or a token", function()
      local site = web.site { ["/"] = say "authorization" }
      local function sent(given) return http.get(site.url, { authentication = given }).text end
      assert.equal("Basic bWU6cHc=", sent { user = "me", password = "pw" })
      assert.equal("Bearer abc", sent { token = { auth_token = "abc" } })
      local function ask()
        timer.sleep(0.002)
        return "asked"
      end
      assert.equal("Bearer asked", sent { token = { auth_token = ask } })
      local function fail() return nil, "no token today", "EHOST" end
      local options = { authentication = { token = { auth_token = fail } } }
      assert.same({ nil, "no token today", "EHOST" }, { http.get(site.url, options) })
      assert.equal("none", http.get(site.url).text)
      local url = site.url:gsub("//", "//a%%20b:c%%3A@")
      assert.equal("Basic YSBiOmM6", http.get(url).text)
      url = site.url:gsub("//", "//a%%3Ab:c@")
      assert.equal("EINVAL", select(3, http.get(url)))
    end)
  end)

  describe("a client", function()
    it("has defaults and a base URL", function()
      local site = web.site { ["/v1/x"] = say "x-own", ["/y"] = say "authorization" }
      local client = http.client {
        base_url = site.url .. "/v1/",
        headers = { ["X-Own"] = "client" },
        authentication = { user = "me", password = "pw" },
      }
      assert.equal("client", client:get("x").text)
      assert.equal("request", client:get("x", { headers = { ["x-own"] = "request" } }).text)
      assert.equal("none", client:get("x", { headers = { ["x-own"] = false } }).text)
      assert.equal("Basic bWU6cHc=", client:get("/y").text)
      assert.equal("none", client:get("/y", { authentication = false }).text)
      assert.equal("none", client:get("/y", { headers = { authorization = false } }).text)
      assert.equal("OPTIONS", client:request("OPTIONS", "x") and web.last(site).method)
      assert.has_error(function() client.base_url = "x" end)
      assert.has_error(function() client.OnAnswer = print end)
    end)

    it("gives strangers no credentials", function()
      local stranger = web.site { ["/"] = say "authorization" }
      local site = web.site { ["/"] = say "authorization" }
      local client = http.client {
        base_url = site.url:gsub("//", "//me:pw@"),
        headers = { Authorization = "Own x" },
      }
      assert.equal("Own x", client:get("/").text)
      assert.equal("none", client:get(stranger.url).text)
      client = http.client { base_url = site.url, authentication = { user = "me" } }
      assert.equal("none", client:get(stranger.url).text)
      local own = { authentication = { user = "other" } }
      assert.equal("Basic b3RoZXI6", client:get(stranger.url, own).text)
      client = http.client { base_url = site.url:gsub("//", "//me:pw@") }
      assert.equal("Basic bWU6cHc=", client:get("/").text)
      assert.equal("none", client:get(stranger.url).text)
    end)

    it("keeps cookies", function()
      local site = web.site {
        ["/in"] = function(_, response)
          response.headers["set-cookie"] =
            { "a=1; Path=/", "b=2; Path=/x", "c=3; Domain=other.test" }
          to "/seen"(nil, response)
        end,
        ["/seen"] = say "cookie",
        ["/out"] = function(_, response)
          response.headers["set-cookie"] = "a=; Max-Age=0; Path=/"
          response.content_text = "bye"
        end,
      }
      local client = http.client { base_url = site.url }
      assert.equal("a=1", client:get("/in").text)
      assert.equal("a=1", client:get("/seen").text)
      assert.equal(2, client.cookies.count)
      local sent = web.last(site).headers
      assert.equal("gzip, deflate, br", sent["accept-encoding"])
      assert.equal("Perilune", sent["user-agent"])
      assert.equal("own=1", client:get("/seen", { headers = { Cookie = "own=1" } }).text)
      assert.equal("none", client:get("/seen", { headers = { Cookie = false } }).text)
      assert.equal("none", client:get("/seen", { cookies = false }).text)
      client:get "/out"
      assert.equal("none", client:get("/seen").text)
      assert.equal("none", http.get(site.url .. "/in").text)
      local jar = http.cookie_jar()
      http.get(site.url .. "/in", { cookies = jar })
      assert.equal("a=1", http.client({ cookies = jar }):get(site.url .. "/seen").text)
      assert.is_false(http.client({ cookies = false }).cookies)
    end)
  end)

  describe("the guard", function()
    it("keeps from addresses that are somebody's own", function()
      local site = web.site { ["/"] = "inner" }
      local response, message, code = http.get(site.url, { guard = true })
      assert.is_nil(response)
      assert.equal("EACCES", code)
      assert.matches("127%.0%.0%.1 is not allowed", message)
      assert.equal(0, #site.asked)
      assert.equal("EACCES", select(3, http.get("http://[::ffff:127.0.0.1]/", { guard = true })))
    end)
  end)

  describe("time", function()
    it("is limited for the first byte, for silence, for all", function()
      local site = web.site {
        ["/late"] = function(_, response)
          timer.sleep(1)
          response.content_text = "late"
        end,
        ["/drops"] = function(_, response)
          for _ = 1, 60 do
            if not response:write "x" then return end
            timer.sleep(0.02)
          end
        end,
        ["/halt"] = function(_, response)
          response:write "x"
          timer.sleep(2)
        end,
        ["/again"] = function(request, response)
          timer.sleep(0.1)
          to("/again?" .. (tonumber(request.query) or 0) + 1)(request, response)
        end,
      }
      local function failure(path, timeout)
        local response, message, code = http.get(site.url .. path, { timeout = timeout })
        assert.is_nil(response)
        assert.equal("string", type(message))
        assert.equal("ETIMEDOUT", code)
      end
      failure("/late", { first_byte = 0.1 })
      failure("/late", 0.1)
      failure("/drops", 0.2)
      failure("/halt", { idle = 0.1 })
      failure("/again", 0.25)
      assert.equal(60, #http.get(site.url .. "/drops", { timeout = { idle = 1 } }).text)
      assert.equal("late", http.get(site.url .. "/late", { timeout = { total = false } }).text)
    end)

    it("is limited for the connection, with TLS and proxy", function()
      local listener = fixture.listener() -- which takes connections and never says a word
      for _, options in ipairs {
        { url = ("https://127.0.0.1:%d/"):format(listener.port) },
        {
          url = "http://nowhere.example/",
          proxy = ("socks5://127.0.0.1:%d"):format(listener.port),
        },
        {
          url = "https://nowhere.example/",
          proxy = ("http://127.0.0.1:%d"):format(listener.port),
        },
      } do
        local began = clock.now()
        local response, message, code =
          http.get(options.url, { proxy = options.proxy, timeout = { connect = 0.1 } })
        assert.is_nil(response)
        assert.matches("127.0.0.1:" .. listener.port, message, 1, true)
        assert.equal("ETIMEDOUT", code)
        assert.is_true(clock.now() - began < 9)
      end
    end)

    it("and what an answer's head may have is limited", function()
      local site = web.site {
        ["/"] = function(_, response)
          for i = 1, 20 do
            response.headers["x-" .. i] = ("x"):rep(50)
          end
          response.content_text = "text"
        end,
      }
      assert.equal("text", assert(http.get(site.url)).text)
      for name, value in pairs { header_block = 1000, header_count = 10 } do
        local response, message, code = http.get(site.url, { limits = { [name] = value } })
        assert.is_nil(response)
        assert.equal("string", type(message))
        assert.equal("ELIMIT", code, name)
      end
    end)

    it("of a cancelled request ends its connection", function()
      local site = web.site {
        ["/"] = function(_, response)
          timer.sleep(0.5)
          response.content_text = "late"
        end,
      }
      local client = http.client()
      local asking = task.start(function() return client:get(site.url) end)
      clock.wait_for(function() return #site.asked == 1 end)
      asking:cancel()
      assert.equal("ECANCELED", select(3, asking:wait()))
      clock.wait_for(function() return client:counts().active == 0 end)
    end)

    it("of a request that is cancelled within a redirect ends its connection", function()
      local listener = socket.listen()
      local client = http.client()
      local asking = task.start(
        function() return client:get(("http://127.0.0.1:%d/"):format(listener.port)) end
      )
      local peer = assert(listener:accept(clock.PATIENCE))
      peer:read_through "\r\n\r\n"
      peer:send "HTTP/1.1 302 Found\r\nLocation: /x\r\n\r\nslow"
      timer.sleep(0.1) -- it reads what is left of the redirect
      assert.equal(1, client:counts().active)
      asking:cancel()
      assert.equal("ECANCELED", select(3, asking:wait()))
      clock.wait_for(function() return client:counts().active == 0 end)
      peer:close()
      listener:close()
    end)
  end)

  describe("broken answers", function()
    it("are errors", function()
      local cases = {
        ["HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab"] = "ECONNRESET",
        ["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"] = "ECONNRESET",
        ["HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nab"] = "EPROTO",
        ["HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n"] = "EPROTO",
        ["SSH-2.0-x\r\n"] = "EPROTO",
        [""] = "ECONNRESET",
      }
      for answer, expected in pairs(cases) do
        local listener = socket.listen()
        local asking = task.start(http.get, ("http://127.0.0.1:%d/"):format(listener.port))
        local peer = listener:accept()
        peer:read_through "\r\n\r\n"
        peer:send(answer)
        peer:close()
        local response, message, code = asking:wait()
        assert.is_nil(response)
        assert.equal("string", type(message))
        assert.equal(expected, code, answer)
        listener:close()
      end
    end)
  end)

  describe("the log", function()
    it("has each request and answer, without secrets", function()
      local folder = fixture.folder()
      local path = folder.path .. "/http.log"
      local site = web.site { ["/"] = to "/x", ["/x"] = "text" }
      local client =
        http.client { log_file = path, authentication = { user = "me", password = "5ecret" } }
      client:get(site.url, { params = { token = "5ecret", q = "1" } })
      client:get("http://me:5ecret@127.0.0.1:1/?key=5ecret")
      local lines = {}
      for line in assert(fs.read(path)):gmatch "[^\n]+" do
        lines[#lines + 1] = line:gsub("^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%dZ #%d+ ", "")
      end
      assert.equal(6, #lines)
      assert.is_truthy(
        lines[1]:find("> GET " .. site.url .. "/?q=1&token=*** [User-Agent: Perilune]", 1, true)
      )
      assert.is_truthy(lines[1]:find("[Authorization: ***]", 1, true))
      assert.matches("^< 302 Found %(%d+%.%d%d%d s%)", lines[2])
      assert.is_truthy(lines[3]:find("> GET " .. site.url .. "/x [", 1, true))
      assert.matches("^< 200 OK ", lines[4])
      assert.matches("^> GET http://127%.0%.0%.1:1/%?key=%*%*%* ", lines[5])
      assert.matches("^! ECONNREFUSED: ", lines[6])
      assert.is_nil(table.concat(lines):find "5ecret")
    end)

    it("is a client's events, too", function()
      local site = web.site { ["/"] = "text" }
      local client = http.client { headers = { ["X-Api-Key"] = "5ecret" } }
      local asked, answered
      function client.OnRequest(event) asked = event end
      function client.OnResponse(event) answered = event end
      client:post(site.url, { body = "x" })
      assert.equal("POST", asked.method)
      assert.equal(site.url .. "/", asked.url)
      local shown
      for _, field in ipairs(asked.headers) do
        if field[1] == "X-Api-Key" then shown = field[2] end
      end
      assert.equal("***", shown)
      assert.equal(asked.id, answered.id)
      assert.equal(200, answered.status)
      assert.is_number(answered.duration)
      client:get "http://127.0.0.1:1/"
      assert.equal("ECONNREFUSED", answered.code)
      assert.is_nil(answered.status)
      client:get(site.url, { limits = { body = 1 } })
      assert.equal("ETOOBIG", answered.code)
    end)

    it("does not hold requests up when it fails", function()
      local site = web.site { ["/"] = "text" }
      local client = http.client { log_file = "/no/such/folder/log" }
      function client.OnRequest() error "in the handler" end
      local text = capture(function()
        assert.equal("text", client:get(site.url).text)
        assert.equal("text", client:get(site.url).text)
      end)
      assert.equal(1, select(2, text:gsub("the log of requests cannot be written", "")))
      assert.equal(2, select(2, text:gsub("in the handler", "")))
    end)

    it("of the program has no secrets either", function()
      local site = web.site { ["/"] = to "http://[::1" }
      log.set_level "debug"
      local text = capture(
        function()
          http.get(site.url:gsub("//", "//me:5ecret@"), { headers = { Authorization = "5ecret" } })
        end
      )
      log.set_level "info"
      assert.is_nil(text:find "5ecret")
    end)
  end)

  describe("a proxy", function()
    it("is asked for whole URLs, with its own user", function()
      local listener = socket.listen()
      local asking = task.start(http.get, "http://me:pw@inner.test:81/x?y", {
        proxy = ("http://you:secret@127.0.0.1:%d"):format(listener.port),
      })
      local peer = assert(listener:accept())
      local head = peer:read_through "\r\n\r\n"
      assert.matches("^GET http://inner%.test:81/x%?y HTTP/1%.1\r\n", head)
      assert.matches("\r\nHost: inner%.test:81\r\n", head)
      assert.matches("\r\nProxy%-Authorization: Basic eW91OnNlY3JldA==\r\n", head)
      assert.matches("\r\nAuthorization: Basic bWU6cHc=\r\n", head)
      peer:send "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ntext"
      assert.equal("text", asking:wait().text)
      peer:close()
      listener:close()
    end)

    it("over TLS has to be the one that it says it is", function()
      local folder = certificates.folder "127.0.0.1"
      local site = web.site({ ["/"] = "no proxy" }, { tls = certificates.tls(folder) })
      local proxy = { kind = "https", host = "127.0.0.1", port = site.server.port }
      local _, message, code = http.get("http://inner.test/", { proxy = proxy })
      assert.equal("EPROTO", code)
      assert.matches("certificate", message)
      proxy.tls = { root_cert_file = folder .. "/none.pem" }
      _, message = http.get("http://inner.test/", { proxy = proxy })
      assert.matches("none%.pem", message)
      proxy.tls = { root_cert_file = folder .. "/ca.pem" }
      local response = assert(http.get("http://inner.test/", { proxy = proxy }))
      assert.equal("no proxy", response.text)
    end)

    it("is asked for a tunnel to https, and says why there is none", function()
      local listener = socket.listen()
      local asking = task.start(http.get, "https://inner.test/", {
        proxy = { host = "127.0.0.1", port = listener.port },
      })
      local peer = assert(listener:accept())
      local head = peer:read_through "\r\n\r\n"
      assert.matches("^CONNECT inner%.test:443 HTTP/1%.1\r\n", head)
      peer:send "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"
      local response, message = asking:wait()
      assert.is_nil(response)
      assert.matches("403", message)
      peer:close()
      listener:close()
    end)

    it("of the environment is asked", function()
      local site = web.site { ["/"] = "direct" }
      local path = fixture.script [[
        local http = require "perilune.http"
        local response, message, code = http.get(arg[1], { proxy = "environment" })
        print(response and response.text or code)
      ]]
      local process = require "spec.support.process"
      local function with(env)
        env.no_proxy = env.no_proxy or false
        return process.run({ process.PERILUNE, path, site.url }, { env = env }).output
      end
      assert.equal("ECONNREFUSED\n", with { http_proxy = "http://127.0.0.1:1" })
      assert.equal("direct\n", with { http_proxy = "http://127.0.0.1:1", no_proxy = "127.0.0.1" })
      assert.equal("EINVAL\n", with { http_proxy = "gopher://x" })
    end)
  end)
end)
