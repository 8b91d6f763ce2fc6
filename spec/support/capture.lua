--- What a function writes to standard error, also from C.
local ffi = require "ffi"

ffi.cdef [[
  int dup(int fd);
  int dup2(int from, int to);
  int fileno(void *file);
  int fflush(void *file);
  int close(int fd);
]]

local STDERR = 2

--- Runs f; returns what was written meanwhile. f may wait.
return function(f)
  local file = assert(io.tmpfile())
  local before = ffi.C.dup(STDERR)
  io.stderr:flush()
  ffi.C.dup2(ffi.C.fileno(file), STDERR)
  local ok, message = pcall(f)
  ffi.C.fflush(nil)
  ffi.C.dup2(before, STDERR)
  ffi.C.close(before)
  file:seek("set", 0)
  local text = file:read "*a"
  file:close()
  if not ok then error(message, 0) end
  return text
end
