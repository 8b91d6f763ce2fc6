--- A journal: what anybody says is kept in a file, and whoever comes hears the last lines. The file
--- may be edited meanwhile: everybody is told.
local fs = require "perilune.fs"
local server = require("perilune.server").new { port = tonumber(arg[1]) or 8080 }

local path = arg[2] or "journal.txt" -- beside this script
local writing = false

local function last_lines(count)
  local lines = {}
  for line in (fs.read(path) or ""):gmatch "[^\n]+" do
    lines[#lines + 1] = line
    if #lines > count then table.remove(lines, 1) end
  end
  return lines
end

function server.OnConnect(conn)
  for _, line in ipairs(last_lines(10)) do
    conn:write(line)
  end
end

function server.OnMessage(_, text)
  writing = true
  assert(fs.append(path, text:gsub("\n", " ") .. "\n"))
  server:broadcast(text)
end

assert(fs.append(path, ""))
assert(fs.watch(path, function()
  if not writing then server:broadcast "(the journal was edited)" end
  writing = false
end))
assert(server:start())
