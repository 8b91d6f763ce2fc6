--- Our client and python3-websockets as a server.
local certificates = require "spec.support.certificates"
local foreign_server = require "spec.support.foreign_server"
local peers = require "spec.support.peers"

local ARGV = { "/usr/bin/python3", "spec/interop/websockets_server.py" }

describe("python3-websockets as a server:", function()
  after_each(peers.clean)

  for _, case in ipairs(foreign_server.CASES) do
    it(case[1], foreign_server.test(case, ARGV))
  end
  for _, case in ipairs(foreign_server.DEFLATE_CASES) do
    it(case[1], foreign_server.test(case, ARGV, { "--deflate" }))
  end

  for _, case in ipairs(foreign_server.TLS_CASES) do
    it(
      case[1],
      peers.telling(function()
        local folder = certificates.folder()
        local cert, key = folder .. "/cert.pem", folder .. "/key.pem"
        case[2](peers.announced { ARGV[1], ARGV[2], "--tls", cert, key }, folder)
      end)
    )
  end
end)
