--- The options of perilune.mqtt that the flags come to.
local terminal = require "perilune.terminal"

local settings = {}

--- Ends the program: the command line was wrong.
function settings.refuse(message)
  io.stderr:write("mqtt client: ", message, " (try --help)\n")
  os.exit(2)
end

--- A number, true, false or a text.
local function value_of(text)
  if text == "true" or text == "false" then return text == "true" end
  return tonumber(text) or text
end

local TEXTS = { content_type = true, response_topic = true, correlation_data = true }

--- Properties as perilune.mqtt has them.
---@param flag string
---@param list string[] "NAME=VALUE"
function settings.properties(flag, list)
  local made = {}
  for _, text in ipairs(list) do
    local user, user_value = text:match "^user:([^=]+)=(.*)$"
    local name, value = text:match "^([%w_]+)=(.*)$"
    if user then
      made.user_properties = made.user_properties or {}
      table.insert(made.user_properties, { user, user_value })
    elseif name then
      made[name] = TEXTS[name] and value or value_of(value)
    else
      settings.refuse(("%s takes NAME=VALUE, got '%s'"):format(flag, text))
    end
  end
  return made
end

--- Writes a value where a path like "watchdog.interval" or "servers.1" leads.
local function put(made, path, value)
  local steps = {}
  for step in path:gmatch "[^.]+" do
    steps[#steps + 1] = tonumber(step) or step
  end
  for i = 1, #steps - 1 do
    local step = steps[i]
    if type(made[step]) ~= "table" then made[step] = {} end
    made = made[step]
  end
  made[steps[#steps]] = value
end

local function login(flags)
  if not flags.user then return nil end
  local name, password = flags.user:match "^([^:]*):(.*)$"
  if not name then
    local message
    name = flags.user
    password, message = terminal.read_password(("Password of %s: "):format(name))
    if not password then settings.refuse(message or "there is no password") end
  end
  return { username = name, password = password }
end

local function will(flags)
  if not flags.will then return nil end
  local topic, text = flags.will:match "^([^=]+)=(.*)$"
  if not topic then settings.refuse "--will takes TOPIC=TEXT" end
  return {
    topic = topic,
    text = text,
    qos = flags.will_qos,
    retain = flags.will_retain,
    properties = settings.properties("--will-property", flags.will_property),
  }
end

local function tls(flags)
  if not (flags.ca or flags.cert or flags.key or flags.insecure) then return nil end
  return {
    root_cert_file = flags.ca,
    cert_file = flags.cert,
    key_file = flags.key,
    verify = not flags.insecure,
  }
end

---@param flags table
---@return table options Of mqtt.client.
function settings.of(flags)
  local made = {
    url = flags.url,
    version = flags.mqtt_version,
    client_identifier = flags.id,
    clean_session = not (flags.keep or flags.session),
    keep_alive = flags.keep_alive,
    persistence = flags.session and { file = flags.session } or nil,
    authentication = login(flags),
    last_will_testament = will(flags),
    connect_properties = settings.properties("--connect-property", flags.connect_property),
    connect_timeout = flags.connect_timeout,
    tls = tls(flags),
    proxy = flags.proxy,
    watchdog = flags.reconnect and { interval = flags.reconnect } or nil,
  }
  for _, text in ipairs(flags.option) do
    local path, value = text:match "^([%w_-][%w_.-]*)=(.*)$"
    if not path then settings.refuse(("--option takes PATH=VALUE, got '%s'"):format(text)) end
    put(made, path, value_of(value))
  end
  return made
end

--- The filters of --subscribe as mqtt:subscribe takes them.
function settings.subscriptions(flags)
  local list = {}
  for i, filter in ipairs(flags.subscribe) do
    list[i] = { filter = filter, qos = flags.subscribe_qos }
    if flags.mqtt_version == "5.0" then
      list[i].no_local = flags.no_local
      list[i].retain_as_published = flags.as_published
      list[i].retain_handling = flags.retained
    elseif flags.no_local or flags.as_published or flags.retained ~= "send" then
      settings.refuse "--no-local, --as-published and --retained need --mqtt-version 5.0"
    end
  end
  return list
end

return settings
