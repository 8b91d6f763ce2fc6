--- The sgc protocol on the wire: JSON-RPC 2.0 in text messages (docs/protocols.md).
local json = require "perilune.json"

local wire = {}

wire.PROTOCOL = "esegece.com"

local LONGEST_ID = 256 -- bytes: a peer keeps those of what is under way

--- The codes of JSON-RPC 2.0 (5.1), and what they are for.
wire.errors = {
  parse = { -32700, "Parse error" },
  request = { -32600, "Invalid Request" },
  method = { -32601, "Method not found" },
  params = { -32602, "Invalid params" },
  internal = { -32603, "Internal error" },
  refused = { -32000, "Refused" },
}

local function encode(message) return assert(json.encode(message)) end

--- A message is a text, or anything that JSON can say: then its JSON.
---@return string? text
function wire.text_of(value)
  if type(value) == "string" then return value end
  if value == nil or value == json.null then return "" end
  return (json.encode(value))
end

--- Reads a message.
---@param text string
---@return table? message With method and params, result, or error.
---@return table? failure One of `wire.errors`.
function wire.decode(text)
  local message = json.decode(text)
  if message == nil then return nil, wire.errors.parse end
  if type(message) ~= "table" or #message > 0 then return nil, wire.errors.request end
  if message.id == json.null then message.id = nil end
  local id = type(message.id)
  if id ~= "nil" and id ~= "string" and id ~= "number" then return nil, wire.errors.request end
  if id == "string" and #message.id > LONGEST_ID then return nil, wire.errors.request end
  return message
end

--- A call; without an id a notification. nil and why: it is not of what JSON knows.
---@return string? text
---@return string? message
---@return string? code "EJSON", "EUTF8", "ELIMIT"
function wire.call(method, params, id)
  return json.encode { jsonrpc = "2.0", method = method, params = params, id = id }
end

--- What happened: `fields` with a method.
function wire.event(fields, id) return encode { jsonrpc = "2.0", result = fields, id = id } end

--- nil and why: the result is not of what JSON knows.
---@return string? text
---@return string? message
function wire.result(result, id)
  if result == nil then result = json.null end
  return json.encode { jsonrpc = "2.0", result = result, id = id }
end

--- nil and why: the message is not UTF-8.
---@return string? text
---@return string? message
function wire.failure(code, message, data, id)
  return json.encode {
    jsonrpc = "2.0",
    error = { code = code, message = message, data = data },
    id = id == nil and json.null or id,
  }
end

return wire
