--- The topics that have been heard of, and the last message of each, in bounded memory.
local json = require "perilune.json"
local timer = require "perilune.timer"

local topics = {}

topics.PREVIEW = 2048 -- bytes of a message that pages are shown
local LONGEST_RATE = 10 -- seconds over which a rate is told
local QUIET = 5 -- seconds after which a rate is told anew though nothing has come

local Topics = {}
Topics.__index = Topics

local function hex(bytes)
  return (bytes:gsub(".", function(c) return ("%02x "):format(c:byte()) end))
end

--- The text that bytes are; of what has been cut, without a character that is torn.
local function as_text(bytes, is_cut)
  for torn = 0, is_cut and 3 or 0 do
    local text = bytes:sub(1, #bytes - torn)
    if json.encode(text) and not text:find "[%z\1-\8\14-\31]" then return text end
  end
end

--- What pages are shown of a message: its text, or its first bytes in hexadecimal.
local function preview(entry)
  local text = as_text(entry.bytes, entry.size > topics.PREVIEW)
  if text then return text, false end
  return hex(entry.bytes:sub(1, topics.PREVIEW / 8)), true
end

--- Messages a second, of late: each second that passes counts for a tenth of it.
local function rate(entry, now)
  local passed = now - entry.since
  if passed < 1 then return end
  local weight = math.min(1, passed / LONGEST_RATE)
  entry.rate = entry.rate * (1 - weight) + entry.fresh / passed * weight
  entry.since, entry.fresh = now, 0
end

--- Takes a message. Beyond the limit new topics are only counted.
function Topics:add(topic, bytes, properties)
  local entry = self.by_name[topic]
  if not entry then
    if self.count >= self.limit then
      self.others = self.others + 1
      return
    end
    entry = { topic = topic, count = 0, fresh = 0, rate = 0, since = timer.now() }
    self.by_name[topic], self.count = entry, self.count + 1
  end
  entry.count, entry.fresh = entry.count + 1, entry.fresh + 1
  entry.bytes, entry.size = bytes:sub(1, topics.PREVIEW), #bytes
  entry.qos, entry.retain, entry.time = properties.qos, properties.retain, os.time()
  self.changed[entry] = true
end

local function shown(entry)
  local text, is_hex = preview(entry)
  rate(entry, timer.now())
  return {
    topic = entry.topic,
    text = text,
    hex = is_hex,
    size = entry.size,
    count = entry.count,
    rate = entry.rate,
    qos = entry.qos,
    retain = entry.retain,
    time = entry.time,
  }
end

--- Topics of which nothing comes any more have a rate that sinks.
function Topics:look_for_quiet(now)
  if now - self.looked < QUIET then return end
  self.looked = now
  for _, entry in pairs(self.by_name) do
    if entry.rate > 0.01 then self.changed[entry] = true end
  end
end

--- Those that have changed since it was asked last; nil: nothing has come.
---@return table[]?
function Topics:take_changed()
  local list = json.array {}
  self:look_for_quiet(timer.now())
  for entry in pairs(self.changed) do
    list[#list + 1] = shown(entry)
  end
  local is_same = #list == 0 and self.others == self.told
  self.changed, self.told = {}, self.others
  return not is_same and list or nil
end

--- All of them.
function Topics:all()
  local list = json.array {}
  for _, entry in pairs(self.by_name) do
    list[#list + 1] = shown(entry)
  end
  return list
end

--- `limit`: how many topics are kept.
function topics.new(limit)
  local self = { limit = limit, by_name = {}, count = 0, others = 0, changed = {} }
  self.looked, self.told = timer.now(), 0
  return setmetatable(self, Topics)
end

return topics
