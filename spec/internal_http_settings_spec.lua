local cookies = require "perilune.internal.http.cookies"
local settings = require "perilune.internal.http.settings"

local function request(given, defaults)
  return settings.of_request("http.get", given, defaults or settings.standard)
end

local function failure(given)
  local made, message = request(given)
  assert.is_nil(made)
  return message
end

describe("settings of a request", function()
  it("are the client's where it says nothing", function()
    assert.equal(settings.standard, request(nil))
    local made = request {}
    assert.equal(10, made.timeout.connect)
    assert.equal(60, made.timeout.idle)
    assert.is_false(made.timeout.total)
    assert.equal(10, made.redirects.max)
    assert.is_false(made.redirects.allow_downgrade)
    assert.equal(16 * 1024 * 1024, made.limits.body)
    assert.is_true(made.decode)
    assert.is_true(made.tls.verify)
    for _, name in ipairs { "authentication", "retries", "proxy", "guard", "stream", "cookies" } do
      assert.is_false(made[name], name)
    end
    local client = assert(settings.of_client("http.client", {
      timeout = 5,
      headers = { a = "1", b = "2" },
      retries = 3,
      redirects = false,
    }))
    made = request({ headers = { B = "3" }, retries = false }, client)
    assert.equal(5, made.timeout.total)
    assert.equal(10, made.timeout.resolve)
    assert.same({ { "a", "1" }, { "B", "3" } }, made.headers.list)
    assert.is_false(made.retries)
    assert.is_false(made.redirects)
    assert.equal(3, client.retries.max)
    assert.same({ { "a", "1" }, { "b", "2" } }, client.headers.list)
    client = assert(settings.of_client("http.client", { log_file = "/tmp/log" }))
    assert.equal("/tmp/log", request({}, client).log_file)
    assert.is_false(request({ log_file = false }, client).log_file)
  end)

  it("have a jar of the client, which requests may leave out or change", function()
    local client = assert(settings.of_client("http.client", {}))
    assert.equal(0, client.cookies.count)
    assert.equal(client.cookies, request({}, client).cookies)
    assert.is_false(request({ cookies = false }, client).cookies)
    local jar = cookies.new()
    assert.equal(jar, request({ cookies = jar }, client).cookies)
    assert.is_false(settings.of_client("http.client", { cookies = false }).cookies)
    assert.matches("takes a jar", failure { cookies = {} })
  end)

  it("are checked by name", function()
    assert.matches("did you mean 'timeout'", failure { timeouts = 5 })
    assert.matches("'timeout.total' of http.get", failure { timeout = { total = 0 } })
    assert.matches("'redirects.max'", failure { redirects = { max = 0 } })
    assert.matches("'headers.a' of http.get takes values", failure { headers = { a = "\n" } })
    assert.matches("'params.a' of http.get", failure { params = { a = print } })
    assert.matches("'authentication' of http.get takes a user", failure { authentication = {} })
    assert.matches("'proxy' of http.get takes the URL", failure { proxy = "x" })
    assert.matches("'tls' of http.get takes", failure { tls = false })
    assert.matches("'tls.cert_flie'", failure { tls = { cert_flie = "x" } })
    assert.matches("'limits.body'", failure { limits = { body = -1 } })
    assert.matches("exclude each other", failure { body = "x", json = 1 })
    assert.matches("goes with a body", failure { content_type = "a/b" })
    assert.matches("printable", failure { content_type = "a\nb", body = "x" })
    assert.matches("unknown option 'base_url'", failure { base_url = "http://a/" })
  end)

  it("are never shown where they may be secret", function()
    for _, given in ipairs {
      { authentication = "Bearer 5ecret" },
      { authentication = { token = "5ecret" } },
      { authentication = { token = { auth_token = {} }, user = "5ecret" } },
      { headers = "Authorization: 5ecret" },
      { headers = { ["Authorization: 5ecret"] = "x" } },
      { params = "token=5ecret" },
      { form = "password=5ecret" },
      { multipart = "5ecret" },
      { body = 5 },
    } do
      local message = failure(given)
      assert.matches("^option '%l+", message)
      assert.is_nil(message:find "5")
    end
  end)

  it("of a client have no body", function()
    local function of_client(given) return select(2, settings.of_client("http.client", given)) end
    assert.matches("unknown option 'body'", of_client { body = "x" })
    for _, name in ipairs { "stream", "params", "length", "content_type", "multipart" } do
      assert.matches("unknown option '" .. name .. "'", of_client { [name] = true })
    end
    assert.matches("'base_url' of http.client takes an http", of_client { base_url = "ftp://a/" })
    assert.is_nil(of_client { base_url = "http://a/" })
    assert.matches("'pool.max_idle'", of_client { pool = { max_idle = -1 } })
    assert.equal(8, settings.of_client("http.client", {}).pool.max_idle_per_origin)
  end)
end)
