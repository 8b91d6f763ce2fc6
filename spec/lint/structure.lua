--- The rules of the source tree: what may include what, and what must stand beside what.
-- Run at the top of a checkout by `./test lint`; prints TAP, one line a rule.

-- What each layer may include besides itself: the folders below it.
local below = { base = {} }
local function layer(name, direct)
  local set = {}
  for _, lower in ipairs(direct) do
    set[lower] = true
    for lowest in pairs(below[lower]) do
      set[lowest] = true
    end
  end
  below[name] = set
end
layer("crypto", { "base" })
layer("codec", { "crypto" })
layer("net", { "crypto" })
layer("http", { "codec", "net" })
layer("ws", { "http" })
layer("proxy", { "http" })
layer("sse", { "codec", "net" })
layer("tcp", { "codec", "net" })
layer("mqtt", { "codec", "net" })
layer("conn", { "ws", "tcp", "sse" })
layer("server", { "conn" })
layer("client", { "conn", "proxy" })
layer("forward", { "conn", "client" })
layer("worker", { "server", "client" })
layer("lua", { "worker", "forward", "sse", "mqtt" })

-- Libraries whose headers belong to some layers only; other system headers are free.
local libraries = {
  { header = "^lua[a-z]*%.h$", layers = { lua = true } },
  { header = "^lauxlib%.h$", layers = { lua = true } },
  { header = "^uv[./]", layers = { net = true } },
  { header = "^openssl/", layers = { crypto = true, net = true } },
  { header = "^nghttp2/", layers = { http = true } },
  { header = "^sqlite3%.h$", layers = { mqtt = true } },
}

local MAX_LINES = 800

local files, exists = {}, {}
local listing = assert(io.popen "git ls-files --cached --others --exclude-standard")
for path in listing:lines() do
  local file = io.open(path) -- gone when it was deleted but not yet committed
  if file then
    file:close()
    table.insert(files, path)
    exists[path] = true
  end
end
listing:close()

local function lines_of(path)
  local lines = {}
  for line in io.lines(path) do
    table.insert(lines, line)
  end
  return lines
end

local function is_text(path)
  local file = assert(io.open(path, "rb"))
  local head = file:read(8192) or ""
  file:close()
  return not head:find "%z"
end

--- Calls f(path, captures of pattern...) for each file.
local function each(pattern, f)
  for _, path in ipairs(files) do
    if path:find(pattern) then f(path, path:match(pattern)) end
  end
end

-- What a test says it covers beside its namesake, on a line like "covers: net/tcp.c net/dns.c"
-- (below runtime/) or "covers: internal/names.lua" (below lua/perilune/) near its top.
local covered, covers = {}, {}
local function read_covers(path)
  for number, line in ipairs(lines_of(path)) do
    if number > 40 then break end
    local list = line:match "covers:%s*(.*)"
    for name in (list or ""):gmatch "[%w_/.]+" do
      local source = (name:find "%.lua$" and "lua/perilune/" or "runtime/") .. name
      covers[path] = covers[path] or {}
      table.insert(covers[path], source)
      covered[source] = true
    end
  end
end
each("^spec/.*_test%.c$", read_covers)
each("^spec/.*_spec%.lua$", read_covers)

local rules = {}
local function rule(name, check) table.insert(rules, { name = name, check = check }) end

rule("layers include only themselves and what is below", function(complain)
  each("^runtime/(%w+)/.*%.[ch]$", function(path, own)
    if not below[own] then return complain(path, "is in a folder that is no layer") end
    for number, line in ipairs(lines_of(path)) do
      local name = line:match '^%s*#%s*include%s*"([^"]+)"'
      local folder = name and name:match "^(%w+)/"
      if name and not folder then
        complain(path, number, 'includes "' .. name .. '" without its layer')
      elseif folder and folder ~= own and not below[own][folder] then
        complain(path, number, 'includes "' .. name .. '", which is not below ' .. own)
      end
    end
  end)
end)

rule("libraries are used where they belong", function(complain)
  each("^runtime/.*%.[ch]$", function(path)
    local own = path:match "^runtime/(%w+)/" or "main"
    for number, line in ipairs(lines_of(path)) do
      local header = line:match '^%s*#%s*include%s*[<"]([^>"]+)[>"]'
      for _, library in ipairs(libraries) do
        if header and header:find(library.header) and not library.layers[own] then
          complain(path, number, "includes <" .. header .. ">")
        end
      end
    end
  end)
end)

rule("C files are not included", function(complain)
  each("%.[ch]$", function(path)
    for number, line in ipairs(lines_of(path)) do
      if line:find '^%s*#%s*include%s*["<][^">]+%.c[">]' then complain(path, number, line) end
    end
  end)
end)

-- A noun too large for one file: its parts share a header "ws/ws_internal.h", or that of the layer
-- ("server/server.h"), and the tests of the noun ("ws_test.c" for ws_receive.c) are theirs.
local function is_part(path, own)
  for _, line in ipairs(lines_of(path)) do
    local name = line:match('^#include "' .. own .. '/([%w_]+)%.h"')
    if name and (name == own or name:find "_internal$") then return true end
  end
  return false
end

rule("each C file has a header", function(complain)
  each("^(runtime/(%w+)/.*)%.c$", function(path, stem, own)
    if not (exists[stem .. ".h"] or is_part(path, own)) then
      complain(path, "has no " .. stem .. ".h, and includes no header of a larger noun")
    end
  end)
end)

