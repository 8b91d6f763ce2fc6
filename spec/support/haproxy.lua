--- HAProxy in front of one server, with a file of the test's own.
local peers = require "spec.support.peers"

local haproxy = {}

local CONFIG = [[
global
  nbthread 1
defaults
  mode http
  timeout connect 10s
  timeout client 60s
  timeout server 60s
  timeout tunnel 60s
  option forwardfor
frontend front
  bind 127.0.0.1:@PORT@
  default_backend behind
backend behind
  server one 127.0.0.1:@BEHIND@
]]

--- Starts it; `port` is where it listens.
---@param behind integer The port of an HTTP server.
function haproxy.start(behind)
  return peers.start {
    ports = 1,
    argv = function(folder, port)
      local config = CONFIG:gsub("@([A-Z]+)@", { PORT = port, BEHIND = behind })
      return { "haproxy", "-db", "-f", folder:write("haproxy.cfg", config) }
    end,
  }
end

return haproxy
