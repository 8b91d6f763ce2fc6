--- The option `fallback` of servers: what clients without WebSocket use.
local fallback = {}

fallback.option = {
  type = "table",
  off = true,
  default = {},
  fields = {
    server_sent_events = {
      type = { "table", "boolean" },
      default = {},
      fields = {
        retry = { type = "number", default = 3, min = 0, max = 86400, unit = "seconds" },
        raw_fields = { type = "boolean", default = false },
        greet_all = { type = "boolean", default = false },
      },
    },
    flash = {
      type = { "table", "boolean" },
      default = false,
      fields = {
        domain = { type = "string", default = "*" },
        ports = { type = "string", default = "*" },
      },
    },
  },
}

local function bad(name, value, takes)
  local message = "option 'fallback.flash.%s' of server.new is %q, not %s"
  error(message:format(name, value, takes), 0)
end

--- What stands between commas.
local function elements(text)
  local list = {}
  for element in (text .. ","):gmatch "([^,]*)," do
    list[#list + 1] = element:match "^%s*(.-)%s*$"
  end
  return list
end

local function is_domain(domain)
  return domain == "*" or domain:match "^%*%.[%w%-][%w%.%-]*$" or domain:match "^[%w%-][%w%.%-]*$"
end

local function is_port(text) return text:match "^%d%d?%d?%d?%d?$" and tonumber(text) <= 65535 end

local function is_ports(range)
  local first, last = range:match "^(%d+)%-(%d+)$"
  if first then return is_port(first) and is_port(last) and tonumber(first) <= tonumber(last) end
  return range == "*" or is_port(range)
end

--- The policy file that Flash Player asks for, which ends with a zero byte.
local function flash_policy(flash)
  local domains, ports = elements(flash.domain), elements(flash.ports)
  for _, range in ipairs(ports) do
    if not is_ports(range) then bad("ports", flash.ports, 'ports as "123,456-458", or "*"') end
  end
  local lines = {}
  for i, domain in ipairs(domains) do
    if not is_domain(domain) then
      bad("domain", flash.domain, 'domains as "example.com,*.example.org", or "*"')
    end
    lines[i] = ('<allow-access-from domain="%s" to-ports="%s"/>'):format(
      domain,
      table.concat(ports, ",")
    )
  end
  return '<?xml version="1.0"?><cross-domain-policy>'
    .. table.concat(lines)
    .. "</cross-domain-policy>\0"
end

--- Makes the short forms long ones: `fallback = false`, `server_sent_events = true`.
function fallback.finish(settings)
  local given = settings.fallback or { server_sent_events = false, flash = false }
  if given.server_sent_events == true then
    given.server_sent_events = { retry = 3, raw_fields = false, greet_all = false }
  end
  if given.flash == true then given.flash = { domain = "*", ports = "*" } end
  if given.flash then given.flash.policy = flash_policy(given.flash) end
  settings.fallback = given
end

return fallback
