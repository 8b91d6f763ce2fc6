--- Server-sent events: a client that reads an event stream (WHATWG HTML, 9.2) and comes back.
---
---     local client = sse.client { url = "https://news.example/stream" }
---     function client.OnMessage(_, text, event, id) print(id, event, text) end
---     assert(client:start())
local component = require "perilune.internal.component"
local core = require "perilune.core.sse"
local hidden = require "perilune.internal.hidden"
local http = require "perilune.http"
local methods = require "perilune.internal.http.method"
local options = require "perilune.internal.options"
local process = require "perilune.core.process"
local task = require "perilune.task"
local tasks = require "perilune.core.task"
local text = require "perilune.core.text"
local timer = require "perilune.timer"
local urls = require "perilune.core.url"

local sse = {}

local WHAT = "sse.client"
local MIB = 2 ^ 20
local HEAD_TIME = 60 -- seconds for the head of an answer
local LEAST_RETRY = 0.1 -- seconds: a stream that asks for less gets this

local function seconds(default, min, off)
  return {
    type = "number",
    default = default,
    min = min,
    max = 86400,
    unit = "seconds",
    off = off or nil,
  }
end

local function bytes(default)
  return { type = "integer", default = default, min = 16, max = 2 ^ 30, unit = "bytes" }
end

local schema = {
  url = { type = "string", required = true, min = 1, max = 8192, secret = true },
  method = { type = "string", default = "GET", min = 1, max = 32 },
  headers = { type = "table", default = {}, secret = true },
  body = { type = "string", secret = true },
  authentication = { type = "table", off = true, secret = true },
  tls = { type = "table" },
  proxy = { type = { "string", "table" }, off = true, secret = true },
  guard = { type = "boolean", default = false },
  redirects = { type = "table", off = true },
  last_event_id = { type = "string", default = "", max = 4096 },
  retry = seconds(3, 0.01),
  watchdog = {
    type = "table",
    off = true,
    default = {},
    fields = {
      attempts = { type = "integer", default = 0, min = 0, max = 2 ^ 31 - 1 },
      factor = { type = "number", default = 2, min = 1, max = 10 },
      max_interval = seconds(60, 0.01),
      jitter = { type = "boolean", default = false },
      statuses = { type = "list", default = {}, of = { type = "integer", min = 300, max = 599 } },
    },
  },
  connect_timeout = seconds(10, 0.01),
  idle_timeout = seconds(false, 0.01, true),
  limits = {
    type = "table",
    default = {},
    fields = {
      line = bytes(16 * MIB),
      event = bytes(16 * MIB),
      id = { type = "integer", default = 4096, min = 1, max = 65536, unit = "bytes" },
      retry = seconds(86400, 0.1),
    },
  },
}

---@class perilune.sse.State
---@field settings table
---@field http perilune.http.Client
---@field url string
---@field last_event_id string
---@field stream_id? string The last that the present stream has said, or began with.
---@field retry number Seconds.
---@field handlers table<string, function>
---@field task? perilune.Task While it is active.
---@field begun boolean The task runs.
---@field thread? any What process.task() says in it.
---@field stopping boolean
---@field handling boolean A handler runs.
---@field response? table The stream.
---@field connected boolean
---@field status? integer Of the last answer.
---@field failures integer Attempts that failed, in a row.
---@field gates userdata[] Who waits for an attempt to end.
---@field again boolean Started while it was stopping.

local STATE = {} -- the key under which a client holds it, so that both go together

local function state_of(client)
  local state = type(client) == "table" and rawget(client, STATE)
  return state or error("a method of an sse client is called with ':'", 3)
end

-- Events.

local function traced(message) return debug.traceback(tostring(message), 2) end

local function raise(client, event, ...)
  local state = client[STATE]
  local handler = state.handlers[event]
  if not handler then return end
  state.handling = true
  local ok, trace = xpcall(handler, traced, client, ...)
  state.handling = false
  if ok then return end
  if state.handlers.OnException and event ~= "OnException" then
    raise(client, "OnException", trace)
  else
    process.log("error", trace)
  end
end

--- Lets those go on who wait in connect().
local function tell(state, ok, message, code)
  local waiting = state.gates
  state.gates = {}
  for _, gate in ipairs(waiting) do
    tasks.open(gate, math.huge, { ok, message, code })
  end
end

-- One connection.

