--- Chat: people in rooms. README.md describes the messages between this and public/app.js.
local json = require "perilune.json"
local server = require("perilune.server").new(require("perilune.args").parse {
  name = "chat",
  summary = "A chat with rooms, for browsers.",
  { "host", default = "127.0.0.1", value = "ADDRESS", help = "Address to listen on." },
  { "port", type = "integer", default = 8080, min = 0, max = 65535, help = "Port; 0 picks one." },
  { "tls", type = "path", value = "DIR", help = "Serve https with cert.pem and key.pem in DIR." },
  { "document-root", type = "path", default = "public", value = "DIR", help = "The page." },
})
local rooms = setmetatable({}, { __mode = "v" }) -- by name; a room lives while it is held by
local seats, recent, key = {}, {}, 1 -- a person's seat (by guid) or as one of the last 100 joined
local function fits(text, max) return type(text) == "string" and #text <= max and text:find "%S" end

function server.OnMessage(conn, bytes)
  local sent, me = json.decode(bytes), seats[conn.guid]
  if type(sent) ~= "table" then return end
  if me and fits(sent.id, 64) and fits(sent.text, 6000) then
    local line = { type = "said", id = sent.id, who = me.who, text = sent.text, time = os.time() }
    table.insert(me.room.history, 1, line) -- the newest first
    me.room.history[51] = nil
    server:broadcast(json.encode(line), me.room.name)
  elseif not me and fits(sent.room, 96) and fits(sent.name, 96) then
    local room = rooms[sent.room] or { name = sent.room, people = {}, history = json.array {} }
    me, key = { room = room, who = { key = tostring(key), name = sent.name } }, key + 1
    rooms[room.name], seats[conn.guid], room.people[me.who.key] = room, me, me.who
    table.insert(recent, 1, room)
    recent[101] = nil
    server:broadcast(json.encode { type = "joined", who = me.who }, room.name)
    conn:subscribe(room.name)
    conn:write(json.encode { type = "welcome", who = me.who, room = room })
  end
end
function server.OnDisconnect(conn)
  local me = seats[conn.guid]
  if not me then return end
  seats[conn.guid], me.room.people[me.who.key] = nil, nil
  server:broadcast(json.encode { type = "left", who = me.who }, me.room.name)
end
assert(server:start())
