--- What the terminal shows of a room.
local harmless = require "perilune.internal.harmless"
local prompts = require "perilune.prompt"
local terminal = require "perilune.terminal"

local conversation = {}

local REMEMBERED = 200 -- ids of texts that are not shown again

local HELP = [[
/join ROOM   another room
/name NAME   another name
/who         who is there
/quit        the end, as Ctrl-D
All else is said.]]

local Conversation = {}
Conversation.__index = Conversation

--- Further lines of a text are set in.
local function set_in(text) return (harmless((text:gsub("\r?\n", "\n"))):gsub("\n", "\n      ")) end

--- A name, on one line.
local function single(text) return harmless((tostring(text):gsub("[\r\n\t]", " "))) end

--- A name; with a number when somebody else of that name came before.
local function named(self, who)
  local number = 1
  for key, other in pairs(self.me.people) do
    local earlier = (tonumber(key) or 0) < (tonumber(who.key) or 0)
    if other.name == who.name and earlier then number = number + 1 end
  end
  local name = single(who.name)
  return number > 1 and ("%s (%d)"):format(name, number) or name
end

local function show(self, text)
  if not self.prompt:print(text) then os.exit(1) end
end

local function note(self, text) show(self, terminal.style("-- " .. text, "dim")) end

--- Not among what a pipe gets: that are the texts.
local function aside(self, text)
  if self.prompt.interactive then
    note(self, text)
  else
    io.stderr:write("-- ", text, "\n")
  end
end

function Conversation:enter()
  local room = single(self.me.room)
  self.prompt.text = room .. "> "
  aside(self, ("in %s as %s"):format(room, single(self.me.name)))
  self:who()
end

--- Each text once, by its id: they come again with the history.
function Conversation:said(message)
  if self.seen[message.id] then return end
  self.seen[message.id] = true
  table.insert(self.order, message.id)
  if #self.order > REMEMBERED then self.seen[table.remove(self.order, 1)] = nil end
  local time = os.date("%H:%M", message.time)
  local mine = message.who.key == self.me.key
  local name = terminal.style(named(self, message.who), mine and "green" or "cyan")
  show(self, ("%s %s: %s"):format(time, name, set_in(message.text)))
end

function Conversation:came(who) aside(self, named(self, who) .. " came") end

function Conversation:went(who) aside(self, named(self, who) .. " left") end

function Conversation:who()
  local names = {}
  for _, who in pairs(self.me.people) do
    names[#names + 1] = named(self, who)
  end
  table.sort(names)
  aside(self, ("%d here: %s"):format(#names, table.concat(names, ", ")))
end

function Conversation:lost(why) aside(self, "the connection is lost: " .. single(why)) end

function Conversation:trouble(message)
  if message ~= self.last_trouble or self.prompt.interactive then aside(self, single(message)) end
  self.last_trouble = message
end

function Conversation:help() show(self, HELP) end

function conversation.new(me)
  return setmetatable({
    me = me,
    prompt = prompts.new(),
    seen = {},
    order = {},
  }, Conversation)
end

return conversation
