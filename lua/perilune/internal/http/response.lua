--- What a request is answered with.
local fs = require "perilune.fs"
local hidden = require "perilune.internal.hidden"
local json = require "perilune.json"
local options = require "perilune.internal.options"
local text = require "perilune.core.text"

local responses = {}

---@class perilune.http.Response
local Response = {}

local LARGEST = 2 ^ 30
local PIECE = 65536 -- bytes that are taken at a time: the server's pieces may be of one byte

local count_field = { type = "integer", min = 1, max = LARGEST }

--- All that is left of a call's body, at most `limit` bytes.
---@return string? body
---@return string? message
---@return string? code "ETOOBIG"
function responses.collect(call, limit)
  local pieces, size = {}, 0
  while true do
    local piece, message, code = call:read(math.min(PIECE, limit - size + 1))
    if not piece then
      if message then return nil, message, code end
      return table.concat(pieces)
    end
    size = size + #piece
    if size > limit then
      call:close()
      local wrong = "the body has more than limits.body (%d bytes); see the option stream"
      return nil, wrong:format(limit), "ETOOBIG"
    end
    pieces[#pieces + 1] = piece
  end
end

--- The next bytes of the body.
---@param count? integer So many, 1 to 2^30, fewer only at the end; default whatever is there.
---@return string? bytes nil at the end.
---@return string? message
---@return string? code
function Response.read(state, count)
  if count ~= nil then hidden.check("response:read", count_field, count, 4) end
  if state.closed then return nil, "the response is closed", "ECLOSED" end
  if not state.body then
    state.taken = true
    return state.call:read(count)
  end
  local from = state.offset
  local bytes = state.body:sub(from, count and from + count - 1 or -1)
  state.offset = from + #bytes
  return bytes ~= "" and bytes or nil
end

--- Ends it. What has not been read is not read any more.
function Response.close(state)
  state.closed = true
  state.call:close()
end

--- The values of all lines with this name (either case), in order.
---@param name string
---@return string[]
function Response.header_all(state, name)
  if type(name) ~= "string" then error("response:header_all takes a name", 3) end
  local values = {}
  name = name:lower()
  for _, field in ipairs(state.fields) do
    if field[1]:lower() == name then values[#values + 1] = field[2] end
  end
  return values
end

local save_schema = {
  progress = { type = "function" },
  mode = { type = "string", min = 3, max = 4 },
}

--- Bytes that are to come, when that is known.
local function announced(state)
  if state.body then return #state.body - state.offset + 1 end
  if state.headers["content-encoding"] then return nil end
  return tonumber(state.headers["content-length"])
end

local function write_all(state, file, progress)
  local received, total = 0, announced(state)
  while true do
    local piece, message, code = Response.read(state)
    if not piece then
      if message then return nil, message, code end
      return received
    end
    local written
    written, message, code = file:write(piece)
    if not written then return nil, message, code end
    received = received + #piece
    if progress then progress(received, total) end
  end
end

--- Writes, syncs, and gives the file its name.
local function fill(state, file, path, part, progress)
  local received, message, code = write_all(state, file, progress)
  if not received then return nil, message, code end
  local done
  done, message, code = file:sync()
  if done then
    done, message, code = file:close()
  end
  if done then
    done, message, code = fs.rename(part, path)
  end
  if not done then return nil, message, code end
  return received
end

local function clean(state, file, part)
  file:close()
  fs.remove(part)
  Response.close(state)
end

--- Writes what is left of the body into a file. It has its name when it is whole; until then it is
--- beside it, as "NAME.xxxxxxxx.part". Of a failure nothing is left.
---@param path string A relative one is beside the script.
---@param given? perilune.http.SaveOptions
---@return integer? size
---@return string? message
---@return string? code
function Response.save(state, path, given)
  local settings, wrong = options.complete("response:save", save_schema, given)
  if not settings then error(wrong, 3) end
  if type(path) ~= "string" or path == "" or path:find "%z" then
    error("response:save takes a path", 3)
  end
  local mark = text.random(4):gsub(".", function(byte) return ("%02x"):format(byte:byte()) end)
  local part = ("%s.%s.part"):format(path, mark)
  local file, message, code = fs.open(part, "wx", { mode = settings.mode })
  if not file then return nil, message, code end
  local ok, size
  ok, size, message, code = pcall(fill, state, file, path, part, settings.progress)
  if ok and size then return size end
  clean(state, file, part)
  if not ok then error(size, 0) end
  return nil, message, code
end

--- The body, or nil and why it cannot be had.
local function whole(state)
  if state.body then return state.body end
  if state.taken then return nil, "it was read in pieces" end
  if state.closed then return nil, "the response is closed" end
  local body, message = responses.collect(state.call, state.limit)
  state.body = body
  return body, message
end

local function whole_text(state)
  local body, message = whole(state)
  if not body then error("response.text cannot be had: " .. message, 2) end
  return body
end

local function decoded(state)
  if state.decoded == nil then
    local body, message = whole(state)
    if body then
      state.decoded, message = json.decode(body)
    end
    if state.decoded == nil then
      local of = state.headers["content-type"] or "no type"
      local wrong = "response.json cannot be had: %s (status %d, %s)"
      error(wrong:format(message, state.status, of), 2)
    end
  end
  return state.decoded
end

local getters = {
  text = whole_text,
  json = decoded,
  ok = function(state) return state.status >= 200 and state.status <= 299 end,
  trailers = function(state) return state.call:trailers() or {} end,
}
for _, name in ipairs { "status", "reason", "version", "headers", "url", "redirects" } do
  getters[name] = function(state) return state[name] end
end
for _, name in ipairs { "timing", "remote" } do
  getters[name] = function(state) return state.call[name] end
end

--- Makes one of its state: what the getters give, `fields`, `limit`, `call`, and `body` when it was
--- read.
local make = hidden.class("response", Response, getters)

function responses.make(state)
  state.offset = 1
  return make(state)
end

return responses
