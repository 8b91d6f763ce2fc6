--- A short text in front of a binary message, so that the receiver knows what the bytes are.
---
---     client:write_binary(binary.write("00001", bytes))
local core = require "perilune.core.binary"

local binary = {}

--- The message that carries both.
---@param id string At most 10 characters, UTF-8.
---@param bytes string
---@return string message
function binary.write(id, bytes) return core.write(id, bytes) end

--- Takes a message apart.
---@param message string
---@return string? id Of any length; or nil
---@return string bytes Or why there is no header in the message.
---@return string? code "EPROTO"
function binary.read(message) return core.read(message) end

return binary
