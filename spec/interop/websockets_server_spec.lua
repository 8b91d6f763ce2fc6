--- Our client and python3-websockets as a server.
local foreign_server = require "spec.support.foreign_server"
local peers = require "spec.support.peers"

local ARGV = { "/usr/bin/python3", "spec/interop/websockets_server.py" }

describe("python3-websockets as a server:", function()
  after_each(peers.clean)

  for _, test in ipairs(foreign_server.tests(ARGV)) do
    it(test[1], test[2])
  end
end)
