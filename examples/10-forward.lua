-- A reverse proxy for two servers, which are started here, too.
local new = require("perilune.server").new

local function backend(name)
  local server = new { port = 0 }
  function server.OnCommandGet(_, request, response)
    local client = request.headers["x-forwarded-for"]
    response.content_text = ("%s, to %s\n"):format(name, client)
  end
  assert(server:start())
  return "http://127.0.0.1:" .. server.port
end

local backends = require("perilune.upstreams").new {
  servers = { backend "one", backend "two" },
}
local front = new { port = tonumber(arg[1]) or 8080 }

function front.OnBeforeForwardHTTP(conn, request)
  if request.document ~= "/" then return backends:pick(conn, request) end
end

function front.OnCommandGet(_, _, response)
  response.content_text = "Ask for /anything: one of two others answers.\n"
end

assert(front:start())
