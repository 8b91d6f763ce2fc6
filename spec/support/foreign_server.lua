--- What our WebSocket client does with servers that are not ours: spec/interop/ws_server.mjs and
--- websockets_server.py. They echo, and obey: "!close 4001 why", "!terminate", "!ping payload",
--- "!fragments text" (a letter a frame, with a ping between), "!big bytes", "!many count",
--- "!protocol", "!extensions".
local assert = require "luassert"
local certificates = require "spec.support.certificates"
local client = require "perilune.client"
local clock = require "spec.support.clock"
local peers = require "spec.support.peers"

local MIB = 1024 * 1024

local foreign_server = {}

--- A client that keeps what it hears.
---@param options table
---@return perilune.Client made
---@return table seen { texts, binaries, closed = { code, reason }, errors }
function foreign_server.client(options)
  local made = client.new(options)
  local seen = { texts = {}, binaries = {}, errors = {}, connects = 0 }
  function made.OnConnect() seen.connects = seen.connects + 1 end
  function made.OnMessage(_, text) table.insert(seen.texts, text) end
  function made.OnBinary(_, bytes) table.insert(seen.binaries, bytes) end
  function made.OnError(_, message, code) table.insert(seen.errors, { message, code }) end
  function made.OnDisconnect(_, code, reason) seen.closed = { code, reason } end
  return made, seen
end

--- Connects to a peer.
function foreign_server.connect(peer, options)
  options = options or {}
  options.url = options.url
    or ("%s://127.0.0.1:%d/"):format(options.tls and "wss" or "ws", peer.port)
  local made, seen = foreign_server.client(options)
  assert(made:connect())
  return made, seen
end

local connect = foreign_server.connect

local function is_close(event) return event.event == "close" end

--- The client's text is answered.
local function assert_echo(made, text) assert.equal(text, assert(made:write_and_wait(text))) end

