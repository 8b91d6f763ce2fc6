--- Chat: people in rooms. README.md describes the messages between this and public/app.js.
local json, shared = require "perilune.json", require "perilune.shared"
local server = require("perilune.server").new(require("perilune.args").parse {
  name = "chat",
  summary = "A chat with rooms, for browsers.",
  serves = true,
  { "document-root", type = "path", default = "public", value = "DIR", help = "The page." },
})
local function fits(text, max) return type(text) == "string" and #text <= max and text:find "%S" end
--- Changes the room that somebody is in; without people it is kept for an hour.
local function change(me, f)
  return assert(shared.update("room/" .. me.room, function(room)
    room = room or { name = me.room, people = {}, history = json.array {} }
    f(room)
    room.history[51] = nil
    return room, not next(room.people) and 3600 or nil
  end))
end
function server.OnMessage(conn, bytes)
  local sent, me = json.decode(bytes), conn.data
  if type(sent) ~= "table" then return end
  if me.who and fits(sent.id, 64) and fits(sent.text, 6000) then
    local line = { type = "said", id = sent.id, who = me.who, text = sent.text, time = os.time() }
    change(me, function(room) table.insert(room.history, 1, line) end) -- the newest first
    server:broadcast(json.encode(line), me.room)
  elseif not me.who and fits(sent.room, 96) and fits(sent.name, 96) then
    me.room, me.who = sent.room, { key = tostring(shared.increment "key"), name = sent.name }
    conn:subscribe(me.room) -- before it looks around, so that it misses nothing
    local room = change(me, function(room) room.people[me.who.key] = me.who end)
    conn:write(json.encode { type = "welcome", who = me.who, room = room })
    server:broadcast(json.encode { type = "joined", who = me.who }, me.room)
  end
end
function server.OnDisconnect(conn)
  local me = conn.data
  if not me.who then return end
  change(me, function(room) room.people[me.who.key] = nil end)
  server:broadcast(json.encode { type = "left", who = me.who }, me.room)
end
assert(server:start())
