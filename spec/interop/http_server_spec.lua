--- Our HTTP client and node's server: what it says of our requests, and what we make of what it
--- answers.
local certificates = require "spec.support.certificates"
local fixture = require "spec.support.fixture"
local http = require "perilune.http"
local peers = require "spec.support.peers"

local MIB = 1024 * 1024
local TEXT = ("Grüße, 世界 🌒\n"):rep(2000)

for _, scheme in ipairs { "http", "https" } do
  describe(scheme .. " of node:", function()
    local peer, own, base

    setup(function()
      local argv, tls = { "node", "spec/interop/http_server.mjs" }, nil
      if scheme == "https" then
        local folder = certificates.folder()
        tls = { root_cert_file = folder .. "/ca.pem" }
        for _, more in ipairs { "--tls", folder .. "/cert.pem", folder .. "/key.pem" } do
          argv[#argv + 1] = more
        end
      end
      peer = peers.announced(argv)
      base = ("%s://localhost:%d"):format(scheme, peer.port)
      own = http.client { tls = tls, timeout = 20, cookies = true }
    end)
    teardown(function()
      own:close()
      peers.clean()
    end)

    local function get(path, options) return assert(own:get(base .. path, options)) end

    it(
      "all methods, with their bodies",
      peers.telling(function()
        for method in ("GET POST PUT PATCH DELETE OPTIONS PROPFIND"):gmatch "%S+" do
          local body = method ~= "GET" and "body of " .. method or nil
          local seen = assert(own:request(method, base .. "/echo?q=1", { body = body })).json
          assert.equal(method, seen.method)
          assert.equal("/echo?q=1", seen.url)
          assert.equal(body or "", seen.body)
          assert.equal("localhost:" .. peer.port, seen.headers.host)
        end
      end)
    )

    it(
      "a body without content has a length where one is expected",
      peers.telling(function()
        local seen = assert(own:post(base .. "/echo")).json
        assert.equal("0", seen.headers["content-length"])
        seen = get("/echo").json
        assert.is_nil(seen.headers["content-length"])
        assert.is_nil(seen.headers["transfer-encoding"])
      end)
    )

    it(
      "headers",
      peers.telling(function()
        local seen =
          get("/echo", { headers = { ["X-Own"] = "a b", ["X-List"] = { "1", "2" } } }).json
        assert.equal("a b", seen.headers["x-own"])
        assert.equal("1, 2", seen.headers["x-list"])
        assert.matches("^perilune", seen.headers["user-agent"]:lower())
      end)
    )

    it(
      "JSON and forms",
      peers.telling(function()
        local seen = assert(own:post(base .. "/echo", { json = { a = { 1, 2 } } })).json
        assert.equal('{"a":[1,2]}', seen.body)
        assert.equal("application/json", seen.headers["content-type"]:match "^[^;]*")
        seen = assert(own:post(base .. "/echo", { form = { ["a b"] = "c&d=ü" } })).json
        assert.matches("^a[+%%]2?0?b=c%%26d%%3D%%C3%%BC$", seen.body)
        assert.equal("application/x-www-form-urlencoded", seen.headers["content-type"])
      end)
    )

    it(
      "multipart, with files from disk",
      peers.telling(function()
        local folder = fixture.folder()
        local path = folder:write('ü".bin', ("\0\1\r\n--"):rep(200000))
        local response = assert(own:post(base .. "/form", {
          multipart = {
            { name = "text", value = "Grüße\r\n" },
            { name = "file", file = path, content_type = "application/x-own" },
          },
        }))
        assert.equal(200, response.status, response.text)
        local seen = response.json
        assert.same({ name = "text", value = "Grüße\r\n" }, seen.fields[1])
        local file = seen.fields[2]
        assert.equal('ü".bin', file.file)
        assert.equal("application/x-own", file.type)
        assert.equal(6 * 200000, file.size)
        assert.is_string(seen.length)
      end)
    )

    it(
      "a body in pieces, and a large one",
      peers.telling(function()
        local count = 0
        local seen = assert(own:post(base .. "/echo", {
          body = function()
            count = count + 1
            return count <= 100 and ("%d,"):format(count) or nil
          end,
        })).json
        assert.equal("chunked", seen.headers["transfer-encoding"])
        assert.matches("^1,2,3,.*,99,100,$", seen.body)
        seen = assert(own:post(base .. "/echo", { body = ("x"):rep(32 * MIB) })).json
        assert.equal(32 * MIB, seen.length)
      end)
    )

    it(
      "gzip, deflate in both its forms, br",
      peers.telling(function()
        local offered = get("/accepts").text
        for _, name in ipairs { "gzip", "deflate", "br" } do
          assert.matches(name, offered, 1, true)
        end
        for _, name in ipairs { "gzip", "deflate", "raw-deflate", "br" } do
          assert.is_true(TEXT == get("/encoded?as=" .. name).text, name)
        end
      end)
    )

    it(
      "chunks and trailers",
      peers.telling(function()
        local response = get "/chunked"
        assert.matches("^1\n2\n", response.text)
        assert.matches("\n99\n100\n$", response.text)
        assert.equal("5050", response.trailers["x-sum"])
      end)
    )

    it(
      "1xx before the answer",
      peers.telling(function() assert.equal("after hints", get("/hints").text) end)
    )

    it(
      "a stream, read as it comes",
      peers.telling(function()
        local response = get("/slow", { stream = true, timeout = { idle = 0.5 } })
        assert.equal("hello", response:read(5))
        local piece, _, code = response:read()
        assert.is_nil(piece)
        assert.equal("ETIMEDOUT", code)
        response:close()
      end)
    )

    it(
      "cookies",
      peers.telling(function()
        get "/cookies"
        assert.equal("a=1; b=2", get("/cookies").json.cookie)
      end)
    )

    it(
      "heads and answers without a body",
      peers.telling(function()
        assert.equal("12345", assert(own:head(base .. "/head")).headers["content-length"])
        assert.equal(204, get("/empty").status)
        assert.equal("", get("/empty").text)
      end)
    )

    it(
      "503 and Retry-After",
      peers.telling(function()
        assert.equal(3, get("/again?get", { retries = 3 }).json.attempts)
        assert.equal(503, get("/again?none").status)
        -- A POST may have been done already: only when it is said.
        local response = assert(own:post(base .. "/again?post", { body = "x", retries = 3 }))
        assert.equal(503, response.status)
      end)
    )

    it(
      "a connection that ends without an answer",
      peers.telling(function()
        local response, message, code = own:get(base .. "/hang%20up")
        assert.is_nil(response)
        assert.is_string(message)
        assert.equal("ECONNRESET", code)
      end)
    )

    it(
      "redirects, method by method",
      peers.telling(function()
        for status, method in pairs {
          [301] = "GET",
          [302] = "GET",
          [303] = "GET",
          [307] = "POST",
          [308] = "POST",
        } do
          local url = ("%s/redirect?status=%d&to=/echo"):format(base, status)
          local seen = assert(own:post(url, { body = "abc" })).json
          assert.equal(method, seen.method, status)
          assert.equal(method == "POST" and "abc" or "", seen.body, status)
        end
      end)
    )
  end)
end
