--- Client: to WebSocket and TCP servers from the terminal. README.md says how.
local options = require "options"
local printer = require "printer"
local progress = require "progress"
local prompt = require "perilune.prompt"
local sender = require "sender"
local session = require "session"
local settings = require "settings"
local terminal = require "perilune.terminal"

local flags = require("flags").parse()
local ok, made = pcall(session.new, flags, settings.of(flags))
if not ok then settings.refuse(options.in_flags(tostring(made))) end

local given = #flags.message > 0 or flags.file or flags.whole or flags.no_input
local typed_to = terminal.is_tty "stdin" and terminal.is_tty "stdout" and not (given or flags.json)
if typed_to then made.prompt = prompt.new() end
made.tcp = settings.is_tcp(flags)
made.folder = settings.folder()

-- As curl: not between messages that somebody reads.
local wanted = not (flags.quiet or typed_to)
  and (flags.file or flags.whole or flags.output or not terminal.is_tty "stdout")
local shown = progress.new(
  function() return made.transfer:look(made.client.conn, made.client.connected) end,
  wanted,
  flags.progress
)
made:use(printer.new(flags, {
  prompt = made.prompt,
  stream = made.tcp and not flags.strip,
  failed = function() made:leave(session.codes.failed) end,
  before = function() shown:clear() end,
}))

local code = made:run(sender.run)
shown:stop()
if made.prompt then made.prompt:close() end
os.exit(code)
