--- Uploads: bodies that C has received before the handler runs. What is done with them here: the
--- events, and the names under which files are kept.
local core = require "perilune.core.exchange"
local fs = require "perilune.core.fs"
local log = require "perilune.log"
local paths = require "perilune.internal.paths"
local requests = require("perilune.internal.exchange").files

local uploads = {}

uploads.events =
  { "OnHTTPUploadAfterSaveFile", "OnHTTPUploadBeforeSaveFile", "OnHTTPUploadReadInput" }

uploads.option = {
  type = "table",
  fields = {
    stream_type = { type = "string", values = { "memory", "file" }, default = "memory" },
    min_size = { type = "integer", default = 0, min = 0, max = 2 ^ 53, unit = "bytes" },
    save_directory = { type = "string", min = 1 },
    remove_boundaries = { type = "boolean", default = true },
  },
}

local OWN = {}
for _, event in ipairs(uploads.events) do
  OWN[event] = true
end
local WRAPPED = { OnCommandGet = true, OnCommandOther = true }

--- Whether an event is one of uploads.
function uploads.has(event) return OWN[event] or false end

---@class perilune.Upload One file of a request.
---@field name? string The field of the form; nil: the body was no form.
---@field filename string A safe name, not a path. Of a file on disk the one that it was given.
---@field content_type? string What the client says that it is.
---@field size number
---@field path? string Of a file on disk.
---@field bytes? string Of one in memory.

---@class perilune.internal.uploads.Manager
local Manager = {}
Manager.__index = Manager

function Manager:has(event) return OWN[event] or WRAPPED[event] or false end

--- The name and folder that the script wants; false: none.
function Manager:ask(request, filename)
  local handler = self.handlers.OnHTTPUploadBeforeSaveFile
  if not handler then return filename, self.directory end
  local name, folder = handler(filename, self.directory, request)
  if name == false then return false end
  if name == nil then name = filename end
  if folder == nil then folder = self.directory end
  if
    type(name) ~= "string"
    or name == ""
    or #name > 255
    or name:find "[/%z]"
    or name == "."
    or name == ".."
  then
    error("OnHTTPUploadBeforeSaveFile returns the name of a file, without '/', or false, or nil", 0)
  elseif type(folder) ~= "string" or folder == "" or folder:find "%z" then
    error("OnHTTPUploadBeforeSaveFile returns the path of a folder behind the name, or nil", 0)
  end
  return name, paths.from_script(folder)
end

--- Keeps a file. False: the script does not want it; nil: it cannot be kept.
function Manager:save(request, item)
  local name, folder = self:ask(request, item.filename)
  if not name then return false end
  local path, message, code = fs.place(item.temporary, folder .. "/" .. name)
  if not path then
    log.error("an upload cannot be kept: " .. message)
    return nil, code
  end
  item.temporary, item.path, item.filename = nil, path, path:match "[^/]*$"
  local handler = self.handlers.OnHTTPUploadAfterSaveFile
  if handler then handler(item.filename, path, request) end
  return true
end

--- The list for `request.files`; nil and a status when a file cannot be kept.
function Manager:receive(request, items)
  local files, read = {}, self.handlers.OnHTTPUploadReadInput
  for _, item in ipairs(items) do
    if item.value then
      if read then read(item.name, item.value, request) end
    else
      local kept, code = true, nil
      if item.temporary then
        kept, code = self:save(request, item)
      end
      if kept == nil then return nil, code == "ENOSPC" and 507 or 500 end
      if kept then files[#files + 1] = item end
    end
  end
  return files
end

--- A handler of requests, which runs when files are where they belong.
function Manager:wrap(handler)
  return function(conn, request, response)
    local items = core.request.uploaded(request)
    if items then
      local files, status = self:receive(request, items)
      if not files then
        response.response_no = status
        return
      end
      requests[request] = files
    end
    if handler then return handler(conn, request, response) end
  end
end

--- What receives the uploads of a server; nil: bodies are left to the handlers.
---@param settings table The options of server.new, complete.
---@return table? manager
function uploads.new(settings)
  local option = settings.http_upload_files
  if not option then return nil end
  return setmetatable({ directory = option.directory, handlers = {} }, Manager)
end

--- What is wrong with the option; completes it.
---@return string? message
function uploads.finish(settings)
  local option = settings.http_upload_files
  if not option then return nil end
  if option.save_directory and option.save_directory:find "%z" then
    return "option 'http_upload_files.save_directory' of server.new takes text without NUL"
  end
  if option.stream_type == "file" then
    option.directory = paths.from_script(option.save_directory or "."):gsub("/%.$", "")
  end
end

return uploads
