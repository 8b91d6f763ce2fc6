--- A jar of cookies (RFC 6265bis 5.7 and 5.8), which can be kept in a file as curl and wget do.
local cookie = require "perilune.internal.http.cookie"
local fs = require "perilune.fs"
local hidden = require "perilune.internal.hidden"
local options = require "perilune.internal.options"
local places = require "perilune.internal.http.place"

local cookies = {}

-- domain, below it, path, secure, expires, name, value
local COLUMNS = "^%.?([^\t]+)\t(%u+)\t(/[^\t]*)\t(%u+)\t(%d+)\t([^\t]*)\t([^\t]*)$"
local TITLE = "# Netscape HTTP Cookie File\n"

---@class perilune.http.CookieJar
---@field count integer How many it has. Read only.
local Jar = {}

--- Each with `made`, `created` and `used`, which count up.
---@class perilune.internal.http.Jar
---@field domains table<string, table[]>
---@field count integer
---@field turn integer
---@field max_cookies integer
---@field max_per_domain integer

local function next_turn(jar)
  jar.turn = jar.turn + 1
  return jar.turn
end

local function remove(jar, domain, index)
  local list = jar.domains[domain]
  table.remove(list, index)
  jar.count = jar.count - 1
  if #list == 0 then jar.domains[domain] = nil end
end

--- Which of two entries has to go first: what has ended, what is not secure, what was not used.
local function goes_before(one, other, now)
  local one_over = one.made.expires and one.made.expires <= now or false
  local other_over = other.made.expires and other.made.expires <= now or false
  if one_over ~= other_over then return one_over end
  if one.made.secure ~= other.made.secure then return other.made.secure end
  return one.used < other.used
end

--- Makes room in the lists of these domains.
local function evict(jar, domains, now)
  local first, first_domain, first_index
  for domain, list in pairs(domains) do
    for index, entry in ipairs(list) do
      if not first or goes_before(entry, first, now) then
        first, first_domain, first_index = entry, domain, index
      end
    end
  end
  remove(jar, first_domain, first_index)
end

local function find_same(list, made)
  for index, entry in ipairs(list or {}) do
    local other = entry.made
    local same = other.name == made.name and other.path == made.path
    if same and other.host_only == made.host_only then return index end
  end
end

--- Whether a cookie that is not secure would stand in the way of one that is (5.7, 16).
local function hides_secure(jar, made)
  for domain, list in pairs(jar.domains) do
    local near = cookie.domain_matches(domain, made.domain)
      or cookie.domain_matches(made.domain, domain)
    for _, entry in ipairs(near and list or {}) do
      local other = entry.made
      local same = other.secure and other.name == made.name
      if same and cookie.path_matches(made.path, other.path) then return true end
    end
  end
  return false
end

