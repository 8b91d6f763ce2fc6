--- The option `headers` of servers: fields of every HTTP answer.
local token = require("perilune.internal.fields").TOKEN

local response_headers = {}

response_headers.option = { type = "table", default = {} }

-- They frame the answer or say what its content is, which differs from answer to answer.
local OURS = {
  ["connection"] = true,
  ["content-encoding"] = true,
  ["content-length"] = true,
  ["content-range"] = true,
  ["content-type"] = true,
  ["date"] = true,
  ["keep-alive"] = true,
  ["server"] = true,
  ["trailer"] = true,
  ["transfer-encoding"] = true,
  ["upgrade"] = true,
}

local MOST = 100 -- lines, as of response.headers

--- What is wrong with one value; nil: nothing.
local function value_fault(value)
  if type(value) ~= "string" and type(value) ~= "number" then
    return ("takes strings, numbers and lists of them, got a %s"):format(type(value))
  elseif tostring(value):find "[%z\1-\8\10-\31\127]" then
    return "takes values without control characters"
  end
end

local function fault(name, value)
  if type(name) ~= "string" or not name:find(token) then
    return ("takes names of headers as keys, got %q"):format(tostring(name))
  elseif OURS[name:lower()] then
    return ("takes no '%s', which is set for each answer"):format(name)
  end
  local count = 1
  if type(value) == "table" then
    count = #value
    for _, each in ipairs(value) do
      local message = value_fault(each)
      if message then return message end
    end
    return nil, count
  end
  return value_fault(value), count
end

--- Checks them.
---@param given table<string, string|number|table>
---@param option? string Its name, if it is another one than `headers`.
---@return string? message What is wrong.
function response_headers.check(given, option)
  local what = ("option '%s' of server.new "):format(option or "headers")
  local seen, lines = {}, 0
  for name, value in pairs(given) do
    local message, count = fault(name, value)
    if not message and seen[name:lower()] then message = ("has '%s' twice"):format(name) end
    if message then return what .. message end
    seen[name:lower()], lines = true, lines + count
  end
  if lines > MOST then return ("%stakes at most %d lines"):format(what, MOST) end
end

return response_headers
