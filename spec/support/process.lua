--- Programs run beside the specs: their output is read and their end awaited without holding up
--- the loop.
local clock = require "spec.support.clock"
local ffi = require "ffi"
local timer = require "perilune.timer"

ffi.cdef [[
  extern char **environ;
  int pipe2(int *fds, int flags);
  ssize_t read(int fd, void *data, size_t len);
  ssize_t readlink(const char *path, char *target, size_t len);
  int close(int fd);
  int kill(int pid, int number);
  int waitpid(int pid, int *status, int options);
  int posix_spawnp(int *pid, const char *file, const void *actions, const void *attributes,
                   char *const *argv, char *const *env);
  int posix_spawn_file_actions_init(void *actions);
  int posix_spawn_file_actions_destroy(void *actions);
  int posix_spawn_file_actions_adddup2(void *actions, int from, int to);
  int posix_spawn_file_actions_addopen(void *actions, int fd, const char *path, int flags,
                                       unsigned int mode);
  int posix_spawn_file_actions_addchdir_np(void *actions, const char *path);
  int posix_spawnattr_init(void *attributes);
  int posix_spawnattr_destroy(void *attributes);
  int posix_spawnattr_setflags(void *attributes, short flags);
  int fcntl(int fd, int command, ...);
  ssize_t write(int fd, const void *data, size_t len);
]]

local C = ffi.C
local O_CLOEXEC, O_NONBLOCK, F_SETFL, WNOHANG = 0x80000, 0x800, 4, 1
local ACTIONS_SIZE = 256 -- of posix_spawn_file_actions_t: 80 bytes in glibc
local ATTRIBUTES_SIZE = 512 -- of posix_spawnattr_t: 336 bytes in glibc
local SETSID, O_RDWR = 0x80, 2
local PIECE = 65536
local SIGNALS = { HUP = 1, INT = 2, KILL = 9, ABRT = 6, TERM = 15, CONT = 18, STOP = 19, TSTP = 20 }

local process = {}
local Process = {}
Process.__index = Process

local running = {}

local function pipe()
  local fds = ffi.new "int[2]"
  assert(C.pipe2(fds, O_CLOEXEC) == 0, "no pipe")
  return fds[0], fds[1]
end

local function never_block(fd) C.fcntl(fd, F_SETFL, ffi.cast("int", O_NONBLOCK)) end

