--- The operator's page: what a server does now, who is there; on a port of this machine alone.
local core = require "perilune.core.server"
local core_metrics = require "perilune.core.metrics"
local json = require "perilune.json"
local worker = require "perilune.worker"

local dashboard = {}

local FOLDER = "perilune/web/dashboard/"
local CLIENTS, CHANNELS = 500, 100 -- that are shown

dashboard.option = {
  type = "table",
  off = true,
  fields = {
    port = { type = "integer", min = 0, max = 65535, required = true },
    host = { type = "string", default = "127.0.0.1", values = { "127.0.0.1", "::1" } },
  },
}

local POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
  .. "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

local function answer(response, code, kind, content)
  response.response_no = code
  response.content_type = kind
  response.content_text = content
  response.headers["cache-control"] = "no-store"
  response.headers["content-security-policy"] = POLICY
  response.headers["cross-origin-resource-policy"] = "same-origin"
  response.headers["referrer-policy"] = "no-referrer"
  response.headers["x-content-type-options"] = "nosniff"
end

local PLAIN = "text/plain; charset=utf-8"

local function refuse(response, code, why) answer(response, code, PLAIN, why) end

local function say(response, value)
  answer(response, 200, "application/json", (assert(json.encode(value))))
end

--- A page of elsewhere whose name comes to mean this machine (DNS rebinding) names itself in Host.
local function is_addressed(conn, request)
  local host = (request.headers.host or ""):lower()
  local name, port = host:match "^(.+):(%d+)$"
  if not name then
    name, port = host, "80" -- browsers leave it out
  end
  local known = name == "127.0.0.1" or name == "localhost" or name == "[::1]"
  return known and port == tostring(conn.local_port)
end

--- Bytes of strangers as JSON takes them.
local function clean(text) return (text:gsub("[%z\1-\31\127-\255]", "?")) end

local function list_channels(server)
  local found, count = core.channels(server, CHANNELS)
  local list = json.array {}
  for name, subscribers in pairs(found) do
    list[#list + 1] = { name = clean(name), subscribers = subscribers }
  end
  table.sort(list, function(a, b)
    if a.subscribers ~= b.subscribers then return a.subscribers > b.subscribers end
    return a.name < b.name
  end)
  return { list = list, count = count }
end

local gets, posts = {}, {}

local function file(name, kind)
  return function(_, _, response)
    answer(response, 200, kind, (assert(core_metrics.page(FOLDER .. name))))
  end
end

gets["/"] = file("index.html", "text/html; charset=utf-8")
gets["/dashboard.css"] = file("dashboard.css", "text/css; charset=utf-8")
gets["/dashboard.js"] = file("dashboard.js", "text/javascript; charset=utf-8")

gets["/data"] = function(server, request, response)
  local lines, last = core_metrics.log_lines(tonumber(request.params.after) or 0)
  for i, line in ipairs(lines) do
    lines[i] = line:gsub(
      "[\128-\255]+",
      function(bytes) return json.encode(bytes) and bytes or "?" end
    )
  end
  say(response, {
    counters = core_metrics.counters(),
    process = core_metrics.process(),
    slow = json.array(core_metrics.slow()),
    channels = list_channels(server),
    log = json.array(lines),
    last = last,
    worker = worker.id,
    workers = worker.count,
    listening = core.listening(server),
    time = os.time(),
  })
end

gets["/clients"] = function(server, _, response)
  local all, message = server:connections()
  if not all then return refuse(response, 503, message) end
  local list = json.array {}
  for i = 1, math.min(#all, CLIENTS) do
    local each = all[i]
    list[i] = {
      guid = each.guid,
      ip = each.ip,
      url = clean(each.url or ""),
      protocol = clean(each.protocol or ""),
      worker = each.worker,
    }
  end
  say(response, { list = list, count = #all })
end

posts["/disconnect"] = function(server, request, response)
  local asked = json.decode(request.body)
  local guid = type(asked) == "table" and asked.guid
  if type(guid) ~= "string" then return refuse(response, 400, "no guid\n") end
  local called, done = pcall(server.disconnect, server, guid, 1008)
  say(response, { done = called and done == true })
end

--- Only our own page sends this type without asking first (CORS), and browsers tell its origin.
local function is_ours(request)
  local origin, kind = request.headers.origin, request.headers["content-type"] or ""
  return origin == "http://" .. (request.headers.host or "")
    and kind:find "^application/json" ~= nil
end

--- Makes the server of the page of another one.
---@param settings table The complete option.
---@param server_of fun(): userdata?
---@param make fun(options: table): userdata
---@return userdata
function dashboard.new(settings, server_of, make)
  local made = make {
    host = settings.host,
    port = settings.port,
    options = { html_files = false, javascript_files = false },
    fallback = { server_sent_events = false },
    limits = { body = 4096 },
  }
  function made.OnCommandGet(conn, request, response)
    local is_post, server = request.command == "POST", server_of()
    local page = (is_post and posts or gets)[request.document]
    if not is_addressed(conn, request) then
      return refuse(response, 421, "not this host\n")
    elseif not page or not server then
      return refuse(response, 404, "no such page\n")
    elseif is_post and not is_ours(request) then
      return refuse(response, 403, "not from here\n")
    end
    return page(server, request, response)
  end
  function made.OnHandshake() return false end
  return made
end

--- The page's port is open from now on.
function dashboard.began() core_metrics.keep_log() end

return dashboard
