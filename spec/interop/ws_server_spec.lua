--- Our client and npm ws as a server.
local foreign_server = require "spec.support.foreign_server"
local peers = require "spec.support.peers"

local ARGV = { "node", "spec/interop/ws_server.mjs" }

describe("npm ws as a server:", function()
  after_each(peers.clean)

  for _, test in ipairs(foreign_server.tests(ARGV)) do
    it(test[1], test[2])
  end
end)
