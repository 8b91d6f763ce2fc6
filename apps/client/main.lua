--- Client: to WebSocket and TCP servers from the terminal. README.md says how.
local printer = require "printer"
local progress = require "progress"
local prompt = require "perilune.prompt"
local sender = require "sender"
local session = require "session"
local settings = require "settings"
local terminal = require "perilune.terminal"

local flags = require("flags").parse()
local ok, made = pcall(session.new, flags, settings.of(flags))
if not ok then
  settings.refuse((tostring(made):gsub("^.-:%d+: ", ""):gsub(" of client%.new", "")))
end

local given = #flags.message > 0 or flags.file or flags.whole or flags.no_input
if terminal.is_tty "stdin" and terminal.is_tty "stdout" and not (given or flags.json) then
  made.prompt = prompt.new()
end
made.tcp = settings.is_tcp(flags)
made.folder = settings.folder()
made:use(printer.new(flags, made.prompt, made.tcp, function() made:leave(session.codes.failed) end))

local function look()
  local transfer = made.transfer
  if transfer.total then return "sent", transfer.sent, transfer.total end
  local conn = made.client.conn
  return "received", math.max(transfer.received, conn and conn.rec_bytes or 0)
end

local stop = (flags.file or flags.output) and progress.show(look, flags.progress) or function() end
local code = made:run(sender.run)
stop()
if made.prompt then made.prompt:close() end
os.exit(code)
