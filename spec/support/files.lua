--- Folders that last as long as a test.
local ffi = require "ffi"

ffi.cdef [[
  char *mkdtemp(char *template);
  int mkdir(const char *path, unsigned int mode);
  int symlink(const char *target, const char *path);
]]

local files = {}
local Folder = {}
Folder.__index = Folder

--- A new empty folder.
function files.folder()
  local template = ffi.new("char[64]", "/tmp/perilune-spec-XXXXXX")
  assert(ffi.C.mkdtemp(template) ~= nil, "no folder")
  return setmetatable({ path = ffi.string(template) }, Folder)
end

--- Writes a file, whose own folders are made; returns its path.
function Folder:write(name, text)
  for stop in name:gmatch "()/" do
    ffi.C.mkdir(self.path .. "/" .. name:sub(1, stop - 1), tonumber("755", 8))
  end
  local path = self.path .. "/" .. name
  local file = assert(io.open(path, "wb"))
  assert(file:write(text))
  file:close()
  return path
end

function Folder:link(target, name) ffi.C.symlink(target, self.path .. "/" .. name) end

function Folder:remove() os.execute("rm -rf '" .. self.path .. "'") end

return files
