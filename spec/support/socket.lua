--- TCP that waits without holding up the loop: what it talks to may run in this program.
local clock = require "spec.support.clock"
local ffi = require "ffi"

ffi.cdef [[
  int socket(int domain, int type, int protocol);
  int connect(int fd, const void *address, unsigned int len);
  int bind(int fd, const void *address, unsigned int len);
  int getsockname(int fd, void *address, unsigned int *len);
  int setsockopt(int fd, int level, int option, const void *value, unsigned int len);
  int bind(int fd, const void *address, unsigned int len);
  int listen(int fd, int backlog);
  int accept4(int fd, void *address, unsigned int *len, int flags);
  int shutdown(int fd, int how);
  int close(int fd);
  ssize_t send(int fd, const void *data, size_t len, int flags);
  ssize_t recv(int fd, void *data, size_t len, int flags);
]]

local C = ffi.C
local AF_INET, NONBLOCK_CLOEXEC = 2, 0x800 + 0x80000
local STREAM_NONBLOCK_CLOEXEC = 1 + NONBLOCK_CLOEXEC
local MSG_NOSIGNAL, SHUT_WR = 0x4000, 1
local SOL_SOCKET, SO_RCVBUF, SO_LINGER = 1, 8, 13
local EAGAIN, EALREADY, EINPROGRESS, EISCONN = 11, 114, 115, 106
local PIECE = 65536

local socket = {}
local Socket = {}
Socket.__index = Socket

local buffer = ffi.new("uint8_t[?]", PIECE)

--- A sockaddr_in of 127.0.0.1.
local function address_of(port)
  local high, low = math.floor(port / 256), port % 256
  return ffi.new("uint8_t[16]", AF_INET, 0, high, low, 127, 0, 0, 1)
end

local function connected(fd, address)
  if C.connect(fd, address, 16) == 0 then return true end
  local errno = ffi.errno()
  if errno == EISCONN then return true end
  if errno ~= EINPROGRESS and errno ~= EALREADY then error("connect: errno " .. errno, 0) end
end

--- Connects to 127.0.0.1, or throws.
---@param port integer
---@param options? { receive_buffer?: integer } In bytes, for a peer that takes little.
function socket.connect(port, options)
  local fd = C.socket(AF_INET, STREAM_NONBLOCK_CLOEXEC, 0)
  assert(fd >= 0, "no socket")
  local self = setmetatable({ fd = fd, unread = "" }, Socket)
  if options and options.receive_buffer then
    C.setsockopt(fd, SOL_SOCKET, SO_RCVBUF, ffi.new("int[1]", options.receive_buffer), 4)
  end
  local address = address_of(port)
  local ok, message = pcall(clock.wait_for, function() return connected(fd, address) end)
  if not ok then
    self:close()
    error(message, 2)
  end
  return self
end

--- Listens on 127.0.0.1 and a free port.
function socket.listen()
  local fd = C.socket(AF_INET, STREAM_NONBLOCK_CLOEXEC, 0)
  assert(fd >= 0, "no socket")
  local self = setmetatable({ fd = fd, unread = "" }, Socket)
  assert(C.bind(fd, address_of(0), 16) == 0 and C.listen(fd, 16) == 0, "cannot listen")
  self.port = self:local_port()
  return self
end

--- The next connection of a listener, or nil.
function Socket:accept(timeout)
  local fd = clock.try(function()
    local accepted = self.fd and C.accept4(self.fd, nil, nil, NONBLOCK_CLOEXEC)
    return not accepted or accepted >= 0 and accepted
  end, timeout)
  return type(fd) == "number" and setmetatable({ fd = fd, unread = "" }, Socket) or nil
end

