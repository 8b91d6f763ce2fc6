--- What is not shown: of headers, and of URLs.
local secrets = {}

local HEADERS = {
  ["authorization"] = true,
  ["proxy-authorization"] = true,
  ["cookie"] = true,
  ["set-cookie"] = true,
  ["x-api-key"] = true,
}

-- Parts of the names of parameters and headers whose values are nobody's business.
local WORDS = { "token", "secret", "passw", "api%-?_?key", "auth", "signature", "session", "jwt" }

local function is_secret(name)
  name = name:lower()
  for _, word in ipairs(WORDS) do
    if name:find(word) then return true end
  end
  return HEADERS[name] or false
end

--- The value of a header as it may be shown.
function secrets.header(name, value)
  if name:lower():find "^sec%-websocket%-" then return value end
  return is_secret(name) and "(not shown)" or value
end

--- A URL without its user and the values of telling parameters.
function secrets.url(url)
  url = url:gsub("^(%a+://)[^/?#]*@", "%1")
  return (
    url:gsub("([?&])([^=&#]*)=([^&#]*)", function(mark, name, value)
      if value ~= "" and is_secret(name) then return ("%s%s=..."):format(mark, name) end
    end)
  )
end

return secrets
