--- Grid: a table of contacts that all browsers edit at once. README.md describes the messages.
local contacts = require "contacts"
local json = require "perilune.json"
local settings = require("perilune.args").parse {
  name = "grid",
  summary = "A table of contacts that all browsers edit at once.",
  serves = true,
}
local timer = require "perilune.timer"

local RATE, BURST = 20, 60 -- messages a second of one connection, and how many at once
local WRONG = 20 -- messages of one connection that make no sense, until it ends

local server = require("perilune.server").new {
  host = settings.host,
  port = settings.port,
  tls = settings.tls,
  document_root = "public",
  extensions = { permessage_deflate = {} },
  limits = { message = 4096, send_queue = 2 * 1024 * 1024 },
}

local function send(conn, message) conn:write(json.encode(message)) end

local function tell_others(conn, event, row)
  server:broadcast(json.encode { type = "push-" .. event, data = row }, { exclude = { conn.guid } })
end

--- Whether a connection has not said too much lately.
local function may_speak(me)
  local now = timer.now()
  me.tokens = math.min(BURST, (me.tokens or BURST) + (now - (me.time or now)) * RATE)
  me.time = now
  if me.tokens < 1 then return false end
  me.tokens = me.tokens - 1
  return true
end

local function fail(conn, id, message, code, row)
  send(conn, { type = "error", id = id, code = code, message = message, data = row })
  if code ~= "EINVAL" then return end
  conn.data.wrong = (conn.data.wrong or 0) + 1
  if conn.data.wrong >= WRONG then conn:close(1008, "too many wrong messages") end
end

local change = {
  create = function(message) return contacts.create(message.data) end,
  update = function(message) return contacts.update(message.data, message.was) end,
  destroy = function(message) return contacts.destroy(message.data) end,
}

local function read(conn, id)
  send(conn, { type = "read", id = id, data = json.array(contacts.list()) })
end

local function is_id(id)
  return id == nil or type(id) == "number" or type(id) == "string" and #id <= 64
end

function server.OnMessage(conn, text)
  local message = json.decode(text)
  if type(message) ~= "table" or not is_id(message.id) then
    return fail(conn, nil, "the message is no object, or its id none", "EINVAL")
  end
  local kind, id = message.type, message.id
  if not may_speak(conn.data) then return fail(conn, id, "too many messages", "ELIMIT") end
  if kind == "read" then return read(conn, id) end
  if not (type(kind) == "string" and change[kind] and type(message.data) == "table") then
    return fail(conn, id, "the message has no type, or no data", "EINVAL")
  end
  local row, why, code, present = change[kind](message)
  if not row then return fail(conn, id, why, code, present) end
  send(conn, { type = kind, id = id, data = row })
  tell_others(conn, kind, row)
end

function server.OnBinary(conn) fail(conn, nil, "messages are texts", "EINVAL") end

contacts.begin()
assert(server:start())
