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
  "credential",
}

local NAMES = { key = true, sig = true, code = true, sid = true, pass = true }

-- They begin like secrets, and say which kinds there are.
local OPEN = { ["www-authenticate"] = true, ["proxy-authenticate"] = true }

local function is_secret(name)
  name = name:lower()
  if OPEN[name] then return false end
  if NAMES[name] then return true end
  for _, word in ipairs(SECRETS) do
    if name:find(word, 1, true) then return true end
  end
  return false
end

--- A URL without user, password, fragment, and values of secret parameters.
---@param url string
---@return string
function redact.url(url)
  local place, query = url:gsub("#.*$", ""):match "^([^?]*)%??(.*)$"
  place = place:gsub("^(%w[%w+.-]*://)[^/]*@", "%1")
  if query == "" then return place end
  local shown = query:gsub("([^&=]+)=([^&]*)", function(name, value)
    local plain = name:gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end)
    return name .. "=" .. (is_secret(plain) and redact.SHOWN or value)
  end)
  return place .. "?" .. shown
end

--- Fields with the values of secret ones taken out.
---@param fields string[][] { name, value }
---@return string[][]
function redact.fields(fields)
  local shown = {}
  for i, field in ipairs(fields) do
    shown[i] = { field[1], is_secret(field[1]) and redact.SHOWN or field[2] }
    if field[1]:lower() == "location" then shown[i][2] = redact.url(field[2]) end
  end
  return shown
end

--- A text for one line of a log.
---@param text string
---@return string
function redact.line(text)
  local line = text:gsub("[%c\127-\255\\]", function(c) return ("\\x%02x"):format(c:byte()) end)
  return line
end

return redact
