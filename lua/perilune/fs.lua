--- Files and folders. The disk is asked on other threads; whoever calls waits, all else goes on.
---
---     local text, message, code = fs.read "config.json"
local component = require "perilune.internal.component"
local core = require "perilune.core.fs"
local options = require "perilune.internal.options"
local paths = require "perilune.internal.paths"

local fs = {}

local MODE_NONE = -1

local TYPES = {
  f = "file",
  d = "folder",
  l = "link",
  p = "fifo",
  s = "socket",
  b = "block device",
  c = "character device",
  ["?"] = "unknown",
}

--- A path as C takes it. `level`: of whoever called who calls this.
local function whole(what, path, level)
  if type(path) ~= "string" or path == "" then
    error(("%s takes a path, got %s"):format(what, path == "" and "''" or type(path)), level or 3)
  elseif path:find "%z" then
    error(what .. " takes a path without NUL", level or 3)
  end
  return paths.from_script(path)
end

local function check_bytes(what, bytes)
  if type(bytes) ~= "string" then
    error(("%s takes a string to write, got a %s"):format(what, type(bytes)), 3)
  end
end

--- "640" as a number.
local function mode_number(what, mode)
  if mode == nil then return MODE_NONE end
  if not mode:find "^[0-7]?[0-7][0-7][0-7]$" then
    error(("%s takes a mode of three or four octal digits, got '%s'"):format(what, mode), 3)
  end
  return tonumber(mode, 8)
end

local function check_integer(what, value, min, max)
  local field = { type = "integer", min = min, max = max }
  if not options.match(value, field) then
    error(("%s takes %s, got %s"):format(what, options.describe(field), tostring(value)), 3)
  end
end

local mode_field = { type = "string", min = 1 }

local function flag(default) return { type = "boolean", default = default } end

local function described(info)
  if not info then return nil end
  info.type = TYPES[info.type]
  info.mode = ("%03o"):format(info.mode)
  return info
end

local function or_error(value, message, code)
  if not value then return nil, message, code end
  return value
end

-- Open files.

local LARGEST = 2 ^ 30 -- bytes of one read
local MAX_LINE = 2 ^ 20
local FARTHEST = 2 ^ 53

---@class perilune.File
local File = {}

--- The next bytes.
---@param count integer How many, at most 2^30.
---@return string? bytes Fewer only at the end of the file; nil there.
---@return string? message
---@return string? code
function File:read(count)
  check_integer("file:read", count, 1, LARGEST)
  return core.file.read(self, count)
end

--- The next line without its end.
---@param max? integer Bytes; default 1 MiB. A longer line is an error, "ETOOBIG".
---@return string? line nil at the end of the file.
---@return string? message
---@return string? code
function File:read_line(max)
  if max ~= nil then check_integer("file:read_line", max, 1, LARGEST) end
  return core.file.read_line(self, max or MAX_LINE)
end

--- `for line in file:lines()`: from where the file is. What fails throws.
---@param max? integer As for read_line.
---@return fun(): string?
function File:lines(max)
  if max ~= nil then check_integer("file:lines", max, 1, LARGEST) end
  return function()
    local line, message = core.file.read_line(self, max or MAX_LINE)
    if not line and message then error(message, 2) end
    return line
  end
end

--- Writes where the file is, or at its end when it was opened to append.
---@param bytes string
---@return boolean? done
---@return string? message
---@return string? code
function File:write(bytes)
  check_bytes("file:write", bytes)
  return core.file.write(self, bytes)
end

--- Reads without moving.
---@param offset integer From the start of the file.
---@param count integer
---@return string? bytes
---@return string? message
---@return string? code
function File:read_at(offset, count)
  check_integer("file:read_at", offset, 0, FARTHEST)
  check_integer("file:read_at", count, 1, LARGEST)
  return core.file.read_at(self, offset, count)
end

--- Writes without moving.
---@param offset integer
---@param bytes string
---@return boolean? done
---@return string? message
---@return string? code
function File:write_at(offset, bytes)
  check_integer("file:write_at", offset, 0, FARTHEST)
  check_bytes("file:write_at", bytes)
  return core.file.write_at(self, offset, bytes)
end

local whence_field = { type = "string", values = { "set", "cur", "end" } }

