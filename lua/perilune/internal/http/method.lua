--- Methods of requests, as they are to be written.
local token = require("perilune.internal.fields").TOKEN

local method = {}

method.VERBS = { "get", "head", "post", "put", "patch", "delete" }

--- What is wrong with a method; nil: nothing. Methods have a case (RFC 9110 9.1).
---@param given any
---@return string? fault "takes …"
function method.fault(given)
  if type(given) ~= "string" or not given:find(token) then
    return 'takes a method such as "GET"'
  elseif given == "CONNECT" then
    return "takes no CONNECT: see the option proxy"
  end
  for _, verb in ipairs(method.VERBS) do
    if given:lower() == verb and given ~= verb:upper() then
      return ("takes %q, not %q"):format(verb:upper(), given)
    end
  end
end

return method
