--- Programs in a pseudo-terminal: what they print, what is typed, which mode the terminal is in.
local ffi = require "ffi"
local process = require "spec.support.process"

ffi.cdef [[
  int posix_openpt(int flags);
  int grantpt(int fd);
  int unlockpt(int fd);
  int ptsname_r(int fd, char *name, size_t len);
  int tcgetattr(int fd, void *mode);
  int ioctl(int fd, unsigned long request, ...);
]]

local C = ffi.C
local O_RDWR, O_NOCTTY, O_CLOEXEC = 2, 0x100, 0x80000
local TIOCSWINSZ = 0x5414
local LFLAG = 3 -- of struct termios, in 32-bit words
local FLAGS = { signals = 1, lines = 2, echo = 8 }

local terminal = {}

--- Sets the size; the program is told.
function terminal.resize(run, columns, rows)
  local size = ffi.new("unsigned short[4]", { rows, columns, 0, 0 })
  assert(C.ioctl(run.out, TIOCSWINSZ, size) == 0)
end

--- Starts a program in a terminal of 80 columns and 24 rows: a process of spec.support.process.
---@param argv string[]
---@param options? { folder?: string, env?: table<string, string|false> }
function terminal.start(argv, options)
  local master = C.posix_openpt(O_RDWR + O_NOCTTY + O_CLOEXEC)
  local name = ffi.new "char[64]"
  assert(C.grantpt(master) == 0 and C.unlockpt(master) == 0)
  assert(C.ptsname_r(master, name, 64) == 0)
  terminal.resize({ out = master }, 80, 24)
  return process.start_in(argv, master, ffi.string(name), options)
end

--- The mode as words: "echo lines signals".
function terminal.mode(run)
  local mode = ffi.new "uint32_t[64]"
  assert(C.tcgetattr(run.out, mode) == 0)
  local words = {}
  for word, flag in pairs(FLAGS) do
    if bit.band(mode[LFLAG], flag) ~= 0 then words[#words + 1] = word end
  end
  table.sort(words)
  return table.concat(words, " ")
end

return terminal
