--- Our SSE client, event streams of node and of npm's better-sse, and hostile ones.
local attack = require "spec.support.attack"
local clock = require "spec.support.clock"
local hostile = require "spec.support.hostile"
local json = require "perilune.json"
local log = require "perilune.log"
local peers = require "spec.support.peers"
local sse = require "perilune.sse"
local timer = require "perilune.timer"

local clients = {}

--- A client that notes what it is told: { "message", text, event, id } and so on.
local function client_of(url, options)
  options = options or {}
  options.url = url
  options.retry = options.retry or 0.05
  local made = sse.client(options)
  clients[#clients + 1] = made
  local notes = {}
  local function note(...) notes[#notes + 1] = { ... } end
  function made.OnConnect() note "connect" end
  function made.OnMessage(_, text, event, id) note("message", text, event, id) end
  function made.OnDisconnect(_, message, code) note("disconnect", message, code) end
  function made.OnError(_, message, code) note("error", message, code) end
  return made, notes
end

--- The notes of one kind.
local function of(notes, kind)
  local list = {}
  for _, note in ipairs(notes) do
    if note[1] == kind then list[#list + 1] = note end
  end
  return list
end

local function wait_for(notes, kind, count)
  return clock.wait_for(function()
    local list = of(notes, kind)
    return #list >= count and list
  end)
end

local function stop_all()
  while #clients > 0 do
    table.remove(clients):stop()
  end
end

describe("event streams of node:", function()
  local peer

  setup(function() peer = peers.announced { "node", "spec/interop/http_server.mjs" } end)
  teardown(peers.clean)
  after_each(stop_all)

  local function url_of(path) return ("http://localhost:%d%s"):format(peer.port, path) end

  for path, event in pairs { ["/events"] = "stream", ["/session"] = "session" } do
    it(
      "comes back to " .. path .. " and goes on behind the last id",
      peers.telling(function()
        local made, notes = client_of(url_of(path))
        made:start()
        local messages = wait_for(notes, "message", 9)
        for i = 1, 9 do
          local _, text, name, id = unpack(messages[i])
          assert.equal(tostring(i), id)
          assert.equal("tick", name)
          local value = json.decode(text)
          assert.equal(i, value.n)
          assert.matches("^Grüße", value.text)
        end
        assert.near(0.12, made.retry, 1e-6)
        for _, last in ipairs { 0, 3, 6 } do
          peer:wait_event(function(seen) return seen.event == event and seen.last == last end)
        end
      end)
    )
  end

  it(
    "ends with 204",
    peers.telling(function()
      local made, notes = client_of(url_of "/events%20until%20204")
      made:start()
      local errors = wait_for(notes, "error", 1)
      assert.equal("ECLOSED", errors[1][3])
      assert.same({ { "message", "only", "message", "last" } }, of(notes, "message"))
      assert.is_false(made.active)
      assert.equal("last", made.last_event_id)
    end)
  )

  it(
    "is refused where there is no stream",
    peers.telling(function()
      local made, notes = client_of(url_of "/none")
      made:start()
      assert.equal("EPROTO", wait_for(notes, "error", 1)[1][3])
      assert.is_false(made.active)
    end)
  )
end)

describe("hostile event streams:", function()
  local peer

  setup(function()
    log.set_level "error"
    peer = hostile.start(nil, "over_sse")
  end)
  teardown(function()
    peers.clean()
    log.set_level "info"
  end)
  after_each(stop_all)

  local function url_of(name) return ("http://127.0.0.1:%d/"):format(peer.ports[name]) end

  --- Those after which it does not come back.
  local LAST = {
    ["204"] = "ECLOSED",
    html = "EPROTO",
    ["no type"] = "EPROTO",
    ["500"] = "EPROTO",
    ["endless line"] = "ELIMIT",
    ["endless name"] = "ELIMIT",
    ["endless data"] = "ELIMIT",
    ["endless id"] = "ELIMIT",
    ["endless comment"] = "ELIMIT",
  }

  it(
    "what is no stream, or has no end, is given up",
    peers.telling(function()
      hostile.assert_no_descriptors(function()
        local results = hostile.run(LAST, function(name)
          local made, notes = client_of(url_of(name))
          made:start()
          local found = clock.try(function() return of(notes, "error")[1] end, hostile.DEADLINE)
          if not found then return true end
          if made.active then return nil, "it goes on", "EGOESON" end
          return nil, found[2], found[3]
        end)
        hostile.assert_refused(LAST, results)
      end)
    end)
  )

  it(
    "an attempt that goes in a circle has failed",
    peers.telling(function()
      local made, notes = client_of(url_of "endless redirects")
      made:start()
      assert.equal("ELOOP", wait_for(notes, "error", 1)[1][3])
      assert.is_true(made.active)
    end)
  )

  it(
    "a line or an event over the limit holds no more than that",
    peers.telling(function()
      local before = attack.memory()
      local made, notes = client_of(url_of "endless data", { limits = { event = 65536 } })
      made:start()
      assert.equal("ELIMIT", wait_for(notes, "error", 1)[1][3])
      assert.is_true(attack.memory() - before < 4 * 1024 * 1024)
    end)
  )

  it(
    "servers that end at once are not asked without a pause",
    peers.telling(function()
      for _, name in ipairs { "ends at once", "retry of zero" } do
        local made, notes = client_of(url_of(name), { retry = 0.1 })
        made:start()
        timer.sleep(1)
        made:stop()
        local count = #of(notes, "connect")
        assert.is_true(count >= 2 and count <= 11, ("%s: %d connections"):format(name, count))
      end
      local made, notes = client_of(url_of "retry of a year")
      made:start()
      wait_for(notes, "disconnect", 1)
      assert.is_true(made.retry <= 86400)
    end)
  )

  it(
    "silence is found out, where that is asked for",
    peers.telling(function()
      local made, notes = client_of(url_of "silence", { idle_timeout = hostile.SILENCE })
      made:start()
      assert.equal("ETIMEDOUT", wait_for(notes, "disconnect", 1)[1][3])
      wait_for(notes, "connect", 2)
      made:stop()
    end)
  )

  it(
    "an event that was cut is none",
    peers.telling(function()
      local made, notes = client_of(url_of "cut in an event")
      made:start()
      wait_for(notes, "disconnect", 1)
      made:stop()
      assert.same({ { "message", "whole", "message", "" } }, of(notes, "message"))
    end)
  )

  it(
    "what is in order, or may be passed over",
    peers.telling(function()
      for name, expected in pairs {
        ["byte by byte"] = {
          { "message", "one\ntwo", "e", "7" },
          { "message", "x", "message", "7" },
        },
        bom = { { "message", "x", "message", "" } },
        comments = { { "message", "x", "message", "" } },
        ["retry of words"] = { { "message", "x", "message", "" } },
        ["retry over 2^64"] = { { "message", "x", "message", "" } },
        ["id with NUL"] = { { "message", "x", "message", "" } },
        ["bad UTF-8"] = { { "message", "a\239\191\189\239\191\189", "message", "" } },
        ["other charset"] = { { "message", "x", "message", "" } },
      } do
        local made, notes = client_of(url_of(name))
        made:start()
        local messages = wait_for(notes, "message", #expected)
        made:stop()
        assert.same(expected, messages, name)
      end
    end)
  )
end)
