--- What may be shown of requests and answers: without passwords, tokens, cookies.
local redact = {}

redact.SHOWN = "***"

-- Words within names of header fields and of query parameters, in lower case.
local SECRETS = {
  "auth",
  "token",
  "secret",
  "passw",
  "pwd",
  "apikey",
  "api_key",
  "api-key",
  "access_key",
  "accesskey",
  "access-key",
  "signature",
  "cookie",
  "session",
  "sessid",
  "jwt",
  "credential",
}

local NAMES = { sig = true, code = true, sid = true, pass = true }

-- What has a URL as value.
local URLS = { ["location"] = true, ["content-location"] = true, ["referer"] = true }

-- They begin like secrets, and say which kinds there are.
local OPEN = { ["www-authenticate"] = true, ["proxy-authenticate"] = true }

--- Whether a word of it is "key": "X-Functions-Key", "clientKey".
local function has_key(name)
  return name:find "Key%f[%L]" ~= nil or name:lower():find "%f[%a]key%f[%A]" ~= nil
end

local function is_secret(name)
  if has_key(name) then return true end
  name = name:lower()
  if OPEN[name] then return false end
  if NAMES[name] then return true end
  for _, word in ipairs(SECRETS) do
    if name:find(word, 1, true) then return true end
  end
  return false
end

--- A parameter as it may be shown.
local function shown(name, value)
  local plain = name:gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end)
  return name .. "=" .. (is_secret(plain) and redact.SHOWN or value)
end

--- A URL without user, password, fragment, and values of secret parameters.
---@param url string
---@return string
function redact.url(url)
  local place, query = url:gsub("#.*$", ""):match "^([^?]*)%??(.*)$"
  place = place:gsub("^(%w[%w+.-]*://)[^/]*@", "%1")
  place = place:gsub("([^;/=]+)=([^;/]*)", shown)
  return query == "" and place or place .. "?" .. query:gsub("([^&=]+)=([^&]*)", shown)
end

--- Fields with the values of secret ones taken out.
---@param fields string[][] { name, value }
---@return string[][]
function redact.fields(fields)
  local list = {}
  for i, field in ipairs(fields) do
    list[i] = { field[1], is_secret(field[1]) and redact.SHOWN or field[2] }
    if URLS[field[1]:lower()] then list[i][2] = redact.url(field[2]) end
  end
  return list
end

--- A text for one line of a log.
---@param text string
---@return string
function redact.line(text)
  local line = text:gsub("[%c\127-\255\\]", function(c) return ("\\x%02x"):format(c:byte()) end)
  return line
end

return redact