--- Keeps a cookie in the place of one like it.
local function put(jar, made, now)
  local list = jar.domains[made.domain]
  local index = find_same(list, made)
  local entry = { made = made, created = next_turn(jar), used = jar.turn }
  if index then
    entry.created = list[index].created
    remove(jar, made.domain, index)
  end
  if made.expires and made.expires <= now then return end
  list = jar.domains[made.domain]
  if list and #list >= jar.max_per_domain then
    evict(jar, { [made.domain] = list }, now)
  elseif jar.count >= jar.max_cookies then
    evict(jar, jar.domains, now)
  end
  list = jar.domains[made.domain] or {}
  jar.domains[made.domain] = list
  list[#list + 1] = entry
  jar.count = jar.count + 1
end

--- Takes a Set-Cookie in; false when it is refused.
---@param jar perilune.internal.http.Jar
---@param place perilune.internal.http.Place
---@param line string
---@param now? integer
---@return boolean taken
function cookies.take(jar, place, line, now)
  now = now or os.time()
  local made = cookie.accept(line, place, now)
  if not made then return false end
  if not made.secure and not place.secure and hides_secure(jar, made) then return false end
  put(jar, made, now)
  return true
end

--- The entries that go to a place, in their order.
local function matching(jar, place, now)
  local found = {}
  local domain = place.host
  while domain do
    for _, entry in ipairs(jar.domains[domain] or {}) do
      if cookie.goes_to(entry.made, place, now) then found[#found + 1] = entry end
    end
    domain = domain:match "^[^.]*%.(.+)$"
  end
  table.sort(found, function(a, b)
    if #a.made.path ~= #b.made.path then return #a.made.path > #b.made.path end
    return a.created < b.created
  end)
  return found
end

--- The value of Cookie for a place; nil for none.
---@param jar perilune.internal.http.Jar
---@param place perilune.internal.http.Place
---@param now? integer
---@return string? value
function cookies.header(jar, place, now)
  local pieces = {}
  for i, entry in ipairs(matching(jar, place, now or os.time())) do
    local made = entry.made
    entry.used = next_turn(jar)
    pieces[i] = made.name == "" and made.value or made.name .. "=" .. made.value
  end
  return pieces[1] and table.concat(pieces, "; ")
end

local function place_of(what, url)
  local place, message = places.of(url)
  if not place then error(("%s takes an http or https URL: %s"):format(what, message), 4) end
  return place
end

--- Keeps a cookie as if this URL had answered with it.
---@param url string
---@param line string A Set-Cookie: "name=value; Path=/".
---@return boolean? taken
---@return string? message
---@return string? code "EACCES"
function Jar.set(jar, url, line)
  if type(line) ~= "string" then error("jar:set takes a string second", 3) end
  if cookies.take(jar, place_of("jar:set", url), line) then return true end
  return nil, "the URL may not set this cookie, or it is none", "EACCES"
end

--- What a request to this URL would send.
---@param url string
---@return string? value "a=1; b=2"; nil for none.
function Jar.get(jar, url) return cookies.header(jar, place_of("jar:get", url)) end

--- Every entry, first the oldest.
local function entries(jar)
  local list = {}
  for _, of_domain in pairs(jar.domains) do
    for _, entry in ipairs(of_domain) do
      list[#list + 1] = entry
    end
  end
  table.sort(list, function(a, b) return a.created < b.created end)
  return list
end

--- Copies of all that have not ended, first the oldest.
---@return perilune.http.Cookie[]
function Jar.all(jar)
  local list, now = {}, os.time()
  for _, entry in ipairs(entries(jar)) do
    local copy = {}
    for name, value in pairs(entry.made) do
      copy[name] = value
    end
    if not copy.expires or copy.expires > now then list[#list + 1] = copy end
  end
  return list
end

--- Takes all out, or those of one domain.
---@param domain? string
function Jar.clear(jar, domain)
  if domain == nil then
    jar.domains, jar.count = {}, 0
    return
  end
  if type(domain) ~= "string" then error("jar:clear takes a domain", 3) end
  domain = domain:lower()
  jar.count = jar.count - #(jar.domains[domain] or {})
  jar.domains[domain] = nil
end

local function flag(value) return value and "TRUE" or "FALSE" end

local function line_of(made)
  return table.concat({
    (made.http_only and "#HttpOnly_" or "") .. (made.host_only and "" or ".") .. made.domain,
    flag(not made.host_only),
    made.path,
    flag(made.secure),
    ("%d"):format(made.expires or 0),
    made.name,
    made.value,
  }, "\t") .. "\n"
end

local save_schema = { session = { type = "boolean", default = false } }

--- Writes the cookies into a file that only the own user may read.
---@param path string
---@param given? { session?: boolean } Also those that end with the program. Default false.
---@return boolean? done
---@return string? message
---@return string? code
function Jar.save(jar, path, given)
  local settings, wrong = options.complete("jar:save", save_schema, given)
  if not settings then error(wrong, 3) end
  local lines, now = { TITLE }, os.time()
  for _, entry in ipairs(entries(jar)) do
    local expires = entry.made.expires
    local lasts = expires and expires > now or not expires and settings.session
    if lasts then lines[#lines + 1] = line_of(entry.made) end
  end
  return fs.write(path, table.concat(lines), { atomic = true, mode = "600" })
end

--- One line of a file; nil when it is not to be read, false when it is broken.
local function parse_line(line)
  local http_only = line:match "^#HttpOnly_(.*)$"
  if not http_only and (line == "" or line:sub(1, 1) == "#") then return nil end
  local domain, below, path, secure, expires, name, value = (http_only or line):match(COLUMNS)
  if not domain or line:find "[%z\1-\8\10-\31\127]" or #name + #value > 4096 then return false end
  return {
    domain = domain:lower(),
    host_only = below ~= "TRUE",
    path = path,
    secure = secure == "TRUE",
    http_only = http_only ~= nil,
    expires = expires ~= "0" and math.min(tonumber(expires), 2 ^ 53) or nil,
    name = name,
    value = value,
  }
end

--- Reads a file of cookies, beside those that are there. All of it or nothing.
---@param path string
---@return integer? count How many lines it had.
---@return string? message
---@return string? code "EINVAL": it is no such file.
function Jar.load(jar, path)
  local text, message, code = fs.read(path, { max_size = 2 ^ 24 })
  if not text then return nil, message, code end
  local list, number = {}, 0
  for line in text:gmatch "([^\n]*)\n?" do
    number = number + 1
    local made = parse_line((line:gsub("\r$", "")))
    if made == false then
      return nil, ("%s: line %d is no cookie"):format(path, number), "EINVAL"
    end
    list[#list + 1] = made
  end
  local now = os.time()
  for _, made in ipairs(list) do
    put(jar, made, now)
  end
  return #list
end

local make, state_of = hidden.class("cookie_jar", Jar, {
  count = function(jar) return jar.count end,
})

local schema = {
  max_cookies = { type = "integer", default = 3000, min = 1, max = 1000000 },
  max_per_domain = { type = "integer", default = 50, min = 1, max = 1000000 },
}

--- An empty jar.
---@param given? perilune.http.CookieJarOptions
---@return perilune.http.CookieJar
function cookies.new(given)
  local settings = options.check("http.cookie_jar", schema, given)
  settings.domains, settings.count, settings.turn = {}, 0, 0
  return make(settings)
end

--- What `take` and `header` work on; nil when it is no jar.
---@param jar any
---@return perilune.internal.http.Jar?
function cookies.state(jar) return state_of(jar) end

return cookies
