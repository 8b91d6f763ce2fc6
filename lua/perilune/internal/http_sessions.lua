--- Sessions of HTTP: what a server knows of a browser from one request to the next.
---
--- A session is a value in `perilune.shared`, so that every worker knows it; a cookie holds its id.
--- The worker that has begun one tells of its end.
local core = require "perilune.core.server"
local cors = require "perilune.cors"
local exchange = require "perilune.internal.exchange"
local hidden = require "perilune.internal.hidden"
local log = require "perilune.log"
local shared = require "perilune.shared"
local text = require "perilune.core.text"
local timer = require "perilune.timer"

local http_sessions = {}

http_sessions.events = { "OnCreateSession", "OnInvalidSession", "OnSessionEnd", "OnSessionStart" }

http_sessions.options = {
  session_state = {
    type = { "boolean", "table" },
    default = false,
    fields = {
      cookie = { type = "string", min = 1, max = 64, default = "perilune_session" },
      domain = { type = "string", min = 1, max = 253 },
      same_site = { type = "string", values = { "Strict", "Lax", "None" }, default = "Lax" },
      secure = { type = "boolean" },
      max_sessions = { type = "integer", default = 10000, min = 1, max = 1e7 },
    },
  },
  auto_start_session = { type = "boolean", default = true },
  session_timeout = { type = "number", default = 1200, min = 0.1, max = 2592000, unit = "seconds" },
}

local ID_BYTES = 24 -- 192 bits
local ID = "^[%w_-]+$"
local ID_MAX = 128
local SLACK = 60 -- seconds that a value outlives its session, for whoever tells of its end

-- How much of the timeout passes before another use is noted: a session may live so much longer.
local STALE = 1 / 8

local serial = 0 -- of the servers of this script; the same in every worker

---@class perilune.server.Session
---@field id string What the cookie holds.
---@field data table What scripts keep: what JSON can say, by names. Kept when the handler returns.
---@field ip string Who began it.
---@field started integer Seconds since 1970.
---@field is_new boolean It began with this request.
---@field save fun(self): true?, string?, string? Keeps what was changed.
---@field renew fun(self): true?, string?, string? Gives it another id.
---@field close fun(self): boolean Ends it.

-- The store: { ip, started, seen, data } under "http_session:SERVER:ID".

local function key_of(manager, id) return manager.prefix .. id end

local function lifetime(manager) return manager.timeout * (1 + STALE) + SLACK end

local function is_over(manager, value, time)
  return time > value.seen + manager.timeout * (1 + STALE)
end

--- The stored session; nil when there is none, or its time is over.
local function load_value(manager, id)
  local value = #id <= ID_MAX and id:find(ID) and shared.get(key_of(manager, id))
  if value and not is_over(manager, value, timer.now()) then return value end
end

local function count(manager, by) shared.increment(manager.counter, by) end

-- The session that scripts see.

local class = {}

--- What was changed at the top, in place of what is stored: other requests may have changed other
--- names meanwhile.
local function merge(stored, before, after)
  for name, value in pairs(after) do
    if not http_sessions.same(value, before[name]) then stored[name] = value end
  end
  for name in pairs(before) do
    if after[name] == nil then stored[name] = nil end
  end
end

--- Whether two values are the same as JSON.
function http_sessions.same(one, other)
  if type(one) ~= "table" or type(other) ~= "table" then return one == other end
  for name, value in pairs(one) do
    if not http_sessions.same(value, other[name]) then return false end
  end
  for name in pairs(other) do
    if one[name] == nil then return false end
  end
  return true
end

local function copy(value)
  if type(value) ~= "table" then return value end
  local made = {}
  for name, each in pairs(value) do
    made[name] = copy(each)
  end
  return made
end

--- Keeps what the script has changed. `seen`: its use is noted too.
local function save(state, seen)
  if state.ended then return nil, "the session has ended", "ECLOSED" end
  local manager = state.manager
  local changed = state.data and not http_sessions.same(state.data, state.before)
  if not changed and not seen then return true end
  local ok, kept, message, code = pcall(shared.update, key_of(manager, state.id), function(stored)
    if not stored then return nil end
    if changed then merge(stored.data, state.before, state.data) end
    if seen then stored.seen = seen end
    return stored, lifetime(manager)
  end)
  if not ok then return nil, (kept:gsub("^[^:]*:%d+: ", "")), "EINVAL" end
  if kept then
    if changed then state.before = copy(state.data) end
    return true
  end
  return nil, message or "the session has ended", code or "ECLOSED"
