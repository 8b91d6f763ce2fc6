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
  int fcntl(int fd, int command, ...);
]]

local C = ffi.C
local O_CLOEXEC, O_NONBLOCK, F_SETFL, WNOHANG = 0x80000, 0x800, 4, 1
local ACTIONS_SIZE = 256 -- of posix_spawn_file_actions_t: 80 bytes in glibc
local PIECE = 65536
local SIGNALS = { INT = 2, KILL = 9, TERM = 15 }

local process = {}
local Process = {}
Process.__index = Process

local running = {}

local function pipe()
  local fds = ffi.new "int[2]"
  assert(C.pipe2(fds, O_CLOEXEC) == 0, "no pipe")
  C.fcntl(fds[0], F_SETFL, ffi.cast("int", O_NONBLOCK))
  return fds[0], fds[1]
end

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

local function spawn(argv, options, out, err)
  local actions = ffi.new("uint64_t[?]", ACTIONS_SIZE / 8)
  local env = environment(options.env or {})
  local pid = ffi.new "int[1]"
  C.posix_spawn_file_actions_init(actions)
  if options.folder then C.posix_spawn_file_actions_addchdir_np(actions, options.folder) end
  C.posix_spawn_file_actions_addopen(actions, 0, "/dev/null", 0, 0)
  C.posix_spawn_file_actions_adddup2(actions, out, 1)
  C.posix_spawn_file_actions_adddup2(actions, err, 2)
  local arguments, variables = vector(argv), vector(env)
  local status = C.posix_spawnp(
    pid,
    argv[1],
    actions,
    nil,
    ffi.cast("char *const *", arguments),
    ffi.cast("char *const *", variables)
  )
  C.posix_spawn_file_actions_destroy(actions)
  if status ~= 0 then error(("%s does not start: errno %d"):format(argv[1], status), 3) end
  return pid[0]
end

--- Starts a program.
---@param argv string[] The program, looked for in PATH, and its arguments.
---@param options? { folder?: string, env?: table<string, string|false> }
function process.start(argv, options)
  local out, out_end = pipe()
  local err, err_end = pipe()
  local pid = spawn(argv, options or {}, out_end, err_end)
  C.close(out_end)
  C.close(err_end)
  local self = setmetatable({ pid = pid, out = out, err = err, output = "", errors = "" }, Process)
  running[pid] = self
  return self
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
  self.errors = self.errors .. drain(self.err)
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
  C.close(self.out)
  C.close(self.err)
  self.out, self.err = nil, nil
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