--- A NULL-terminated array for exec; `strings` must outlive it.
local function vector(strings)
  local array = ffi.new("const char *[?]", #strings + 1)
  for i, text in ipairs(strings) do
    array[i - 1] = text
  end
  return array
end

--- The environment with changes: { NAME = "value" }, false takes a name away.
local function environment(changes)
  local list, i = {}, 0
  while C.environ[i] ~= nil do
    local entry = ffi.string(C.environ[i])
    if changes[entry:match "^[^=]*"] == nil then list[#list + 1] = entry end
    i = i + 1
  end
  for name, value in pairs(changes) do
    if value then list[#list + 1] = name .. "=" .. value end
  end
  return list
end

--- What the program begins with as 0, 1 and 2.
local function add_descriptors(actions, ends)
  if ends.terminal then
    -- The leader of a session gets the first terminal that it opens.
    C.posix_spawn_file_actions_addopen(actions, 0, ends.terminal, O_RDWR, 0)
    C.posix_spawn_file_actions_adddup2(actions, 0, 1)
    C.posix_spawn_file_actions_adddup2(actions, 0, 2)
    return
  end
  if type(ends.input) == "string" then
    C.posix_spawn_file_actions_addopen(actions, 0, ends.input, 0, 0)
  else
    C.posix_spawn_file_actions_adddup2(actions, ends.input, 0)
  end
  C.posix_spawn_file_actions_adddup2(actions, ends.out, 1)
  C.posix_spawn_file_actions_adddup2(actions, ends.err, 2)
end

local function spawn(argv, options, ends)
  local actions = ffi.new("uint64_t[?]", ACTIONS_SIZE / 8)
  local attributes = ffi.new("uint64_t[?]", ATTRIBUTES_SIZE / 8)
  local env = environment(options.env or {})
  local pid = ffi.new "int[1]"
  C.posix_spawnattr_init(attributes)
  if ends.terminal then C.posix_spawnattr_setflags(attributes, SETSID) end
  C.posix_spawn_file_actions_init(actions)
  if options.folder then C.posix_spawn_file_actions_addchdir_np(actions, options.folder) end
  add_descriptors(actions, ends)
  local arguments, variables = vector(argv), vector(env)
  local status = C.posix_spawnp(
    pid,
    argv[1],
    actions,
    attributes,
    ffi.cast("char *const *", arguments),
    ffi.cast("char *const *", variables)
  )
  C.posix_spawn_file_actions_destroy(actions)
  C.posix_spawnattr_destroy(attributes)
  if status ~= 0 then error(("%s does not start: errno %d"):format(argv[1], status), 3) end
  return pid[0]
end

local function track(self)
  running[self.pid] = setmetatable(self, Process)
  return self
end

--- Starts a program. Its input is empty, or what `input` names: a file, or "pipe", which is what
--- send() writes to.
---@param argv string[] The program, looked for in PATH, and its arguments.
---@param options? { folder?: string, env?: table<string, string|false>, input?: string }
function process.start(argv, options)
  options = options or {}
  local ends, self = { input = options.input or "/dev/null" }, { output = "", errors = "" }
  self.out, ends.out = pipe()
  self.err, ends.err = pipe()
  never_block(self.out)
  never_block(self.err)
  if options.input == "pipe" then
    ends.input, self.input = pipe()
  end
  self.pid = spawn(argv, options, ends)
  C.close(ends.out)
  C.close(ends.err)
  if self.input then C.close(ends.input) end
  return track(self)
end

--- Starts a program in a terminal of its own.
---@param argv string[]
---@param master integer The other end, which is closed with the program.
---@param path string The terminal's.
---@param options? { folder?: string, env?: table<string, string|false> }
function process.start_in(argv, master, path, options)
  never_block(master)
  local pid = spawn(argv, options or {}, { terminal = path })
  return track { pid = pid, out = master, input = master, output = "", errors = "" }
end

local function own_path()
  local target = ffi.new "char[4096]"
  local len = C.readlink("/proc/self/exe", target, 4096)
  return ffi.string(target, len)
end

process.PERILUNE = os.getenv "PERILUNE" or own_path()

--- Starts perilune with these arguments.
function process.perilune(arguments, options)
  return process.start({ process.PERILUNE, unpack(arguments) }, options)
end

local function drain(fd)
  local buffer = ffi.new("uint8_t[?]", PIECE)
  local pieces = {}
  while true do
    local count = tonumber(C.read(fd, buffer, PIECE))
    if count <= 0 then return table.concat(pieces) end
    pieces[#pieces + 1] = ffi.string(buffer, count)
  end
end

--- Takes what it has written: `output` and `errors` grow.
function Process:read()
  if not self.out then return end
  self.output = self.output .. drain(self.out)
  if self.err then self.errors = self.errors .. drain(self.err) end
end

--- Writes to its input.
function Process:send(text)
  local count = C.write(self.input, text, #text)
  assert(count == #text, "not all was written")
end

--- Ends its input, a pipe.
function Process:finish()
  if self.input then C.close(self.input) end
  self.input = nil
end

--- Waits until its output has the pattern; returns the first capture. Throws when it does not come.
function Process:wait_output(pattern, timeout)
  local found = clock.try(function()
    local ended = self:poll()
    self:read()
    return self.output:match(pattern) or ended and "\0"
  end, timeout)
  if found and found ~= "\0" then return found end
  error(("no %q in its output: %s%s"):format(pattern, self.output, self.errors), 2)
end

--- Waits for "listening on"; returns the port.
function Process:wait_port(timeout)
  return tonumber(self:wait_output("listening on http://[^\n]-:(%d+)/\n", timeout))
end

--- Its exit code when it has ended: 128 and the number of the signal that ended it.
function Process:poll()
  if self.code then return self.code end
  local status = ffi.new "int[1]"
  if C.waitpid(self.pid, status, WNOHANG) ~= self.pid then return nil end
  local signal = status[0] % 128
  self.code = signal ~= 0 and 128 + signal or math.floor(status[0] / 256) % 256
  running[self.pid] = nil
  self:read()
  if self.input ~= self.out then self:finish() end
  C.close(self.out)
  if self.err then C.close(self.err) end
  self.out, self.err, self.input = nil, nil, nil
  return self.code
end

--- Waits for its end; returns the exit code. Throws when it does not end.
function Process:wait(timeout)
  local code = clock.try(function()
    self:read()
    return self:poll()
  end, timeout)
  if code then return code end
  error("it still runs: " .. self.output .. self.errors, 2)
end

--- Sends "TERM", "INT" or "KILL".
function Process:signal(name)
  -- GCC 12's thread sanitizer loses one in ten that come right behind a write, in any program.
  if name ~= "KILL" then timer.sleep(0.05) end
  if not self.code then C.kill(self.pid, SIGNALS[name]) end
end

--- Sends a signal to a process that is not one of ours, such as a child's child. A second one has
--- to come behind the first.
function process.signal(pid, name)
  assert(C.kill(pid, SIGNALS[name]) == 0)
  timer.sleep(0.05)
end

--- Ends it, whatever it does.
function Process:kill()
  self:signal "KILL"
  if not self.code then self:wait() end
end

--- Runs a program to its end.
function process.run(argv, options)
  local self = process.start(argv, options)
  self:wait(options and options.timeout or 30)
  return self
end

--- Kills all that still run; for after_each.
function process.kill_all()
  for _, self in pairs(running) do
    self:kill()
  end
end

return process
