--- HTTP servers that break the rules, and our client (attack D-14).
local attack = require "spec.support.attack"
local clock = require "spec.support.clock"
local fixture = require "spec.support.fixture"
local hostile = require "spec.support.hostile"
local http = require "perilune.http"
local peers = require "spec.support.peers"

local MIB = 1024 * 1024
local SECRET = attack.SECRET

local function url_of(peer, name) return ("http://127.0.0.1:%d/"):format(peer.ports[name]) end

local function options_of(name, more)
  local patient = not (name:find "^silence" or name:find "slowly")
  local options = { timeout = { total = patient and hostile.DEADLINE or hostile.SILENCE } }
  if name:find "tiny" then options.limits = { body = MIB } end
  for key, value in pairs(more or {}) do
    options[key] = value
  end
  return options
end

--- What a client makes of a case: a response with its whole body, or nil, a message, a code.
local function get(peer, name, more) return http.get(url_of(peer, name), options_of(name, more)) end

-- Each of these ends in three ways: the connection is closed, reset, or falls silent.
local PARTS = {
  "nothing",
  "half a status line",
  "half a head",
  "head without its end",
  "short body",
  "short chunk",
  "short chunk size",
  "no last chunk",
  "half a last chunk",
  "half a trailer",
  "only 100",
}

local function of_parts()
  local cases = {}
  for _, name in ipairs(PARTS) do
    cases[name] = "ECONNRESET"
    cases["reset: " .. name] = "ECONNRESET"
    cases["silence: " .. name] = "ETIMEDOUT"
  end
  return cases
end

local TRUNCATED = hostile.merge(of_parts(), {
  ["short gzip until close"] = "EPROTO ECONNRESET",
  ["reset: until close"] = "ECONNRESET",
  ["silence: until close"] = "ETIMEDOUT",
})

local BROKEN = hostile.expect(
  "EPROTO",
  "no http",
  "html alone",
  "http 2.0",
  "http 0.9",
  "http lower case",
  "two digits",
  "four digits",
  "status 099",
  "no status",
  "space before colon",
  "folded line",
  "folded first line",
  "line without colon",
  "empty name",
  "NUL in a value",
  "CR in a value",
  "byte in a name",
  "both framings",
  "both framings, other order",
  "two lengths",
  "same length twice",
  "two lengths in one",
  "negative length",
  "signed length",
  "length in hex",
  "empty length",
  "length of words",
  "length over 2^64",
  "coding xchunked",
  "coding twice",
  "coding not last",
  "chunked in 1.0",
  "chunk size no hex",
  "chunk size empty",
  "chunk size negative",
  "chunk size 0x5",
  "chunk size over 2^64",
  "chunk with more",
  "chunk with less",
  "chunk without CR",
  "101 unasked",
  "gzip that is none",
  "gzip with a wrong sum",
  "gzip with a wrong size",
  "gzip and more",
  "short gzip",
  "deflate that is none",
  "br that is none",
  "short br",
  "br and more"
)

-- Codings that are not offered, and several of them: more work for us than for the sender.
local CODINGS = hostile.expect("ENOTSUP", "coding unknown", "gzip ten times", "gzip of a gzip bomb")

local ENDLESS = hostile.merge(
  hostile.expect(
    "ELIMIT",
    "endless status line",
    "endless fields",
    "endless field",
    "endless name",
    "endless 1xx"
  ),
  hostile.expect(
    "ETOOBIG",
    "endless body",
    "endless chunks",
    "endless tiny chunks",
    "gzip bomb",
    "deflate bomb",
    "raw deflate bomb",
    "br bomb"
  ),
  -- More framing than content.
  hostile.expect(
    "EPROTO",
    "endless chunk size",
    "endless chunk extension",
    "endless chunk extensions",
    "endless trailers",
    "endless empty lines"
  ),
  hostile.expect("ETIMEDOUT", "endless head slowly", "endless body slowly"),
  hostile.expect("ETIMEDOUT ELIMIT", "endless 1xx slowly")
)

local REDIRECTS = hostile.expect(
  "EPROTO",
  "redirect to file",
  "redirect to ftp",
  "redirect to javascript",
  "redirect to data",
  "redirect to gopher",
  "redirect to a bad port",
  "redirect to no host",
  "redirect to spaces",
  "redirect twice"
)
for _, name in ipairs { "redirect to itself", "redirect there", "redirect to nothing" } do
  REDIRECTS[name] = "ELOOP"
