-- covers: lua/lua_server_ask.c lua/lua_fields.c
local capture = require "spec.support.capture"
local clock = require "spec.support.clock"
local fixture = require "spec.support.fixture"
local http = require "spec.support.http"
local process = require "spec.support.process"
local timer = require "perilune.timer"
local websocket = require "spec.support.websocket"

--- The answer to a handshake with a server that has this handler.
local function shake(handler, options, handshake)
  local made = fixture.server(options, { OnHandshake = handler })
  local peer = fixture.socket(made)
  peer:send(websocket.compose(handshake))
  return http.read(peer, "HEAD"), made, peer
end

describe("OnHandshake", function()
  after_each(fixture.clean)

  it("gets the answer's headers, and sees the request", function()
    local got, seen
    local response = shake(function(conn, headers)
      got = headers
      seen = {
        url = conn.url,
        protocol = conn.protocol,
        cookie = conn.headers_request.cookie,
        transport = conn.transport,
        response = next(conn.headers_response),
        write = select(3, conn:write "x"),
      }
    end, { protocols = { "chat" }, software = "Mine" }, {
      path = "/room?id=1",
      headers = { "Sec-WebSocket-Protocol: chat", "Cookie: a=b" },
    })
    assert.equal(101, response.status)
    assert.same({
      upgrade = "websocket",
      connection = "Upgrade",
      ["sec-websocket-accept"] = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
      ["sec-websocket-protocol"] = "chat",
      server = "Mine",
    }, got)
    assert.same({
      url = "/room?id=1",
      protocol = "chat",
      cookie = "a=b",
      transport = "http",
      write = seen.write,
    }, seen)
    assert.is_string(seen.write)
  end)

  it("adds headers", function()
    local response, made = shake(
      function()
        return { ["Set-Cookie"] = { "a=1; Path=/", "b=2" }, ["X-Number"] = 17, x_empty = "" }
      end
    )
    assert.equal(101, response.status)
    assert.equal("a=1; Path=/, b=2", response.headers["set-cookie"])
    assert.equal("17", response.headers["x-number"])
    assert.equal("", response.headers["x_empty"])
    assert.equal("websocket", response.headers.upgrade)
    local conn = made:connection(made:connections()[1].guid)
    assert.equal("17", conn.headers_response["x-number"])
  end)

  it("may give back the table that it got, with more in it", function()
    local response = shake(function(_, headers)
      headers["x-more"] = "yes"
      return headers
    end)
    assert.equal("yes", response.headers["x-more"])
    assert.equal("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", response.headers["sec-websocket-accept"])
    local _, count = response.head:lower():gsub("upgrade: ", "")
    assert.equal(1, count)
  end)

  it("refuses with false; the connection stays one of HTTP", function()
    local made, url
    local response, peer
    response, made, peer = shake(function() return false end)
    assert.equal(403, response.status)
    peer:read(tonumber(response.headers["content-length"]))
    made.OnCommandGet = function(conn, _, answer)
      url = conn.url
      answer.content_text = "still here"
    end
    peer:send(http.compose "/after")
    assert.equal("still here", http.read(peer).body)
    assert.equal("", url)
    made.OnHandshake = nil
    peer:send(websocket.compose())
    assert.equal(101, http.read(peer, "HEAD").status)
    assert.equal(0, peer.unread:len())
  end)

  it("sends nothing that is no header, nor what is set for it", function()
    local cases = {
      { ["x-bad"] = "a\r\nx-injected: b" },
      { ["x-bad"] = "a\nb" },
      { ["x-bad"] = "a\0b" },
      { ["x-bad\r\nx"] = "a" },
      { ["x bad"] = "a" },
      { [""] = "a" },
      { ["Sec-WebSocket-Accept"] = "mine" },
      { ["sec-websocket-extensions"] = "permessage-deflate" },
      { ["sec-websocket-protocol"] = "never" },
      { upgrade = "h2c" },
      { Connection = "close" },
      { ["Content-Length"] = "0" },
      { ["transfer-encoding"] = "chunked" },
      { server = "other" },
      { [1] = "x" },
      { ["x-bad"] = true },
      { ["x-bad"] = { "a", {} } },
    }
    for i, headers in ipairs(cases) do
      local response, made
      local log = capture(function()
        response, made = shake(function() return headers end)
      end)
      assert.equal(500, response.status, "case " .. i)
      assert.is_nil(response.headers["x-injected"])
      assert.matches("the handshake cannot be answered: ", log, 1, true)
      assert.equal(0, made:count())
    end
  end)

  it("takes only a table, nil or a boolean, and at most 100 headers", function()
    local many = {}
    for i = 1, 101 do
      many["x-" .. i] = "y"
    end
    local status
    local log = capture(function()
      status = shake(function() return many end).status
    end)
    assert.equal(500, status)
    assert.matches("at most 100", log, 1, true)
    log = capture(function()
      status = shake(function() return "yes" end).status
    end)
    assert.equal(403, status)
    assert.matches("OnHandshake returns", log, 1, true)
  end)

  it("refuses when it throws", function()
    local message
    local made = fixture.server(nil, {
      OnHandshake = function() error "thrown" end,
      OnException = function(conn, text) message = conn.url .. " " .. text end,
    })
    local peer = fixture.socket(made)
    peer:send(websocket.compose { path = "/x" })
    assert.equal(500, http.read(peer).status)
    assert.matches("^/x .*thrown", message)
  end)

  it("may wait; what the client sends meanwhile is not lost", function()
    local seen = {}
    local made = fixture.server(nil, {
      OnHandshake = function()
        timer.sleep(0.05)
        seen[#seen + 1] = "handshake"
        return { ["x-late"] = "1" }
      end,
      OnConnect = function() seen[#seen + 1] = "connect" end,
      OnMessage = function(conn, text)
        seen[#seen + 1] = text
        conn:write(text)
      end,
    })
    local peer = fixture.socket(made)
    peer:send(websocket.compose() .. websocket.frame(websocket.TEXT, "early"))
    timer.sleep(0.01)
    peer:send(websocket.frame(websocket.TEXT, "later"))
    local response = http.read(peer, "HEAD")
    assert.equal("1", response.headers["x-late"])
    assert.equal("\129\5early\129\5later", peer:read(14))
    assert.same({ "handshake", "connect", "early", "later" }, seen)
  end)

  it("has handshake_timeout", function()
    local connected = 0
    local made = fixture.server({ limits = { handshake_timeout = 0.05 } }, {
      OnHandshake = function() timer.sleep(0.2) end,
      OnConnect = function() connected = connected + 1 end,
    })
    local peer = fixture.socket(made)
    local log = capture(function()
      peer:send(websocket.compose())
      assert.equal(503, http.read(peer).status)
    end)
    assert.matches("OnHandshake takes longer than handshake_timeout", log, 1, true)
    timer.sleep(0.25)
    assert.equal(0, connected)
    made.OnHandshake = nil
    peer:send(websocket.compose())
    assert.equal(101, http.read(peer, "HEAD").status)
  end)

  it("is over when the client goes", function()
    for _, how in ipairs { "close", "reset", "shutdown" } do
      local seen = {}
      local made = fixture.server(nil, {
        OnHandshake = function()
          timer.sleep(0.05)
          seen[#seen + 1] = "handshake"
        end,
        OnConnect = function() seen[#seen + 1] = "connect" end,
        OnDisconnect = function(_, code) seen[#seen + 1] = "disconnect " .. code end,
      })
      local peer = fixture.socket(made)
      peer:send(websocket.compose())
      timer.sleep(0.01)
      peer[how](peer)
      timer.sleep(0.1)
      clock.wait_for(function() return made:count() == 0 end)
      assert.equal("handshake", seen[1])
      if #seen > 1 then assert.same({ "handshake", "connect", "disconnect 1006" }, seen) end
    end
  end)

  it("is over when the server stops", function()
    local made = fixture.server(nil, { OnHandshake = function() timer.sleep(0.2) end })
    local peer = fixture.socket(made)
    peer:send(websocket.compose())
    timer.sleep(0.02)
    timer.after(0, function() made:stop() end)
    assert.equal(503, http.read(peer).status)
    peer:close()
    clock.wait_for(function() return not made.active end)
  end)

  it("is over at once when its own handler stops the server", function()
    local stopped, made
    made = fixture.server(nil, {
      OnHandshake = function(_, headers)
        stopped = made:stop()
        return headers
      end,
    })
    local peer = fixture.socket(made)
    peer:send(websocket.compose())
    local from = clock.now()
    assert.equal(503, http.read(peer).status)
    peer:close()
    clock.wait_for(function() return stopped end)
    assert.is_true(clock.now() - from < 2)
  end)

  it("refuses a connection that its handler closes", function()
    for _, name in ipairs { "close", "disconnect" } do
      local events = {}
      local made = fixture.server(nil, {
        OnHandshake = function(conn)
          assert.is_true(conn[name](conn))
          timer.sleep(0.01)
        end,
        OnConnect = function() events[#events + 1] = "connect" end,
        OnDisconnect = function() events[#events + 1] = "disconnect" end,
      })
      local peer = fixture.socket(made)
      peer:send(websocket.compose())
      local answer, why = peer:read_all()
      assert.equal("end", why)
      assert.matches(
        name == "close" and "^HTTP/1.1 403 .*\r\n[Cc]onnection: close\r\n" or "^$",
        answer
      )
      assert.same({}, events)
    end
  end)

  it("may answer in vain long after its deadline", function()
    local done = false
    local made = fixture.server({ protocols = { "chat" }, limits = { handshake_timeout = 0.02 } }, {
      OnHandshake = function(_, headers)
        timer.sleep(0.1)
        done = true
        return headers
      end,
    })
    local peer = fixture.socket(made)
    peer:send(websocket.compose { headers = { "Sec-WebSocket-Protocol: chat" } })
    local log = capture(function() assert.equal(503, http.read(peer).status) end)
    assert.matches("takes longer than handshake_timeout", log, 1, true)
    for _ = 1, 3 do
      peer:send("GET /none HTTP/1.1\r\nHost: x\r\nCookie: " .. ("x"):rep(5000) .. "\r\n\r\n")
      assert.equal(404, http.read(peer).status)
    end
    peer:close()
    clock.wait_for(function() return done end)
  end)

  it("is not asked about what is refused anyway", function()
    local asked = 0
    local made = fixture.server({ protocols = { "chat" } }, {
      OnHandshake = function() asked = asked + 1 end,
    })
    local peer = fixture.socket(made)
    peer:send(websocket.compose { headers = { "Sec-WebSocket-Protocol: other" } })
    assert.equal(400, http.read(peer).status)
    assert.equal(0, asked)
  end)

  it("is understood by a foreign client", function()
    local made = fixture.server(nil, {
      OnHandshake = function()
        timer.sleep(0.05)
        return { ["Set-Cookie"] = { "a=1", "b=2" } }
      end,
      OnMessage = function(conn, text) conn:write(text) end,
    })
    local run = process.run {
      "/usr/bin/python3",
      "-c",
      [[
import asyncio, sys, websockets
async def main():
    async with websockets.connect(sys.argv[1]) as socket:
        await socket.send("hello")
        print(socket.response_headers.get_all("set-cookie"), await socket.recv())
asyncio.run(main())
]],
      ("ws://127.0.0.1:%d/"):format(made.port),
    }
    assert.equal("['a=1', 'b=2'] hello\n", run.output, run.errors)
  end)

  it("goes with compression", function()
    local got
    local response = shake(
      function(_, headers) got = headers["sec-websocket-extensions"] end,
      { extensions = { permessage_deflate = {} } },
      { headers = { "Sec-WebSocket-Extensions: permessage-deflate" } }
    )
    assert.matches("^permessage%-deflate", got)
    assert.equal(got, response.headers["sec-websocket-extensions"])
  end)
end)
