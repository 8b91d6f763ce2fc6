--- Options that servers and clients have alike.
local core = require "perilune.core.server"
local paths = require "perilune.internal.paths"

local fields = {}

fields.CLIENT_PROTOCOLS = 64 -- subprotocols that a client may ask for
fields.TOKEN = "^[!#$%%&'*+.^_`|~%w-]+$" -- RFC 9110 5.6.2

--- The fields of `limits`: all of them, or those of a list of names.
---@param names? string[]
---@return table<string, perilune.options.Field>
function fields.limits(names)
  local all, chosen = {}, {}
  for _, limit in ipairs(core.limits()) do
    all[limit.name] = {
      type = limit.unit == "seconds" and "number" or "integer",
      default = limit.default,
      min = limit.min,
      max = limit.max,
      unit = limit.unit,
      doc = limit.text,
    }
  end
  if not names then return all end
  for _, name in ipairs(names) do
    chosen[name] = assert(all[name], name)
  end
  return chosen
end

fields.heartbeat = {
  type = "table",
  off = true,
  default = {},
  fields = {
    interval = { type = "number", default = 25, min = 0.1, max = 86400, unit = "seconds" },
    timeout = { type = "number", default = 25, min = 0, max = 86400, unit = "seconds" },
    type = {
      type = "string",
      default = "if_no_message",
      values = { "if_no_message", "always" },
    },
  },
}

--- Where a message of plain TCP ends.
fields.end_of_frame = {
  type = { "string", "table" },
  min = 1,
  max = 32,
  fields = {
    bytes = { type = "string", min = 1, max = 32, required = true },
    scan = { type = "string", default = "all_bytes", values = { "all_bytes", "latest_bytes" } },
    strip = { type = "boolean", default = false },
  },
}

--- A string is short for the bytes alone.
---@param given string|table|nil Checked.
---@return table? frames { bytes, scan, strip }, for C.
function fields.finish_end_of_frame(given)
  if type(given) ~= "string" then return given end
  return { bytes = given, scan = "all_bytes", strip = false }
end

fields.tcp_keepalive = {
  type = "table",
  off = true,
  default = false,
  fields = {
    time = { type = "integer", default = 7200, min = 1, max = 32767, unit = "seconds" },
    interval = { type = "integer", default = 1, min = 1, max = 32767, unit = "seconds" },
    count = { type = "integer", default = 9, min = 1, max = 127 },
  },
}

--- A rate; false and nothing: no bound.
local function bits(min)
  return { type = "integer", min = min, max = 1e12, off = true, unit = "bits per second" }
end

--- Rates in each direction; with `total` also those of all connections together.
local function throttle(total)
  return {
    type = "table",
    off = true,
    default = false,
    fields = {
      read = bits(1000),
      write = bits(1000),
      total = total and {
        type = "table",
        default = {},
        fields = { read = bits(100000), write = bits(100000) },
      } or nil,
    },
  }
end

fields.throttle = throttle(false)
fields.server_throttle = throttle(true)

local level =
  { type = "string", default = "none", values = { "none", "level1", "level2", "level3" } }

fields.queue_options = {
  type = "table",
  default = {},
  fields = { text = level, binary = level, ping = level },
}

--- A policy, and what bounds "drop_oldest".
local function slow_consumers(more)
  more.policy =
    { type = "string", default = "close", values = { "close", "drop_oldest", "conflate" } }
  more.messages = { type = "integer", min = 1, max = 2 ^ 20, off = true, default = false }
  return { type = "table", default = {}, fields = more }
end

fields.slow_consumers = slow_consumers {
  channels = {
    type = "list",
    max = 100,
    default = {},
    of = slow_consumers { channel = { type = "string", min = 1, max = 1024, required = true } },
  },
}

--- What the schema cannot say of them; nil when all is well.
function fields.check_slow_consumers(what, settings)
  local text = 'option \'%s.messages\' of %s is for the policy "drop_oldest", not for "%s"'
  local message
  local function check(rule, name)
    if rule.messages and rule.policy ~= "drop_oldest" then
      message = text:format(name, what, rule.policy)
    end
  end
  check(settings, "slow_consumers")
  for i, rule in ipairs(settings.channels) do
    check(rule, ("slow_consumers.channels[%d]"):format(i))
  end
  return message
end

fields.linger_state = { type = "integer", default = -1, min = -1, max = 0 }

local function deflate(server_fresh, client_fresh)
  return {
    type = "table",
    off = true,
    default = false,
    fields = {
      server_max_window_bits = { type = "integer", default = 15, min = 8, max = 15 },
      client_max_window_bits = { type = "integer", default = 15, min = 8, max = 15 },
      server_no_context_takeover = { type = "boolean", default = server_fresh },
      client_no_context_takeover = { type = "boolean", default = client_fresh },
      mem_level = { type = "integer", default = 8, min = 1, max = 9 },
      level = { type = "integer", default = 6, min = 1, max = 9 },
    },
  }
end

-- What takes deflate-frame often takes none of its parameters, which are those that bind the peer.
local function extensions(message, frame)
  return {
    type = "table",
    default = {},
    fields = { permessage_deflate = message, deflate_frame = frame },
  }
end

fields.extensions = extensions(deflate(true, true), deflate(false, true))
fields.server_extensions = extensions(deflate(true, true), deflate(true, false))

fields.log_file = {
  type = { "string", "table" },
  min = 1,
  off = true,
  default = false,
  fields = {
    file_name = { type = "string", min = 1, required = true },
    raw = { type = "boolean", default = false },
  },
}

--- The option as { file_name, raw } or false, or nil and what is wrong.
---@param what string "server.new"
---@param log_file string|table|false
---@return table|false|nil complete
---@return string? message
function fields.finish_log_file(what, log_file)
  if not log_file then return false end
  if type(log_file) == "string" then log_file = { file_name = log_file, raw = false } end
  if log_file.file_name:find "%z" then
    return nil, ("option 'log_file' of %s takes text without NUL"):format(what)
  end
  return { file_name = paths.from_script(log_file.file_name), raw = log_file.raw }
end

fields.fragmented_messages = {
  type = "string",
  default = "only_buffer",
  values = { "only_buffer", "only_fragmented", "all" },
}

fields.raise_disconnect_exceptions = { type = "boolean", default = true }

fields.protocols = { type = "list", of = { type = "string", min = 1 }, default = {} }

--- What is wrong with the names of subprotocols, if anything.
---@param what string "server.new"
---@param protocols string[]
---@return string? message
function fields.check_protocols(what, protocols)
  local seen = {}
  for i, name in ipairs(protocols) do
    if not name:find(fields.TOKEN) then
      local message = "option 'protocols[%d]' of %s takes a token (RFC 6455 4.1), got %q"
      return message:format(i, what, name)
    elseif seen[name] then
      return ("option 'protocols' of %s takes each name once, got %q twice"):format(what, name)
    end
    seen[name] = true
  end
end

return fields
