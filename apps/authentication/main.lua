--- Authentication: a page with a login, and a room for those who are let in. README.md has more.
local json = require "perilune.json"
local settings = require("perilune.args").parse {
  name = "authentication",
  summary = "A login, and a room for those who are let in.",
  serves = true,
  {
    "users",
    type = "path",
    value = "FILE",
    help = "Lines user=password, or as 'perilune password USER' prints them (user=1234, ada=1815)",
  },
}
local shared = require "perilune.shared"

local LOGGED_OUT = 4001 -- our code of Close

--- The lines of a file, without empty ones and remarks.
local function read_users(path)
  local file, message = io.open(path)
  if not file then
    io.stderr:write("authentication: ", message, "\n")
    os.exit(1)
  end
  local list = {}
  for line in file:lines() do
    if line:find "%S" and line:sub(1, 1) ~= "#" then list[#list + 1] = (line:gsub("\r$", "")) end
  end
  file:close()
  return list
end

local server = require("perilune.server").new {
  host = settings.host,
  port = settings.port,
  tls = settings.tls,
  document_root = "public",
  authentication = {
    auth_users = settings.users and read_users(settings.users) or { "user=1234", "ada=1815" },
    public_paths = {
      "/",
      "/index.html",
      "/login.js",
      "/perilune.css",
      "/style.css",
      "/icon.svg",
      "/sgcWebSockets.js",
    },
    session = { lifetime = 600 },
    realm = "Perilune",
  },
  limits = { message = 4096, failed_logins = 5, failed_login_time = 30 },
}

--- Who is here, by guid, in all workers.
local function change_people(f)
  return assert(shared.update("people", function(people)
    people = people or {}
    f(people)
    return people
  end))
end

local function tell_people(people)
  local names = json.array {}
  for _, name in pairs(people) do
    names[#names + 1] = name
  end
  table.sort(names)
  server:broadcast(json.encode { type = "people", people = names })
end

function server.OnConnect(conn)
  conn:write(json.encode { type = "welcome", user = conn.user })
  tell_people(change_people(function(people) people[conn.guid] = conn.user end))
end

function server.OnDisconnect(conn)
  tell_people(change_people(function(people) people[conn.guid] = nil end))
end

--- Ends the user's sessions and connections, wherever they are.
local function log_out(user)
  server:logout(user)
  for guid, name in pairs(shared.get "people" or {}) do
    if name == user then server:disconnect(guid, LOGGED_OUT) end
  end
end

function server.OnMessage(conn, bytes)
  local sent = json.decode(bytes)
  if type(sent) ~= "table" then return end
  if sent.type == "say" and type(sent.text) == "string" and sent.text:find "%S" then
    server:broadcast(json.encode { type = "said", user = conn.user, text = sent.text })
  elseif sent.type == "logout" then
    log_out(conn.user)
  end
end

--- For Basic: a page that a browser asks a password for.
function server.OnCommandGet(_, request, response)
  if request.document == "/private" then
    response.content_type = "text/plain; charset=utf-8"
    response.content_text = ("You are %s.\n"):format(request.user)
  end
end

assert(server:start())
