-- covers: lua/lua_event_fields.c server/events.c server/event_post.c conn/conn_sse.c
local clock = require "spec.support.clock"
local fixture = require "spec.support.fixture"
local http = require "spec.support.http"
local process = require "spec.support.process"
local socket = require "spec.support.socket"
local sse = require "perilune.sse"
local websocket = require "spec.support.websocket"

local peers, clients = {}, {}

after_each(function()
  for _, peer in ipairs(peers) do
    peer:close()
  end
  for _, client in ipairs(clients) do
    client:stop()
  end
  peers, clients = {}, {}
  fixture.clean()
end)

--- Asks for an event stream; the socket, and the head of the answer.
local function open(port, path, headers)
  local peer = socket.connect(port)
  peers[#peers + 1] = peer
  local lines = { "Accept: text/event-stream" }
  for _, line in ipairs(headers or {}) do
    lines[#lines + 1] = line
  end
  peer:send(http.compose(path or "/", { headers = lines }))
  return peer, assert(peer:read_through "\r\n\r\n")
end

--- The next event as it came, without the empty line behind it.
local function event(peer) return (assert(peer:read_through "\n\n"):sub(1, -3)) end

--- A stream as our library opens it, and its token.
local function open_library(port, path)
  local peer = open(port, (path or "/") .. "?sgc_transport=sse")
  assert.equal("retry: 3000", event(peer))
  return peer, assert(event(peer):match "^data: (%x+)$")
end

local function post(port, token, body, headers)
  local peer = socket.connect(port)
  peer:send(http.compose("/sgc/xhr/" .. token, {
    method = "POST",
    body = body,
    headers = headers,
  }))
  local response = assert(http.read(peer, "POST"))
  peer:close()
  return response
end

--- Notes of all events of a server: { "connect", conn }, { "message", text }, …
local function recorder()
  local notes = {}
  local handlers = {}
  for name, note in pairs {
    OnConnect = "connect",
    OnMessage = "message",
    OnBinary = "binary",
    OnDisconnect = "disconnect",
    OnError = "error",
  } do
    handlers[name] = function(conn, ...) notes[#notes + 1] = { note, conn, ... } end
  end
  return handlers, notes
end

describe("a server's event stream", function()
  it("is a connection like another", function()
    local handlers, notes = recorder()
    local server = fixture.server({}, handlers)
    local peer, head = open(server.port, "/news?a=b", { "Last-Event-ID: 7", "X-Kind: test" })
    assert.matches("^HTTP/1.1 200 OK\r\n", head)
    assert.equal("retry: 3000", event(peer))
    clock.wait_for(function() return notes[1] end)
    local conn = notes[1][2]
    assert.equal("sse", conn.transport)
    assert.equal("/news?a=b", conn.url)
    assert.equal("", conn.protocol)
    assert.equal("127.0.0.1", conn.ip)
    assert.equal("7", conn.last_event_id)
    assert.equal("test", conn.headers_request["x-kind"])
    assert.equal("text/event-stream", conn.headers_response["content-type"])
    assert.equal(1, server:count())
    assert.equal(conn, server:connection(conn.guid))
    assert.equal(conn.guid, server:connections()[1].guid)
    assert.equal(0, conn.send_bytes)
    assert.is_true(conn:write "hello\nyou")
    assert.equal("data: hello\ndata: you", event(peer))
    assert.equal(#"data: hello\ndata: you\n\n", conn.send_bytes)
    assert.is_true(conn:flush(5))
    peer:close()
    clock.wait_for(function() return notes[2] end)
    assert.same({ "disconnect", conn, 1000, "" }, notes[2])
    assert.equal(0, server:count())
    assert.same({ nil, "the connection is closed", "ECLOSED" }, { conn:write "x" })
  end)

  it("says nothing of ids to who has none", function()
    local handlers, notes = recorder()
    open(fixture.server({}, handlers).port)
    clock.wait_for(function() return notes[1] end)
    assert.is_nil(notes[1][2].last_event_id)
  end)

  it("carries id, event and retry", function()
    local handlers, notes = recorder()
    local server = fixture.server({}, handlers)
    local peer = open(server.port)
    event(peer)
    clock.wait_for(function() return notes[1] end)
    local conn = notes[1][2]
    assert.is_true(conn:write("a", { id = "7", event = "note", retry = 1.5 }))
    assert.equal("event: note\nid: 7\nretry: 1500\ndata: a", event(peer))
    assert.is_true(server:broadcast("b", { id = "8" }))
    assert.equal("id: 8\ndata: b", event(peer))
    assert.is_true(server:write(conn.guid, "c", { event = "x" }))
    assert.equal("event: x\ndata: c", event(peer))
    assert.is_true(conn:write_binary("\0\255", { id = "9" }))
    assert.equal("event: sgc@binary\nid: 9\ndata: sgc@b64:AP8=", event(peer))
    assert.is_true(server:broadcast_binary("\0\255"))
    assert.equal("event: sgc@binary\ndata: sgc@b64:AP8=", event(peer))
    assert.is_true(conn:write("d", { size = 1 }))
    assert.equal("data: d", event(peer))
  end)

  it("refuses fields that could become others", function()
    local handlers, notes = recorder()
    local server = fixture.server({}, handlers)
    local peer = open(server.port)
    clock.wait_for(function() return notes[1] end)
    local conn = notes[1][2]
    for _, bad in ipairs { "a\nb", "a\r", "a\0", "\255" } do
      for _, name in ipairs { "id", "event" } do
        assert.error_matches(
          function() conn:write("x", { [name] = bad }) end,
          "write: " .. name .. " takes UTF%-8 without CR, LF and NUL"
        )
        assert.error_matches(
          function() server:broadcast("x", { [name] = bad }) end,
          "broadcast: " .. name .. " takes"
        )
      end
    end
    assert.error_matches(function() conn:write("x", { id = 1 }) end, "id takes a string")
    assert.error_matches(function() conn:write("x", { retry = -1 }) end, "retry takes seconds")
    assert.error_matches(function() conn:write("x", { retry = "1" }) end, "retry takes seconds")
    assert.error_matches(function() conn:write("x", { size = 0 }) end, "size takes")
    assert.error_matches(
      function() conn:write("x", { evnt = "a" }) end,
      "write has no option 'evnt'; it takes size, id, event, retry"
    )
    assert.same(
      { nil, "EUTF8" },
      { (conn:write("\255", { id = "1" })), (select(3, conn:write "\255")) }
    )
    conn:write "last"
    event(peer)
    assert.equal("data: last", event(peer))
  end)

  it("is reached with WebSockets by one broadcast", function()
    local server = fixture.server()
    local stream = open(server.port)
    local peer = fixture.connect(server)
    event(stream)
    clock.wait_for(function() return server:count() == 2 end)
    assert.same({ true, 2 }, { server:broadcast("both", { id = "1" }) })
    assert.equal("id: 1\ndata: both", event(stream))
    assert.equal("both", peer:read())
  end)

  it("has its path as a channel, and others", function()
    local server = fixture.server({}, {
      OnConnect = function(conn)
        if conn.url == "/a" then conn:subscribe "more" end
      end,
    })
    local a, b = open(server.port, "/a"), open(server.port, "/b")
    event(a)
    event(b)
    clock.wait_for(function() return server:count() == 2 end)
    server:broadcast("to b", "/b")
    server:broadcast("more", "more")
    server:broadcast "all"
    assert.equal("data: more", event(a))
    assert.equal("data: all", event(a))
    assert.equal("data: to b", event(b))
    assert.equal("data: all", event(b))
  end)

  it("takes texts that are fields as them, if it is told to", function()
    local server = fixture.server { fallback = { server_sent_events = { raw_fields = true } } }
    local peer = open(server.port)
    event(peer)
    server:broadcast "id: 1 \r data: Notification from server"
    assert.equal("id: 1\ndata: Notification from server", event(peer))
    server:broadcast "data: no field\nhere"
    assert.equal("data: data: no field\ndata: here", event(peer))
    server:broadcast("data: x", { event = "message" })
    assert.equal("event: message\ndata: data: x", event(peer))
  end)

  it("is turned off", function()
    for _, option in ipairs { false, { server_sent_events = false } } do
      local server = fixture.server({ fallback = option }, {
        OnCommandGet = function(_, _, response) response.content_text = "mine" end,
      })
      local peer, head = open(server.port)
      assert.matches("content%-length: 4", head:lower())
      assert.equal("mine", peer:read(4))
    end
  end)

  it("says when to come back", function()
    local server = fixture.server { fallback = { server_sent_events = { retry = 0.25 } } }
    local peer = open(server.port)
    assert.equal("retry: 250", event(peer))
  end)

  it("has the headers of every answer", function()
    local server = fixture.server { headers = { ["X-One"] = "1", ["Cache-Control"] = "private" } }
    local _, head = open(server.port)
    assert.matches("\r\nX%-One: 1\r\n", head)
    assert.matches("\r\nCache%-Control: no%-store\r\n", head)
    assert.not_matches("private", head)
  end)

  it("is kept in use by comments", function()
    local server = fixture.server { heartbeat = { interval = 0.1, timeout = 0.1 } }
    local peer = open(server.port)
    event(peer)
    for _ = 1, 3 do
      assert.equal(":", event(peer))
    end
    assert.equal(1, server:count())
  end)

  it("follows another request of its connection, and nothing follows it", function()
    local handlers, notes = recorder()
    function handlers.OnCommandGet(_, _, response) response.content_text = "first" end
    local server = fixture.server({}, handlers)
    local peer = socket.connect(server.port)
    peers[#peers + 1] = peer
    peer:send(
      http.compose "/"
        .. http.compose("/", { headers = { "Accept: text/event-stream" } })
        .. http.compose "/"
    )
    assert.equal("first", assert(http.read(peer, "GET")).body)
    assert.matches("text/event%-stream", assert(peer:read_through "\r\n\r\n"))
    event(peer)
    server:broadcast "second"
    assert.equal("data: second", event(peer))
    peer:send(http.compose "/")
    server:broadcast "third"
    assert.equal("data: third", event(peer))
    assert.equal(1, #notes)
  end)

  it("ends as the script says", function()
    local handlers, notes = recorder()
    local server = fixture.server({}, handlers)
    local plain = open(server.port)
    local library = open_library(server.port)
    event(plain)
    clock.wait_for(function() return #notes == 2 end)
    for _, note in ipairs { notes[1], notes[2] } do
      note[2]:close(4000, "enough")
    end
    assert.equal("", (plain:read_all()))
    assert.equal("event: sgc@close\ndata: 4000 enough\n\n", (library:read_all()))
    plain:close()
    library:close()
    clock.wait_for(function() return #notes == 4 end)
    assert.equal(4000, notes[3][3])
  end)

  it("ends with its server without a word", function()
    local server = fixture.server()
    local library = open_library(server.port)
    server:stop()
    assert.equal("", (library:read_all()))
  end)

  it("is dropped when its client does not read", function()
    local handlers, notes = recorder()
    local server = fixture.server(
      { limits = { send_queue = 100000, high_water = 50000, low_water = 1000 } },
      handlers
    )
    local peer = socket.connect(server.port, { receive_buffer = 4096 })
    peers[#peers + 1] = peer
    peer:send(http.compose("/", { headers = { "Accept: text/event-stream" } }))
    clock.wait_for(function() return notes[1] end)
    local conn, text = notes[1][2], ("x"):rep(20000)
    local buffered
    for _ = 1, 10000 do
      local ok, word, code = conn:write(text)
      buffered = buffered or word == "buffered"
      if not ok then
        assert.equal("ELIMIT", code)
        break
      end
    end
    assert.is_true(buffered)
    clock.wait_for(function() return notes[#notes][1] == "disconnect" end)
    assert.equal(1006, notes[#notes][3])
  end)

  it("is read by our own client, which comes back with the id", function()
    local handlers, notes = recorder()
    function handlers.OnConnect(conn)
      notes[#notes + 1] = { "connect", conn.last_event_id or "none" }
      conn:write("hello", { id = tostring(#notes), event = "greeting", retry = 0.05 })
      if #notes == 1 then conn:close() end
    end
    local server = fixture.server({}, handlers)
    local client = sse.client { url = ("http://127.0.0.1:%d/x"):format(server.port) }
    clients[1] = client
    local got = {}
    function client.OnMessage(_, text, kind, id) got[#got + 1] = { text, kind, id } end
    client:start()
    clock.wait_for(function() return #got == 2 end)
    assert.same({ "hello", "greeting", "1" }, got[1])
    assert.same({ "connect", "none" }, notes[1])
    assert.same({ "connect", "1" }, notes[#notes])
  end)

  it("keeps to the origins that are allowed", function()
    local server =
      fixture.server { security_options = { origins_allowed = { "https://a.example" } } }
    local _, head = open(server.port, "/", { "Origin: https://b.example" })
    assert.matches("^HTTP/1.1 403 ", head)
    _, head = open(server.port, "/", { "Origin: https://a.example" })
    assert.matches("^HTTP/1.1 200 ", head)
    assert.matches("\r\nAccess%-Control%-Allow%-Origin: https://a.example\r\n", head)
    _, head = open(server.port)
    assert.matches("^HTTP/1.1 200 ", head)
    assert.not_matches("Access%-Control", head)
  end)
end)

describe("what its client sends", function()
  it("comes as messages", function()
    local handlers, notes = recorder()
    local server = fixture.server({}, handlers)
    local _, token = open_library(server.port)
    clock.wait_for(function() return notes[1] end)
    assert.equal(204, post(server.port, token, "täxt").status)
    assert.equal(
      204,
      post(server.port, token, "\0\255", { "Content-Type: application/octet-stream" }).status
    )
    assert.same({ "message", "täxt" }, { notes[2][1], notes[2][3] })
    assert.same({ "binary", "\0\255" }, { notes[3][1], notes[3][3] })
    assert.equal(notes[1][2], notes[2][2])
    assert.equal(7, notes[1][2].rec_bytes)
    assert.equal(400, post(server.port, token, "\255").status)
  end)

  it("may be empty", function()
    local handlers, notes = recorder()
    local server = fixture.server({}, handlers)
    local _, token = open_library(server.port)
    assert.equal(204, post(server.port, token, "").status)
    local bytes = { "Content-Type: application/octet-stream" }
    assert.equal(204, post(server.port, token, "", bytes).status)
    clock.wait_for(function() return notes[3] end)
    assert.same({ "message", "" }, { notes[2][1], notes[2][3] })
    assert.same({ "binary", "" }, { notes[3][1], notes[3][3] })
  end)

  it("needs its token, which no guid is", function()
    local handlers, notes = recorder()
    local server = fixture.server({}, handlers)
    local _, token = open_library(server.port)
    clock.wait_for(function() return notes[1] end)
    assert.equal(notes[1][2].guid, token:sub(1, 32))
    for _, wrong in ipairs {
      "",
      notes[1][2].guid,
      notes[1][2].guid:rep(2),
      token .. "0",
      token:reverse(),
    } do
      assert.equal(404, post(server.port, wrong, "x").status)
    end
    assert.equal(1, #notes)
  end)

  it("is refused while the handler is behind", function()
    local timer = require "perilune.timer"
    local release = false
    local got = {}
    local server = fixture.server({ limits = { pending_events = 2 } }, {
      OnMessage = function(_, text)
        while not release do
          timer.sleep(0.01)
        end
        got[#got + 1] = text
      end,
    })
    local _, token = open_library(server.port)
    local sent = 0
    local response
    repeat
      response = post(server.port, token, tostring(sent + 1))
      if response.status == 204 then sent = sent + 1 end
    until response.status ~= 204
    assert.equal(503, response.status)
    assert.equal("1", response.headers["retry-after"])
    assert.is_true(sent >= 2 and sent <= 4)
    release = true
    clock.wait_for(function() return #got == sent end)
    assert.equal(204, post(server.port, token, "more").status)
    clock.wait_for(function() return #got == sent + 1 end)
    for i = 1, sent do
      assert.equal(tostring(i), got[i])
    end
  end)

  it("may be no more than limits.body", function()
    local server = fixture.server { limits = { body = 10 } }
    local _, token = open_library(server.port)
    assert.equal(204, post(server.port, token, ("x"):rep(10)).status)
    assert.equal(413, post(server.port, token, ("x"):rep(11)).status)
  end)
end)

describe("event streams of two workers", function()
  local SERVER = [[
    local worker = require "perilune.worker"
    local server = require("perilune.server").new { port = 0 }
    function server.OnConnect(conn) conn:write("worker " .. worker.id) end
    function server.OnMessage(conn, text)
      server:broadcast(text, { channel = "/room", id = "7", event = "said" })
      conn:write("you said " .. text)
    end
    assert(server:start())
    print("worker " .. worker.id .. " of " .. worker.count)
  ]]

  --- Streams, at least one with each worker: { peer, token, worker }.
  local function open_with_both(port)
    local streams, seen = {}, {}
    for _ = 1, 64 do
      local peer, token = open_library(port, "/room")
      local worker = tonumber(event(peer):match "^data: worker (%d)$")
      seen[worker] = true
      streams[#streams + 1] = { peer = peer, token = token, worker = worker }
      if seen[1] and seen[2] then return streams end
    end
    error "one worker took all connections"
  end

  it("take in what the other's clients send, and broadcast to all", function()
    local path = fixture.script(SERVER)
    local running = process.perilune { "--workers", "2", path }
    local port = running:wait_port()
    running:wait_output "worker 2 of 2"
    local streams = open_with_both(port)
    for i, stream in ipairs(streams) do
      for try = 1, 8 do -- the requests go to either worker
        local text = ("%d.%d"):format(i, try)
        assert.equal(204, post(port, stream.token, text).status)
        for _, other in ipairs(streams) do
          assert.equal("event: said\nid: 7\ndata: " .. text, event(other.peer))
        end
        assert.equal("data: you said " .. text, event(stream.peer))
      end
    end
    local gone = table.remove(streams)
    gone.peer:close()
    clock.wait_for(function() return post(port, gone.token, "x").status == 404 end)
    running:signal "TERM"
    for _, stream in ipairs(streams) do
      assert.equal("", (stream.peer:read_all()))
    end
  end)
end)

describe("a WebSocket", function()
  it("takes no notice of fields", function()
    local server = fixture.server({}, {
      OnConnect = function(conn) conn:write("a", { id = "1", event = "x", retry = 1 }) end,
    })
    local peer = websocket.connect(server.port)
    assert.equal("a", peer:read())
    peer.socket:close()
  end)
end)
