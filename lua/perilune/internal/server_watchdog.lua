--- Starts a server again that has stopped without being told to, or that nobody can connect to.
local client = require "perilune.client"
local core = require "perilune.core.server"
local log = require "perilune.log"
local timer = require "perilune.timer"

local server_watchdog = {}

server_watchdog.option = {
  type = "table",
  off = true,
  fields = {
    interval = { type = "number", default = 60, min = 0.1, max = 86400, unit = "seconds" },
    attempts = { type = "integer", default = 0, min = 0, max = 1e6 },
    monitor = {
      type = { "boolean", "table" },
      default = false,
      fields = {
        timeout = { type = "number", default = 10, min = 0.1, max = 3600, unit = "seconds" },
      },
    },
  },
}

function server_watchdog.finish(settings)
  local given = settings.watchdog
  if given and given.monitor == true then given.monitor = { timeout = 10 } end
end

local anywhere = { ["0.0.0.0"] = "127.0.0.1", ["::"] = "[::1]" }

--- Where a client of this machine finds the server: a plain port, if it has one.
local function address_of(server)
  local best
  for _, binding in ipairs(server.bindings) do
    if not best or best.tls and not binding.tls then best = binding end
  end
  local host = anywhere[best.host] or (best.host:find ":" and "[" .. best.host .. "]" or best.host)
  return ("%s://%s:%d/"):format(best.tls and "wss" or "ws", host, best.port)
end

--- Whether a client gets an answer, be it that it may not come in; else why not.
local function answers(self, server)
  local address = address_of(server)
  local monitor = client.new {
    url = address,
    protocols = self.protocols,
    connect_timeout = self.settings.monitor.timeout,
    heartbeat = false,
    proxy = false,
  }
  -- It asks whether somebody answers there, not who.
  function monitor.OnSSLVerifyPeer() return true end
  local ok, message, code = monitor:connect()
  if ok then monitor:disconnect() end
  return ok or code == "ENOTSUP", message
end

---@class perilune.internal.server_watchdog.Watchdog
local Watchdog = {}
Watchdog.__index = Watchdog

local function is_well(self, server)
  if not core.listening(server) then return false, "it does not listen any more" end
  if not self.settings.monitor then return true end
  return answers(self, server)
end

--- One look at the server.
function Watchdog:check()
  local server = self.server()
  if not server or not self.wanted then return end
  local well, why = is_well(self, server)
  if well or not self.wanted then
    self.failed = 0
    return
  end
  local attempts = self.settings.attempts
  if attempts > 0 and self.failed >= attempts then
    log.error(("watchdog: given up after %d attempts: %s"):format(attempts, tostring(why)))
    return self:rest()
  end
  self.failed = self.failed + 1
  log.warn("watchdog: the server is started again: " .. tostring(why))
  if server.active then self.stop(server) end
  if not self.wanted then return end
  local ok, message = self.start(server)
  if not ok then log.error("watchdog: " .. message) end
end

--- The server was started, and is to stay so. Between an attempt that failed and the next one
--- nobody else may hold it.
function Watchdog:begin()
  if self.wanted then return end
  self.wanted, self.failed, self.kept = true, 0, self.server()
  self.timer = timer.every(self.settings.interval, function() self:check() end)
end

--- The server is told to stop.
function Watchdog:rest()
  self.wanted, self.kept = false, nil
  if self.timer then self.timer:cancel() end
  self.timer = nil
end

--- The watchdog of a server with these settings; nil when it has none.
---@param server userdata
---@param settings table Complete.
---@param start fun(server: userdata): true?, string?, string?
---@param stop fun(server: userdata)
function server_watchdog.new(server, settings, start, stop)
  if not settings.watchdog then return nil end
  local held = setmetatable({ server }, { __mode = "v" })
  return setmetatable({
    settings = settings.watchdog,
    protocols = settings.protocols,
    server = function() return held[1] end,
    start = start,
    stop = stop,
    failed = 0,
  }, Watchdog)
end

return server_watchdog