end

local function forget(manager, id)
  local value = shared.take(key_of(manager, id))
  manager.mine[id] = nil
  if value then count(manager, -1) end
  return value
end

local make_session, state_of

local function call(manager, event, ...)
  local handler = manager.handlers[event]
  if handler then return handler(...) end
end

--- A session as OnSessionEnd gets it: its data can be read, and is kept nowhere.
local function last_sight(manager, id, value)
  return make_session {
    manager = manager,
    id = id,
    value = value,
    data = value.data,
    before = value.data,
    ended = true,
  }
end

local function finish(manager, id)
  local value = forget(manager, id)
  if not value then return false end
  local ok, message =
    xpcall(call, debug.traceback, manager, "OnSessionEnd", last_sight(manager, id, value))
  if not ok then log.error(message) end
  return true
end

--- Keeps what was changed in `data` before the handler returns.
---@return true? ok
---@return string? message
---@return string? code "ECLOSED": the session has ended; "EINVAL": what JSON cannot say; "ELIMIT"
function class:save() return save(self) end

--- Ends it: OnSessionEnd comes, and the browser is told to forget it.
---@return boolean ended False: it had ended already.
function class:close()
  if self.ended then return false end
  save(self)
  self.ended = true
  self.manager:set_cookie(self, "")
  return finish(self.manager, self.id)
end

--- Gives it another id, as after a login: who knew the old one has nothing of it.
---@return true? ok
---@return string? message
---@return string? code "ECLOSED", "ELIMIT"
function class:renew()
  if self.ended then return nil, "the session has ended", "ECLOSED" end
  save(self)
  local manager = self.manager
  local value = shared.take(key_of(manager, self.id))
  if not value then return nil, "the session has ended", "ECLOSED" end
  local id = http_sessions.new_id()
  local ok, message, code = shared.set(key_of(manager, id), value, lifetime(manager))
  if not ok then
    count(manager, -1)
    return nil, message, code
  end
  manager.mine[self.id], manager.mine[id] = nil, value.seen
  manager:watch()
  self.id = id
  manager:set_cookie(self, id)
  return true
end

make_session, state_of = hidden.class("session", class, {
  id = function(state) return state.id end,
  ip = function(state) return state.value.ip end,
  started = function(state) return state.value.started end,
  is_new = function(state) return state.is_new or false end,
  data = function(state)
    if not state.data then
      state.data = state.value.data
      state.before = copy(state.data)
    end
    return state.data
  end,
})

function http_sessions.new_id()
  return (text.base64_encode(text.random(ID_BYTES)):gsub("+", "-"):gsub("/", "_"):gsub("=", ""))
end

-- A server's sessions.

---@class perilune.internal.http_sessions.Manager
local Manager = {}
Manager.__index = Manager

--- Whether the connection of a request came to a port with TLS.
local function is_secure(manager, conn)
  for _, binding in ipairs(manager.server().bindings) do
    if binding.port == conn.local_port then return binding.tls end
  end
  return false
end

