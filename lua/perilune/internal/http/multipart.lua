--- A body of several parts: multipart/form-data (RFC 7578). Files are read while they are sent, and
--- the length is known before.
local form = require "perilune.internal.http.form"
local fs = require "perilune.fs"
local text = require "perilune.core.text"

local multipart = {}

local PIECE = 65536 -- bytes of a file that are read at once

local part_fields = { name = true, value = true, file = true, filename = true, content_type = true }

--- As browsers do it (RFC 7578 2, HTML 4.10.21.8): UTF-8 as it is.
local function quote(name)
  return '"' .. name:gsub('[\r\n"]', { ["\r"] = "%0D", ["\n"] = "%0A", ['"'] = "%22" }) .. '"'
end

local function check_names(part)
  for key in pairs(part) do
    if not part_fields[key] then return ("has no field '%s'"):format(tostring(key)) end
  end
  for _, key in ipairs { "name", "file", "filename", "content_type" } do
    local value = part[key]
    if value ~= nil and (type(value) ~= "string" or value:find "%z") then
      return ("takes a string without NUL as '%s'"):format(key)
    end
  end
end

--- A part as it was given, as name, value or file, filename, content_type; or nil, message.
local function read_part(name, given)
  local part = type(given) == "table" and given or { value = given }
  local wrong = check_names(part)
  if wrong then return nil, wrong end
  local made = { name = name or part.name, file = part.file, filename = part.filename }
  if not made.name then
    return nil, "takes parts with a name"
  elseif (part.value == nil) == (part.file == nil) then
    return nil, "takes either a value or a file"
  end
  made.value = part.value ~= nil and form.text(part.value) or nil
  if part.value ~= nil and not made.value then
    return nil, ("takes strings, numbers and booleans, got a %s"):format(type(part.value))
  end
  if part.file then made.filename = made.filename or part.file:match "[^/]*$" end
  made.content_type = part.content_type or made.filename and text.media_type(made.filename)
  if made.content_type and made.content_type:find "[%c\127-\255]" then
    return nil, "takes a content_type of printable ASCII"
  end
  return made
end

--- Whether the table is a list of parts, and no fields by name.
local function is_list(given) return given[1] ~= nil end

--- Checks what was given.
---@param given table Parts by name, or a list of them.
---@return table[]? parts
---@return string? place Where it is wrong: ".name", "[2]".
---@return string? message
function multipart.read(given)
  local parts = {}
  local names = {}
  if is_list(given) then
    if not form.is_list(given) then return nil, "", "takes names, or a list of parts, not both" end
  else
    local found, wrong = form.names(given)
    if not found then return nil, ("[%s]"):format(tostring(wrong)), "takes names as keys" end
    names = found
  end
  for i = 1, math.max(#given, #names) do
    local name = names[i]
    local place = name and "." .. name or ("[%d]"):format(i)
    local value = given[name or i]
    if not name and type(value) ~= "table" then return nil, place, "takes a table" end
    local part, message = read_part(name, value)
    if not part then return nil, place, message end
    parts[i] = part
  end
  if #parts == 0 then return nil, "", "takes at least one part" end
  return parts
end

local function head_of(part, boundary)
  local lines = {
    ("--%s\r\nContent-Disposition: form-data; name=%s"):format(boundary, quote(part.name)),
  }
  if part.filename then lines[1] = lines[1] .. "; filename=" .. quote(part.filename) end
  if part.content_type then lines[2] = "Content-Type: " .. part.content_type end
  return table.concat(lines, "\r\n") .. "\r\n\r\n"
end

--- Bytes of memory and files, one behind the other.
local function pieces_of(parts, boundary)
  local pieces = {}
  for i, part in ipairs(parts) do
    pieces[#pieces + 1] = { bytes = (i > 1 and "\r\n" or "") .. head_of(part, boundary) }
    pieces[#pieces + 1] = part.file and { file = part.file } or { bytes = part.value }
  end
  pieces[#pieces + 1] = { bytes = ("\r\n--%s--\r\n"):format(boundary) }
  return pieces
end

--- Asks the disk how long the files are. Waits.
local function measure(pieces)
  local length = 0
  for _, piece in ipairs(pieces) do
    if piece.file then
      local info, message, code = fs.stat(piece.file)
      if not info then return nil, message, code end
      if info.type ~= "file" then return nil, piece.file .. ": is no file", "EINVAL" end
      piece.size = info.size
    end
    length = length + (piece.size or #piece.bytes)
  end
  return length
end

--- The next bytes of an open file, of which `left` are to come.
---@param file perilune.File
---@param path string
---@param left integer
---@return string? bytes
---@return string? message
---@return string? code
function multipart.next_bytes(file, path, left)
  local bytes, message, code = file:read(math.min(left, PIECE))
  if bytes then return bytes end
  if message then return nil, message, code end
  return nil, path .. ": has become shorter while it was sent", "EIO"
end

--- Gives the bytes of the pieces, one after the other.
local function reader_of(pieces)
  local index, file, left = 0, nil, 0
  local function close()
    if file then file:close() end
    file = nil
  end
  local function read()
    if left > 0 then
      local bytes, message, code = multipart.next_bytes(file, pieces[index].file, left)
      if not bytes then return nil, message, code end
      left = left - #bytes
      return bytes
    end
    close()
    index = index + 1
    local piece = pieces[index]
    if not piece then return nil end
    if piece.bytes then return piece.bytes end
    local message, code
    file, message, code = fs.open(piece.file)
    if not file then return nil, message, code end
    left = piece.size
    return read()
  end
  return read, close
end

--- A body of these parts; see body.lua. Waits.
---@param parts table[] From `read`.
---@return perilune.internal.http.Body? body
---@return string? message
---@return string? code
function multipart.body(parts)
  local boundary = "perilune-"
    .. text.random(16):gsub(".", function(byte) return ("%02x"):format(byte:byte()) end)
  local pieces = pieces_of(parts, boundary)
  local length, message, code = measure(pieces)
  if not length then return nil, message, code end
  return {
    type = "multipart/form-data; boundary=" .. boundary,
    length = length,
    repeatable = true,
    open = function() return reader_of(pieces) end,
  }
end

return multipart