--- Moves; without arguments it says where the file is.
---@param whence? "set"|"cur"|"end" From the start, from here (default), from the end.
---@param offset? integer Default 0.
---@return integer? position
---@return string? message
---@return string? code "EINVAL" before the start.
function File:seek(whence, offset)
  whence, offset = whence or "cur", offset or 0
  if not options.match(whence, whence_field) then
    error(("file:seek takes %s first"):format(options.describe(whence_field)), 2)
  end
  check_integer("file:seek", offset, -FARTHEST, FARTHEST)
  return core.file.seek(self, whence, offset)
end

--- Makes the file this long; what is added is zero.
---@param size integer
---@return boolean? done
---@return string? message
---@return string? code
function File:truncate(size)
  check_integer("file:truncate", size, 0, FARTHEST)
  return core.file.truncate(self, size)
end

--- Waits until what was written is on the disk.
---@return boolean? done
---@return string? message
---@return string? code
function File:sync() return core.file.sync(self) end

---@return perilune.fs.Stat?
---@return string? message
---@return string? code
function File:stat()
  local info, message, code = core.file.stat(self)
  return or_error(described(info), message, code)
end

--- Closes it. A file that nobody refers to any more is closed by itself, without telling errors.
---@return boolean? done
---@return string? message
---@return string? code "ECLOSED" when it was closed.
function File:close() return core.file.close(self) end

core.set_file_metatable(component.build { name = "file", methods = File })

local HOW = { "r", "r+", "w", "w+", "a", "a+", "wx", "wx+" }
local how_field = { type = "string", values = HOW }
local open_schema = { mode = mode_field }

--- Opens a file.
---@param path string
---@param how? "r"|"r+"|"w"|"w+"|"a"|"a+"|"wx"|"wx+" As for io.open; x: a new file. Default "r".
---@param given? { mode?: string } Permissions of a new file; default "666", less the umask.
---@return perilune.File? file
---@return string? message
---@return string? code
function fs.open(path, how, given)
  path, how = whole("fs.open", path), how or "r"
  if not options.match(how, how_field) then
    error(("fs.open takes %s second"):format(options.describe(how_field)), 2)
  end
  local settings = options.check("fs.open", open_schema, given)
  local mode = mode_number("fs.open", settings.mode)
  return core.open(path, how, mode == MODE_NONE and 438 or mode)
end

-- Whole files.

local read_schema = { max_size = { type = "integer", min = 0, max = 2 ^ 30, default = 2 ^ 26 } }

--- Reads a whole file.
---@param path string
---@param given? { max_size?: integer } Bytes; default 64 MiB. A larger file is an error, "ETOOBIG".
---@return string? bytes
---@return string? message
---@return string? code
function fs.read(path, given)
  path = whole("fs.read", path)
  local settings = options.check("fs.read", read_schema, given)
  return core.read(path, settings.max_size)
end

---@class perilune.fs.WriteOptions
---@field mode? string Permissions of a new file, octal: "640"; default "666", less the umask.
---@field append? boolean Behind what is there.
---@field exclusive? boolean Only a new file; else "EEXIST".
---@field atomic? boolean Readers see the old file or the new one, also after a crash.
---@field sync? boolean Returns when it is on the disk.

local write_schema = {
  mode = mode_field,
  append = flag(false),
  exclusive = flag(false),
  atomic = flag(false),
  sync = flag(false),
}

--- Writes a whole file; makes it when there is none.
---@param path string
---@param bytes string
---@param given? perilune.fs.WriteOptions
---@return boolean? done
---@return string? message
---@return string? code
function fs.write(path, bytes, given)
  path = whole("fs.write", path)
  check_bytes("fs.write", bytes)
  local settings = options.check("fs.write", write_schema, given)
  if settings.append and settings.atomic then
    error("fs.write takes one of the options 'append' and 'atomic'", 2)
  end
  settings.mode = mode_number("fs.write", settings.mode)
  return core.write(path, bytes, settings)
end

--- Writes behind what is there; makes the file when there is none.
---@param path string
---@param bytes string
---@return boolean? done
---@return string? message
---@return string? code
function fs.append(path, bytes)
  path = whole("fs.append", path)
  check_bytes("fs.append", bytes)
  return core.write(path, bytes, { mode = MODE_NONE, append = true })
