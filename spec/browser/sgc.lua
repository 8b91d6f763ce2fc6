--- A server of the sgc protocol: says back what it hears, calls two methods, publishes on request.
local server = require("perilune.server").new { port = tonumber(arg[1]) }
local sgc = require("perilune.sgc").server { server = server }

function sgc.OnMessage(conn, text)
  local channel, rest = text:match "^publish (%S+) (.*)$"
  if channel then
    server:broadcast(rest, channel)
  else
    sgc:write(conn.guid, "you said " .. text)
  end
end

function sgc.OnRPC(_, method, params)
  if method == "add" then return params[1] + params[2] end
  return nil, "there is no " .. method, -32601
end

assert(server:start())
