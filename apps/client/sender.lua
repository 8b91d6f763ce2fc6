--- What is sent: messages of the command line, a file, the input as a whole or by lines, and what
--- somebody types.
local fs = require "perilune.fs"
local terminal = require "perilune.terminal"

local sender = {}

local PIECE = 65536 -- bytes of a file that a stream gets at once
local MESSAGE = 2 ^ 30 -- bytes of one message

local HELP = [=[
/ping              how long an answer takes
/binary HEX        sends bytes
/file FILE         sends a file as a binary message
/close [CODE [REASON]]
/quit              closes, and ends
//TEXT             sends a text that begins with a slash]=]

--- Sends, and waits while too much is queued. Who types may try again; else what cannot be sent is
--- the end, unless there will be another connection.
local function send(session, kind, bytes)
  local conn = session.client.conn
  local ok, message, code = session:send(kind, bytes)
  if ok then return true end
  if code == "ECLOSED" and not session.prompt then
    return session:wait_next(conn) and send(session, kind, bytes)
  end
  if session.prompt then
    session.printer:problem(message, code)
  else
    session:fail(message, code)
  end
end

local function kind_of(session) return session.flags.binary and "binary" or "text" end

local function send_messages(session)
  for _, text in ipairs(session.flags.message) do
    if not send(session, kind_of(session), text) then return end
  end
end

-- Files.

--- In pieces, so that memory stays flat.
local function send_pieces(session, path, size)
  local file, message, code = fs.open(path)
  if not file then return nil, message, code end
  repeat
    local bytes
    bytes, message, code = file:read(size)
    if bytes and not send(session, "binary", bytes) then break end
  until not bytes
  file:close()
  return not message, message, code
end

local function send_whole(session, path)
  local bytes, message, code = fs.read(path, { max_size = MESSAGE })
  if not bytes then return nil, message, code end
  send(session, "binary", bytes)
  return true
end

local function send_file(session, path)
  local about, message, code = fs.stat(path)
  if about then
    if about.type == "file" then session.transfer.total = about.size end
    local size = session.flags.chunk or session.tcp and PIECE
    if size then
      about, message, code = send_pieces(session, path, size)
    else
      about, message, code = send_whole(session, path)
    end
  end
  if not about then return session:fail(message, code) end
  session:settle()
end

-- Standard input.

--- All of it, as it is; nil and why.
local function read_all()
  local pieces, size = {}, 0
  while true do
    local bytes, message, code = terminal.read()
    if message then return nil, message, code end
    if not bytes then return table.concat(pieces) end
    pieces[#pieces + 1], size = bytes, size + #bytes
    if size > MESSAGE then return nil, "the input is larger than a message may be", "ETOOBIG" end
  end
end

local function send_input(session)
  local text, message, code = read_all()
  if not text then return session:fail(message, code) end
  session.transfer.total = #text
  if send(session, kind_of(session), text) then session:settle() end
end

local function send_lines(session)
  while true do
    local line, message, code = terminal.read_line()
    if message then return session:fail(message, code) end
    if not line then return end
    if session.tcp then line = line .. "\n" end
    if not session.flags.keep_messages then session:wait_connected() end
    if not send(session, kind_of(session), line) then return end
  end
end

-- Somebody types.

local commands = {}

function commands.ping(session) session:ping() end

function commands.quit(session)
  session:close(session.flags.close)
  return true
end

function commands.close(session, rest)
  local code, reason = rest:match "^(%d+)%s*(.*)$"
  session:close(tonumber(code) or session.flags.close, reason)
end

function commands.binary(session, rest)
  local digits = rest:gsub("%s", "")
  if #digits % 2 == 1 or digits:find "%X" then
    return session.printer:problem("/binary takes hexadecimal digits", "EINVAL")
  end
  send(
    session,
    "binary",
    (digits:gsub("%x%x", function(pair) return string.char(tonumber(pair, 16)) end))
  )
end

function commands.file(session, rest)
  local path = rest:find "^/" and rest or session.folder .. "/" .. rest
  local bytes, message, code = fs.read(path)
  if not bytes then return session.printer:problem(message, code) end
  send(session, "binary", bytes)
end

function commands.help(session) session.printer:out(HELP .. "\n") end

--- True when it is over.
local function take(session, line)
  local name, rest = line:match "^/(%a+)%s*(.*)$"
  if name then
    local command = commands[name] or commands.help
    return command(session, rest)
  end
  if line == "" then return end
  line = line:gsub("^//", "/")
  if session.tcp then line = line .. "\n" end
  send(session, kind_of(session), line)
end

local function talk(session)
  while true do
    local line, message, code = session.prompt:read()
    if message then return session:fail(message, code) end
    if not line or take(session, line) then return end
  end
end

--- Sends what the flags say; returns when there is no more.
function sender.run(session)
  local flags = session.flags
  if #flags.message > 0 then
    send_messages(session)
  elseif flags.file then
    send_file(session, flags.file)
  elseif flags.whole then
    send_input(session)
  elseif session.prompt then
    talk(session)
  elseif not flags.no_input then
    send_lines(session)
  end
end

return sender