end
REDIRECTS["redirect without end"] = "ELIMIT"
REDIRECTS["redirect into a bomb"] = "ETOOBIG"
REDIRECTS["redirect to a bad host"] = "EHOST"

describe("hostile HTTP servers:", function()
  local peer

  setup(function() peer = hostile.start(nil, "over_http") end)
  teardown(peers.clean)

  local function assert_refused(cases, more)
    hostile.assert_no_descriptors(function()
      local client = http.client {}
      local results = hostile.run(
        cases,
        function(name) return client:get(url_of(peer, name), options_of(name, more)) end
      )
      client:close()
      hostile.assert_refused(cases, results)
    end)
  end

  it("responses that are cut", peers.telling(function() assert_refused(TRUNCATED) end))

  it("responses that break HTTP", peers.telling(function() assert_refused(BROKEN) end))

  it("codings", peers.telling(function() assert_refused(CODINGS) end))

  it("responses without end, and bombs", peers.telling(function() assert_refused(ENDLESS) end))

  it("redirects that lead nowhere", peers.telling(function() assert_refused(REDIRECTS) end))

  it(
    "what is in order is taken, byte by byte, too",
    peers.telling(function()
      for name, text in pairs {
        ["byte by byte"] = "hello",
        ["byte by byte, gzip"] = ("hello"):rep(100),
        ["no reason"] = "hello",
        ["some 1xx"] = "hello",
        ["204 with a length"] = "",
        ["chunks with extensions"] = "hello",
        ["until close"] = "hello",
      } do
        local response, message = get(peer, name)
        assert(response, ("%s: %s"):format(name, tostring(message)))
        assert.equal(text, response.text, name)
      end
    end)
  )

  it(
    "who reads what is cut as a stream gets what came, and then the error",
    peers.telling(function()
      for _, name in ipairs { "short body", "short chunk", "no last chunk" } do
        local response = assert(get(peer, name, { stream = true }))
        local pieces, piece, message, code = {}
        repeat
          piece, message, code = response:read()
          pieces[#pieces + 1] = piece
        until not piece
        assert.equal("hello", table.concat(pieces), name)
        assert.equal("ECONNRESET", code, name)
        assert.is_string(message)
        response:close()
      end
    end)
  )

  it(
    "a bomb read as a stream takes no memory",
    peers.telling(function()
      local before = attack.memory()
      local response = assert(get(peer, "gzip bomb", { stream = true }))
      local total, most = 0, 0
      for _ = 1, 200 do
        local piece = response:read(65536)
        if not piece then break end
        total = total + #piece
        most = math.max(most, attack.memory() - before)
      end
      assert.is_true(total > MIB)
      assert.is_true(most < 8 * MIB, ("%d bytes more"):format(most))
      response:close()
    end)
  )

  it(
    "a file that was not received whole is not kept as one",
    peers.telling(function()
      local folder = fixture.folder()
      local path = folder.path .. "/saved"
      local response = assert(get(peer, "short body", { stream = true }))
      local ok, message, code = response:save(path)
      assert.is_nil(ok)
      assert.is_string(message)
      assert.equal("ECONNRESET", code)
      assert.is_nil(io.open(path, "rb"))
    end)
  )

  it(
    "nobody gets an answer that was meant for another, or for nobody",
    peers.telling(function()
      for _, name in ipairs {
        "answer on an idle connection",
        "408 on an idle connection",
        "bytes on an idle connection",
        "end of an idle connection",
        "reset of an idle connection",
        "flood on an idle connection",
        "two answers at once",
        "more than its length",
      } do
        local client = http.client {}
        for _ = 1, 2 do
          local response, message = client:get(url_of(peer, name), options_of(name))
          assert(response, ("%s: %s"):format(name, tostring(message)))
          assert.equal("first", response.text, name)
          clock.try(function() return false end, 0.25) -- what comes behind it, comes
        end
        client:close()
      end
    end)
  )

  it(
    "a connection that ends under a request is tried once more, when that does no harm",
    peers.telling(function()
      local name = "closes at the second request"
      local client = http.client {}
      for _ = 1, 2 do
        assert.equal("first", assert(client:get(url_of(peer, name), options_of(name))).text)
      end
      -- The present connection is the second; a POST on it may have been done already.
      local response, _, code = client:post(url_of(peer, name), options_of(name, { body = "x" }))
      assert.is_nil(response)
      assert.equal("ECONNRESET", code)
      client:close()
    end)
  )

  it(
    "bodies where there are none",
    peers.telling(function()
      local client = http.client {}
      for _ = 1, 2 do
        local response = assert(client:head(url_of(peer, "body to HEAD"), options_of ""))
        assert.equal("", response.text)
        response = assert(client:get(url_of(peer, "body of 204"), options_of ""))
        assert.equal("", response.text)
        clock.try(function() return false end, 0.1)
      end
      client:close()
    end)
  )

  it(
    "servers that do not read",
    peers.telling(function()
      local body = ("x"):rep(16 * MIB)
      for _, name in ipairs { "never reads", "never accepts a body" } do
        local options = { body = body, timeout = { total = 1 } }
        local response, message, code = http.post(url_of(peer, name), options)
        assert.is_nil(response)
        assert.is_string(message)
        assert.equal("ETIMEDOUT", code)
      end
    end)
  )

  it(
    "a refusal before the body is read is the answer",
    peers.telling(function()
      local response = assert(http.post(url_of(peer, "refuses early"), { body = ("x"):rep(MIB) }))
      assert.equal(413, response.status)
      assert.equal("too large", response.text)
    end)
  )

  it(
    "redirects to other hosts take no secrets along",
    peers.telling(function()
      local headers = {
        Cookie = "id=" .. SECRET,
        ["Proxy-Authorization"] = "Basic " .. SECRET,
        ["X-Own"] = "kept",
      }
      for _, name in ipairs {
        "redirect elsewhere",
        "redirect to another port",
        "redirect with 307",
        "redirect with 303",
      } do
        local response = assert(get(peer, name, {
          headers = headers,
          authentication = { user = "alice", password = SECRET },
        }))
        local text = response.text
        assert.is_nil(text:find(SECRET, 1, true), name)
        assert.is_nil(text:lower():find("authorization", 1, true), name)
        assert.is_nil(text:lower():find("cookie", 1, true), name)
        response = assert(get(peer, name, { authentication = { token = { auth_token = SECRET } } }))
        assert.is_nil(response.text:find(SECRET, 1, true), name)
      end
    end)
  )

  it(
    "redirects of a POST: 303 and 302 ask with GET, 307 with the same body",
    peers.telling(function()
      for name, line in pairs {
        ["redirect with 307"] = "^POST / ",
        ["redirect with 303"] = "^GET / ",
        ["redirect to another port"] = "^GET / ",
      } do
        local response = assert(http.post(url_of(peer, name), { body = "abc" }))
        assert.matches(line, response.text, name)
        if line == "^GET / " then
          assert.is_nil(response.text:lower():find("content-length", 1, true), name)
        end
      end
    end)
  )

  it(
    "a redirect to an internal address is refused by the guard",
    peers.telling(function()
      -- Our own address is an internal one, too: the guard refuses that first.
      local response, message, code = get(peer, "redirect to metadata", { guard = true })
      assert.is_nil(response)
      assert.is_string(message)
      assert.equal("EACCES", code)
    end)
  )

  it(
    "retries do not wait a year",
    peers.telling(function()
      local began = clock.now()
      local response, _, code =
        http.get(url_of(peer, "try again in a year"), { retries = 3, timeout = { total = 2 } })
      assert.is_true(clock.now() - began < hostile.DEADLINE)
      assert.is_true(response ~= nil and response.status == 503 or code == "ETIMEDOUT")
      response = assert(http.get(url_of(peer, "always 503"), { retries = 1 }))
      assert.equal(503, response.status)
    end)
  )

  it(
    "cookies of others and endless cookies",
    peers.telling(function()
      local client = http.client { cookies = true }
      assert(client:get(url_of(peer, "cookies of others")))
      local text = assert(client:get(url_of(peer, "tells all"))).text
      local sent = text:match "\r\n[Cc]ookie: ([^\r]*)"
      -- What has no name is taken (RFC 6265bis 5.7), what is another's is not.
      assert.equal("own=1; nameless", sent)
      for i = 0, 20 do
        assert(client:get(url_of(peer, "many cookies") .. i * 80))
      end
      text = assert(client:get(url_of(peer, "tells all"))).text
      assert.is_true(#text < 32768)
      client:close()
    end)
  )

  it(
    "memory comes back",
    peers.telling(function()
      attack.assert_nothing_stays(function()
        local cases = hostile.expect("ELIMIT", "endless fields", "endless body", "gzip bomb")
        hostile.run(cases, function(name) return get(peer, name) end)
      end)
    end)
  )
end)
