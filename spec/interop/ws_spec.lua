local foreign = require "spec.support.foreign"
local process = require "spec.support.process"

describe("npm ws:", function()
  local results

  setup(function() results = foreign.run("node", "spec/interop/ws_client.mjs") end)
  teardown(process.kill_all)

  for _, name in ipairs(foreign.NAMES) do
    it(name, function() assert.equal("ok", results[name]) end)
  end
end)