end

local copy_schema = { overwrite = flag(true) }

--- Copies a file, with its permissions.
---@param from string
---@param to string The file's name, not that of a folder.
---@param given? { overwrite?: boolean } Default true.
---@return boolean? done
---@return string? message
---@return string? code "EINVAL" when both are the same file.
function fs.copy(from, to, given)
  from, to = whole("fs.copy", from), whole("fs.copy", to)
  local settings = options.check("fs.copy", copy_schema, given)
  return core.copy(from, to, settings.overwrite)
end

-- Names.

---@class perilune.fs.Stat
---@field type "file"|"folder"|"link"|"fifo"|"socket"|"block device"|"character device"
---@field size integer Bytes.
---@field mode string Permissions: "644".
---@field modified number Seconds since 1970, as os.time() has them.
---@field accessed number
---@field changed number Of the contents, permissions or name.
---@field uid integer
---@field gid integer
---@field links integer
---@field inode integer
---@field device integer

local stat_schema = { follow = flag(true) }

--- What a file or folder is.
---@param path string
---@param given? { follow?: boolean } false: a link itself, not what it means.
---@return perilune.fs.Stat?
---@return string? message
---@return string? code
function fs.stat(path, given)
  path = whole("fs.stat", path)
  local settings = options.check("fs.stat", stat_schema, given)
  local info, message, code = core.stat(path, settings.follow)
  return or_error(described(info), message, code)
end

--- Whether there is a file or folder, or something else, of this name.
---@param path string
---@return boolean? exists nil when that cannot be told.
---@return string? message
---@return string? code "EACCES"
function fs.exists(path)
  path = whole("fs.exists", path)
  local info, message, code = core.stat(path, true)
  if info then return true end
  if code == "ENOENT" or code == "ENOTDIR" then return false end
  return nil, message, code
end

local list_schema = { max_entries = { type = "integer", min = 1, max = 2 ^ 30, default = 100000 } }

--- What is in a folder, in the order of the names.
---@param path string
---@param given? { max_entries?: integer } Default 100,000; with more it is an error, "ELIMIT".
---@return { name: string, type: string }[]? entries Types as of fs.stat, links not followed.
---@return string? message
---@return string? code
function fs.list(path, given)
  path = whole("fs.list", path)
  local settings = options.check("fs.list", list_schema, given)
  local entries, message, code = core.list(path, settings.max_entries)
  if not entries then return nil, message, code end
  for _, entry in ipairs(entries) do
    entry.type = TYPES[entry.type]
  end
  return entries
end

local mkdir_schema = { parents = flag(false), mode = mode_field }

--- Makes a folder.
---@param path string
---@param given? { parents?: boolean, mode?: string } `parents`: also those above it; one that is
--- there is no error then.
---@return boolean? done
---@return string? message
---@return string? code "EEXIST"
function fs.mkdir(path, given)
  path = whole("fs.mkdir", path)
  local settings = options.check("fs.mkdir", mkdir_schema, given)
  local mode = mode_number("fs.mkdir", settings.mode)
  return core.make_folder(path, mode, settings.parents)
end

local remove_schema = { recursive = flag(false) }

--- Removes a file, a link or an empty folder.
---@param path string
---@param given? { recursive?: boolean } Also a folder with all that is in it.
---@return boolean? done
---@return string? message
---@return string? code "ENOENT", "ENOTEMPTY"
function fs.remove(path, given)
  path = whole("fs.remove", path)
  local settings = options.check("fs.remove", remove_schema, given)
  return core.remove(path, settings.recursive)
end

--- Gives a file or folder another name, on the same file system. A file of that name is replaced.
---@param from string
---@param to string
---@return boolean? done
---@return string? message
---@return string? code
function fs.rename(from, to)
  from, to = whole("fs.rename", from), whole("fs.rename", to)
  return core.rename(from, to)
end

--- Sets the permissions.
---@param path string
---@param mode string Octal: "640".
---@return boolean? done
---@return string? message
---@return string? code
function fs.chmod(path, mode)
  path = whole("fs.chmod", path)
  if type(mode) ~= "string" then error("fs.chmod takes a mode such as '640'", 2) end
  return core.set_mode(path, mode_number("fs.chmod", mode))
