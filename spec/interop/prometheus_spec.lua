--- What Prometheus' own library for Python reads of ours: every line, with the values and labels
--- that were meant.
local fixture = require "spec.support.fixture"
local http = require "spec.support.http"
local json = require "perilune.json"
local metrics = require "perilune.metrics"
local process = require "spec.support.process"

local PYTHON = "/usr/bin/python3"

--- Fetches the numbers, and says what its parser makes of them. A sample that is there twice, or
--- stands under another family, is an error.
local READER = [[
import json, sys, urllib.request
from prometheus_client.parser import text_string_to_metric_families
answer = urllib.request.urlopen(sys.argv[1], timeout=60)
assert answer.headers["content-type"].startswith("text/plain; version=0.0.4"), answer.headers
families, seen = {}, set()
for family in text_string_to_metric_families(answer.read().decode("utf-8")):
    assert family.name not in families, family.name
    assert family.type in ("counter", "gauge", "histogram"), family
    families[family.name] = {"type": family.type, "help": family.documentation, "samples": []}
    for sample in family.samples:
        assert sample.name.startswith(family.name), sample
        key = (sample.name, tuple(sorted(sample.labels.items())))
        assert key not in seen, key
        seen.add(key)
        families[family.name]["samples"].append([sample.name, sample.labels, str(sample.value)])
print(json.dumps(families))
]]

local function scrape(port)
  local url = ("http://127.0.0.1:%d/metrics"):format(port)
  local run = process.start { PYTHON, "-c", READER, url }
  local code = run:wait()
  assert.equal(0, code, run.errors)
  return json.decode(run.output)
end

describe("Prometheus' library", function()
  after_each(fixture.clean)

  it("reads every line of the metrics, whatever scripts and strangers have given", function()
    local hostile = { 'a"} 1\nforged{x="', "back\\slash", "\\n", "line\nfeed", "\r\t\27[2J", "" }
    local odd = metrics.counter {
      name = "interop_odd_total",
      help = 'A "help"\nwith\\lines',
      labels = { "of", "le" },
    }
    for i, value in ipairs(hostile) do
      assert(odd:add(i, value, "ä\226\128\168"))
    end
    local seconds = metrics.histogram { name = "interop_seconds", buckets = { 0.1, 2.5 } }
    for _, value in ipairs { 0.05, 0.1, 1, 1e9 } do
      seconds:observe(value)
    end
    metrics.gauge({ name = "interop_level" }):set(-1e-300)
    local server = fixture.server { metrics = true }
    http.raw(server.port, 'G"\\T /"} HTTP/1.1\r\nHost: "}\\\r\n\r\n')
    local found = scrape(server.port)

    local values = {}
    for _, sample in ipairs(found.interop_odd.samples) do
      assert.equal("ä\226\128\168", sample[2].le)
      values[sample[2].of] = tonumber(sample[3])
    end
    for i, value in ipairs(hostile) do
      assert.equal(i, values[value], value)
    end
    assert.equal('A "help"\nwith\\lines', found.interop_odd.help)
    assert.is_nil(found.forged)

    local counts = {}
    for _, sample in ipairs(found.interop_seconds.samples) do
      counts[sample[1] .. (sample[2].le or "")] = tonumber(sample[3])
    end
    assert.same({
      ["interop_seconds_bucket0.1"] = 2,
      ["interop_seconds_bucket2.5"] = 3,
      ["interop_seconds_bucket+Inf"] = 4,
      interop_seconds_count = 4,
      interop_seconds_sum = 1000000001.15,
    }, counts)
    assert.equal(-1e-300, tonumber(found.interop_level.samples[1][3]))
    assert.equal("histogram", found.perilune_loop_turn_seconds.type)
    assert.is_true(tonumber(found.process_resident_memory_bytes.samples[1][3]) > 1e6)
  end)
end)
