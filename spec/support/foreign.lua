--- Foreign WebSocket clients: each runs once against spec/interop/server.lua and prints a line for
--- each thing it tries, "ok NAME" or "not ok NAME: why".
local process = require "spec.support.process"

local foreign = {}

--- What each of them tries.
foreign.NAMES = {
  "text",
  "binary",
  "fragments sent",
  "fragments received",
  "large",
  "many",
  "client closes",
  "server closes",
  "too big",
  "client pings",
  "server pings",
  "subprotocols",
  "subprotocol refused",
}

--- Runs a client. Returns by name "ok", or why not; for a name that it did not print, all it wrote.
---@param ... string The program and its arguments; the server's URL is added.
function foreign.run(...)
  return foreign.run_through(function(port) return port end, ...)
end

--- The same with something between: `way` is given the server's port, and says which one the client
--- asks.
---@param way fun(port: integer): integer
function foreign.run_through(way, ...)
  local server = process.perilune { "spec/interop/server.lua" }
  local arguments = { ... }
  arguments[#arguments + 1] = ("ws://127.0.0.1:%d/"):format(way(server:wait_port()))
  local run = process.run(arguments)
  server:kill()
  local results = {}
  for line in run.output:gmatch "[^\n]+" do
    local name, why = line:match "^not ok ([^:]+): (.*)$"
    name = name or line:match "^ok (.+)$"
    if name then results[name] = why or "ok" end
  end
  return setmetatable(results, { __index = function() return run.output .. run.errors end })
end

return foreign
