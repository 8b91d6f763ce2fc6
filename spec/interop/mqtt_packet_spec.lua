local process = require "spec.support.process"

-- Beside the program that the tests are run with, for no module of Lua has the codec alone.
local ECHO = process.PERILUNE:match "^(.*/)" .. "tests/peer_mqtt_echo"

local PACKETS = {
  "connect",
  "connack",
  "publish",
  "puback",
  "pubrec",
  "pubrel",
  "pubcomp",
  "subscribe",
  "suback",
  "unsubscribe",
  "unsuback",
  "pingreq",
  "pingresp",
  "disconnect",
}

describe("npm's mqtt-packet:", function()
  local results = {}

  setup(function()
    local run = process.run({ "node", "spec/interop/mqtt_packet.mjs", ECHO }, { timeout = 120 })
    for line in run.output:gmatch "[^\n]+" do
      local name, why = line:match "^not ok ([^:]+): (.*)$"
      name = name or line:match "^ok (.+)$"
      if name then results[name] = why or "ok" end
    end
    setmetatable(results, { __index = function() return run.output .. run.errors end })
  end)
  teardown(process.kill_all)

  for _, name in ipairs(PACKETS) do
    it(name .. " of 3.1.1", function() assert.equal("ok", results[name .. " 4"]) end)
    it(name .. " of 5.0", function() assert.equal("ok", results[name .. " 5"]) end)
  end
  it("auth of 5.0", function() assert.equal("ok", results["auth 5"]) end)
end)
