--- Upload: files from browsers, by WebSocket and by a form. README.md describes the messages.
local fs = require "perilune.fs"
local json = require "perilune.json"
local settings = require("perilune.args").parse {
  name = "upload",
  summary = "Takes files from browsers, and lists them.",
  serves = true,
  { "folder", type = "path", default = "files", value = "DIR", help = "Where files are kept" },
  {
    "max-size",
    type = "number",
    default = 64,
    min = 0.001,
    max = 1048576,
    value = "GIB",
    help = "The largest file",
  },
}

local MOST = math.floor(settings.max_size * 2 ^ 30)
assert(fs.mkdir(settings.folder, { parents = true }))

local server = require("perilune.server").new {
  host = settings.host,
  port = settings.port,
  tls = settings.tls,
  document_root = "public",
  http_upload_files = { stream_type = "file", save_directory = settings.folder },
  limits = { upload = MOST, message = 4 * 1024 * 1024, pending_events = 8 },
}

--- No name of what is still coming.
local function is_kept(name) return name:sub(1, 1) ~= "." and not name:find "%.sgc_ps$" end

--- What is there, the newest first.
local function list()
  local files = {}
  for _, entry in ipairs(assert(fs.list(settings.folder))) do
    local info = is_kept(entry.name) and fs.stat(settings.folder .. "/" .. entry.name)
    if info and info.type == "file" then
      files[#files + 1] = { name = entry.name, size = info.size, time = info.modified }
    end
  end
  table.sort(files, function(a, b)
    if a.time ~= b.time then return a.time > b.time end
    return a.name < b.name
  end)
  return json.encode(json.array(files))
end

--- Pages of others must not send files in the name of who visits them.
local function is_own(headers)
  local origin = headers.origin
  return not origin or origin:match "^https?://(.*)$" == headers.host
end

function server.OnHandshake(conn)
  if not is_own(conn.headers_request) then return false end
end

-- By WebSocket: "uploadfile:<name>", perhaps "uploadsize:<bytes>", then the bytes.

--- Ends what comes, and forgets it.
local function give_up(me)
  local coming = me.coming
  me.coming = nil
  if not coming or not coming.file then return end
  fs.remove(coming.path) -- first: when the program ends, nobody comes back from waiting
  coming.file:close()
end

local function refuse(conn, why)
  give_up(conn.data)
  conn:write("uploadfailed:" .. why)
end

local function finish(conn, coming)
  conn.data.coming = nil
  coming.file:close()
  local path, message = fs.place(coming.path, settings.folder .. "/" .. coming.name)
  if not path then
    fs.remove(coming.path)
    return conn:write("uploadfailed:" .. message)
  end
  conn:write("uploaded:" .. path:match "[^/]*$")
  server:broadcast "fileschanged:"
end

local function open(coming)
  local file, path = fs.temporary_file { folder = settings.folder, prefix = ".upload-" }
  if not file then return nil, path end
  coming.file, coming.path = file, path
  return true
end

local function take(conn, coming, bytes)
  local ok, message = true, nil
  if not coming.file then
    ok, message = open(coming)
  end
  if ok and #bytes > 0 then
    ok, message = coming.file:write(bytes)
  end
  if not ok then return refuse(conn, message) end
  coming.got = coming.got + #bytes
  if coming.got > (coming.size or MOST) then
    return refuse(conn, "more bytes than were announced")
  end
  conn:write(("received:%d"):format(coming.got))
  if coming.got == (coming.size or coming.got) then finish(conn, coming) end
end

local words = {}

function words.uploadfile(conn, name)
  give_up(conn.data)
  conn.data.coming = { name = fs.safe_name(name), got = 0 }
end

function words.uploadsize(conn, text)
  local coming, size = conn.data.coming, text:find "^%d+$" and tonumber(text)
  if not coming or coming.file or not size then return end
  if size > MOST then return refuse(conn, "the file is too large") end
  coming.size = size
  if size == 0 then take(conn, coming, "") end
end

function words.uploadcancel(conn) give_up(conn.data) end

function server.OnMessage(conn, text)
  local word, rest = text:match "^(%l+):(.*)$"
  if words[word] then words[word](conn, rest) end
end

function server.OnBinary(conn, bytes)
  local coming = conn.data.coming
  if coming then take(conn, coming, bytes) end
end

function server.OnDisconnect(conn) give_up(conn.data) end

-- By a form, and back.

function server.OnHTTPUploadBeforeSaveFile(_, _, request)
  if not is_own(request.headers) or request.document ~= "/upload" then return false end
end

function server.OnCommandGet(_, request, response)
  local name = request.document:match "^/files/([^/]+)$"
  if request.document == "/files" then
    response.content_type, response.content_text = "application/json", list()
    response.headers["cache-control"] = "no-store"
  elseif name and is_kept(name) then
    local ok = response:send_file(name, { root = settings.folder, download = true })
    if not ok then response.response_no = 404 end
  elseif request.command == "POST" then
    local names = {}
    for i, file in ipairs(request.files) do
      names[i] = file.filename
    end
    if #names > 0 then server:broadcast "fileschanged:" end
    response.response_no = is_own(request.headers) and 200 or 403
    response.content_type, response.content_text =
      "application/json", json.encode(json.array(names))
  end
end

assert(server:start())
