local capture = require "spec.support.capture"
local clock = require "spec.support.clock"
local fixture = require "spec.support.fixture"
local process = require "spec.support.process"
local sse = require "perilune.sse"
local task = require "perilune.task"
local timer = require "perilune.timer"

local clients, holding = {}, 0

after_each(function()
  holding = holding + 1
  for _, client in ipairs(clients) do
    client:stop()
  end
  clients = {}
  fixture.clean()
end)

--- A server whose streams `serve(write, request, number)` writes.
local function streams(serve)
  local count = 0
  local server = fixture.server({ fallback = false }, {
    OnCommandGet = function(_, request, response)
      count = count + 1
      response.content_type = "text/event-stream"
      return serve(function(text) return response:write(text) end, request, count, response)
    end,
  })
  return server, function() return count end
end

--- A client of the server that notes what it is told.
local function client_of(server, options)
  options = options or {}
  options.url = options.url or ("http://127.0.0.1:%d/news"):format(server.port)
  options.retry = options.retry or 0.02
  local client = sse.client(options)
  clients[#clients + 1] = client
  local notes = {}
  function client.OnConnect() notes[#notes + 1] = "connect" end
  function client.OnMessage(_, text, event, id)
    notes[#notes + 1] = ("%s:%s:%s"):format(event, id, text)
  end
  function client.OnDisconnect(_, _, code) notes[#notes + 1] = "disconnect " .. code end
  function client.OnError(_, message, code)
    notes[#notes + 1] = ("error %s %s"):format(code, message)
  end
  return client, notes
end

local function wait_for(notes, count)
  clock.wait_for(function() return #notes >= count end)
  return notes
end

--- Keeps a stream open until the test is over.
local function hold()
  local this = holding
  while this == holding do
    timer.sleep(0.01)
  end
end

describe("perilune.sse", function()
  it("hands out events with their types and ids", function()
    local server = streams(function(write)
      write ": hello\n\ndata: one\n\nevent: price\nid: 7\ndata: 1\r\ndata: 2\r\n\r\n"
      write "data: th"
      timer.sleep(0.02)
      write "ree\n\n"
      hold()
    end)
    local client, notes = client_of(server)
    assert.is_true(client:connect(5))
    assert.is_true(client.connected)
    wait_for(notes, 4)
    assert.same({ "connect", "message::one", "price:7:1\n2", "message:7:three" }, notes)
    assert.equal("7", client.last_event_id)
    client:stop()
    wait_for(notes, 5)
    assert.equal("disconnect ECANCELED", notes[5])
    assert.is_false(client.active)
    assert.is_false(client.connected)
  end)

  it("asks as the standard has it", function()
    local headers
    local server = streams(function(_, request)
      headers = request.headers
      hold()
    end)
    local client = client_of(server, {
      headers = { ["X-Kind"] = "test", Accept = "text/event-stream, */*" },
      authentication = { user = "me", password = "secret" },
      last_event_id = "ä 7",
    })
    assert(client:start())
    clock.wait_for(function() return headers end)
    assert.equal("text/event-stream, */*", headers.accept)
    assert.equal("no-cache", headers["cache-control"])
    assert.equal("ä 7", headers["last-event-id"])
    assert.equal("test", headers["x-kind"])
    assert.equal("Basic bWU6c2VjcmV0", headers.authorization)
  end)

  it("comes back when the stream ends, and says what it has seen", function()
    local seen = {}
    local server = streams(function(write, request, number)
      seen[number] = request.headers["last-event-id"] or "none"
      write(("id: %d\ndata: %d\n\nid: lost\ndata: half"):format(number, number))
      if number == 4 then hold() end
    end)
    local client, notes = client_of(server)
    client:start()
    wait_for(notes, 11)
    assert.same({ "none", "1", "2", "3" }, seen)
    assert.same(
      { "connect", "message:1:1", "disconnect ECLOSED", "connect", "message:2:2" },
      { unpack(notes, 1, 5) }
    )
  end)

  it("keeps the id of the stream before, until there is another", function()
    local seen = {}
    local server = streams(function(write, request, number)
      seen[number] = request.headers["last-event-id"]
      write(number == 1 and "id: 5\ndata: a\n\n" or number == 2 and "data: b\n\n" or "id\n\n")
      if number == 4 then hold() end
    end)
    client_of(server):start()
    clock.wait_for(function() return seen[3] end)
    assert.same({ [2] = "5", [3] = "5" }, seen)
    timer.sleep(0.1)
    assert.is_nil(seen[4])
  end)

  it("waits for as long as the stream has asked for", function()
    local times = {}
    local server = streams(function(write, _, number)
      times[number] = clock.now()
      write(number == 1 and "retry: 300\n" or "retry: 0\n")
      if number == 3 then hold() end
    end)
    local client = client_of(server)
    client:start()
    clock.wait_for(function() return times[3] end)
    assert.is_true(times[2] - times[1] >= 0.28) -- less what the clock of a turn lags behind
    assert.is_true(times[3] - times[2] >= 0.08) -- who asks for nothing gets a little
    assert.equal(0.1, client.retry)
  end)

  it("waits no longer than limits.retry", function()
    local server, count = streams(function(write, _, number)
      write "retry: 86400000\n\n"
      if number == 2 then hold() end
    end)
    local client = client_of(server, { limits = { retry = 0.2 } })
    client:start()
    clock.wait_for(function() return count() == 2 end)
    assert.equal(0.2, client.retry)
  end)

  it("does not send an id that no header can carry", function()
    local seen = {}
    local server = streams(function(write, request, number)
      seen[number] = request.headers["last-event-id"] or "none"
      write(("id: %s\ndata: %d\n\n"):format(({ "a\1b", "a\tb", "\127" })[number], number))
      if number == 4 then hold() end
    end)
    local client, notes = client_of(server)
    client:start()
    clock.wait_for(function() return seen[4] end)
    assert.same({ "none", "none", "a\tb", "none" }, seen)
    assert.equal("message:a\1b:1", notes[2])
  end)

  it("comes back when there was nobody, ever later", function()
    local server = streams(function() hold() end)
    local port = server.port
    server:stop()
    local client, notes = client_of(server, {
      url = ("http://127.0.0.1:%d/"):format(port),
      watchdog = { factor = 2, max_interval = 0.1 },
    })
    local began = clock.now()
    client:start()
    wait_for(notes, 4)
    assert.is_true(clock.now() - began >= 0.12)
    assert.matches("^error ECONNREFUSED ", notes[4])
    assert.is_true(client.active)
    fixture.server({ port = port, fallback = false }, {
      OnCommandGet = function(_, _, response)
        response.content_type = "text/event-stream"
        response:write "data: back\n\n"
        hold()
      end,
    })
    clock.wait_for(function() return notes[#notes] == "message::back" end)
  end)

  it("waits no longer than max_interval, and with jitter a random part of it", function()
    for _, watchdog in ipairs {
      { factor = 10, max_interval = 0.1 }, -- the fourth time it would be 20 s
      { factor = 1, jitter = true },
    } do
      local retry = watchdog.jitter and 0.2 or 0.02
      local client = client_of(nil, {
        url = "http://127.0.0.1:1/",
        retry = retry,
        watchdog = watchdog,
      })
      local times, least = {}, math.huge
      function client.OnError()
        times[#times + 1] = clock.now()
        if times[2] then least = math.min(least, times[#times] - times[#times - 1]) end
      end
      client:start()
      if watchdog.jitter then
        clock.wait_for(function() return least < 0.15 end) -- each time it is by three to one
      else
        clock.wait_for(function() return #times == 5 end)
        assert.is_true(times[5] - times[4] >= 0.09)
        assert.is_true(times[5] - times[4] < 10)
      end
      client:stop()
    end
  end)

  it("gives up after so many attempts", function()
    local url = "http://127.0.0.1:1/"
    local client, notes = client_of(nil, { url = url, watchdog = { attempts = 2 } })
    local lines = capture(function()
      local ok, _, code = client:connect(5)
      assert.same({ nil, "ECONNREFUSED" }, { ok, code })
    end)
    assert.equal(3, #notes)
    assert.is_false(client.active)
    assert.equal("", lines)
    local once, seen = client_of(nil, { url = url, watchdog = false })
    assert.is_nil((once:connect(5)))
    assert.equal(1, #seen)
    assert.is_false(once.active)
  end)

  describe("gives up at once", function()
    local function refused(answer, options)
      local server = fixture.server(
        { fallback = false },
        { OnCommandGet = function(_, _, response) answer(response) end }
      )
      local client, notes = client_of(server, options)
      local ok, message, code = client:connect(5)
      assert.is_nil(ok)
      clock.wait_for(function() return not client.active end)
      assert.same({ ("error %s %s"):format(code, message) }, notes)
      return message, code, client.status
    end

    it("with 204", function()
      local message, code, status = refused(function(response) response.response_no = 204 end)
      assert.same(
        { "the server has no more events (204)", "ECLOSED", 204 },
        { message, code, status }
      )
    end)

    it("with other statuses", function()
      for status, code in pairs {
        [404] = "EPROTO",
        [500] = "EPROTO",
        [401] = "EACCES",
        [201] = "EPROTO",
      } do
        local message, got = refused(function(response)
          response.response_no = status
          response.content_type = "text/event-stream"
        end)
        assert.matches(("^the server answered %d "):format(status), message)
        assert.equal(code, got)
      end
    end)

    it("with another type", function()
      for _, kind in ipairs {
        "text/html",
        "text/event-stream2",
        "application/x; a=text/event-stream",
        "text/event-stream x",
        "text/event-stream, text/html",
      } do
        local message, code = refused(function(response)
          response.content_type = kind
          response.content_text = "data: 1\n\n"
        end)
        assert.equal(
          ("the server answered with '%s', not with text/event-stream"):format(kind),
          message
        )
        assert.equal("EPROTO", code)
      end
    end)

    it("when a request cannot be sent", function()
      local server = streams(hold)
      local client, notes = client_of(server, { guard = true })
      assert.equal("EACCES", select(3, client:connect(5)))
      assert.equal(1, #notes)
    end)
  end)

  it("takes the type in any case, with parameters", function()
    local server = fixture.server({ fallback = false }, {
      OnCommandGet = function(_, _, response)
        response.content_type = "Text/Event-Stream ; charset=UTF-8"
        response:write "data: 1\n\n"
        hold()
      end,
    })
    local client, notes = client_of(server)
    assert(client:connect(5))
    wait_for(notes, 2)
    assert.equal("message::1", notes[2])
  end)

  it("tries again after statuses that it was told to", function()
    local server = streams(function(write, _, number, response)
      if number < 3 then
        response.response_no, response.content_type = 503, "text/plain"
        return
      end
      write "data: 1\n\n"
      hold()
    end)
    local client, notes = client_of(server, { watchdog = { statuses = { 502, 503 } } })
    assert(client:connect(5))
    wait_for(notes, 4)
    assert.matches("^error EPROTO the server answered 503 ", notes[2])
    assert.equal("message::1", notes[4])
  end)

  it("follows redirects, and posts what it was told to", function()
    local seen
    local server = fixture.server { fallback = false }
    function server.OnCommandGet(_, request, response)
      if request.document == "/old" then return response:redirect("/new", 307) end
      seen = { request.command, request.document, request.body }
      response.content_type = "text/event-stream"
      response:write "data: 1\n\n"
      hold()
    end
    server.OnCommandOther = server.OnCommandGet
    local client, notes = client_of(server, {
      url = ("http://127.0.0.1:%d/old"):format(server.port),
      method = "POST",
      body = '{"stream":true}',
    })
    assert(client:connect(5))
    wait_for(notes, 2)
    assert.same({ "POST", "/new", '{"stream":true}' }, seen)
  end)

  it("takes a stream for dead that is silent", function()
    local server, count = streams(function(write)
      write ":\n"
      hold()
    end)
    local client, notes = client_of(server, { idle_timeout = 0.1 })
    client:start()
    wait_for(notes, 4)
    assert.same({ "connect", "disconnect ETIMEDOUT", "connect", "disconnect ETIMEDOUT" }, notes)
    assert.is_true(count() >= 2)
  end)

  it("bounds what a stream can make it keep", function()
    for stream, message in pairs {
      [("data: %s\n"):format(("x"):rep(50))] = "a line is longer than limits.line",
      [("data: 1234567890\n"):rep(10)] = "an event is longer than limits.event",
      ["id: 12345\n"] = "an event's id is longer than limits.id",
    } do
      local server = streams(function(write)
        write(stream)
        hold()
      end)
      local client, notes = client_of(server, { limits = { line = 40, event = 64, id = 4 } })
      client:start()
      wait_for(notes, 3)
      assert.same({ "connect", "disconnect ELIMIT", "error ELIMIT " .. message }, notes)
      assert.is_false(client.active)
    end
  end)

  it("reads no further while a handler waits", function()
    local written = 0
    local server = streams(function(write)
      for i = 1, 400 do
        if not write("data: " .. ("x"):rep(65536) .. "\n\n") then return end
        written = i
      end
      hold()
    end)
    local client = client_of(server)
    local got, go = 0, task.queue()
    function client.OnMessage()
      got = got + 1
      if got == 1 then go:pop() end
    end
    client:start()
    clock.wait_for(function() return got == 1 end)
    timer.sleep(0.3)
    assert.is_true(written < 300, written)
    go:push(true)
    clock.wait_for(function() return got == 400 end)
  end)

  it("can be stopped and started within its handlers, and at any time", function()
    local server, count = streams(function(write)
      write "data: 1\n\ndata: 2\n\n"
      hold()
    end)
    local client, notes = client_of(server)
    local message = client.OnMessage
    function client.OnMessage(...)
      message(...)
      if count() == 1 then
        client:stop()
        assert.is_false(client.active)
        client:start()
        assert.is_true(client.active)
      end
    end
    client:start()
    wait_for(notes, 6)
    assert.same({
      "connect",
      "message::1",
      "disconnect ECANCELED",
      "connect",
      "message::1",
      "message::2",
    }, notes)
    client:stop()
    client:stop()
    client:start()
    client:stop()
    clock.wait_for(function() return not client.active and server:count() == 0 end)
    assert(client:connect(5))
    client:stop()
    assert.same({ nil, "the client was stopped", "ECANCELED" }, {
      (function()
        local waiting = task.start(function() return client:connect(5) end)
        task.start(function() client:stop() end)
        return waiting:wait()
      end)(),
    })
  end)

  it("tells of handlers that throw, and goes on", function()
    local server = streams(function(write)
      write "data: 1\n\ndata: 2\n\n"
      hold()
    end)
    local client, notes = client_of(server)
    function client.OnMessage(_, text) error("oops " .. text) end
    function client.OnException(_, message) notes[#notes + 1] = message end
    client:start()
    wait_for(notes, 3)
    assert.matches("oops 1\nstack traceback", notes[2])
    assert.matches("oops 2\nstack traceback", notes[3])
    client.OnException = nil
    local lines = capture(function()
      client:stop()
      client:connect(5)
      timer.sleep(0.05)
    end)
    assert.matches("oops 1", lines)
  end)

  it("does not wait for itself", function()
    local server = streams(function(write) write "data: 1\n\n" end)
    local client, notes = client_of(server)
    function client.OnDisconnect() notes[#notes + 1] = select(2, pcall(client.connect, client)) end
    client:start()
    wait_for(notes, 3)
    assert.matches("client:connect cannot wait within a handler of its own client", notes[3])
  end)

  it("gives up a connect that takes too long", function()
    local server = fixture.server({ fallback = false }, { OnCommandGet = hold })
    local client = client_of(server, { watchdog = false })
    assert.same({ nil, "timed out", "ETIMEDOUT" }, { client:connect(0.05) })
    clock.wait_for(function() return not client.active end)
  end)

  it("asks again for a token that there was not", function()
    local seen, count
    local server = streams(function(write, request)
      seen = request.headers.authorization
      write "data: 1\n\n"
      hold()
    end)
    count = 0
    local client, notes = client_of(server, {
      authentication = {
        token = {
          auth_token = function()
            count = count + 1
            if count < 3 then return nil, "no token yet" end
            return "abc"
          end,
        },
      },
    })
    assert(client:connect(5))
    assert.equal("Bearer abc", seen)
    assert.matches("^error %u+ no token yet", notes[2])
  end)

  it("keeps an id that was assigned until the stream says another", function()
    local go = task.queue()
    local server = streams(function(write)
      write "id: 1\ndata: a\n\ndata: b\n\n"
      go:pop()
      write "id: 3\ndata: c\n\n"
      hold()
    end)
    local client, notes = client_of(server)
    local message = client.OnMessage
    function client.OnMessage(...)
      message(...)
      if #notes == 2 then client.last_event_id = "2" end
    end
    client:start()
    wait_for(notes, 3)
    assert.same({ "message:1:a", "message:1:b", "2" }, { notes[2], notes[3], client.last_event_id })
    go:push(true)
    wait_for(notes, 4)
    assert.same({ "message:3:c", "3" }, { notes[4], client.last_event_id })
  end)

  it("asks elsewhere when it is told to", function()
    local server = streams(
      function(write, request)
        write(
          ("data: %s %s\n\n"):format(request.document, request.headers["last-event-id"] or "none")
        )
      end
    )
    local client, notes = client_of(server)
    function client.OnDisconnect()
      client.url = ("http://127.0.0.1:%d/other"):format(server.port)
      client.last_event_id = "9"
    end
    client:start()
    wait_for(notes, 4)
    assert.same(
      { "connect", "message::/news none", "connect", "message:9:/other 9" },
      { unpack(notes, 1, 4) }
    )
  end)

  it("ends with the program", function()
    local server, count = streams(function(write)
      write "data: 1\n\n"
      hold()
    end)
    local path = fixture.script(([[
      local client = require("perilune.sse").client { url = "http://127.0.0.1:%d/" }
      function client.OnMessage(_, text) print(text) io.stdout:flush() end
      client:start { worker = 1 }
    ]]):format(server.port))
    local run = process.perilune { "--workers", "2", path }
    run:wait_output "1\n"
    run:signal "TERM"
    assert.equal(0, run:wait())
    assert.equal(1, count())
    run = process.perilune { path }
    run:wait_output "1\n"
    run:signal "TERM"
    assert.equal(0, run:wait())
  end)

  it("refuses wrong use by name", function()
    local url = "http://127.0.0.1/"
    for message, options in pairs {
      ["option 'url' of sse.client is missing; it takes a string from 1 to 8192 bytes"] = {},
      ["unknown option 'rety' of sse.client: did you mean 'retry'?"] = { url = url, rety = 1 },
      ["option 'url' of sse.client takes a URL: its scheme is neither http nor https"] = {
        url = "ws://a/",
      },
      ['option \'method\' of sse.client takes "GET", not "get"'] = { url = url, method = "get" },
      ["option 'guard' of sse.client takes a boolean, got 1 (a number)"] = { url = url, guard = 1 },
    } do
      assert.has_error(function() sse.client(options) end, message)
    end
    for _, options in ipairs {
      { url = url, tls = { verfy = true } },
      { url = url, headers = { ["a b"] = "c" } },
      { url = url, authentication = { usr = "a" } },
      { url = url, proxy = "ftp://a" },
      { url = url, method = "G ET" },
      { url = url, method = "CONNECT" },
    } do
      local ok, message = pcall(sse.client, options)
      assert.is_false(ok)
      assert.matches("of sse%.client", message)
    end
    local client = sse.client { url = url }
    assert.has_error(function() client.OnMesage = print end)
    assert.has_error(function() client.url = "x" end)
    assert.has_error(function() client.url = 7 end)
    assert.has_error(function() client.start() end)
    assert.has_error(function() client:start { wrker = 1 } end)
    assert.equal(url, client.url)
    assert.same(
      { false, false, "", 3 },
      { client.active, client.connected, client.last_event_id, client.retry }
    )
  end)
end)
