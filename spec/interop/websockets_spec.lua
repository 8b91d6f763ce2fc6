local foreign = require "spec.support.foreign"
local process = require "spec.support.process"

describe("python3-websockets:", function()
  local results

  setup(
    function() results = foreign.run("/usr/bin/python3", "spec/interop/websockets_client.py") end
  )
  teardown(process.kill_all)

  for _, name in ipairs(foreign.NAMES) do
    it(name, function() assert.equal("ok", results[name]) end)
  end
end)
