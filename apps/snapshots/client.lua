--- The pictures of snapshots, as files: `perilune apps/snapshots/client.lua --folder pictures`.
local clients = require "perilune.client"
local fs = require "perilune.fs"
local settings = require("perilune.args").parse {
  name = "snapshots client",
  summary = "Saves the pictures that the server sends.",
  { "url", positional = true, default = "ws://127.0.0.1:8080/", help = "Of the server" },
  {
    "folder",
    short = "f",
    type = "path",
    value = "DIR",
    help = "For the files; default: this one.",
  },
  { "count", short = "n", type = "integer", min = 1, max = 1e9, help = "Ends after so many." },
  {
    "keep",
    type = "integer",
    default = 100,
    min = 1,
    max = 1e6,
    value = "COUNT",
    help = "Of the files that it has written, so many are kept",
  },
  { "ca", type = "path", value = "FILE", help = "Authorities in place of the system's." },
  { "insecure", short = "k", type = "boolean", help = "Take any certificate of anybody." },
  notes = "Exit codes: 0 all of --count are saved; 1 something cannot be saved; 2 wrong usage.",
}

local LARGEST = 16 * 1024 * 1024

local function complain(...) io.stderr:write("snapshots client: ", ...) end

local function refuse(message)
  complain(message, " (try --help)\n")
  os.exit(2)
end

local function fail(message)
  complain(message, "\n")
  os.exit(1)
end

local function tls()
  if settings.insecure then return { verify = false } end
  return settings.ca and { root_cert_file = settings.ca } or nil
end

if settings.ca and settings.insecure then refuse "--ca and --insecure exclude each other" end
if (settings.ca or settings.insecure) and not settings.url:find "^wss://" then
  refuse "--ca and --insecure need wss://"
end

local made, client = pcall(clients.new, {
  url = settings.url,
  tls = tls(),
  extensions = { permessage_deflate = {} },
  watchdog = { interval = 0.5, factor = 2, max_interval = 30, jitter = true },
  options = { raise_disconnect_exceptions = false },
  limits = { message = LARGEST },
})
if not made then refuse((tostring(client):gsub("^.-:%d+: ", ""))) end

local folder = settings.folder or assert(fs.readlink "/proc/self/cwd")
local is_there, why = fs.mkdir(folder, { parents = true })
if not is_there then fail(why) end

--- A BMP file that is as long as it says: the bytes at 2 are its size.
local function is_picture(bytes)
  if #bytes < 54 or bytes:sub(1, 2) ~= "BM" then return false end
  local a, b, c, d = bytes:byte(3, 6)
  return a + b * 256 + c * 65536 + d * 16777216 == #bytes
end

local saved = {} -- paths, the oldest first
local count = 0

local function name()
  return ("%s/snapshot-%s-%05d.bmp"):format(folder, os.date "!%Y%m%dT%H%M%SZ", count)
end

function client.OnBinary(_, bytes)
  if settings.count and count == settings.count then return end
  if not is_picture(bytes) then
    complain "the server has sent what is no picture\n"
    return
  end
  count = count + 1
  local path = name()
  local done, message = fs.write(path, bytes, { atomic = true })
  if not done then fail(message) end
  print(path)
  io.stdout:flush()
  saved[#saved + 1] = path
  if #saved > settings.keep then fs.remove(table.remove(saved, 1)) end
  if settings.count and count == settings.count then
    client:disconnect(2)
    os.exit(0)
  end
end

function client.OnError(_, message) complain(message, "\n") end

local started, message = client:start()
if not started then refuse(message) end
