--- A room for those with a password: `curl -u admin:1234 http://127.0.0.1:8080/`.
-- `perilune password admin` makes a line that may stand here without giving the password away.
local server = require("perilune.server").new {
  port = tonumber(arg[1]) or 8080,
  authentication = {
    auth_users = { "admin=1234" },
    public_paths = { "/status" },
  },
}

--- Those who are not in the list: here anybody with the password of the day.
function server.OnAuthentication(_, user, given)
  local today = os.date "!%A"
  return user ~= "" and given == today
end

function server.OnConnect(conn) server:broadcast(conn.user .. " is here") end

function server.OnMessage(conn, text) server:broadcast(conn.user .. ": " .. text) end

function server.OnCommandGet(_, request, response)
  if request.user then
    response.content_text = ("hello, %s\n"):format(request.user)
  elseif request.document == "/status" then
    response.content_text = ("%d are here\n"):format(server:count())
  end
end

assert(server:start())