local refusals = { [401] = "EACCES", [403] = "EACCES", [407] = "EACCES", [204] = "ECLOSED" }

--- What is wrong with an answer, and whether another attempt may do better.
local function refusal(state, response)
  local status = response.status
  if status == 204 then
    return "the server has no more events (204)", refusals[status], false
  elseif status ~= 200 then
    local message = ("the server answered %d (%s), not with an event stream"):format(
      status,
      response.reason or ""
    )
    local watchdog = state.settings.watchdog
    local again = false
    for _, known in ipairs(watchdog and watchdog.statuses or {}) do
      again = again or known == status
    end
    return message, refusals[status] or "EPROTO", again
  end
  local kind = response.headers["content-type"] or ""
  local named, behind = kind:match "^%s*([^;%s]*)%s*(.?)"
  if named:lower() ~= "text/event-stream" or behind ~= "" and behind ~= ";" then
    local message = "the server answered with '%s', not with text/event-stream"
    return message:format(kind:sub(1, 60):gsub("%c", "?")), "EPROTO", false
  end
end

--- Our own fields; those that the script has set stand in the client's.
local function headers(state)
  local list = { accept = "text/event-stream", ["cache-control"] = "no-cache" }
  for name in pairs(state.settings.headers) do
    list[name:lower()] = nil
  end
  local id = state.last_event_id
  -- An id that no header can carry is not sent; what comes then are all events again.
  if id ~= "" and not id:find "[%z\1-\8\10-\31\127]" then list["last-event-id"] = id end
  return list
end

local function new_reader(state)
  local limits = state.settings.limits
  state.stream_id = state.last_event_id
  return core.reader(limits.line, limits.event, limits.id, state.last_event_id)
end

local function heed_retry(state, reader)
  local wanted = reader:retry()
  if not wanted then return end
  state.retry = math.max(LEAST_RETRY, math.min(wanted, state.settings.limits.retry))
end

--- An id that the stream has said; else that of the script stays, which may be another by now.
local function heed_id(state, reader)
  local id = reader:id()
  if id ~= state.stream_id then
    state.stream_id, state.last_event_id = id, id
  end
end

--- The events of some bytes; nil and why when the stream cannot be read on.
local function take(client, state, reader, chunk)
  local from = 1
  while true do
    local next_from, event, data = reader:read(chunk, from)
    if not next_from then return nil, event, data end
    heed_id(state, reader)
    heed_retry(state, reader)
    if not event then return true end
    from = next_from
    raise(client, "OnMessage", data, event, state.stream_id)
    if state.stopping then return true end
  end
end

--- Reads the stream to its end; why it ended, and whether that may be tried again.
local function read_stream(client, state, response)
  local reader = new_reader(state)
  while not state.stopping do
    local chunk, message, code = response:read()
    if message then return message, code, true end
    if not chunk then return "the server ended the stream", "ECLOSED", true end
    local ok
    ok, message, code = take(client, state, reader, chunk)
    if not ok then return message, code, false end
  end
end

local function close(state)
  local response = state.response
  state.response = nil
  if response then response:close() end
end

--- What no further attempt changes: a wrong request, an address that is refused. There may be a
--- token the next time.
local function is_futile(state, code)
  local login = state.settings.authentication
  return code == "EINVAL" or code == "EACCES" and not (login and login.token)
end

--- Connects and reads. Returns whether the stream was open, why it ended, and whether to try again.
local function attempt(client, state)
  local response, message, code = state.http:request(state.settings.method, state.url, {
    headers = headers(state),
    body = state.settings.body,
    stream = true,
  })
  if not response then return false, message, code, not is_futile(state, code) end
  state.response, state.status = response, response.status
  local again
  message, code, again = refusal(state, response)
  if message then return false, message, code, again end
  state.connected, state.failures = true, 0
  tell(state, true)
  raise(client, "OnConnect")
  message, code, again = read_stream(client, state, response)
  return true, message, code, again
end

-- Again and again.

--- How long to wait; nil when there is to be no further attempt.
local function pause(state)
  local watchdog = state.settings.watchdog
  if not watchdog then return nil end
  if watchdog.attempts > 0 and state.failures > watchdog.attempts then return nil end
  local wait = state.retry
  if state.failures > 1 then
    local longer = wait * watchdog.factor ^ (state.failures - 1)
    wait = math.max(wait, math.min(longer, watchdog.max_interval))
  end
  if not watchdog.jitter then return wait end
  local high, low = text.random(2):byte(1, 2) -- math.random is the same in every process
  return wait * (high * 256 + low) / 65535