--- { name, function(peer) } for servers without extensions.
local CASES = {
  {
    "text",
    function(peer)
      local made = connect(peer)
      for _, text in ipairs { "hello", "", "Grüße, 世界 🌒" } do
        assert_echo(made, text)
      end
      assert(made:disconnect())
      assert.equal(1000, peer:wait_event(is_close).code)
    end,
  },
  {
    "binary",
    function(peer)
      local made, seen = connect(peer)
      local bytes = {}
      for i = 0, 255 do
        bytes[#bytes + 1] = string.char(i)
      end
      bytes = table.concat(bytes)
      assert(made:write_binary(bytes))
      assert(made:write_binary "")
      clock.wait_for(function() return #seen.binaries == 2 end)
      assert.same({ bytes, "" }, seen.binaries)
      assert(made:disconnect())
    end,
  },
  {
    "fragments sent",
    function(peer)
      local made, seen = connect(peer)
      assert(made:write("Grüße, 世界", 1))
      assert(made:write_binary(("x"):rep(1000), 7))
      clock.wait_for(function() return #seen.texts == 1 and #seen.binaries == 1 end)
      assert.equal("Grüße, 世界", seen.texts[1])
      assert.equal(("x"):rep(1000), seen.binaries[1])
      assert(made:disconnect())
    end,
  },
  {
    "fragments received",
    function(peer)
      local made = connect(peer)
      assert.equal("Grüße, 世界", assert(made:write_and_wait "!fragments Grüße, 世界"))
      assert(made:disconnect())
    end,
  },
  {
    "big messages",
    function(peer)
      local made, seen = connect(peer, { limits = { message = 20 * MIB, send_queue = 64 * MIB } })
      for _, size in ipairs { 125, 126, 65535, 65536, MIB } do
        assert_echo(made, ("x"):rep(size))
      end
      local large = ("0123456789abcdef"):rep(MIB)
      assert(made:write_binary(large))
      clock.wait_for(function() return seen.binaries[1] end)
      assert.is_true(large == seen.binaries[1])
      assert(made:disconnect())
    end,
  },
  {
    "a message over the limit",
    function(peer)
      local made, seen = connect(peer, { limits = { message = 1000 } })
      assert(made:write "!big 1001")
      assert.equal(1009, peer:wait_event(is_close).code)
      clock.wait_for(function() return seen.closed end)
      assert.equal(1009, seen.closed[1])
      assert.equal("ETOOBIG", seen.errors[1][2])
    end,
  },
  {
    "many messages",
    function(peer)
      local made, seen = connect(peer)
      assert(made:write "!many 2000")
      for i = 1, 2000 do
        assert(made:write(tostring(i)))
      end
      clock.wait_for(function() return #seen.texts == 4000 end)
      local sum = 0
      for _, text in ipairs(seen.texts) do
        sum = sum + tonumber(text)
      end
      assert.equal(2 * 2000 * 2001 / 2, sum)
      assert(made:disconnect())
    end,
  },
  {
    "the server's close codes",
    function(peer)
      for _, code in ipairs { 1000, 1001, 1011, 3000, 4999 } do
        local made, seen = connect(peer)
        assert(made:write(("!close %d Schluß"):format(code)))
        clock.wait_for(function() return seen.closed end)
        assert.same({ code, "Schluß" }, seen.closed)
        assert.is_nil(made.conn)
        assert.equal(code, peer:wait_event(is_close).code)
      end
    end,
  },
  {
    "our close codes",
    function(peer)
      for _, code in ipairs { 1000, 1001, 3000, 4999 } do
        local made, seen = connect(peer)
        made.conn:close(code, "Schluß")
        local event = peer:wait_event(is_close)
        assert.same({ code, "Schluß" }, { event.code, event.reason })
        clock.wait_for(function() return seen.closed end)
        assert.equal(code, seen.closed[1])
      end
    end,
  },
  {
    "a server that breaks off",
    function(peer)
      local made, seen = connect(peer)
      assert(made:write "!terminate")
      clock.wait_for(function() return seen.closed end)
      assert.equal(1006, seen.closed[1])
      assert.is_nil(made.conn)
    end,
  },
  {
    "pings, both ways",
    function(peer)
      local made = connect(peer)
      assert(made:ping(5))
      assert.equal("pong are you there", assert(made:write_and_wait "!ping are you there"))
      assert(made:disconnect())
    end,
  },
  {
    "subprotocols",
    function(peer)
      local made = connect(peer, { protocols = { "other", "chat" } })
      assert.equal("chat", made.conn.protocol)
      assert.equal("chat", assert(made:write_and_wait "!protocol"))
      assert(made:disconnect())
      made = connect(peer)
      assert.equal("", made.conn.protocol or "")
      assert.equal("", assert(made:write_and_wait "!protocol"))
      assert(made:disconnect())
    end,
  },
  {
    "headers, origin and authentication",
    function(peer)
      local made = connect(peer, {
        url = ("ws://127.0.0.1:%d/a/b?c=d"):format(peer.port),
        headers = { ["X-Own"] = "yes" },
        origin = "https://perilune.example",
        authentication = { user = "alice", password = "secret" },
      })
      local event = peer:wait_event(function(event) return event.event == "request" end)
      assert.equal("/a/b?c=d", event.url)
      assert.equal("yes", event.headers["x-own"])
      assert.equal("https://perilune.example", event.headers.origin)
      assert.equal("Basic YWxpY2U6c2VjcmV0", event.headers.authorization)
      assert.equal("127.0.0.1:" .. peer.port, event.headers.host)
      assert(made:disconnect())
    end,
  },
  {
    "refusals",
    function(peer)
      for _, status in ipairs { "401", "503" } do
        local made =
          foreign_server.client { url = ("ws://127.0.0.1:%d/%s"):format(peer.port, status) }
        local ok, message, code = made:connect()
        assert.is_nil(ok)
        assert.matches(status, message, 1, true)
        assert.is_string(code)
      end
    end,
  },
  {
    "redirects",
    function(peer)
      local to = "/to?" .. ("ws%%3A%%2F%%2Flocalhost%%3A%d%%2Fthere"):format(peer.port)
      local made = connect(peer, {
        url = ("ws://127.0.0.1:%d%s"):format(peer.port, to),
        authentication = { user = "alice", password = "secret" },
      })
      assert_echo(made, "hello")
      local event = peer:wait_event(function(event) return event.url == "/there" end)
      assert.equal("localhost:" .. peer.port, event.headers.host)
      assert.is_nil(event.headers.authorization)
      assert(made:disconnect())
    end,
  },
}

--- { name, function(peer) } for servers with permessage-deflate.
local DEFLATE_CASES = {
  {
    "deflated messages",
    function(peer)
      local deflate = { permessage_deflate = {} }
      local made, seen = connect(peer, { extensions = deflate })
      assert.equal("permessage-deflate", assert(made:write_and_wait "!extensions"):match "^[^;]*")
      for _, text in ipairs { "hello", "", "hello", ("Grüße, "):rep(10000) } do
        assert_echo(made, text)
      end
      assert(made:write_binary(("x"):rep(MIB), 1000))
      clock.wait_for(function() return seen.binaries[1] end)
      assert.is_true(("x"):rep(MIB) == seen.binaries[1])
      assert.equal("hello", assert(made:write_and_wait "!fragments hello"))
      assert(made:disconnect())
    end,
  },
  {
    "deflate without takeover, in small windows",
    function(peer)
      local made = connect(peer, {
        extensions = {
          permessage_deflate = {
            server_no_context_takeover = true,
            client_no_context_takeover = true,
            server_max_window_bits = 9,
            client_max_window_bits = 9,
          },
        },
      })
      local text = {}
      for i = 1, 20000 do
        text[i] = tostring(i)
      end
      text = table.concat(text, " ")
      for _ = 1, 3 do
        assert.is_true(text == assert(made:write_and_wait(text)))
      end
      assert(made:disconnect())
    end,
  },
  {
    "a message that is too large when it is inflated",
    function(peer)
      local made, seen = connect(peer, {
        extensions = { permessage_deflate = {} },
        limits = { message = MIB },
      })
      assert(made:write(("!big %d"):format(20 * MIB)))
      clock.wait_for(function() return seen.closed end)
      assert.equal(1009, seen.closed[1])
      assert.equal(1009, peer:wait_event(is_close).code)
    end,
  },
  {
    "a server that is not asked for it",
    function(peer)
      local made = connect(peer)
      assert.equal("", assert(made:write_and_wait "!extensions"))
      assert(made:disconnect())
    end,
  },
}

--- { name, function(peer, folder) } for servers with TLS and the certificate of the folder.
local TLS_CASES = {
  {
    "messages over TLS",
    function(peer, folder)
      local made, seen = connect(peer, {
        url = ("wss://localhost:%d/"):format(peer.port),
        tls = { root_cert_file = folder .. "/ca.pem" },
      })
      assert_echo(made, "hello")
      assert(made:write_binary(("x"):rep(4 * MIB)))
      clock.wait_for(function() return seen.binaries[1] end)
      assert.equal(4 * MIB, #seen.binaries[1])
      assert(made:disconnect())
      assert.equal(1000, peer:wait_event(is_close).code)
    end,
  },
  {
    "a certificate that nobody knows",
    function(peer)
      local made = foreign_server.client { url = ("wss://localhost:%d/"):format(peer.port) }
      local ok, message = made:connect()
      assert.is_nil(ok)
      assert.matches("certificate", message)
    end,
  },
}

--- A case as a test, with a server of its own. `more()` gives more arguments, and what the case
--- gets beside the server.
local function test(case, argv, more)
  return {
    case[1],
    peers.telling(function()
      local all = { unpack(argv) }
      local arguments, value = more()
      for _, argument in ipairs(arguments) do
        all[#all + 1] = argument
      end
      case[2](peers.announced(all), value)
    end),
  }
end

local function plain() return {} end

local function deflating() return { "--deflate" } end

local function secure()
  local folder = certificates.folder()
  return { "--tls", folder .. "/cert.pem", folder .. "/key.pem" }, folder
end

--- All cases with a server: { name, function } for `it`.
---@param argv string[] How it is started.
function foreign_server.tests(argv)
  local list = {}
  local groups = { { CASES, plain }, { DEFLATE_CASES, deflating }, { TLS_CASES, secure } }
  for _, group in ipairs(groups) do
    for _, case in ipairs(group[1]) do
      list[#list + 1] = test(case, argv, group[2])
    end
  end
  return list
end

return foreign_server
