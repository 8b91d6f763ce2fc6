--- Several servers that answer the same requests: one is picked for each, and those that do not
--- answer are left out for a while.
---
---     local backends = require("perilune.upstreams").new {
---       servers = { "http://127.0.0.1:9001", "http://127.0.0.1:9002" },
---     }
---     function server.OnBeforeForwardHTTP(conn, request) return backends:pick(conn, request) end
local bit = require "bit"
local forward = require "perilune.internal.forward"
local http = require "perilune.http"
local limits = require("perilune.internal.fields").limits
local log = require "perilune.log"
local options = require "perilune.internal.options"
local timer = require "perilune.timer"

local upstreams = {}

---@class perilune.upstreams.Server
---@field url string
---@field weight? integer 1 to 1000, default 1: its part of the requests.
---@field backup? boolean It is asked when no other is left. Default false.

---@class perilune.upstreams.Check Asks each server again and again.
---@field path? string Default "/".
---@field interval? number Seconds, default 5.
---@field timeout? number Seconds, default 2.
---@field rise? integer Good answers in a row that bring it back. Default 1.
---@field fall? integer Bad ones that take it out. Default 2.
---@field statuses? integer[] What is good. Default: 200 to 399.

---@class perilune.upstreams.Options
---@field servers (string|perilune.upstreams.Server)[]
---@field balance? "round_robin"|"least_connections"|"hash" Default "round_robin".
---@field key? fun(conn: perilune.Conn, request: perilune.Request?): string? Of "hash"; default: ip.
---@field max_fails? integer|false Failures in a row that take a server out. Default 3.
---@field back_off? number Seconds for which it is out, doubled with each further one. Default 5.
---@field max_back_off? number Seconds, default 60.
---@field tries? integer Servers that are tried for one request while none is reached. Default 3.
---@field check? perilune.upstreams.Check|false Default false.
---@field forward? table What perilune.server.Forward has, but for url.

local server_fields = {
  url = { type = "string", required = true, min = 1 },
  weight = { type = "integer", default = 1, min = 1, max = 1000 },
  backup = { type = "boolean", default = false },
}

local function seconds(default)
  return { type = "number", default = default, min = 0.01, max = 86400, unit = "seconds" }
end

local function count(default) return { type = "integer", default = default, min = 1, max = 100 } end

local way_fields = {}
for name, field in pairs(forward.fields) do
  if name ~= "url" then way_fields[name] = field end
end

local schema = {
  servers = {
    type = "list",
    required = true,
    min = 1,
    max = 256,
    of = { type = { "string", "table" }, min = 1, fields = server_fields },
  },
  balance = {
    type = "string",
    values = { "round_robin", "least_connections", "hash" },
    default = "round_robin",
  },
  key = { type = "function" },
  max_fails = { type = "integer", default = 3, min = 1, max = 100, off = true },
  back_off = seconds(5),
  max_back_off = seconds(60),
  tries = count(3),
  check = {
    type = "table",
    off = true,
    default = false,
    fields = {
      path = { type = "string", default = "/", min = 1 },
      interval = seconds(5),
      timeout = seconds(2),
      rise = count(1),
      fall = count(2),
      statuses = { type = "list", min = 1, of = { type = "integer", min = 100, max = 599 } },
    },
  },
  forward = { type = "table", default = {}, fields = way_fields },
}

local DEFAULTS = { message_log = limits().message_log.default }

-- Which are there.

--- Whether it may be picked. When its time is over one request tries it; the others wait for what
--- comes of that.
local function is_ready(self, server)
  if server.down then return false end
  return server.out_until == nil or timer.now() >= server.out_until
end

