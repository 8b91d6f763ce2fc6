--- The options of perilune.client that the flags come to. What is missing of secrets is asked for.
local fs = require "perilune.fs"
local terminal = require "perilune.terminal"

local settings = {}

--- Ends the program: the command line was wrong.
local function refuse(message)
  io.stderr:write("client: ", message, " (try --help)\n")
  os.exit(2)
end

settings.refuse = refuse

local function ask(what)
  local answer, message = terminal.read_password(what .. ": ")
  return answer or refuse(message or "there is no " .. what:lower())
end

--- "-" asks, "@FILE" reads its first line.
local function secret(what, given)
  if given == "-" then return ask(what) end
  local path = given:match "^@(.+)$"
  if not path then return given end
  local text, message = fs.read(path:find "^/" and path or settings.folder() .. "/" .. path)
  return text and text:match "^[^\r\n]*" or refuse(message)
end

--- The folder in which the program was started.
function settings.folder() return assert(fs.readlink "/proc/self/cwd") end

--- Why we cannot close with this code (RFC 6455 7.4); nil when we can.
function settings.close_problem(code)
  local known = code >= 1000 and code <= 1003 or code >= 1007 and code <= 1014
  if known or code >= 3000 and code <= 4999 then return nil end
  return "takes 1000 to 1003, 1007 to 1014, or 3000 to 4999"
end

local ESCAPES = { n = "\n", r = "\r", t = "\t", ["0"] = "\0", ["\\"] = "\\" }

--- "\n", "\0", "\x1f" and "\\" as the bytes that they stand for.
function settings.unescape(text)
  return (
    text
      :gsub("\\(x?)(%x?%x?)", function(x, digits)
        if x == "x" and #digits == 2 then return string.char(tonumber(digits, 16)) end
      end)
      :gsub("\\([nrt0\\])", ESCAPES)
  )
end

local function headers(list)
  local found = {}
  for _, line in ipairs(list) do
    local name, value = line:match "^([^:%s]+):%s*(.-)%s*$"
    if not name then refuse(("--header takes 'NAME: VALUE', got '%s'"):format(line)) end
    local values = found[name] or {}
    values[#values + 1] = value
    found[name] = values
  end
  return found
end

--- The user that stands in the URL as in curl's; the URL without it.
local function take_user(flags)
  local scheme, userinfo, rest = flags.url:match "^(%a+://)([^/?#]*)@(.*)$"
  if not userinfo then return end
  if flags.user then refuse "the URL has a user beside --user" end
  flags.url = scheme .. rest
  flags.user = userinfo:gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end)
end

local function authentication(flags)
  if flags.user and flags.token then refuse "--user and --token exclude each other" end
  if flags.auth and not flags.user then refuse "--auth needs --user" end
  if flags.token then return { token = { auth_token = secret("Token", flags.token) } } end
  if not flags.user then return nil end
  local user, password = flags.user:match "^([^:]*):(.*)$"
  user, password = user or flags.user, password or ask("Password of " .. flags.user)
  return { user = user, password = password, [flags.auth or "basic"] = true }
end

local function tls(flags)
  local found = {
    root_cert_file = flags.ca,
    crl_file = flags.crl,
    cert_file = flags.cert,
    key_file = flags.key,
    password = flags.key_password and secret("Password of the key", flags.key_password),
    host_name = flags.server_name,
    min_version = flags.tls_min,
    max_version = flags.tls_max,
    cipher_list = flags.ciphers,
    alpn = #flags.alpn > 0 and flags.alpn or nil,
  }
  if flags.insecure then found.verify = false end
  if flags.insecure and flags.ca then refuse "--insecure and --ca exclude each other" end
  if not next(found) then return nil end
  if not flags.url:find "^[wt][sl]s:" then refuse "flags of TLS need wss:// or tls://" end
  return found
end

local function watchdog(flags)
  if not flags.reconnect then return nil end
  return {
    interval = flags.reconnect,
    attempts = flags.attempts,
    factor = flags.factor,
    max_interval = math.max(flags.reconnect, flags.max_interval),
    jitter = flags.jitter,
  }
end

local function heartbeat(flags)
  if flags.heartbeat == 0 then return false end
  return { interval = flags.heartbeat, timeout = flags.heartbeat_timeout }
end

local function ports(flags)
  if not flags.bind_ports then return nil end
  local first, last = flags.bind_ports:match "^(%d+)%-?(%d*)$"
  if not first then refuse "--bind-ports takes FIRST-LAST" end
  return tonumber(first), tonumber(last) or tonumber(first)
end

--- Whether it speaks TCP, and no WebSocket.
function settings.is_tcp(flags) return flags.url:find "^t[cl][ps]:" ~= nil end

local of_websocket = { "protocol", "header" }

local function check(flags)
  if not flags.url:find "^%a+://" then refuse "URL takes ws://, wss://, tcp:// or tls://" end
  local inputs = (#flags.message > 0 and 1 or 0) + (flags.file and 1 or 0)
  if inputs + (flags.whole and 1 or 0) + (flags.no_input and 1 or 0) > 1 then
    refuse "--message, --file, --whole and --no-input exclude each other"
  elseif flags.chunk and not flags.file then
    refuse "--chunk needs --file"
  elseif flags.json and (flags.hex or flags.quiet) then
    refuse "--json excludes --hex and --quiet"
  elseif flags.strip and not flags.end_of_frame then
    refuse "--strip needs --end-of-frame"
  elseif settings.close_problem(flags.close) then
    refuse("--close " .. settings.close_problem(flags.close))
  elseif flags.end_of_frame and not settings.is_tcp(flags) then
    refuse "--end-of-frame needs tcp:// or tls://"
  end
  for _, name in ipairs(of_websocket) do
    if #flags[name] > 0 and settings.is_tcp(flags) then
      refuse(("--%s needs ws:// or wss://"):format(name))
    end
  end
end

--- Largest first: what is asked to be sent at once has to fit into the queue.
local function limits(flags)
  local size = flags.file and not flags.chunk and (fs.stat(flags.file) or {}).size or 0
  return {
    message = flags.message_limit,
    send_queue = math.min(2 ^ 30, math.max(16 * 2 ^ 20, size + 2 ^ 20)),
  }
end

--- What client.new takes.
---@param flags table
---@return table
function settings.of(flags)
  take_user(flags)
  check(flags)
  local first, last = ports(flags)
  local tcp = settings.is_tcp(flags)
  return {
    url = flags.url,
    servers = flags.server,
    protocols = #flags.protocol > 0 and flags.protocol or nil,
    origin = flags.origin,
    headers = headers(flags.header),
    authentication = authentication(flags),
    tls = tls(flags),
    proxy = flags.proxy,
    connect_timeout = flags.connect_timeout,
    redirects = flags.redirects > 0 and { max = flags.redirects } or false,
    bound_ip = flags.bind,
    bound_port_min = first,
    bound_port_max = last,
    tcp_keepalive = flags.keepalive and { time = flags.keepalive } or nil,
    guard = flags.guard,
    linger_state = flags.reset and 0 or -1,
    throttle = { read = flags.read_rate or false, write = flags.write_rate or false },
    heartbeat = not tcp and heartbeat(flags),
    watchdog = watchdog(flags),
    extensions = flags.deflate and { permessage_deflate = {} } or nil,
    options = {
      fragmented_messages = flags.frames and "all" or nil,
      raise_disconnect_exceptions = false,
    },
    limits = limits(flags),
    end_of_frame = flags.end_of_frame and {
      bytes = settings.unescape(flags.end_of_frame),
      strip = flags.strip,
    } or nil,
  }
end

return settings
