--- A server with a console: what is typed goes to everybody, "/who" and "/stop" are commands.
local server = require("perilune.server").new { port = tonumber(arg[1]) or 8080 }
local terminal = require "perilune.terminal"

local function say(text, ...) terminal.write(terminal.style(text, ...) .. "\n") end

function server.OnConnect(conn) say("+ " .. conn.ip, "green") end

function server.OnDisconnect(conn) say("- " .. conn.ip, "dim") end

function server.OnMessage(_, text) say(("%q"):format(text)) end

function terminal.OnLine(line)
  if line == "/stop" then
    os.exit(0)
  elseif line == "/who" then
    for _, conn in ipairs(server:connections()) do
      say(("%s %s"):format(conn.guid, conn.ip), "bold")
    end
  else
    server:broadcast(line)
  end
end

assert(server:start())
