--- Objects made in Lua that look to scripts like those made in C: methods, properties, and a state
--- that only their module sees. And arguments checked as options are.
local component = require "perilune.internal.component"
local options = require "perilune.internal.options"

local hidden = {}

--- The methods and getters are called with the state in the object's place.
---@param name string What messages and `getmetatable` say.
---@param methods table<string, function>
---@param getters table<string, fun(state: table): any>
---@param events? string[] Kept in the state's `handlers`, which is a table then.
---@return fun(state: table): table make
---@return fun(object: any): table? state_of nil for what is no such object.
function hidden.class(name, methods, getters, events)
  -- The key under which an object holds its state. In a table of ours, a state that refers to its
  -- object, as a handler does, would keep it for ever.
  local STATE = {}
  local function state_of(object)
    if type(object) == "table" then return rawget(object, STATE) end
  end
  local outer = { methods = {}, getters = {} }
  for key, method in pairs(methods) do
    outer.methods[key] = function(self, ...)
      local state = state_of(self)
      if not state then error(("%s:%s is called on a %s"):format(name, key, name), 2) end
      return method(state, ...)
    end
  end
  for key, getter in pairs(getters) do
    outer.getters[key] = function(self) return getter(self[STATE]) end
  end
  local metatable = component.build {
    name = name,
    methods = outer.methods,
    getters = outer.getters,
    events = events,
    get_handler = function(self, event) return self[STATE].handlers[event] end,
    set_handler = function(self, event, handler) self[STATE].handlers[event] = handler end,
  }
  local function make(state) return setmetatable({ [STATE] = state }, metatable) end
  return make, state_of
end

local function pass(...) return ... end

--- Calls a function within pcall. What is thrown at the end of a wait needs an instruction of Lua
--- before that pcall, also when `f` is one of C; hence no tail call either.
function hidden.call(f, ...) return pass(f(...)) end

local seconds = { type = "number", min = 0, max = 2147483, unit = "seconds" }

--- Throws at the caller's caller when the value does not fit the field.
---@param what string "task.queue"
---@param field perilune.options.Field
---@param value any
---@param level? integer Default 3: whoever called who checks.
function hidden.check(what, field, value, level)
  if options.match(value, field) then return end
  local message = "%s takes %s, got %s"
  error(message:format(what, options.describe(field), tostring(value)), level or 3)
end

--- For methods of a class: a time, or nil for none.
function hidden.check_timeout(what, value)
  if value ~= nil then hidden.check(what, seconds, value, 4) end
end

function hidden.timed_out() return nil, "timed out", "ETIMEDOUT" end

return hidden
