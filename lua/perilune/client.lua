--- A client: connects to a WebSocket or TCP server, and stays connected.
---
---     local client = require("perilune.client").new { url = "ws://127.0.0.1:8080/" }
---     function client.OnMessage(conn, text) print(text) end
---     assert(client:start())
local alive = require "perilune.internal.alive"
local carrier = require "perilune.internal.carrier"
local client_options = require "perilune.internal.client_options"
local client_place = require "perilune.internal.client_place"
local client_route = require "perilune.internal.client_route"
local component = require "perilune.internal.component"
local core = require "perilune.core.client"
local fields = require "perilune.internal.fields"
local hidden = require "perilune.internal.hidden"
local options = require "perilune.internal.options"
local router = require "perilune.internal.router"
local process = require "perilune.core.process"
require "perilune.internal.conn"

local client = {}

local SLACK = 1 -- second by which waiting outlasts the attempt, whose message is the better one

local methods = core.methods

-- What C asks; each runs as a task.

--- An HTTP GET of the place's server, for the session of its users.
local function get(settings)
  return function(place, path)
    local http = require "perilune.http"
    local response, message, code = http.get(client_place.http(place) .. path, {
      tls = type(settings.tls) == "table" and settings.tls or nil,
      proxy = settings.proxy,
      redirects = false,
      guard = settings.guard,
      timeout = settings.connect_timeout,
      limits = { body = 4096 },
    })
    if not response then return nil, message, code end
    if response.status ~= 200 then
      return nil, ("the server answered %d"):format(response.status), "EACCES"
    end
    return response.text
  end
end

--- The route of the present settings, which C then has; returns the number of the place that is
--- tried next. Whoever asks finds the rest out. `walking`: among the same places it goes on where
--- it is, so that other words (a token) do not keep it from the later ones.
local function open(self, walking)
  local settings = core.settings(self)
  local route, message, code = client_route.make(settings)
  if not route then return nil, message, code end
  local goes_on = walking and client_route.same_places(settings.route, route)
  local ok
  ok, message, code = (goes_on and core.refresh or core.open)(self, route)
  if not ok then return nil, message, code end
  settings.route, settings.changed = route, false
  core.prepares(self, client_route.asks(settings))
  return goes_on and core.place(self) or 1
end

--- Before a place is tried: what was assigned takes effect, tokens are fetched.
local function prepare(self)
  local handler = self.OnBeforeConnect
  if handler then handler() end
  local settings, place = core.settings(self), core.place(self)
  if settings.changed then
    local message, code
    place, message, code = open(self, true)
    if not place then return nil, message, code end
  end
  if not client_route.asks(settings) then return true end
  local ok, message, code = client_route.complete(settings, settings.route, place, get(settings))
  if not ok then return nil, message, code end
  return core.refresh(self, settings.route)
end

--- The handler may give back the table that it got, with more in it.
local function added_fields(given, headers)
  local list = {}
  for name, value in pairs(headers) do
    local lower = type(name) == "string" and name:lower() or name
    if given[lower] ~= value then list[name] = value end
  end
  return list
end

local function handshake(self, headers)
  local given = {}
  for name, value in pairs(headers) do
    given[name] = value
  end
  local result = self.OnHandshake(nil, headers)
  if result == nil then
    return true
  elseif type(result) == "table" then
    return true, added_fields(given, result)
  elseif result == false then
    return nil, "OnHandshake has refused", "ECANCELED"
  end
  return nil, "OnHandshake returns a table, nil or false", "EINVAL"
end

local function watchdog(self, attempt) return self.OnBeforeWatchDog(attempt) ~= true end

local hooks = { prepare, handshake, watchdog }

-- Methods.

local start_schema = { worker = { type = "integer", min = 1 } }

--- Begins to connect, and returns at once.
function methods:start(given)
  local settings = options.check("client:start", start_schema, given or {})
  if settings.worker and settings.worker ~= process.worker_id then return true end
  if not self.active then
    local ok, message, code = open(self)
    if not ok then
      core.start_failed(self, message)
      return nil, message, code
    end
  end
  return core.start(self)
end

local seconds = { type = "number", min = 0.001, max = 86400, unit = "seconds" }

local function check_timeout(what, timeout)
  if timeout ~= nil then hidden.check(what, seconds, timeout, 4) end
end

--- What a wait came to, which is called for behind it: what is thrown at the end of a wait needs an
--- instruction of Lua there.
local function outcome(ok, message, code)
  if ok then return ok end
  return nil, message, code
end

--- How long an attempt takes at most, with all its servers.
local function patience(self)
  local settings = core.settings(self)
  local places = #settings.others + (settings.place and 1 or 0)
  return math.min(86400, settings.connect_timeout * places + SLACK)
end

--- Connects, and waits until it is connected or cannot be.
function methods:connect(timeout)
  check_timeout("client:connect", timeout)
  if not self.active then
    local ok, message, code = open(self)
    if not ok then return nil, message, code end
  end
  local ok, message, code = core.connect(self, timeout or patience(self))
  return outcome(ok, message, code)
end

--- Disconnects, and waits until it is.
function methods:disconnect(timeout)
  check_timeout("client:disconnect", timeout)
  local ok, message, code = core.disconnect(self, timeout or 10)
  return outcome(ok, message, code)
end

--- As conn:ping.
function methods:ping(timeout)
  local conn = self.conn
  if not conn then return nil, "the connection is closed", "ECLOSED" end
  local ok, message, code = conn:ping(timeout)
  return outcome(ok, message, code)
end

--- Makes the client ask for another subprotocol, from the next connection on.
function methods:register_protocol(name)
  if type(name) ~= "string" or not name:find(fields.TOKEN) then
    error("client:register_protocol takes a token, got " .. tostring(name), 2)
  end
  return carrier.ask_for(self, name)
end

-- Properties.

local getters = {}
for name, getter in pairs(core.getters) do
  getters[name] = getter
end

local function place_getter(field)
  return function(self)
    local place = core.settings(self).place
    return place and field(place)
  end
end

getters.url = place_getter(client_place.text)
getters.host = place_getter(function(place) return place.host end)
getters.port = place_getter(function(place) return place.port end)
getters.parameters = place_getter(function(place) return place.target end)
getters.tls = place_getter(function(place) return place.secure end)

local setters = {}
for _, name in ipairs(client_options.assignable) do
  setters[name] = function(self, value)
    local settings, message = client_options.change(core.settings(self), name, value)
    if not settings then error(message, 2) end
    settings.changed = true
    core.set_settings(self, settings)
    core.prepares(self, true)
  end
end

core.set_metatable(component.build {
  name = "client",
  methods = methods,
  getters = getters,
  setters = setters,
  events = core.events,
  get_handler = function(self, event) return router.get(self, core, event) end,
  set_handler = function(self, event, handler) router.set(self, core, event, handler) end,
})

--- Makes a client. It does nothing until `client:start()` or `client:connect()`.
---@param given perilune.client.Options
---@return perilune.Client
function client.new(given)
  local settings, message = client_options.complete(given)
  if not settings then error(message, 2) end
  local made = core.new(settings, hooks)
  alive.add("client", made)
  return made
end

return client
