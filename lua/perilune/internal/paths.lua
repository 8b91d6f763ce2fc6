--- Files that options name.
local process = require "perilune.core.process"

local paths = {}

--- A relative path is one beside the script, wherever the program was started.
---@param path string?
---@return string?
function paths.from_script(path)
  if path == nil or path:sub(1, 1) == "/" then return path end
  return process.directory .. "/" .. path
end

return paths
