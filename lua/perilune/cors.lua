--- Which pages of other origins may read our answers (Fetch standard, 3.2: the CORS protocol).
---
---     local cors = require("perilune.cors").new { origins = { "https://app.example" } }
---     function server.OnCommandOther(_, request, response) cors:preflight(request, response) end
---     function server.OnCommandGet(_, request, response) cors:allow(request, response) … end
local options = require "perilune.internal.options"
local token = require("perilune.internal.fields").TOKEN

local cors = {}

---@class perilune.cors.Options
---@field origins? string[] "https://app.example", "http://localhost:*" (any port); default: all.
---@field methods? string[] Default: GET, HEAD, POST, PUT, PATCH, DELETE.
---@field headers? string[] Of requests; default: those that are asked for.
---@field expose? string[] Headers of answers that pages may read, besides the harmless ones.
---@field credentials? boolean Pages may send cookies and passwords; needs origins. Default false.
---@field max_age? integer Seconds for which a browser need not ask again: 0 to 86400, default 600.

local list = { type = "list", of = { type = "string", min = 1 } }

local schema = {
  origins = { type = "list", of = { type = "string", min = 1 }, min = 1 },
  methods = {
    type = "list",
    of = list.of,
    min = 1,
    default = { "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE" },
  },
  headers = list,
  expose = { type = "list", of = list.of, default = {} },
  credentials = { type = "boolean", default = false },
  max_age = { type = "integer", default = 600, min = 0, max = 86400, unit = "seconds" },
}

--- "http://a.example:*" is any port of it, as in security_options.origins_allowed.
local function matches(allowed, origin)
  if allowed:sub(-2) ~= ":*" then return allowed:lower() == origin:lower() end
  local base = allowed:sub(1, -3):lower()
  local start, rest = origin:sub(1, #base):lower(), origin:sub(#base + 1)
  return start == base and (rest == "" or rest:find "^:%d+$" ~= nil)
end

---@class perilune.cors
local Cors = {}
Cors.__index = Cors

--- Whether it is a browser's question before a request of a page of another origin.
---@param request perilune.Request
---@return boolean
function cors.is_preflight(request)
  return request.command == "OPTIONS"
    and request.headers.origin ~= nil
    and request.headers["access-control-request-method"] ~= nil
end

--- The value of Access-Control-Allow-Origin; nil: this origin is not let in.
function Cors:origin(request)
  local origin = request.headers.origin
  if not origin then return nil end
  if not self.settings.origins then return "*" end
  for _, allowed in ipairs(self.settings.origins) do
    if matches(allowed, origin) then return origin end
  end
end

--- Adds to what a header has already.
local function append(headers, name, value)
  local before = headers[name]
  if type(before) == "table" then
    before[#before + 1] = value
  else
    headers[name] = before and before .. ", " .. value or value
  end
end

--- Caches must not give one origin's answer to another one.
local function vary(self, response)
  if self.settings.origins then append(response.headers, "vary", "origin") end
end

local function set_origin(self, request, response)
  local origin = self:origin(request)
  vary(self, response)
  if not origin then return false end
  response.headers["access-control-allow-origin"] = origin
  if self.settings.credentials then
    response.headers["access-control-allow-credentials"] = "true"
  end
  return true
end

--- Adds to an answer what lets the page read it. Call it in every handler that answers pages of
--- other origins, before the answer begins.
---@param request perilune.Request
---@param response perilune.Response
---@return boolean allowed False: from no page of another origin, or from one that is not let in.
function Cors:allow(request, response)
  if not set_origin(self, request, response) then return false end
  local expose = self.settings.expose
  if #expose > 0 then
    response.headers["access-control-expose-headers"] = table.concat(expose, ", ")
  end
  return true
end

--- Answers a browser's question, if it is one: 204, and what is allowed, if the origin is let in.
---@param request perilune.Request
---@param response perilune.Response
---@return boolean answered
function Cors:preflight(request, response)
  if not cors.is_preflight(request) then return false end
  local settings, headers = self.settings, response.headers
  response.response_no = 204
  if not set_origin(self, request, response) then return true end
  local asked = request.headers["access-control-request-headers"]
  headers["access-control-allow-methods"] = table.concat(settings.methods, ", ")
  if settings.headers then
    headers["access-control-allow-headers"] = table.concat(settings.headers, ", ")
  elseif asked then
    headers["access-control-allow-headers"] = asked
    append(headers, "vary", "access-control-request-headers")
  end
  headers["access-control-max-age"] = settings.max_age
  return true
end

local function tokens_fault(name, names)
  for _, each in ipairs(names or {}) do
    if not each:find(token) then
      return ("option '%s' of cors.new takes tokens, got %q"):format(name, each)
    end
  end
end

local function origins_fault(origins)
  for _, origin in ipairs(origins or {}) do
    local known = origin == "null" or origin:find "^%a[%w+.-]*://[^/%s*?#]+$"
    if not (known or origin:find "^%a[%w+.-]*://[^/%s*?#]+:%*$") then
      local message =
        "option 'origins' of cors.new takes origins like \"https://app.example\", got %q"
      return message:format(origin)
    end
  end
end

--- Rules for pages of other origins.
---@param given? perilune.cors.Options
---@return perilune.cors
function cors.new(given)
  local settings = options.check("cors.new", schema, given or {})
  local message = origins_fault(settings.origins)
    or tokens_fault("methods", settings.methods)
    or tokens_fault("headers", settings.headers)
    or tokens_fault("expose", settings.expose)
  if not message and settings.credentials and not settings.origins then
    message = "option 'credentials' of cors.new needs 'origins': "
      .. "any page could act in the name of its visitors"
  end
  if message then error(message, 2) end
  return setmetatable({ settings = settings }, Cors)
end

return cors