end

--- One attempt and what is told of it; how long to wait for the next, if there is to be one.
local function turn(client, state)
  local opened, message, code, again = attempt(client, state)
  close(state)
  if state.stopping then return nil end
  state.connected = false
  if not opened then state.failures = state.failures + 1 end
  local wait = again and pause(state)
  if not wait then tell(state, nil, message, code) end
  raise(client, opened and "OnDisconnect" or "OnError", message, code)
  if state.stopping or wait then return wait end
  if opened and not again then raise(client, "OnError", message, code) end
  local level = state.handlers.OnError and "debug" or "error"
  process.log(level, ("%s: %s; it does not try again"):format(WHAT, message))
  return nil
end

local function serve(client, state)
  while not state.stopping do
    local wait = turn(client, state)
    if not wait then return end
    if not state.stopping then timer.sleep(wait) end
  end
end

local start

local function run(client)
  local state = client[STATE]
  state.begun, state.thread = true, process.task()
  local ok, message = pcall(function() serve(client, state) end)
  if not ok and not state.stopping then process.log("error", tostring(message)) end
  close(state)
  local was_connected = state.connected
  state.connected = false
  if not state.again then tell(state, nil, "the client was stopped", "ECANCELED") end
  if was_connected then raise(client, "OnDisconnect", "the client was stopped", "ECANCELED") end
  state.task = nil
  if state.again then start(client, state) end
end

function start(client, state)
  state.again = state.task ~= nil
  if state.again then return end
  state.stopping, state.begun, state.failures = false, false, 0
  state.retry = state.settings.retry
  state.task = task.start(run, client)
end

-- The client.

---@class perilune.sse.Client
---@field url string May be assigned; holds from the next attempt on.
---@field last_event_id string What the next request says; may be assigned.
---@field active boolean Started, and not stopped or given up. Read only.
---@field connected boolean The stream is open. Read only.
---@field retry number Seconds to the next attempt after a stream has ended. Read only.
---@field status? integer Of the last answer. Read only.
---@field OnConnect? fun(client: perilune.sse.Client) The stream is open.
---@field OnMessage? fun(client: perilune.sse.Client, text: string, event: string, id: string)
---@field OnDisconnect? fun(client: perilune.sse.Client, message: string, code: string) A stream
--- that was open has ended.
---@field OnError? fun(client: perilune.sse.Client, message: string, code: string) There was no
--- stream, or there is no going on with it.
---@field OnException? fun(client: perilune.sse.Client, message: string) A handler threw.
local Client = {}

local start_schema = { worker = { type = "integer", min = 1 } }

--- Begins to connect, and returns at once.
---@param given? { worker?: integer } Only on this worker.
---@return boolean
function Client:start(given)
  local state = state_of(self)
  local settings = options.check("client:start", start_schema, given)
  if settings.worker and settings.worker ~= process.worker_id then return true end
  if not state.task or state.stopping then start(self, state) end
  return true
end

--- Starts, and waits until the stream is open or there is to be no further attempt.
---@param timeout? number Seconds; default: as long as one attempt takes at most. When they have
--- gone, the client goes on trying, unless it has no watchdog.
---@return boolean? connected
---@return string? message
---@return string? code
function Client:connect(timeout)
  local state = state_of(self)
  hidden.check_timeout("client:connect", timeout)
  self:start()
  if state.connected and not state.stopping then return true end
  if state.task and state.thread == process.task() then
    error("client:connect cannot wait within a handler of its own client", 2)
  end
  local gate = tasks.gate()
  table.insert(state.gates, gate)
  local result = tasks.wait(gate, timeout or state.settings.connect_timeout + HEAD_TIME)
  if result then return result[1], result[2], result[3] end
  for i = #state.gates, 1, -1 do
    if state.gates[i] == gate then table.remove(state.gates, i) end
  end
  if not state.settings.watchdog then self:stop() end
  return hidden.timed_out()
end

--- Ends the stream and all attempts. OnDisconnect still comes if the stream was open.
function Client:stop()
  local state = state_of(self)
  state.again = false
  if not state.task or state.stopping then return end
  state.stopping = true
  -- One that has not begun would never begin, and nobody would be told.
  if state.begun and not state.handling then state.task:cancel() end
  close(state)
