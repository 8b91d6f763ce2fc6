--- The chat from a terminal: `perilune apps/chat/client.lua`. README.md describes the messages.
local clients = require "perilune.client"
local conversation = require "conversation"
local json = require "perilune.json"
local outbox = require "outbox"
local user = os.getenv "USER" or ""
local settings = require("perilune.args").parse {
  name = "chat client",
  summary = "Talks in a room of the chat, from a terminal or a pipe.",
  { "url", positional = true, default = "ws://127.0.0.1:8080/", help = "Of the chat" },
  { "room", short = "r", default = "lobby", min = 1, max = 96, value = "NAME", help = "To enter" },
  {
    "name",
    short = "n",
    default = user ~= "" and #user <= 96 and user or "somebody",
    min = 1,
    max = 96,
    help = "Yours",
  },
  { "ca", type = "path", value = "FILE", help = "Authorities in place of the system's." },
  { "insecure", short = "k", type = "boolean", help = "Take any certificate of anybody." },
  { "proxy", short = "x", value = "URL", help = "http, https, socks4, socks4a or socks5." },
  {
    "timeout",
    type = "number",
    default = 30,
    min = 0.1,
    max = 86400,
    value = "SECONDS",
    help = "Of a pipe: for what it has said to arrive, once it has ended",
  },
}
local task = require "perilune.task"
local timer = require "perilune.timer"

local ECHO = 10 -- seconds in which what is sent has to come back, and we have to be let in
local LATEST = 2 ^ 36 -- a time that a text may have: a clock can show it
local LONGEST = 6000 -- bytes of a text, as the server takes it

local me = { room = settings.room, name = settings.name, people = {}, inside = false }
local mail = outbox.new()
local talk = conversation.new(me)

local function tls()
  if settings.insecure then return { verify = false } end
  return settings.ca and { root_cert_file = settings.ca } or nil
end

local function refuse(message)
  io.stderr:write("chat client: ", message, " (try --help)\n")
  os.exit(2)
end

local scheme = settings.url:match "^(wss?)://"
if not scheme then refuse "URL begins with ws:// or wss://" end
if scheme == "ws" and (settings.ca or settings.insecure) then
  refuse "--ca and --insecure need wss://"
elseif settings.ca and settings.insecure then
  refuse "--ca and --insecure exclude each other"
end

local made, client = pcall(clients.new, {
  url = settings.url,
  tls = tls(),
  proxy = settings.proxy,
  watchdog = { interval = 0.5, factor = 2, max_interval = 30, jitter = true },
  options = { raise_disconnect_exceptions = false },
})
if not made then
  local said = tostring(client):gsub("^.-:%d+: ", ""):gsub(" of client%.new", "")
  refuse((said:gsub("option 'url'", "URL"):gsub("option '(%w+)'", "--%1")))
end

local function say(conn, message) conn:write(json.encode(message)) end

--- Who has not let us in, or not answered, after a while is taken for dead.
local function watch(conn, over)
  timer.after(ECHO, function()
    if client.conn == conn and not over() then conn:disconnect() end
  end)
end

local function send(conn, message)
  say(conn, { id = message.id, text = message.text })
  watch(conn, function() return not mail:has(message.id) end)
end

-- What comes from the server.

local events = {}

local function is_person(who)
  return type(who) == "table" and type(who.key) == "string" and type(who.name) == "string"
end

local function is_text(said)
  return type(said) == "table"
    and is_person(said.who)
    and type(said.id) == "string"
    and type(said.text) == "string"
    and type(said.time) == "number"
    and said.time >= 0
    and said.time < LATEST
end

local function all(list, is)
  if type(list) ~= "table" then return false end
  for _, value in pairs(list) do
    if not is(value) then return false end
  end
  return true
end

local function is_about_somebody(message) return is_person(message.who) end

local valid = {
  said = is_text,
  joined = is_about_somebody,
  left = is_about_somebody,
  welcome = function(message)
    local room = message.room
    return is_person(message.who)
      and type(room) == "table"
      and all(room.people, is_person)
      and all(room.history, is_text)
  end,
}

function events.welcome(conn, message)
  local room = message.room
  me.inside, me.key, me.people = true, message.who.key, room.people
  talk:enter()
  for i = #room.history, 1, -1 do
    mail:remove(room.history[i].id)
    talk:said(room.history[i])
  end
  for _, waiting in ipairs(mail:of(me.room)) do
    send(conn, waiting)
  end
end

function events.joined(_, message)
  local new = not me.people[message.who.key]
  me.people[message.who.key] = message.who
  if new then talk:came(message.who) end
end

function events.left(_, message)
  me.people[message.who.key] = nil
  talk:went(message.who)
end

function events.said(_, message)
  mail:remove(message.id)
  talk:said(message)
end

function client.OnConnect(conn)
  say(conn, { room = me.room, name = me.name })
  watch(conn, function() return me.inside end)
end

function client.OnMessage(conn, text)
  local message = json.decode(text)
  local event = type(message) == "table" and events[message.type]
  if not event then return end
  if not valid[message.type](message) then
    return talk:trouble("the server says what is none of the chat's messages")
  end
  event(conn, message)
end

function client.OnDisconnect(_, code, reason)
  local was_inside = me.inside
  me.inside = false
  if was_inside and not me.moving then talk:lost(reason ~= "" and reason or tostring(code)) end
end

function client.OnError(_, message) talk:trouble(message) end

-- What somebody types.

--- Another room, or under another name: a connection is one person in one room.
local function move(room, name)
  me.moving, me.room, me.name = true, room, name
  client:disconnect()
  me.moving = false
  client:start()
end

local commands = {
  join = function(rest) move(rest, me.name) end,
  name = function(rest) move(me.room, rest) end,
  who = function() talk:who() end,
  quit = function() return true end,
}
local takes_name = { join = true, name = true }

--- True when it is over.
local function command(name, rest)
  if not commands[name] then return talk:help() end
  if takes_name[name] and (#rest < 1 or #rest > 96) then
    return talk:trouble(("/%s takes a name of 1 to 96 bytes"):format(name))
  end
  return commands[name](rest)
end

local function write(text)
  if #text > LONGEST then
    return talk:trouble(("a text has at most %d bytes, this one %d"):format(LONGEST, #text))
  elseif not text:find "%S" then
    return
  elseif not json.encode(text) then
    return talk:trouble "a text has to be UTF-8"
  end
  local message, full = mail:add(me.room, text)
  if not message then return talk:trouble(full) end
  if me.inside then send(client.conn, message) end
end

local function take(line)
  local name, rest = line:match "^/(%a+)%s*(.-)%s*$"
  if talk.prompt.interactive and name then return command(name, rest) end
  write(line)
end

--- Waits until all has arrived; for somebody who types, no longer than it takes to go.
local function settle()
  local deadline = timer.now() + (talk.prompt.interactive and 0 or settings.timeout)
  while mail:count() > 0 and timer.now() < deadline do
    timer.sleep(0.02)
  end
  if mail:count() == 0 then return 0 end
  local count = mail:count()
  talk:trouble(count == 1 and "1 text did not arrive" or count .. " texts did not arrive")
  return 1
end

local started, message = client:start()
if not started then refuse(message) end
task
  .start(function()
    for line in talk.prompt:lines() do
      if take(line) then break end
      while mail:full() do
        timer.sleep(0.05)
      end
    end
  end)
  :wait()
local code = settle()
talk.prompt:close()
me.moving = true
client:disconnect(2)
os.exit(code)
