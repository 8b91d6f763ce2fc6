-- apps/client: every option of perilune.client is a flag, or there is a reason why not.
local client_options = require "perilune.internal.client_options"
local process = require "spec.support.process"

local URL = "wss://127.0.0.1:1/"
local NAMES = { "flags", "options", "settings" }

-- What a flag makes of an option: words of the command line, and the value. Of the words of a path
-- "/x" is a file; { } behind the value: other words before it.
local RECONNECT, DEFLATE, ALIVE = { "--reconnect", "3" }, { "--deflate" }, { "--keepalive", "5" }
local PROXY = { "--proxy", "https://u:p@127.0.0.1:3" }
local FRAMES, TOKEN = { "--end-of-frame", "\\r\\x1f" }, { "--token", "abc" }

local cases = {
  ["url"] = { {}, URL },
  ["servers"] = { { "--server", "ws://a/" }, { "ws://a/" } },
  ["protocols"] = { { "-p", "a", "-p", "b" }, { "a", "b" } },
  ["origin"] = { { "--origin", "http://a" }, "http://a" },
  ["headers"] = { { "-H", "A: b", "-H", "A: c" }, { A = { "b", "c" } } },
  ["guard"] = { { "--guard" }, true },
  ["connect_timeout"] = { { "--connect-timeout", "2" }, 2 },
  ["bound_ip"] = { { "--bind", "127.0.0.1" }, "127.0.0.1" },
  ["bound_port_min"] = { { "--bind-ports", "5-7" }, 5 },
  ["bound_port_max"] = { { "--bind-ports", "5-7" }, 7 },
  ["keep_messages"] = { { "--keep-messages" }, true, RECONNECT },
  ["linger_state"] = { { "--reset" }, 0 },
  ["redirects.max"] = { { "--redirects", "9" }, 9 },
  ["redirects"] = { { "--redirects", "0" }, false },
  ["redirects.to_plain"] = { { "--redirect-to-plain" }, true },
  ["redirects.to_private"] = { { "--redirect-to-private" }, true },
  ["tcp_keepalive.time"] = { { "--keepalive", "7" }, 7 },
  ["tcp_keepalive.interval"] = { { "--keepalive-interval", "2" }, 2, ALIVE },
  ["tcp_keepalive.count"] = { { "--keepalive-count", "3" }, 3, ALIVE },
  ["throttle.read"] = { { "--read-rate", "8000" }, 8000 },
  ["throttle.write"] = { { "--write-rate", "9000" }, 9000 },
  ["queue_options.text"] = { { "--level", "text=2" }, "level2" },
  ["queue_options.binary"] = { { "--level", "binary=3" }, "level3" },
  ["queue_options.ping"] = { { "--level", "ping=1" }, "level1" },
  ["log_file.file_name"] = { { "--log", "/tmp/x" }, "/tmp/x" },
  ["log_file.raw"] = { { "--log-hex" }, true, { "--log", "/tmp/x" } },
  ["heartbeat"] = { { "--heartbeat", "0" }, false },
  ["heartbeat.interval"] = { { "--heartbeat", "4" }, 4 },
  ["heartbeat.timeout"] = { { "--heartbeat-timeout", "6" }, 6 },
  ["heartbeat.type"] = { { "--heartbeat-always" }, "always" },
  ["watchdog.interval"] = { { "--reconnect", "400" }, 400 },
  ["watchdog.attempts"] = { { "--attempts", "4" }, 4, RECONNECT },
  ["watchdog.factor"] = { { "--factor", "1.5" }, 1.5, RECONNECT },
  ["watchdog.max_interval"] = { { "--max-interval", "9" }, 9, RECONNECT },
  ["watchdog.jitter"] = { { "--jitter" }, true, RECONNECT },
  ["watchdog.held"] = { { "--held", "0" }, 0, RECONNECT },
  ["end_of_frame.bytes"] = { FRAMES, "\r\31", {}, "tcp://127.0.0.1:1" },
  ["end_of_frame.scan"] = { { "--scan", "latest_bytes" }, "latest_bytes", FRAMES, "tls://a:1" },
  ["end_of_frame.strip"] = { { "--strip" }, true, FRAMES, "tls://a:1" },
  ["tls.root_cert_file"] = { { "--ca", "/x" }, "/x" },
  ["tls.crl_file"] = { { "--crl", "/x" }, "/x" },
  ["tls.verify"] = { { "-k" }, false },
  ["tls.verify_depth"] = { { "--verify-depth", "3" }, 3 },
  ["tls.cert_file"] = { { "--cert", "/x" }, "/x" },
  ["tls.key_file"] = { { "--key", "/y" }, "/y", { "--cert", "/x" } },
  ["tls.p12_file"] = { { "--p12", "/x" }, "/x" },
  ["tls.legacy"] = { { "--p12-legacy" }, true, { "--p12", "/x" } },
  ["tls.password"] = { { "--key-password", "abc" }, "abc", { "--cert", "/x" } },
  ["tls.host_name"] = { { "--server-name", "a.example" }, "a.example" },
  ["tls.min_version"] = { { "--tls-min", "1.3" }, "1.3" },
  ["tls.max_version"] = { { "--tls-max", "1.2" }, "1.2" },
  ["tls.cipher_list"] = { { "--ciphers", "HIGH" }, "HIGH" },
  ["tls.curves"] = { { "--curves", "X25519" }, "X25519" },
  ["tls.alpn"] = { { "--alpn", "a", "--alpn", "b" }, { "a", "b" } },
  ["tls.sessions"] = { { "--tls-sessions", "0" }, false },
  ["authentication.user"] = { { "-u", "me:b:c" }, "me" },
  ["authentication.password"] = { { "-u", "me:b:c" }, "b:c" },
  ["authentication.basic"] = { { "-u", "me:b" }, true },
  ["authentication.session"] = { { "--auth", "session" }, true, { "-u", "me:b" } },
  ["authentication.url"] = { { "--auth", "url" }, true, { "-u", "me:b" } },
  ["authentication.token.auth_token"] = { TOKEN, "abc" },
  ["authentication.token.auth_name"] = { { "--token-name", "Key" }, "Key", TOKEN },
  ["proxy"] = { { "-x", "socks5://127.0.0.1:3" }, "socks5://127.0.0.1:3" },
  ["proxy.host"] = { { "--proxy-tls", "verify=false" }, "127.0.0.1", PROXY },
  ["proxy.tls.verify"] = { { "--proxy-tls", "verify=false" }, false, PROXY },
  ["proxy.tls.root_cert_file"] = { { "--proxy-tls", "root_cert_file=/x" }, "/x", PROXY },
  ["proxy.tls.verify_depth"] = { { "--proxy-tls", "verify_depth=2" }, 2, PROXY },
  ["options.clean_disconnect"] = { { "--abrupt" }, false },
}

