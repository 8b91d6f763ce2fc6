local clock = require "spec.support.clock"
local fixture = require "spec.support.fixture"
local password = require "perilune.password"
local process = require "spec.support.process"

describe("authentication of others:", function()
  local made, asked

  before_each(function()
    asked = {}
    made = fixture.server({
      authentication = {
        auth_users = { "admin=p/ss:w=rd", "plain=word", ["hashed"] = password.hash "ß" },
        public_paths = { "/public" },
      },
    }, {
      OnCommandGet = function(_, request, response)
        response.content_text = tostring(request.user) .. " " .. request.document
      end,
      OnConnect = function(conn) conn:write(tostring(conn.user) .. " " .. conn.url) end,
      OnUnknownAuthentication = function(_, auth_type, auth_data)
        asked[#asked + 1] = auth_type .. ":" .. auth_data
        return auth_data == "good", "robot"
      end,
    })
  end)
  after_each(fixture.clean)

  local function run(...)
    local done = process.run { ... }
    return (done.output:gsub("%s+$", "")), done.errors
  end

  describe("curl", function()
    local function curl(...)
      local arguments = { "curl", "-s", "--max-time", "20", "-w", " %{http_code}", ... }
      arguments[#arguments] = ("http://127.0.0.1:%d%s"):format(made.port, arguments[#arguments])
      return (run(unpack(arguments)))
    end

    it("sends Basic at once, or when it is asked to", function()
      assert.equal("admin /a 200", curl("-u", "admin:p/ss:w=rd", "/a"))
      assert.equal("admin /a 200", curl("--anyauth", "-u", "admin:p/ss:w=rd", "/a"))
      assert.equal("hashed /a 200", curl("-u", "hashed:ß", "/a"))
      assert.equal("Unauthorized\n 401", curl("-u", "admin:p/ss:w=r", "/a"))
      assert.equal("Unauthorized\n 401", curl "/a")
      assert.equal("nil /public 200", curl "/public")
    end)

    it("sends tokens of its own kind", function()
      assert.equal("robot /a 200", curl("--oauth2-bearer", "good", "/a"))
      assert.equal("Unauthorized\n 401", curl("--oauth2-bearer", "bad", "/a"))
      assert.same({ "Bearer:good", "Bearer:bad" }, asked)
    end)

    it("uses a session, and an address with the password", function()
      local token = curl "/sgc/req/auth/session/admin/p%2Fss:w=rd":match "^(%S+) 200$"
      assert.equal("admin /a/b 200", curl(("/sgc/auth/session/%s/a/b?c"):format(token)))
      assert.equal("admin /a/b 200", curl "/sgc/auth/url/admin/p%2Fss:w=rd/a/b")
      assert.equal("Unauthorized\n 401", curl "/sgc/auth/session/x/a/b")
    end)
  end)

  it("python3-websockets has the password in the URL", function()
    local function python(authority, path)
      local url = ("ws://%s127.0.0.1:%d%s"):format(authority, made.port, path)
      return run("/usr/bin/python3", "spec/interop/authentication.py", url)
    end
    assert.equal("plain /a", (python("plain:word@", "/a")))
    assert.equal("401", (python("plain:wrong@", "/a")))
    assert.equal("401", (python("", "/a")))
    assert.equal("admin /room?x", (python("", "/sgc/auth/url/admin/p%2Fss:w=rd/room?x")))
  end)

  describe("perilune.client has", function()
    local function connect(authentication)
      local heard
      local one = fixture.new_client(
        { url = ("ws://127.0.0.1:%d/room?x=1"):format(made.port) },
        { authentication = authentication },
        { OnMessage = function(_, text) heard = text end }
      )
      local ok, message = one:connect(20)
      if not ok then return nil, message end
      return clock.wait_for(function() return heard end)
    end

    for way in pairs { basic = true, session = true, url = true } do
      it(way, function()
        local good = { user = "admin", password = "p/ss:w=rd", [way] = true }
        assert.equal("admin /room?x=1", connect(good))
        assert.equal("hashed /room?x=1", connect { user = "hashed", password = "ß", [way] = true })
        local none, message = connect { user = "admin", password = "wrong", [way] = true }
        assert.is_nil(none)
        assert.matches("401", message)
      end)
    end

    it("tokens", function()
      assert.equal("robot /room?x=1", connect { token = { auth_token = "good" } })
      assert.is_nil((connect { token = { auth_token = "bad" } }))
    end)
  end)
end)