end

--- Makes a symbolic link.
---@param target string What it means; kept as it is.
---@param path string The link.
---@return boolean? done
---@return string? message
---@return string? code
function fs.symlink(target, path)
  path = whole("fs.symlink", path)
  whole("fs.symlink", target)
  return core.link(path, target)
end

---@param path string
---@return string? target
---@return string? message
---@return string? code "EINVAL" when it is no link.
function fs.readlink(path)
  path = whole("fs.readlink", path)
  return core.read_link(path)
end

--- The path from the root, without links, "." and "..".
---@param path string
---@return string? path
---@return string? message
---@return string? code
function fs.realpath(path)
  path = whole("fs.realpath", path)
  return core.real_path(path)
end

--- Gives a file another name, or, if that is taken, one like it: "a-2.txt". No file is replaced.
--- Also to another file system, where the bytes are copied.
---@param from string
---@param to string
---@return string? path
---@return string? message
---@return string? code
function fs.place(from, to)
  from, to = whole("fs.place", from), whole("fs.place", to)
  return core.place(from, to)
end

--- A name that a stranger has given, made safe to be that of a file: without folders, control
--- characters, and what means something to a system.
---@param name string
---@return string name 1 to 200 bytes.
function fs.safe_name(name)
  if type(name) ~= "string" then error("fs.safe_name takes a name, got a " .. type(name), 2) end
  return core.safe_name(name)
end

local temporary_schema = {
  folder = { type = "string", min = 1 },
  prefix = { type = "string", default = "perilune-" },
}

local function template(what, given)
  local settings = options.complete(what, temporary_schema, given)
  if not settings then
    local _, message = options.complete(what, temporary_schema, given)
    error(message, 3)
  elseif settings.prefix:find "[/%z]" then
    error(("option 'prefix' of %s takes a name without slashes"):format(what), 3)
  end
  local folder = settings.folder or os.getenv "TMPDIR" or "/tmp"
  return ("%s/%sXXXXXX"):format(whole(what, folder, 4), settings.prefix)
end

---@class perilune.fs.TemporaryOptions
---@field folder? string Default: what TMPDIR says, or /tmp.
---@field prefix? string What its name begins with; default "perilune-".

--- Makes an empty file that only the own user may read, open for reading and writing.
---@param given? perilune.fs.TemporaryOptions
---@return perilune.File? file
---@return string path Or the message.
---@return string? code
function fs.temporary_file(given)
  local path = template("fs.temporary_file", given)
  return core.temporary_file(path)
end

--- Makes an empty folder that only the own user may read.
---@param given? perilune.fs.TemporaryOptions
---@return string? path
---@return string? message
---@return string? code
function fs.temporary_folder(given)
  return core.temporary_folder(template("fs.temporary_folder", given))
end

-- Watching.

---@class perilune.Watcher
---@field active boolean Read only.
---@field stop fun(self: perilune.Watcher): boolean Whether it was active.

core.set_watcher_metatable(component.build {
  name = "watcher",
  methods = { stop = core.watcher_stop },
  getters = { active = core.watcher_active },
})

local watch_schema = {
  delay = { type = "number", min = 0, max = 3600, default = 0.05, unit = "seconds" },
}

--- Calls a function when a file changes, or when something in a folder does; not in folders below.
---@param path string Must be there. A file is known by its name: replacing it is a change.
---@param changed fun(names: string[], lost: boolean) What has changed, each once. `lost`: something
--- else may have, too.
---@param given? { delay?: number } Seconds for which changes are gathered; default 0.05.
---@return perilune.Watcher? watcher
---@return string? message
---@return string? code
function fs.watch(path, changed, given)
  path = whole("fs.watch", path)
  if type(changed) ~= "function" then
    error(("fs.watch takes a function, got a %s"):format(type(changed)), 2)
  end
  local settings = options.check("fs.watch", watch_schema, given)
  local info, message, code = core.stat(path, true)
  if not info then return nil, message, code end
  if info.type == "d" then return core.watch(path, nil, changed, settings.delay) end
  local folder, name = path:match "^(.*)/([^/]+)$"
  return core.watch(folder == "" and "/" or folder, name, changed, settings.delay)
end

return fs
