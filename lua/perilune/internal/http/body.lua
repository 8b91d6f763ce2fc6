--- The body of a request: what the options say, and the bytes that are sent.
local form = require "perilune.internal.http.form"
local fs = require "perilune.fs"
local json = require "perilune.json"
local multipart = require "perilune.internal.http.multipart"
local text = require "perilune.core.text"

local body = {}

---@class perilune.internal.http.Body
---@field type? string
---@field length? integer nil: nobody knows before.
---@field repeatable boolean Whether `open` can be called again.
---@field open fun(): (fun(): string?, string?, string?), fun()? What gives the next bytes, nil at
--- the end, nil, message, code; and what ends it before.

--- What makes the body: called for each request, may wait.
---@alias perilune.internal.http.BodyMaker fun(): perilune.internal.http.Body?, string?, string?

--- Schema of the options that say what is sent.
body.fields = {
  body = { type = { "string", "function" }, secret = true },
  form = { type = "table", secret = true },
  json = { type = "any" },
  multipart = { type = "table", secret = true },
  file = { type = "string", min = 1 },
  content_type = { type = "string", min = 1 },
  length = { type = "integer", min = 0 },
}

local KINDS = { "body", "form", "json", "multipart", "file" }

local function of_text(bytes, content_type)
  local made = {
    type = content_type,
    length = #bytes,
    repeatable = true,
    open = function()
      local rest = bytes
      return function()
        local now = rest
        rest = nil
        return now ~= "" and now or nil
      end
    end,
  }
  return function() return made end
end

--- The function gives bytes until it returns nil.
local function of_function(f, length)
  return function()
    return { length = length, repeatable = false, open = function() return f end }
  end
end

local function file_reader(path, length)
  local file, left = nil, length
  local function close()
    if file then file:close() end
    file = nil
  end
  local function read()
    if left == 0 then return close() end
    if not file then
      local message, code
      file, message, code = fs.open(path)
      if not file then return nil, message, code end
    end
    local bytes, message, code = multipart.next_bytes(file, path, left)
    if not bytes then return nil, message, code end
    left = left - #bytes
    return bytes
  end
  return read, close
end

local function of_file(path)
  return function()
    local info, message, code = fs.stat(path)
    if not info then return nil, message, code end
    if info.type ~= "file" then return nil, path .. ": is no file", "EINVAL" end
    return {
      type = text.media_type(path),
      length = info.size,
      repeatable = true,
      open = function() return file_reader(path, info.size) end,
    }
  end
end

local makers = {
  body = function(given, settings)
    if type(given) == "function" then return of_function(given, settings.length) end
    return of_text(given)
  end,
  form = function(given)
    local encoded, place, message = form.encode(given)
    if not encoded then return nil, place, message end
    return of_text(encoded, form.TYPE)
  end,
  json = function(given)
    local encoded, message = json.encode(given)
    if not encoded then return nil, "", "takes what JSON has: " .. message end
    return of_text(encoded, "application/json")
  end,
  multipart = function(given)
    local parts, place, message = multipart.read(given)
    if not parts then return nil, place, message end
    return function() return multipart.body(parts) end
  end,
  file = function(given)
    if given:find "%z" then return nil, "", "takes a path without NUL" end
    return of_file(given)
  end,
}

--- Which of them is given; nil and a message for two.
local function kind_of(what, settings)
  local kind
  for _, name in ipairs(KINDS) do
    if settings[name] ~= nil then
      if kind then
        return nil, ("options '%s' and '%s' of %s exclude each other"):format(kind, name, what)
      end
      kind = name
    end
  end
  return kind
end

--- What makes the body that checked options say; nil without one, or with a message.
---@param what string "http.post"
---@param settings table
---@return perilune.internal.http.BodyMaker? make
---@return string? message
function body.maker(what, settings)
  local kind, message = kind_of(what, settings)
  if message then return nil, message end
  if settings.length and type(settings.body) ~= "function" then
    return nil, ("option 'length' of %s goes with a function as 'body'"):format(what)
  elseif not kind then
    return nil
  end
  local make, place
  make, place, message = makers[kind](settings[kind], settings)
  if not make then return nil, ("option '%s%s' of %s %s"):format(kind, place, what, message) end
  return make
end

return body
