-- covers: lua/lua_sse.c
local core = require "perilune.core.sse"

--- All events of a stream as { type, data } and what read said at last.
local function read_all(reader, bytes)
  local events, from = {}, 1
  while true do
    local next_from, kind, data = reader:read(bytes, from)
    if not kind or not next_from then return events, next_from, kind, data end
    events[#events + 1] = { kind, data }
    from = next_from
  end
end

describe("perilune.core.sse", function()
  it("reads events out of bytes, one after the other", function()
    local reader = core.reader(100, 100, 10)
    local events, next_from = read_all(reader, "event: a\ndata: 1\n\ndata: 2\ndata\n\nda")
    assert.same({ { "a", "1" }, { "message", "2\n" } }, events)
    assert.equal(35, next_from)
    assert.same({ { "message", "\0" } }, (read_all(reader, "ta: \0\n\n")))
    assert.same({}, (read_all(reader, "")))
  end)

  it("knows the last id and the time that the stream asked for", function()
    local reader = core.reader(100, 100, 10, "before")
    assert.same({ "before" }, { reader:id(), reader:retry() })
    read_all(reader, "retry: 2500\nid: 7\n")
    assert.same({ "before", 2.5 }, { reader:id(), reader:retry() })
    read_all(reader, "\n")
    assert.equal("7", reader:id())
  end)

  it("says which limit was reached", function()
    for stream, message in pairs {
      ["data: 123456789012"] = "a line is longer than limits.line",
      ["data: 1234567890\ndata: 123456789\n"] = "an event is longer than limits.event",
      ["id: 1234"] = "an event's id is longer than limits.id",
    } do
      assert.same({ {}, nil, message, "ELIMIT" }, { read_all(core.reader(17, 20, 3), stream) })
    end
  end)

  it("refuses what is no reader, no bytes, no place", function()
    local reader = core.reader(1, 1, 1)
    assert.has_error(function() reader.read({}, "", 1) end)
    assert.has_error(function() reader:read(nil, 1) end)
    assert.has_error(function() reader:read("a", 3) end)
    assert.has_error(function() reader:read("a", 0) end)
    assert.has_error(function() core.reader(0, 1, 1) end)
    assert.has_error(function() core.reader(1, 1, 0 / 0) end)
  end)
end)
