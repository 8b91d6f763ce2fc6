local foreign = require "spec.support.foreign"
local process = require "spec.support.process"

--- It has no way to send fragments or pings.
local ABSENT = { ["fragments sent"] = true, ["client pings"] = true }

describe("Node.js 22's WebSocket:", function()
  local results

  setup(function() results = foreign.run("node", "spec/interop/node_client.mjs") end)
  teardown(process.kill_all)

  for _, name in ipairs(foreign.NAMES) do
    if not ABSENT[name] then it(name, function() assert.equal("ok", results[name]) end) end
  end
end)
