--- What happened, in order: handlers that write it down, and a comparison that waits for it.
local assert = require "luassert"
local clock = require "spec.support.clock"

local recorder = {}

--- Handlers that write what they are told into a list.
function recorder.new()
  local seen = {}
  local function note(...) seen[#seen + 1] = table.concat({ ... }, " ") end
  return seen,
    {
      OnStartup = function() note "startup" end,
      OnShutdown = function() note "shutdown" end,
      OnConnect = function() note "connect" end,
      OnMessage = function(_, text) note("message", text) end,
      OnBinary = function(_, bytes) note("binary", bytes) end,
      OnDisconnect = function(_, code, reason) note("disconnect", code, reason) end,
    }
end

--- Waits until the list has this many entries, and compares it.
function recorder.assert_seen(expected, seen)
  clock.try(function() return #seen >= #expected end)
  assert.same(expected, seen)
end

return recorder
