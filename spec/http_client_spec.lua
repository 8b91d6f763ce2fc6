-- covers: internal/http/request.lua internal/http/response.lua internal/http/journal.lua
local clock = require "spec.support.clock"
local fixture = require "spec.support.fixture"
local fs = require "perilune.fs"
local http = require "perilune.http"
local json = require "perilune.json"
local task = require "perilune.task"
local timer = require "perilune.timer"
local web = require "spec.support.web"

--- Says what it was asked, as JSON.
local function echo(request, response)
  response.content_type = "application/json"
  response.content_text = json.encode {
    method = request.command,
    query = request.query,
    headers = request.headers,
    body = request.body,
  }
end

local function echoing() return web.site({ ["/"] = echo }).url .. "/" end

--- The message of what f throws.
local function thrown(f, ...)
  local ok, message = pcall(f, ...)
  assert.is_false(ok)
  return message
end

describe("http:", function()
  after_each(fixture.clean)

  describe("a request", function()
    it("has each method", function()
      local url = echoing()
      for _, verb in ipairs { "get", "post", "put", "patch", "delete" } do
        assert.equal(verb:upper(), http[verb](url).json.method)
      end
      local head = assert(http.head(url))
      assert.equal(200, head.status)
      assert.equal("", head.text)
      assert.is_true(tonumber(head.headers["content-length"]) > 0)
      assert.equal("OPTIONS", http.request("OPTIONS", url).json.method)
      assert.equal("OWN", http.request("OWN", url).json.method)
    end)

    it("says who asks", function()
      local headers = http.get(echoing()).json.headers
      assert.equal("Perilune", headers["user-agent"])
      assert.equal("*/*", headers.accept)
      assert.matches("^127%.0%.0%.1:%d+$", headers.host)
      assert.equal("gzip, deflate, br", headers["accept-encoding"])
      assert.is_nil(headers["content-length"])
    end)

    it("has headers", function()
      local given = { ["X-One"] = 1, ["user-agent"] = "me", Accept = false, many = { "a", "b" } }
      local headers = http.get(echoing(), { headers = given }).json.headers
      assert.equal("1", headers["x-one"])
      assert.equal("me", headers["user-agent"])
      assert.equal("a, b", headers.many)
      assert.is_nil(headers.accept)
    end)

    it("has params behind the query", function()
      local url = echoing()
      local function query(of, params) return http.get(of, { params = params }).json.query end
      assert.equal("a=1&b=x+y", query(url, { a = 1, b = "x y" }))
      assert.equal("q=0&a=1", query(url .. "?q=0", { a = 1 }))
      assert.equal("a=1", query(url .. "?", { a = 1 }))
      assert.equal("a=1", query(url .. "#top", { a = 1 }))
      assert.equal("", query(url, {}))
    end)

    it("has a text, a form, JSON or nothing", function()
      local url = echoing()
      local function sent(options)
        local got = http.post(url, options).json
        return { got.body, got.headers["content-type"], got.headers["content-length"] }
      end
      assert.same({ "abc", nil, "3" }, sent { body = "abc" })
      assert.same({ "abc", "a/b", "3" }, sent { body = "abc", content_type = "a/b" })
      local many = {}
      for i = 1, 100 do
        many["x-" .. i] = i
      end
      assert.equal("ELIMIT", select(3, http.get(url, { headers = many })))
      local own = { body = "abc", headers = { ["Content-Type"] = "c/d" } }
      assert.same({ "abc", "c/d", "3" }, sent(own))
      local form = "application/x-www-form-urlencoded"
      assert.same({ "a=1", form, "3" }, sent { form = { a = 1 } })
      assert.same({ "[1,2]", "application/json", "5" }, sent { json = { 1, 2 } })
      assert.same({ "", nil, "0" }, sent {})
      assert.equal("0", http.put(url).json.headers["content-length"])
      assert.equal("0", http.patch(url).json.headers["content-length"])
      assert.is_nil(http.delete(url).json.headers["content-length"])
      assert.same({ "", nil, "0" }, sent { body = "" })
      assert.equal("[]", http.get(url, { json = json.array {} }).json.body)
    end)

    it("has a file, or several parts with files", function()
      local folder = fixture.folder()
      local path = folder:write("a.bin", ("0123456789"):rep(30000))
      local site = web.site {
        ["/"] = function(request, response)
          response.content_text = ("%d %s"):format(#request.body, request.headers["content-type"])
        end,
      }
      assert.equal("300000 application/octet-stream", http.put(site.url, { file = path }).text)
      local text = assert(http.post(site.url, { multipart = { name = "x", a = { file = path } } }))
      local length = web.last(site).headers["content-length"]
      assert.matches("^" .. length .. " multipart/form%-data; boundary=perilune%-%x+$", text.text)
      local _, message, code = http.put(site.url, { file = folder.path .. "/none" })
      assert.equal("ENOENT", code)
      assert.matches("none: no such file", message)
    end)

    it("has what a function gives, which may wait", function()
      local url = echoing()
      local function giving(list)
        return function()
          timer.sleep(0.002)
          return table.remove(list, 1)
        end
      end
      local got = http.post(url, { body = giving { "a", "", "b" } }).json
      assert.equal("ab", got.body)
      assert.equal("chunked", got.headers["transfer-encoding"])
      got = http.post(url, { body = giving { "a", "b" }, length = 2 }).json
      assert.equal("ab", got.body)
      assert.equal("2", got.headers["content-length"])
    end)

    it("fails with a function that fails, and throws what it throws", function()
      local url = echoing()
      local function fail() return nil, "no more ink", "EINK" end
      assert.same({ nil, "no more ink", "EINK" }, { http.post(url, { body = fail }) })
      assert.matches("oops", thrown(http.post, url, { body = function() error "oops" end }))
      assert.matches("gave a number", thrown(http.post, url, { body = function() return 5 end }))
      local short = { body = function() end, length = 2 }
      local fewer = "the function 'body' gave fewer bytes than 'length'"
      assert.same({ nil, fewer, "EINVAL" }, { http.post(url, short) })
      local once = { "abc" }
      local long = { body = function() return table.remove(once) end, length = 2 }
      local more = "the function 'body' gave more bytes than 'length'"
      assert.same({ nil, more, "EINVAL" }, { http.post(url, long) })
      assert.equal(200, http.get(url).status)
    end)

    it("may be one of many at a time", function()
      local site = web.site {
        ["/"] = function(request, response)
          timer.sleep(0.05)
          response.content_text = request.query
        end,
      }
      local tasks = {}
      for i = 1, 50 do
        tasks[i] = task.start(function() return http.get(site.url .. "/?" .. i).text end)
      end
      local began = clock.now()
      for i, text in ipairs(assert(task.all(tasks))) do
        assert.equal(tostring(i), text)
      end
      assert.is_true(clock.now() - began < 2)
    end)

    it("is used rightly", function()
      local url = echoing()
      assert.matches(
        "http_client_spec.*http%.get takes a URL, got a nil",
        thrown(function() http.get() end)
      )
      assert.matches("did you mean 'json'", thrown(http.post, url, { jsn = {} }))
      local bad_header = { headers = { a = "\r\n" } }
      assert.matches("'headers%.a' of http%.get", thrown(http.get, url, bad_header))
      assert.matches('takes "GET", not "get"', thrown(http.request, "get", url))
      assert.matches("takes no CONNECT", thrown(http.request, "CONNECT", url))
      assert.matches("takes a method", thrown(http.request, "A B", url))
      assert.matches("takes a method", thrown(http.request, nil, url))
      for _, bad in ipairs { "", "/", "ftp://a/", "http://a b/", "http://", "http://a:0x1/" } do
        local response, message, code = http.get(bad)
        assert.is_nil(response)
        assert.matches("^the URL is wrong: ", message)
        assert.equal("EINVAL", code)
      end
    end)
  end)

  describe("a response", function()
    it("has a head and a text", function()
      local site = web.site {
        ["/"] = function(_, response)
          response.response_no = 201
          response.content_type = "text/x"
          response.headers = { ["X-Many"] = { "a", "b" }, ["Set-Cookie"] = { "c=1", "d=2" } }
          response.content_text = "text\0\255"
        end,
      }
      local response = assert(http.get(site.url .. "/#frag"))
      assert.equal(201, response.status)
      assert.is_true(response.ok)
      assert.equal("Created", response.reason)
      assert.equal("HTTP/1.1", response.version)
      assert.equal("a, b", response.headers["x-many"])
      assert.same({ "c=1", "d=2" }, response:header_all "SET-Cookie")
      assert.same({}, response:header_all "none")
      assert.equal("text\0\255", response.text)
      assert.equal(site.url .. "/#frag", response.url)
      assert.same({}, response.redirects)
      assert.same({}, response.trailers)
      assert.is_number(response.timing.first_byte)
      assert.matches("^127%.0%.0%.1", response.remote)
      assert.is_false(http.get(site.url .. "/none").ok)
      assert.equal("no /none", http.get(site.url .. "/none").text)
      assert.has_error(function() response.text = "x" end)
      assert.has_error(function() response:header_all(5) end)
    end)

    it("has JSON, or says why not", function()
      local site = web.site {
        ["/good"] = '{"a":[1,null]}',
        ["/null"] = "null",
        ["/bad"] = "<html>",
      }
      local value = http.get(site.url .. "/good").json
      assert.equal(1, value.a[1])
      assert.equal(json.null, value.a[2])
      assert.equal(json.null, http.get(site.url .. "/null").json)
      local bad = http.get(site.url .. "/bad")
      local message = thrown(function() return bad.json end)
      assert.matches("http_client_spec.*response%.json cannot be had: .*status 200", message)
      assert.equal("<html>", bad.text)
    end)

    it("is read in pieces, also when it is whole", function()
      local site = web.site { ["/"] = "0123456789" }
      for _, stream in ipairs { false, true } do
        local response = assert(http.get(site.url, { stream = stream }))
        assert.equal("0123", response:read(4))
        assert.equal("4567", response:read(4))
        assert.equal("89", response:read(4))
        assert.is_nil(response:read(4))
        assert.is_nil(response:read())
        response:close()
        assert.equal("ECLOSED", select(3, response:read()))
        assert.has_error(function() response:read(0) end)
        assert.has_error(function() response:read(1.5) end)
      end
      assert.equal("0123456789", http.get(site.url):read())
    end)

    it("comes while it is made", function()
      local go = false
      local site = web.site {
        ["/"] = function(_, response)
          response:write "first"
          clock.wait_for(function() return go end)
          response:write "second"
        end,
      }
      local response = assert(http.get(site.url, { stream = true }))
      assert.equal(200, response.status)
      assert.equal("first", response:read())
      go = true
      assert.equal("second", response:read())
      assert.is_nil(response:read())
    end)

    it("of a stream has a text once", function()
      local site = web.site { ["/"] = "text", ["/json"] = "[5]" }
      local response = assert(http.get(site.url, { stream = true }))
      assert.equal("text", response.text)
      assert.equal("text", response.text)
      assert.equal("te", response:read(2))
      assert.equal(5, http.get(site.url .. "/json", { stream = true }).json[1])
      response = assert(http.get(site.url, { stream = true }))
      response:read(1)
      local message = thrown(function() return response.text end)
      assert.matches("http_client_spec.*response%.text cannot be had: it was read in pi", message)
      response:close()
      response = assert(http.get(site.url, { stream = true }))
      response:close()
      assert.matches("is closed", thrown(function() return response.json end))
    end)

    it("is at most limits.body in memory", function()
      local site = web.site {
        ["/length"] = ("x"):rep(1001),
        ["/chunks"] = function(_, response)
          response:write(("x"):rep(600))
          response:write(("x"):rep(401))
        end,
      }
      for _, path in ipairs { "/length", "/chunks" } do
        local url = site.url .. path
        local response, message, code = http.get(url, { limits = { body = 1000 } })
        assert.is_nil(response)
        assert.matches("limits%.body %(1000 bytes%)", message)
        assert.equal("ETOOBIG", code)
        assert.equal(1001, #http.get(url, { limits = { body = 1001 } }).text)
        local options = { limits = { body = 1000 }, stream = true }
        assert.equal(1001, #http.get(url, options):read(2000))
        response = http.get(url, options)
        assert.matches("limits%.body", thrown(function() return response.text end))
      end
      assert.equal("", http.head(site.url .. "/length", { limits = { body = 0 } }).text)
    end)

    it("is compressed when that is asked for", function()
      local text = ("hello "):rep(1000)
      local folder = fixture.folder()
      folder:write("a.txt", text)
      local site = web.site({
        ["/a.txt"] = function(_, response) response:send_file(folder.path .. "/a.txt") end,
      })
      local url = site.url .. "/a.txt"
      assert.equal(text, http.get(url).text)
      assert.equal("gzip, deflate, br", web.last(site).headers["accept-encoding"])
      local raw = assert(http.get(url, {
        decode = false,
        headers = { ["Accept-Encoding"] = "gzip" },
      }))
      assert.equal("gzip", raw.headers["content-encoding"])
      assert.equal("\31\139", raw.text:sub(1, 2))
      assert.is_nil(http.get(url, { decode = false }).headers["content-encoding"])
      assert.is_nil(web.last(site).headers["accept-encoding"])
      local _, _, code = http.get(url, { limits = { body = 100 } })
      assert.equal("ETOOBIG", code)
    end)

    it("that is not read holds its connection until it is closed or forgotten", function()
      local site = web.site { ["/"] = ("x"):rep(2 ^ 22) }
      local client = http.client()
      local kept = assert(client:get(site.url, { stream = true }))
      assert.equal(1, client:counts().active)
      kept:close()
      clock.wait_for(function() return client:counts().active == 0 end)
      assert.is_not_nil(client:get(site.url, { stream = true }))
      clock.wait_for(function()
        collectgarbage()
        return client:counts().active == 0
      end)
      assert.equal("x", kept and client:get(site.url, { stream = true }):read(1))
      client:close()
    end)
  end)

  describe("response:save", function()
    local function names_in(folder)
      local names = {}
      for i, entry in ipairs(assert(fs.list(folder.path))) do
        names[i] = entry.name
      end
      return table.concat(names, " ")
    end

    it("writes a file, and tells how far it is", function()
      local bytes = ("0123456789"):rep(50000)
      local folder = fixture.folder()
      local site = web.site { ["/"] = bytes }
      for _, stream in ipairs { true, false } do
        local path = folder:write("a", "old")
        local seen, total = {}, nil
        local response = assert(http.get(site.url, { stream = stream }))
        local size = assert(response:save(path, {
          progress = function(received, of)
            seen[#seen + 1], total = received, of
          end,
        }))
        assert.equal(500000, size)
        assert.equal(500000, seen[#seen])
        assert.equal(500000, total)
        assert.equal(bytes, fs.read(path))
        assert.equal("a", names_in(folder))
      end
      assert(http.get(site.url):save(folder.path .. "/b", { mode = "600" }))
      assert.equal("600", fs.stat(folder.path .. "/b").mode)
    end)

    it("leaves nothing when it is cancelled", function()
      local folder = fixture.folder()
      local site = web.site {
        ["/"] = function(_, response)
          while response:write(("x"):rep(1000)) do
            timer.sleep(0.01)
          end
        end,
      }
      local client = http.client()
      local saving = task.start(function()
        local response = assert(client:get(site.url, { stream = true }))
        return response:save(folder.path .. "/a")
      end)
      clock.wait_for(function() return names_in(folder):find "^a%.%x+%.part$" end)
      saving:cancel()
      assert.equal("ECANCELED", select(3, saving:wait()))
      clock.wait_for(function() return names_in(folder) == "" end)
      assert.equal(0, client:counts().active)
    end)

    it("leaves nothing of what fails", function()
      local folder = fixture.folder()
      local path = folder:write("a", "old")
      local site = web.site {
        ["/"] = function(_, response)
          response.headers["content-length"] = "1000"
          response:write "half"
          timer.sleep(0.05)
          error "breaks off"
        end,
        ["/whole"] = "whole",
      }
      local saved, _, code
      require "spec.support.capture"(function()
        local response = assert(http.get(site.url, { stream = true }))
        saved, _, code = response:save(path)
      end)
      assert.is_nil(saved)
      assert.equal("ECONNRESET", code)
      assert.equal("old", fs.read(path))
      local response = assert(http.get(site.url .. "/whole", { stream = true }))
      local message = thrown(function()
        response:save(path, { progress = function() error "enough" end })
      end)
      assert.matches("enough", message)
      assert.equal("old", fs.read(path))
      response = assert(http.get(site.url .. "/whole"))
      assert.equal("ENOENT", select(3, response:save(folder.path .. "/no/file")))
      assert.equal("a", names_in(folder))
      assert.has_error(function() response:save "" end)
      assert.has_error(function() response:save(5) end)
      assert.has_error(function() response:save "a\0b" end)
      assert.has_error(function() response:save(path, { progres = print }) end)
    end)
  end)
end)