local deflate = "extensions.permessage_deflate."
cases[deflate .. "server_max_window_bits"] = { { "--deflate-server-bits", "9" }, 9, DEFLATE }
cases[deflate .. "client_max_window_bits"] = { { "--deflate-client-bits", "10" }, 10, DEFLATE }
cases[deflate .. "server_no_context_takeover"] = { { "--deflate-server-takeover" }, false, DEFLATE }
cases[deflate .. "client_no_context_takeover"] = { { "--deflate-client-takeover" }, false, DEFLATE }
cases[deflate .. "mem_level"] = { { "--deflate-memory", "2" }, 2, DEFLATE }
cases[deflate .. "level"] = { { "--deflate-level", "1" }, 1, DEFLATE }
cases["extensions.deflate_frame"] = { { "--deflate-frame" }, {} } -- by its defaults
cases["options.fragmented_messages"] = { { "--frames" }, "all" }

for name in pairs(client_options.schema.limits.fields) do
  cases["limits." .. name] = { { "--limit", name .. "=1030" }, 1030 }
end
cases["limits.high_water"] = { { "--limit", "high_water=1048577" }, 1048577 }
cases["limits.low_water"] = { { "--limit", "low_water=1" }, 1 }
cases["limits.header_count"] = { { "--limit", "header_count=9" }, 9 }

--- The paths of a schema at which there is a value, as "watchdog.interval".
local function leaves(fields, prefix, list)
  for name, field in pairs(fields) do
    if field.fields then
      leaves(field.fields, prefix .. name .. ".", list)
    else
      list[#list + 1] = prefix .. name
    end
  end
  return list
end

local function at(options, path)
  for name in path:gmatch "[^.]+" do
    if type(options) ~= "table" then return nil end
    options = options[name]
  end
  return options
end

describe("the flags of apps/client", function()
  local app = {}

  setup(function()
    local before = package.path
    package.path = "apps/client/?.lua;" .. before
    for _, name in ipairs(NAMES) do
      app[name] = require(name)
    end
    package.path = before
  end)

  teardown(function()
    for _, name in ipairs(NAMES) do
      package.loaded[name] = nil
    end
  end)

  local function made_of(case)
    local words = { case[4] or URL }
    for _, list in ipairs { case[3] or {}, case[1] } do
      for _, word in ipairs(list) do
        words[#words + 1] = word
      end
    end
    return app.settings.of(app.flags.parse(words))
  end

  it("say every option, unless there is a reason", function()
    local list = leaves(client_options.schema, "", {})
    assert.is_true(#list > 90)
    for _, path in ipairs(list) do
      local reason, flag = app.options.without[path], app.options.flag_of(path)
      assert.is_true(
        (reason == nil) ~= (flag == nil),
        path .. " has no flag and no reason, or both"
      )
    end
  end)

  it("are those of --help", function()
    local help = process.run({ process.PERILUNE, "apps/client", "--help" }).output
    for _, path in ipairs(leaves(client_options.schema, "", {})) do
      for flag in (app.options.flag_of(path) or ""):gmatch "%-%-[%l%d-]+" do
        assert.is_truthy(help:find(flag:gsub("%-", "%%-") .. "[ \n]"), flag)
      end
    end
    for line in help:gmatch "[^\n]+" do
      assert.is_true(#line <= 80, line)
    end
  end)

  it("make the options that they say, which client.new takes", function()
    for path, case in pairs(cases) do
      local options = made_of(case)
      assert.same(case[2], at(options, path), path)
      assert(client_options.complete(options), path)
    end
  end)

  it("are all tried here", function()
    for _, path in ipairs(leaves(client_options.schema, "", {})) do
      local untried = not (cases[path] or app.options.without[path])
      assert.is_false(untried and not path:find "^proxy%.tls%.", path)
    end
  end)

  it("leave defaults alone", function()
    local plain = assert(client_options.complete { url = URL, headers = {} })
    local made = assert(client_options.complete(made_of { {} }))
    plain.options, made.options = nil, nil
    assert.same(plain, made)
  end)

  it("explain what client.new says", function()
    for _, case in ipairs {
      { "option 'bound_ip' of client.new takes an IP address", "--bind takes an IP address" },
      {
        "options 'bound_port_min' and 'bound_port_max' of client.new take a range of ports",
        "--bind-ports takes a range of ports",
      },
      {
        "x.lua:12: unknown option 'limits.mesage' of client.new: did you mean 'limits.message'?",
        "unknown --limit mesage: did you mean --limit message?",
      },
      { "option 'servers[2]' of client.new takes a URL", "--server takes a URL" },
    } do
      assert.equal(case[2], app.options.in_flags(case[1]))
    end
  end)
end)
