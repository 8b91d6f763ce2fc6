--- Gives requests and responses of OnCommandGet their metatables.
local component = require "perilune.internal.component"
local core = require "perilune.core.exchange"
local options = require "perilune.internal.options"
local paths = require "perilune.internal.paths"

local request, response = core.request, core.response
local request_body, request_params = request.getters.body, request.getters.params

--- Waits for the whole body. What it throws begins with what lua_request.c looks for.
local function body(self)
  local text, message, code = request_body(self)
  if text then return text end
  if code == "ETOOBIG" then message = "it is larger than limits.body" end
  error("request.body cannot be had: " .. message, 3)
end

local function params(self)
  local found = request_params(self)
  if found then return found end
  body(self)
  return request_params(self)
end

request.getters.body, request.getters.params = body, params

--- The files that uploads.lua has received with requests.
local files = setmetatable({}, { __mode = "k" })

function request.getters.files(self) return files[self] or {} end

--- What http_sessions.lua knows of a request: { session, start }. It is the request's environment,
--- for it refers to the request: in a table of ours it would keep it for ever.
local SESSION = {}

local function session_of(self)
  local known = debug.getfenv(self)
  return rawget(known, SESSION) and known
end

function request.getters.session(self)
  local known = session_of(self)
  return known and known.session or nil
end

--- The session, which begins now if there is none. nil: it cannot begin.
function request.methods.start_session(self)
  local known = session_of(self)
  if not known then error("request:start_session needs the server's option 'session_state'", 2) end
  known.session = known.start(known.session)
  return known.session
end

local function set_session(self, session, start)
  debug.setfenv(self, { [SESSION] = true, session = session, start = start })
end

request.set_metatable(component.build {
  name = "request",
  methods = request.methods,
  getters = request.getters,
})

local methods = response.methods

local types = {
  content_text = "string",
  content_type = "string",
  headers = "table",
  response_no = "number",
}

--- Sends the client elsewhere: 302 unless `code` says 301, 303, 307 or 308.
---@param url string
---@param code? integer
function methods:redirect(url, code)
  code = code or 302
  if type(url) ~= "string" or url == "" or url:find "[%c ]" then
    error("response:redirect takes a URL without spaces and control characters", 2)
  elseif not (code == 301 or code == 302 or code == 303 or code == 307 or code == 308) then
    error("response:redirect takes 301, 302, 303, 307 or 308", 2)
  end
  self.response_no = code
  self.headers.location = url
end

local send_file = methods.send_file

local file_options = {
  root = { type = "string", min = 1 },
  download = { type = { "boolean", "string" }, min = 1, default = false },
}

--- Content-Disposition (RFC 6266): the name as ASCII, and as it is when it is more than that.
local function disposition(name)
  local plain = name:gsub('[%c"\\%%\127-\255]', "_")
  local value = ('attachment; filename="%s"'):format(plain)
  if plain == name then return value end
  local escaped = name:gsub("[^%w!#$&+.^_`|~-]", function(c) return ("%%%02X"):format(c:byte()) end)
  return value .. "; filename*=UTF-8''" .. escaped
end

--- Answers with a file. Waits until the answer has begun; what is left is sent without the handler.
---@param path string
---@param given? { root?: string, download?: boolean|string }
function methods:send_file(path, given)
  if type(path) ~= "string" then
    error("response:send_file takes a path, got a " .. type(path), 2)
  end
  given = options.check("response:send_file", file_options, given or {})
  if path:find "%z" then return nil, "no such file or directory", "ENOENT" end
  local root, below = paths.from_script(given.root), path
  if not root then
    root, below = paths.from_script(path):match "^(.*/)([^/]*)$"
  elseif path:sub(1, 1) == "/" then
    return nil, "no such file or directory", "ENOENT"
  end
  local name = given.download
  if name == true then name = path:match "[^/]*$" end
  return send_file(self, root, below, given.root ~= nil, name and disposition(name) or nil)
end

local function assign(self, key, value)
  local wanted = types[key]
  if not wanted then
    local nearest =
      options.nearest(key, { "content_text", "content_type", "headers", "response_no" })
    local hint = nearest and ("did you mean '%s'?"):format(nearest)
      or "it takes content_text, content_type, headers, response_no"
    error(("response has no field '%s': %s"):format(tostring(key), hint), 2)
  elseif value ~= nil and type(value) ~= wanted then
    error(("response.%s takes a %s, got a %s"):format(key, wanted, type(value)), 2)
  end
  rawset(self, key, value)
end

response.set_metatable {
  __index = methods,
  __newindex = assign,
  __metatable = "response",
  __name = "response",
}

return { files = files, set_session = set_session }