local function ready_servers(self, asked)
  local main, backup = {}, {}
  for _, server in ipairs(self.servers) do
    if not asked[server] and is_ready(self, server) then
      local list = server.backup and backup or main
      list[#list + 1] = server
    end
  end
  return #main > 0 and main or backup
end

-- Which of them.

local balance = {}

--- The smooth kind: of weights 3 and 1 every fourth request goes to the second, and no two of
--- its requests follow each other.
function balance.round_robin(_, servers)
  local best, total = nil, 0
  for _, server in ipairs(servers) do
    total = total + server.weight
    server.turn = server.turn + server.weight
    if not best or server.turn > best.turn then best = server end
  end
  best.turn = best.turn - total
  return best
end

function balance.least_connections(self, servers)
  local least, few = math.huge, {}
  for _, server in ipairs(servers) do
    local load = server.active / server.weight
    if load < least then
      least, few = load, {}
    end
    if load == least then few[#few + 1] = server end
  end
  return balance.round_robin(self, few)
end

--- FNV-1a, mixed once more, from 0 to 1.
local function hash(text)
  local value = bit.tobit(2166136261)
  for i = 1, #text do
    value = bit.bxor(value, text:byte(i))
    -- The product would lose digits: 16777619 is 2^24 + 403.
    local low = bit.band(value, 0xffff) * 403
    local high = bit.band(bit.rshift(value, 16) * 403, 0xffff)
    value = bit.tobit(bit.lshift(value, 24) + bit.lshift(high, 16) + low)
  end
  value = bit.bxor(value, bit.rshift(value, 15))
  value = bit.tobit(bit.band(value, 0xffff) * 31153 + bit.lshift(bit.rshift(value, 16) * 31153, 16))
  value = bit.bxor(value, bit.rshift(value, 13))
  return (bit.band(value, 0x7fffffff) + 1) / 0x80000001
end

--- The highest of weighted random numbers that depend on key and server: when a server goes, only
--- its own keys move.
function balance.hash(_, servers, key)
  local best, most
  for _, server in ipairs(servers) do
    local score = -server.weight / math.log(hash(key .. "\0" .. server.url))
    if not most or score > most then
      best, most = server, score
    end
  end
  return best
end

local function choose(self, key, asked)
  local servers = ready_servers(self, asked)
  if #servers == 0 then return nil end
  return balance[self.settings.balance](self, servers, key)
end

-- What becomes of requests.

local function begin(server)
  server.active = server.active + 1
  if server.out_until then -- this one tries it
    server.out_until = timer.now() + server.back_off
    server.trying = true
  end
end

local function succeeded(server)
  if server.out_until then log.info(("upstream %s answers again"):format(server.url)) end
  server.failures, server.out_until, server.back_off, server.trying = 0, nil, nil, false
end

-- What a server has nothing to do with.
local OURS = { ENOMEM = true, EMFILE = true, ECANCELED = true, EADDRNOTAVAIL = true }

local function failed(self, server, code)
  if OURS[code] then return end
  local settings = self.settings
  server.failures = server.failures + 1
  if not settings.max_fails or #self.servers == 1 or server.failures < settings.max_fails then
    return
  end
  -- Requests that were on their way when it was taken out say nothing new.
  if server.out_until and not server.trying then return end
  server.trying = false
  local before = server.back_off
  server.back_off = math.min(before and before * 2 or settings.back_off, settings.max_back_off)
  server.out_until = timer.now() + server.back_off
  if not before then log.warn(("upstream %s is left out: %s"):format(server.url, code)) end
end

local WHAT = "forward of upstreams.new"

local function merged(given, changes)
  local made = {}
  for name, value in pairs(given) do
    made[name] = value
  end
  for name, value in pairs(changes) do
    made[name] = value
  end
  return made
end

local make_way

---@class perilune.upstreams.Wish What a request wants of whoever answers it.
---@field key? string
---@field given table What perilune.server.Forward has, but for url.
---@field asked table<table, true> The servers that were asked already.

--- What C tells of a request: see lua_forward_ask.c.
local function reporter(self, server, wish)
  return function(what, code, status, _, _, attempt)
    server.active = server.active - 1
    if code then
      failed(self, server, code)
    elseif status > 0 then
      succeeded(server)
    end
    if what ~= "unreached" or attempt >= self.settings.tries then return nil end
    local asked = merged(wish.asked, { [server] = true })
    local other = choose(self, wish.key, asked)
    if not other then return nil end
    local way = make_way(self, other, { key = wish.key, given = wish.given, asked = asked })
    if way then begin(other) end
    return way
  end
end

--- The way to a server; nil and what is wrong with `given`.
function make_way(self, server, wish)
  local complete, message =
    options.complete(WHAT, forward.fields, merged(wish.given, { url = server.url }))
  if not complete then return nil, message end
  return forward.ready(WHAT, "", complete, DEFAULTS, reporter(self, server, wish))
end

--- Ways to a server. Those without a key and without changes are made once.
local function maker(self, server)
  local shared
  return function(key, changes)
    if changes or self.settings.balance == "hash" then
      local given = changes and merged(self.given, changes) or self.given
      return make_way(self, server, { key = key, given = given, asked = {} })
    end
    local message
    if not shared then
      shared, message = make_way(self, server, { given = self.given, asked = {} })
    end
    return shared, message
  end
end

-- Checks.

local function is_good(check, status)
  if not check.statuses then return status >= 200 and status <= 399 end
  for _, good in ipairs(check.statuses) do
    if good == status then return true end
  end
  return false
end

local function note_check(check, server, good, why)
  server.streak = good == server.good and server.streak + 1 or 1
  server.good = good
  if good and server.down and server.streak >= check.rise then
    server.down = false
    log.info(("upstream %s is back"):format(server.url))
  elseif not good and not server.down and server.streak >= check.fall then
    server.down = true
    log.warn(("upstream %s is down: %s"):format(server.url, why))
  end
end

local function ask(self, server)
  local check = self.settings.check
  local response, message = http.get(server.url:gsub("^ws", "http"):gsub("/+$", "") .. check.path, {
    timeout = check.timeout,
    redirects = false,
    tls = server.url:find "^%a+s:" and self.given.tls or nil,
    headers = { ["user-agent"] = "perilune health check" },
  })
  if self.closed then return end
  local good = response ~= nil and is_good(check, response.status)
  note_check(check, server, good, message or response and "status " .. response.status)
end

local function start_checks(self)
  local check = self.settings.check
  for _, server in ipairs(self.servers) do
    self.timers[#self.timers + 1] = timer.every(check.interval, function() ask(self, server) end)
  end
end

-- The object.

---@class perilune.upstreams.State
---@field url string
---@field weight integer
---@field backup boolean
---@field healthy boolean It may be picked.
---@field active integer Requests and WebSockets.
---@field failures integer In a row.

local class = {}
class.__index = class
class.__metatable = "upstreams"

local UNAVAILABLE = 503

--- What OnBeforeForwardHTTP returns: the way to one of the servers, or 503 when none is left.
---@param conn perilune.Conn
---@param request? perilune.Request
---@param changes? table What perilune.server.Forward has, but for url, for this request.
---@return perilune.forward.Way|integer
function class:pick(conn, request, changes)
  local settings, key = self.settings, nil
  if settings.balance == "hash" then
    key = settings.key and settings.key(conn, request) or conn.ip
    if type(key) ~= "string" then key = tostring(key) end
  end
  local server = choose(self, key, {})
  if not server then return UNAVAILABLE end
  local way, message = server.make(key, changes)
  if not way then error(message, 2) end
  forward.on_begin(way, server.begin)
  return way
end

--- What is known of the servers, in this worker.
---@return perilune.upstreams.State[]
function class:list()
  local list = {}
  for i, server in ipairs(self.servers) do
    list[i] = {
      url = server.url,
      weight = server.weight,
      backup = server.backup,
      healthy = is_ready(self, server),
      active = server.active,
      failures = server.failures,
    }
  end
  return list
end

--- Ends the checks.
function class:close()
  self.closed = true
  for _, each in ipairs(self.timers) do
    each:cancel()
  end
  self.timers = {}
end

local function make_server(self, given)
  if type(given) == "string" then given = { url = given, weight = 1, backup = false } end
  local server = {
    url = given.url,
    weight = given.weight,
    backup = given.backup,
    active = 0,
    failures = 0,
    turn = 0,
    down = false,
    trying = false,
    streak = 0,
  }
  server.begin = function() begin(server) end
  server.make = maker(self, server)
  return server
end

--- Makes a group of servers.
---@param given perilune.upstreams.Options
function upstreams.new(given)
  local settings = options.check("upstreams.new", schema, given)
  local self = { settings = settings, servers = {}, timers = {}, given = given.forward or {} }
  setmetatable(self, class)
  for i, each in ipairs(settings.servers) do
    local server = make_server(self, each)
    local way, message = server.make ""
    if not way then error(("servers[%d] of upstreams.new: %s"):format(i, message), 2) end
    self.servers[i] = server
  end
  if settings.check then start_checks(self) end
  return self
end

return upstreams
