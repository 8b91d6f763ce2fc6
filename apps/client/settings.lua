--- The options of perilune.client that the flags come to. What is missing of secrets is asked for.
local fs = require "perilune.fs"
local options = require "options"
local proxy = require "perilune.internal.proxy"
local terminal = require "perilune.terminal"

local settings = {}

local DEFAULT_QUEUE = 16 * 2 ^ 20 -- limits.send_queue of a client

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

--- The folder in which the program was started.
function settings.folder() return assert(fs.readlink "/proc/self/cwd") end

--- A path from there on as one that is whole.
function settings.whole(path) return path:find "^/" and path or settings.folder() .. "/" .. path end

--- "-" asks, "@FILE" reads its first line.
local function secret(what, given)
  if given == "-" then return ask(what) end
  local path = given:match "^@(.+)$"
  if not path then return given end
  local text, message = fs.read(settings.whole(path))
  return text and text:match "^[^\r\n]*" or refuse(message)
end

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

--- Writes a value where a path like "watchdog.interval" leads.
local function put(made, path, value)
  local parent, name = path:match "^(.*)%.([^.]+)$"
  for step in (parent or ""):gmatch "[^.]+" do
    made[step] = made[step] or {}
    made = made[step]
  end
  made[name or path] = value
end

local function is_given(value)
  return value ~= nil and value ~= false and not (type(value) == "table" and #value == 0)
end

--- What needs no more than to be passed on.
local function put_plain(made, flags)
  for _, entry in ipairs(options.plain) do
    local value = flags[entry[2]]
    if is_given(value) then put(made, entry[1], value) end
  end
end

local function put_authentication(made, flags)
  if flags.token then
    return put(made, "authentication.token.auth_token", secret("Token", flags.token))
  elseif not flags.user then
    return
  end
  local user, password = flags.user:match "^([^:]*):(.*)$"
  user, password = user or flags.user, password or ask("Password of " .. flags.user)
  made.authentication = { user = user, password = password, [flags.auth or "basic"] = true }
end

local function put_tls(made, flags)
  if flags.insecure then put(made, "tls.verify", false) end
  if flags.tls_sessions then
    put(made, "tls.sessions", flags.tls_sessions > 0 and flags.tls_sessions)
  end
  if flags.key_password then
    put(made, "tls.password", secret("Password of the key", flags.key_password))
  end
end

--- "NAME=VALUE", where the value is a number, true, false or a text.
local function pair_of(flag, text)
  local name, value = text:match "^([%w_]+)=(.*)$"
  if not name then refuse(("%s takes NAME=VALUE, got '%s'"):format(flag, text)) end
  if value == "true" or value == "false" then return name, value == "true" end
  return name, tonumber(value) or value
end

--- The proxy's URL; with settings of its TLS as a table.
local function put_proxy(made, flags)
  made.proxy = flags.proxy
  if #flags.proxy_tls == 0 then return end
  local message
  made.proxy, message = proxy.read_url(flags.proxy or "")
  if not made.proxy then refuse("--proxy-tls needs the URL of a --proxy: " .. message) end
  for _, text in ipairs(flags.proxy_tls) do
    local name, value = pair_of("--proxy-tls", text)
    if name:find "_file$" then value = settings.whole(tostring(value)) end
    if name == "password" then value = secret("Password of the key", text:match "=(.*)$") end
    put(made, "proxy.tls." .. name, value)
  end
end

local function put_heartbeat(made, flags)
  if flags.heartbeat == 0 or settings.is_tcp(flags) then
    made.heartbeat = false
    return
  end
  made.heartbeat = {
    interval = flags.heartbeat,
    timeout = flags.heartbeat_timeout,
    type = flags.heartbeat_always and "always" or nil,
  }
end

local LEVELS = { text = true, binary = true, ping = true }

local function put_levels(made, flags)
  for _, text in ipairs(flags.level) do
    local kind, level = text:match "^(%a+)=([123])$"
    if not LEVELS[kind] then
      refuse(("--level takes text=N, binary=N or ping=N, N from 1 to 3, got '%s'"):format(text))
    end
    put(made, "queue_options." .. kind, "level" .. level)
  end
end

local function put_deflate(made, flags)
  if flags.deflate_frame then put(made, "extensions.deflate_frame", {}) end
  if not flags.deflate then return end
  put(
    made,
    "extensions.permessage_deflate.client_no_context_takeover",
    not flags.deflate_client_takeover
  )
  put(
    made,
    "extensions.permessage_deflate.server_no_context_takeover",
    not flags.deflate_server_takeover
  )
end

local function ports(flags)
  if not flags.bind_ports then return nil end
  local first, last = flags.bind_ports:match "^(%d+)%-?(%d*)$"
  if not first then refuse "--bind-ports takes FIRST-LAST" end
  return tonumber(first), tonumber(last) or tonumber(first)
end

local SECURE = { wss = true, https = true, tls = true }

local function scheme_of(url) return (url:match "^%a+" or ""):lower() end

--- Whether it speaks TCP, and no WebSocket.
function settings.is_tcp(flags)
  local scheme = scheme_of(flags.url)
  return scheme == "tcp" or scheme == "tls"
end

--- What means nothing without another flag.
local NEEDS = {
  { "reconnect", "attempts", "factor", "max_interval", "jitter", "held", "keep_messages" },
  { "deflate", "deflate_server_bits", "deflate_client_bits", "deflate_memory", "deflate_level" },
  { "deflate", "deflate_server_takeover", "deflate_client_takeover" },
  { "end_of_frame", "scan", "strip" },
  { "keepalive", "keepalive_interval", "keepalive_count" },
  { "log", "log_hex" },
  { "token", "token_name" },
  { "user", "auth" },
  { "file", "chunk" },
}

local EXCLUDE = {
  { "user", "token" },
  { "insecure", "ca" },
  { "json", "hex" },
  { "json", "quiet" },
  { "frames", "no_buffer" },
}

--- Those that only one of both kinds of server knows.
local OF_WEBSOCKET = {
  "protocol",
  "header",
  "origin",
  "user",
  "token",
  "deflate",
  "deflate_frame",
  "fragment",
  "frames",
  "no_buffer",
  "ping",
  "heartbeat",
  "heartbeat_timeout",
  "heartbeat_always",
  "level",
  "redirect_to_plain",
  "redirect_to_private",
}
local OF_TCP = { "end_of_frame" }

local function dashed(name) return "--" .. name:gsub("_", "-") end

local function check_needs(flags)
  for _, list in ipairs(NEEDS) do
    for i = 2, #list do
      if is_given(flags[list[i]]) and not is_given(flags[list[1]]) then
        refuse(("%s needs %s"):format(dashed(list[i]), dashed(list[1])))
      end
    end
  end
  for _, pair in ipairs(EXCLUDE) do
    if is_given(flags[pair[1]]) and is_given(flags[pair[2]]) then
      refuse(("%s and %s exclude each other"):format(dashed(pair[1]), dashed(pair[2])))
    end
  end
end

local function check_scheme(flags)
  local tcp = settings.is_tcp(flags)
  for _, name in ipairs(tcp and OF_WEBSOCKET or OF_TCP) do
    if is_given(flags[name]) then
      local schemes = tcp and "ws:// or wss://" or "tcp:// or tls://"
      refuse(("%s needs %s"):format(dashed(name), schemes))
    end
  end
  local secure = SECURE[scheme_of(flags.url)]
  for _, url in ipairs(flags.server) do
    secure = secure or SECURE[scheme_of(url)]
  end
  for _, entry in ipairs(options.plain) do
    if entry[1]:find "^tls%." and is_given(flags[entry[2]]) and not secure then
      refuse(dashed(entry[2]) .. " needs wss:// or tls://")
    end
  end
end

local function check_input(flags)
  local inputs = (#flags.message > 0 and 1 or 0) + (flags.file and 1 or 0)
  if inputs + (flags.whole and 1 or 0) + (flags.no_input and 1 or 0) > 1 then
    refuse "--message, --file, --whole and --no-input exclude each other"
  elseif settings.close_problem(flags.close) then
    refuse("--close " .. settings.close_problem(flags.close))
  end
end

--- What is asked to be sent at once has to fit into the queue.
local function put_limits(made, flags)
  made.limits = {}
  for _, text in ipairs(flags.limit) do
    local name, value = pair_of("--limit", text)
    made.limits[name] = value
  end
  local size = flags.file and not flags.chunk and (fs.stat(flags.file) or {}).size or 0
  if size > DEFAULT_QUEUE and not made.limits.send_queue then
    made.limits.send_queue = math.min(2 ^ 30, size + 2 ^ 20)
  end
end

--- What client.new takes.
---@param flags table
---@return table
function settings.of(flags)
  if not flags.url:find "^%a+://" then refuse "URL begins with ws://, wss://, tcp:// or tls://" end
  take_user(flags)
  check_needs(flags)
  check_scheme(flags)
  check_input(flags)
  local made = {
    headers = headers(flags.header),
    linger_state = flags.reset and 0 or nil,
    options = {
      fragmented_messages = flags.frames and "all" or flags.no_buffer and "only_fragmented" or nil,
      raise_disconnect_exceptions = false,
      clean_disconnect = not flags.abrupt,
    },
  }
  put_plain(made, flags)
  made.bound_port_min, made.bound_port_max = ports(flags)
  for _, step in ipairs {
    put_authentication,
    put_tls,
    put_proxy,
    put_heartbeat,
    put_levels,
    put_deflate,
    put_limits,
  } do
    step(made, flags)
  end
  if flags.reconnect and not flags.max_interval then
    made.watchdog.max_interval = math.max(flags.reconnect, 300)
  end
  if flags.redirects == 0 then
    made.redirects = false
  elseif flags.redirects then
    put(made, "redirects.max", flags.redirects)
  end
  if flags.end_of_frame then
    put(made, "end_of_frame.bytes", settings.unescape(flags.end_of_frame))
  end
  return made
end

return settings
