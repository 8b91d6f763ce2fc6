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
  },
}

--- Makes the short forms long ones: `fallback = false`, `server_sent_events = true`.
function fallback.finish(settings)
  local given = settings.fallback or { server_sent_events = false }
  if given.server_sent_events == true then
    given.server_sent_events = { retry = 3, raw_fields = false, greet_all = false }
  end
  settings.fallback = given
end

return fallback
