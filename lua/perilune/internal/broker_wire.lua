--- What goes over a connection that several protocols share (docs/protocols.md).
local core = require "perilune.core.binary"
local json = require "perilune.json"

local wire = {}

wire.PROTOCOL = "broker.esegece.com"

--- A text of one of them. nil: it is not UTF-8.
---@return string? message
function wire.text(protocol, text) return (json.encode { protocol = protocol, message = text }) end

--- Bytes of one of them.
function wire.binary(protocol, bytes) return core.write(protocol, bytes) end

---@return string? protocol nil: it is no such message.
---@return string? text
function wire.read_text(message)
  local read = json.decode(message)
  if type(read) ~= "table" then return nil end
  if type(read.protocol) ~= "string" or type(read.message) ~= "string" then return nil end
  return read.protocol, read.message
end

---@return string? protocol
---@return string? bytes
function wire.read_binary(message) return core.read(message) end

return wire