end

--- The HTTP client that asks, with the options that are its own. Throws at the caller's caller.
local function new_http(settings)
  local time = settings.connect_timeout
  local ok, made = pcall(http.client, {
    headers = settings.headers,
    authentication = settings.authentication,
    tls = settings.tls,
    proxy = settings.proxy,
    guard = settings.guard,
    redirects = settings.redirects,
    timeout = {
      resolve = time,
      connect = time,
      first_byte = HEAD_TIME,
      idle = settings.idle_timeout,
    },
    retries = false,
  })
  if ok then return made end
  error((tostring(made):gsub("^.-:%d+: ", ""):gsub("of http%.client", "of " .. WHAT)), 3)
end

local function check_url(what, url)
  local parts, message = urls.split_url(url)
  if parts and parts.scheme ~= "http" and parts.scheme ~= "https" then
    message = "its scheme is neither http nor https"
  end
  if message then error(("option 'url' of %s takes a URL: %s"):format(what, message), 3) end
  return url
end

local function assign(name)
  return function(client, value)
    local state = client[STATE]
    local field = { [name] = schema[name] }
    local checked, message = options.complete("sse client", field, { [name] = value })
    if not checked then error(message, 3) end
    state[name] = name == "url" and check_url("sse client", value) or value
  end
end

local function reader_of(name)
  return function(client) return client[STATE][name] end
end

local metatable = component.build {
  name = "sse client",
  methods = Client,
  getters = {
    url = reader_of "url",
    last_event_id = reader_of "last_event_id",
    retry = reader_of "retry",
    status = reader_of "status",
    connected = reader_of "connected",
    active = function(client)
      local state = client[STATE]
      return state.task ~= nil and (not state.stopping or state.again)
    end,
  },
  setters = { url = assign "url", last_event_id = assign "last_event_id" },
  events = { "OnConnect", "OnMessage", "OnDisconnect", "OnError", "OnException" },
  get_handler = function(client, event) return client[STATE].handlers[event] end,
  set_handler = function(client, event, handler) client[STATE].handlers[event] = handler end,
}

---@class perilune.sse.Limits
---@field line? integer Bytes of a line; default 16 MiB.
---@field event? integer Bytes of an event; default 16 MiB.
---@field id? integer Bytes of an id; default 4096.
---@field retry? number Seconds that a stream may ask for at most; default 86400.

---@class perilune.sse.Watchdog
---@field attempts? integer Attempts in a row that may fail; default 0: without end.
---@field factor? number By which the time grows from one that failed to the next; default 2.
---@field max_interval? number Seconds up to which it grows; default 60.
---@field jitter? boolean Wait a random part of the time; default false.
---@field statuses? integer[] Statuses after which it tries again, such as 503; default none.

---@class perilune.sse.Options
---@field url string
---@field method? string Default "GET".
---@field headers? table<string, string>
---@field body? string
---@field authentication? table|false As of perilune.http.
---@field tls? perilune.client.TLS
---@field proxy? string|perilune.ProxyOptions|false
---@field guard? boolean Default false.
---@field redirects? table|false As of perilune.http.
---@field last_event_id? string What the first request says; default: nothing.
---@field retry? number Seconds until it tries again, unless the stream says; default 3.
---@field watchdog? perilune.sse.Watchdog|false Default: on.
---@field connect_timeout? number Seconds until the answer has to begin; default 10.
---@field idle_timeout? number|false Seconds without a byte after which a stream is taken for dead;
--- default false.
---@field limits? perilune.sse.Limits

--- Makes a client. It does nothing until start() or connect().
---@param given perilune.sse.Options
---@return perilune.sse.Client
function sse.client(given)
  local settings = options.check(WHAT, schema, given)
  check_url(WHAT, settings.url)
  local fault = methods.fault(settings.method)
  if fault then error(("option 'method' of %s %s"):format(WHAT, fault), 2) end
  local client = {
    [STATE] = {
      settings = settings,
      http = new_http(settings),
      url = settings.url,
      last_event_id = settings.last_event_id,
      retry = settings.retry,
      handlers = {},
      gates = {},
      failures = 0,
      connected = false,
      stopping = false,
      handling = false,
      again = false,
    },
  }
  return setmetatable(client, metatable)
end

return sse