--- RFC 6265bis 4.1. An empty value takes it away.
function Manager:set_cookie(state, value)
  local settings, response = self.settings, state.response
  if not response then return end
  local line = ("%s=%s; Path=/; HttpOnly; SameSite=%s"):format(
    settings.cookie,
    value,
    settings.same_site
  )
  local secure = settings.secure
  if secure == nil then secure = is_secure(self, state.conn) end
  if settings.domain then line = line .. "; Domain=" .. settings.domain end
  if secure then line = line .. "; Secure" end
  if value == "" then line = line .. "; Max-Age=0" end
  local before, lines = response.headers["set-cookie"], {}
  for _, each in ipairs(type(before) == "table" and before or { before }) do
    local ours = each:sub(1, #settings.cookie + 1) == settings.cookie .. "="
    if not ours then lines[#lines + 1] = each end
  end
  lines[#lines + 1] = line
  response.headers["set-cookie"] = lines
end

--- The id that the request's cookie gives; nil: none. What a stranger sends decides how long: no
--- pattern here goes over anything twice.
local function asked_id(manager, request)
  local header, start = request.headers.cookie, manager.settings.cookie .. "="
  if not header then return nil end
  for pair in header:gsub(", ", "; "):gmatch "[^;]+" do
    local from = pair:find "%S" or 1
    if pair:sub(from, from + #start - 1) == start then
      return (pair:sub(from + #start):gsub('^"(.*)"$', "%1"))
    end
  end
end

--- Those whose value has gone by itself, as while nobody looked, were never counted off.
local function recount(manager, all, time)
  local most = manager.settings.max_sessions
  if manager.counted and time - manager.counted < math.max(1, most / 1e5) then return all end
  manager.counted = time
  local there = #shared.names(manager.prefix, most)
  count(manager, there - all)
  return there
end

local function is_full(manager)
  local all = shared.get(manager.counter) or 0
  if all < manager.settings.max_sessions then return false end
  local time = timer.now()
  all = recount(manager, all, time)
  if all < manager.settings.max_sessions then return false end
  if not manager.warned or time - manager.warned > 10 then
    manager.warned = time
    log.warn(
      ("HTTP sessions: there are %d, which is max_sessions; no other one is begun"):format(all)
    )
  end
  return true
end

--- An id that OnCreateSession gives has to be as good as ours.
local function own_id(manager, conn, request)
  local id = call(manager, "OnCreateSession", conn, request)
  if id == nil then return http_sessions.new_id() end
  if type(id) ~= "string" or #id < 16 or #id > ID_MAX or not id:find(ID) then
    error("OnCreateSession returns 16 to 128 letters, digits, '-' and '_', or nil", 0)
  end
  return id
end

--- Begins one. nil: none can be begun.
function Manager:start(conn, request, response)
  if is_full(self) then return nil end
  local id, time = own_id(self, conn, request), timer.now()
  local value = { ip = conn.ip, started = os.time(), seen = time, data = {} }
  local added, message = shared.add(key_of(self, id), value, lifetime(self))
  if not added then
    log.warn("HTTP sessions: none is begun: " .. (message or "this id is in use"))
    return nil
  end
  count(self, 1)
  self.mine[id] = time
  self:watch()
  local state = {
    manager = self,
    conn = conn,
    request = request,
    response = response,
    id = id,
    value = value,
    is_new = true,
  }
  local session = make_session(state)
  self:set_cookie(state, id)
  call(self, "OnSessionStart", session)
  return session
end

--- The session of a request: that of its cookie, or a new one. False: the request ends here.
function Manager:find(conn, request, response)
  local id = asked_id(self, request)
  local value = id and load_value(self, id)
  if value then
    local state = {
      manager = self,
      conn = conn,
      request = request,
      response = response,
      id = id,
      value = value,
    }
    local time = timer.now()
    if time > value.seen + self.timeout * STALE then save(state, time) end
    return make_session(state)
  end
  if id and call(self, "OnInvalidSession", conn, request, response, id) == false then
    return false
  end
  -- A preflight never has cookies: each would begin one that nobody comes back to.
  if not self.auto_start or cors.is_preflight(request) then return nil end
  return self:start(conn, request, response)
end

local function keep(session)
  local state = state_of(session)
  if not state or state.ended then return end
  local ok, message, code = save(state)
  if not ok and code ~= "ECLOSED" then
    log.error("HTTP sessions: what a handler has changed is not kept: " .. message)
  end
end

--- What a handler returns, after its session was kept.
local function ended(request, ...)
  keep(request.session)
  return ...
end

--- The handler with the session in `request.session`. What one that throws has changed is not kept.
function Manager:wrap(handler)
  return function(conn, request, response)
    local session = self:find(conn, request, response)
    if session == false then return nil end
    exchange.set_session(request, session, function(present)
      if present and not state_of(present).ended then return present end
      return self:start(conn, request, response)
    end)
    return ended(request, handler(conn, request, response))
  end
end

--- Those of this worker that nobody has used for so long, as far as is known here.
local function idle(manager, time)
  local list = {}
  for id, seen in pairs(manager.mine) do
    if time > seen + manager.timeout * (1 + STALE) then list[#list + 1] = id end
  end
  return list
end

--- Ends those of this worker whose time is over. OnSessionEnd may wait, and others begin meanwhile.
function Manager:sweep()
  local time = timer.now()
  for _, id in ipairs(idle(self, time)) do
    local value = shared.get(key_of(self, id))
    if value and not is_over(self, value, time) then
      self.mine[id] = value.seen
    elseif value then
      finish(self, id)
    else
      self.mine[id] = nil
    end
  end
  if not next(self.mine) then self:rest() end
end

--- Looks for what is over, while there is something.
function Manager:watch()
  if self.timer then return end
  local interval = math.max(0.05, math.min(10, self.timeout * STALE))
  self.timer = timer.every(interval, function() self:sweep() end)
end

function Manager:rest()
  if self.timer then self.timer:cancel() end
  self.timer = nil
end

--- What is known of all sessions, of every worker.
---@return { id: string, ip: string, started: integer, idle: number }[]
function Manager:list()
  local list, time = {}, timer.now()
  for _, name in ipairs(shared.names(self.prefix, self.settings.max_sessions)) do
    local value = shared.get(name)
    if value and not is_over(self, value, time) then
      list[#list + 1] = {
        id = name:sub(#self.prefix + 1),
        ip = value.ip,
        started = value.started,
        idle = math.max(0, time - value.seen),
      }
    end
  end
  return list
end

-- The server's events that concern them.

local OWN = {}
for _, event in ipairs(http_sessions.events) do
  OWN[event] = true
end
local PLAIN = { OnStartup = true, OnShutdown = true }
local WRAPPED = { OnCommandGet = true, OnCommandOther = true, OnStartup = true, OnShutdown = true }

function http_sessions.has(event) return OWN[event] or false end

function Manager:has(event) return OWN[event] or WRAPPED[event] or false end

function Manager:get_handler(event) return self.handlers[event] end

function Manager:set_handler(server, event, handler)
  self.handlers[event] = handler
  if OWN[event] or PLAIN[event] then return end
  core.set_handler(server, event, handler and self:wrap(handler))
end

--- Knows the server, which C has made with these settings, without holding it.
function Manager:attach(server)
  local held = setmetatable({ server }, { __mode = "v" })
  self.server = function() return held[1] end
  core.set_handler(server, "OnStartup", function()
    if next(self.mine) then self:watch() end
    return call(self, "OnStartup")
  end)
  core.set_handler(server, "OnShutdown", function()
    self:rest()
    return call(self, "OnShutdown")
  end)
end

--- The sessions of a server that is being made; nil when it has none.
---@param settings table The options of server.new, complete.
---@return table? manager
function http_sessions.new(settings)
  serial = serial + 1
  if not settings.session_state then return nil end
  local name = "http_session:" .. serial
  return setmetatable({
    settings = settings.session_state,
    auto_start = settings.auto_start_session,
    timeout = settings.session_timeout,
    prefix = name .. ":",
    counter = name,
    handlers = {},
    mine = {}, -- those that began here: when they were last known to be used
  }, Manager)
end

--- What is wrong with the options; completes them.
---@return string? message
function http_sessions.finish(settings)
  local state = settings.session_state
  if state == true then
    settings.session_state =
      { cookie = "perilune_session", same_site = "Lax", max_sessions = 10000 }
    return nil
  elseif not state then
    return nil
  elseif not state.cookie:find "^[%w_-]+$" then
    return "option 'session_state.cookie' of server.new takes letters, digits, '-' and '_'"
  elseif state.domain and not state.domain:find "^[%w.-]+$" then
    return "option 'session_state.domain' of server.new takes a host name"
  elseif state.same_site == "None" and state.secure == false then
    return "option 'session_state.same_site' of server.new is None, which needs 'secure'"
  end
end

return http_sessions
