--- The servers and clients of this worker's script, for whoever attaches to it. Without a control
--- socket nobody asks, and nothing is kept.
local control = require "perilune.core.control"

local alive = {}

local kinds = {}

--- Remembers a component as long as somebody else refers to it.
---@param kind "server"|"client"
---@param object userdata
function alive.add(kind, object)
  if not control.enabled then return end
  local known = kinds[kind] or { count = 0, objects = setmetatable({}, { __mode = "k" }) }
  kinds[kind] = known
  known.count = known.count + 1
  known.objects[object] = known.count
end

--- Those that are there, the oldest first.
---@param kind "server"|"client"
---@return userdata[]
function alive.list(kind)
  local list, place = {}, kinds[kind] and kinds[kind].objects or {}
  for object in pairs(place) do
    list[#list + 1] = object
  end
  table.sort(list, function(a, b) return place[a] < place[b] end)
  return list
end

return alive