--- Sends what fits now; returns how many bytes, or nil and the errno.
function Socket:send_some(bytes)
  local sent = tonumber(C.send(self.fd, bytes, #bytes, MSG_NOSIGNAL))
  if sent >= 0 then return sent end
  local errno = ffi.errno()
  if errno == EAGAIN then return 0 end
  return nil, errno
end

--- Sends all; false when the peer is gone.
function Socket:send(bytes, timeout)
  local gone = false
  clock.wait_for(function()
    local sent = self:send_some(bytes)
    gone = not sent
    bytes = bytes:sub((sent or 0) + 1)
    return gone or #bytes == 0
  end, timeout)
  return not gone
end

--- Adds what is there to `pieces`, at most 1 MiB. Returns how many bytes, and "empty", "end" or
--- "reset", or nothing when there may be more.
local function take(self, pieces)
  local taken = 0
  for _ = 1, 16 do
    local count = tonumber(C.recv(self.fd, buffer, PIECE, 0))
    if count == 0 then return taken, "end" end
    if count < 0 then return taken, ffi.errno() == EAGAIN and "empty" or "reset" end
    pieces[#pieces + 1] = ffi.string(buffer, count)
    taken = taken + count
  end
  return taken
end

--- Reads what is there; returns "empty", "end" or "reset", or nil when there may be more.
function Socket:fill()
  local pieces = { self.unread }
  local _, trouble = take(self, pieces)
  self.unread = table.concat(pieces)
  return trouble
end

--- Reads until `unread` has `count` bytes: true, or false and why. The pieces are joined once, for
--- there may be thousands.
local function fill_to(self, count, timeout)
  local pieces, length, why = { self.unread }, #self.unread, "timeout"
  local enough = clock.try(function()
    if length >= count then return { true } end
    local taken, trouble = take(self, pieces)
    length = length + taken
    if trouble ~= "end" and trouble ~= "reset" then return end
    why = trouble
    return { length >= count }
  end, timeout)
  self.unread = table.concat(pieces)
  return enough and enough[1] or false, why
end

--- Reads until `enough(unread)` is true. Returns its result, or nil and why: "end", "reset" or
--- "timeout".
function Socket:read_until(enough, timeout)
  local why = "timeout"
  local result = clock.try(function()
    local found = enough(self.unread)
    if found then return { found } end
    local trouble = self:fill()
    if trouble ~= "end" and trouble ~= "reset" then return end
    why = trouble
    return { enough(self.unread) }
  end, timeout)
  local found = result and result[1]
  if found then return found end
  return nil, why
end

--- Takes exactly `count` bytes.
function Socket:read(count, timeout)
  local ok, why = fill_to(self, count, timeout)
  if not ok then return nil, why end
  local bytes = self.unread:sub(1, count)
  self.unread = self.unread:sub(count + 1)
  return bytes
end

--- Takes everything up to and with `mark`.
function Socket:read_through(mark, timeout)
  local last, why = self:read_until(function(unread)
    local _, stop = unread:find(mark, 1, true)
    return stop
  end, timeout)
  if not last then return nil, why end
  return self:read(last)
end

--- Takes everything up to the end; also why it ended: "end", "reset" or "timeout".
function Socket:read_all(timeout)
  local _, why = fill_to(self, math.huge, timeout)
  local bytes = self.unread
  self.unread = ""
  return bytes, why
end

--- A port of 127.0.0.1 that nobody has just now, for programs that do not choose one themselves.
function socket.free_port()
  local fd = C.socket(AF_INET, STREAM_NONBLOCK_CLOEXEC, 0)
  assert(C.bind(fd, address_of(0), 16) == 0, "no free port")
  local port = setmetatable({ fd = fd }, Socket):local_port()
  C.close(fd)
  return port
end

function Socket:local_port()
  local address, len = ffi.new "uint8_t[16]", ffi.new("unsigned int[1]", 16)
  C.getsockname(self.fd, address, len)
  return address[2] * 256 + address[3]
end

--- Sends FIN; reading goes on.
function Socket:shutdown() C.shutdown(self.fd, SHUT_WR) end

function Socket:close()
  if self.fd then C.close(self.fd) end
  self.fd = nil
end

--- Ends with RST.
function Socket:reset()
  C.setsockopt(self.fd, SOL_SOCKET, SO_LINGER, ffi.new("int[2]", 1, 0), 8)
  self:close()
end

return socket