rule("each C file has a test", function(complain)
  local function tested(own, name)
    return exists[("spec/unit/%s/%s_test.c"):format(own, name)]
      or exists[("spec/session/%s_test.c"):format(name)]
      or own == "lua" and exists["spec/" .. name:gsub("^lua_", "") .. "_spec.lua"]
  end
  each("^runtime/(%w+)/(.*)%.c$", function(path, own, name)
    local noun = is_part(path, own) and name:match "^(.*)_"
    if covered[path] or tested(own, name) or noun and tested(own, noun) then return end
    local file = ("%s/%s"):format(own, name)
    complain(
      path,
      ('has no spec/unit/%s_test.c, and no test says "covers: %s.c"'):format(file, file)
    )
  end)
end)

rule("each test has its source", function(complain)
  for path, list in pairs(covers) do
    for _, source in ipairs(list) do
      if not exists[source] then complain(path, "covers " .. source .. ", which is not there") end
    end
  end
  each("^spec/unit/(%w+)/(.*)_test%.c$", function(path, own, name)
    local source = ("runtime/%s/%s"):format(own, name)
    if not (exists[source .. ".c"] or exists[source .. ".h"] or covers[path]) then
      complain(path, "tests " .. source .. ".c, which is not there")
    end
  end)
end)

rule("each Lua module has a spec, a page and types", function(complain)
  local function check(path, name)
    local page = "docs/modules/" .. name .. ".md"
    local spec = "spec/" .. name .. "_spec.lua"
    if not exists[page] then complain(path, "has no " .. page) end
    if not exists[spec] then complain(path, "has no " .. spec) end
  end
  each("^lua/perilune/([%w_]+)%.lua$", function(path, name)
    local typed = exists["lua/perilune/_meta/" .. name .. ".lua"]
    for _, line in ipairs(lines_of(path)) do
      typed = typed or line:find "^%s*%-%-%-@%w+" ~= nil
    end
    if not typed then complain(path, "has neither _meta types nor annotations") end
    check(path, name)
  end)
  each("^lua/perilune/_meta/([%w_]+)%.lua$", check)
end)

rule("each internal Lua module has a spec", function(complain)
  each("^lua/perilune/internal/([%w_]+)%.lua$", function(path, name)
    local spec = "spec/internal_" .. name .. "_spec.lua"
    if not (exists[spec] or covered[path]) then complain(path, "has no " .. spec) end
  end)
  each("^lua/perilune/internal/([%w_]+)/([%w_]+)%.lua$", function(path, folder, name)
    local spec = ("spec/internal_%s_%s_spec.lua"):format(folder, name)
    if not (exists[spec] or covered[path]) then complain(path, "has no " .. spec) end
  end)
end)

rule("each decoder with a fuzz target has a corpus", function(complain)
  each("^spec/fuzz/([%w_]+)_fuzz%.c$", function(path, name)
    local found = false
    each("^spec/fuzz/corpus/" .. name .. "/", function() found = true end)
    if not found then complain(path, "has no spec/fuzz/corpus/" .. name .. "/") end
  end)
end)

rule(("no file of runtime and lua is over %d lines"):format(MAX_LINES), function(complain)
  local function check(path)
    local count = #lines_of(path)
    if count > MAX_LINES then complain(path, ("has %d lines"):format(count)) end
  end
  each("^runtime/.*%.[ch]$", check)
  each("^lua/.*%.lua$", check)
end)

--- Complains about each line of the files matching `pattern` in which one of `words` is found.
local function forbid(complain, pattern, words)
  each(pattern, function(path)
    if path == "spec/lint/structure.lua" or path:find "package%%-lock" then return end
    if not is_text(path) then return end
    for number, line in ipairs(lines_of(path)) do
      for _, word in ipairs(words) do
        if line:find(word) then complain(path, number, line) end
      end
    end
  end)
end

rule("no work is promised in a comment", function(complain)
  local words = {}
  for _, word in ipairs { "TODO", "FIXME", "XXX", "HACK" } do
    table.insert(words, "%f[%w]" .. word .. "%f[%W]")
  end
  forbid(complain, ".", words)
end)

rule("no test is skipped", function(complain)
  forbid(complain, "^spec/.*%.lua$", { "%f[%w_]pending%s*[(\"']", "%f[%w_]skip%s*[(\"']" })
  forbid(complain, "^spec/.*%.c$", { "%f[%w_]skip%s*%(" })
  forbid(complain, "^spec/.*%.mjs$", { "%.skip%s*%(", "%.todo%s*%(", "skip:%s*true" })
end)

rule("no path of a developer's machine", function(complain)
  local words = { "%f[/%w]/home/[%w_.-]+/", "%f[/%w]/Users/[%w_.-]+/", "%f[/%w]/root/" }
  local top = io.popen("pwd"):read "*l"
  local parent = top:match "^(/.+)/[^/]+$"
  if parent and parent ~= "/tmp" then
    table.insert(words, "%f[/%w]" .. parent:gsub("%p", "%%%0") .. "/")
  end
  forbid(complain, ".", words)
end)

io.write("1..", #rules, "\n")
local failed = false
for index, each_rule in ipairs(rules) do
  local complaints = {}
  each_rule.check(function(path, number, message)
    local place = message and path .. ":" .. number or path
    table.insert(complaints, place .. ": " .. (message or number))
  end)
  table.sort(complaints)
  failed = failed or #complaints > 0
  io.write(#complaints > 0 and "not ok " or "ok ", index, " - ", each_rule.name, "\n")
  for _, complaint in ipairs(complaints) do
    io.write("# ", complaint, "\n")
  end
end
os.exit(failed and 1 or 0)
