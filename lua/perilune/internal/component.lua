--- What servers, clients and other components look like to a script: userdata with methods,
--- `On…` events that are assigned like fields, and properties.
local options = require "perilune.internal.options"

local component = {}

---@class perilune.component.Spec
---@field name string "server"; what messages and `getmetatable` say.
---@field methods table<string, function>
---@field getters? table<string, fun(self: userdata): any>|fun(self: userdata, name: string): any
---@field setters? table<string, fun(self: userdata, value: any)> Properties that may be assigned.
---@field events? string[] { "OnConnect", "OnMessage" }
---@field get_handler? fun(self: userdata, event: string): function?
---@field set_handler? fun(self: userdata, event: string, handler: function?)
---@field describe? fun(self: userdata): string For tostring; default "server: 0x…".

local function index_function(spec, events)
  local methods, getters, get_handler = spec.methods, spec.getters or {}, spec.get_handler
  if type(getters) == "function" then
    return function(self, key)
      local method = methods[key]
      if method ~= nil then
        return method
      elseif events[key] then
        return get_handler(self, key)
      end
      return getters(self, key)
    end
  end
  return function(self, key)
    local method = methods[key]
    if method ~= nil then
      return method
    elseif events[key] then
      return get_handler(self, key)
    end
    local getter = getters[key]
    if getter then return getter(self) end
  end
end

local function names_of(...)
  local names = {}
  for i = 1, select("#", ...) do
    for name in pairs((select(i, ...))) do
      names[#names + 1] = name
    end
  end
  table.sort(names)
  return names
end

--- Why `component.key = value` is refused.
local function refusal(spec, events, setters, key)
  local readable = spec.methods[key] ~= nil
    or type(spec.getters) == "table" and spec.getters[key] ~= nil
  if readable then return ("%s.%s cannot be assigned"):format(spec.name, tostring(key)) end
  local is_event = type(key) == "string" and key:find "^On"
  local known = is_event and names_of(events) or names_of(events, setters)
  local message = ("%s has no %s '%s'"):format(
    spec.name,
    is_event and "event" or "field",
    tostring(key)
  )
  local nearest = options.nearest(key, known)
  if nearest then
    return ("%s: did you mean '%s'?"):format(message, nearest)
  elseif #known == 0 then
    return message
  end
  return ("%s; it takes %s"):format(message, table.concat(known, ", "))
end

local function newindex_function(spec, events)
  local setters, set_handler = spec.setters or {}, spec.set_handler
  return function(self, key, value)
    if events[key] then
      if value ~= nil and type(value) ~= "function" then
        local message = "%s.%s takes a function or nil, got a %s"
        error(message:format(spec.name, key, type(value)), 2)
      end
      return set_handler(self, key, value)
    end
    local setter = setters[key]
    if not setter then error(refusal(spec, events, setters, key), 2) end
    return setter(self, value)
  end
end

--- Builds the metatable of one kind of component. The C side sets it on its userdata; it may
--- add `__gc`. `getmetatable(server)` gives the name to scripts.
---@param spec perilune.component.Spec
---@return table metatable
function component.build(spec)
  local events = {}
  for _, event in ipairs(spec.events or {}) do
    events[event] = true
  end
  local describe = spec.describe or function(self) return ("%s: %p"):format(spec.name, self) end
  return {
    __index = index_function(spec, events),
    __newindex = newindex_function(spec, events),
    __name = spec.name,
    __metatable = spec.name,
    __tostring = describe,
  }
end

return component
