--- Downloads a file and says how far it is: `perilune examples/08-download.lua 8080 URL FILE`.
--- Without a URL it is a file of this server, which takes its time.
local fs = require "perilune.fs"
local http = require "perilune.http"
local server = require("perilune.server").new { port = tonumber(arg[1]) or 8080 }
local timer = require "perilune.timer"

function server.OnCommandGet(_, _, response)
  response.content_type = "application/octet-stream"
  response.headers["content-length"] = 10 * 65536
  for _ = 1, 10 do
    if not response:write(("\0"):rep(65536)) then return end
    timer.sleep(0.01)
  end
end

assert(server:start())

local url = arg[2] or ("http://127.0.0.1:%d/file"):format(server.port)
local path = arg[3] or assert(fs.temporary_folder()) .. "/file"
local response = assert(http.get(url, { stream = true }))
assert(response.ok, response.status .. " " .. response.reason)

local shown = 0
local size, message = response:save(path, {
  progress = function(received, total)
    local percent = total and math.floor(received / total * 100) or 0
    if percent < shown + 10 then return end
    shown = percent
    print(("%d %%, %d of %d bytes"):format(percent, received, total))
  end,
})
print(size and ("%s: %d bytes"):format(path, size) or message)
