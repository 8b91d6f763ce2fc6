--- Servers that break the rules (spec/interop/hostile), and what holds for each attack on a client:
--- it ends within its deadline with an error that has a name, and no descriptor stays behind.
local assert = require "luassert"
local attack = require "spec.support.attack"
local clock = require "spec.support.clock"
local peers = require "spec.support.peers"
local task = require "perilune.task"

local AT_ONCE = 8 -- attacks, for thousands of threads are no attack on a client

local hostile = {
  SILENCE = 0.5, -- seconds that a client waits for who never speaks
  DEADLINE = 15, -- seconds for what needs no patience, on a machine that is busy
}

--- The codes that an attack may end with: words a script can act on.
local CODES = {}
local WORDS = "ECLOSED ECONNRESET ECONNREFUSED EPIPE EPROTO ELIMIT ETOOBIG ETIMEDOUT EACCES EHOST "
  .. "EINVAL ENOTSUP EUTF8 ELOOP"
for code in WORDS:gmatch "%S+" do
  CODES[code] = true
end

--- Starts the servers of families; `ports` has one for each case.
---@param tls string|nil A folder with cert.pem and key.pem.
function hostile.start(tls, ...)
  local argv = { "/usr/bin/python3", "-B", "spec/interop/hostile/server.py" }
  if tls then
    for _, argument in ipairs { "--tls", tls .. "/cert.pem", tls .. "/key.pem" } do
      argv[#argv + 1] = argument
    end
  end
  for _, family in ipairs { ... } do
    argv[#argv + 1] = family
  end
  return peers.announced(argv)
end

--- Runs f(name, expected) for all of a table, some at a time. Returns the results by name: what f
--- returned, and `seconds`. A throw is an error with the case's name.
function hostile.run(cases, f)
  local names, results = {}, {}
  for name in pairs(cases) do
    names[#names + 1] = name
  end
  table.sort(names)
  local next_one = 1
  local function work()
    while next_one <= #names do
      local name = names[next_one]
      next_one = next_one + 1
      local began = clock.now()
      local result = { f(name, cases[name]) }
      result.seconds = clock.now() - began
      results[name] = result
    end
    return true
  end
  local tasks = {}
  for i = 1, AT_ONCE do
    tasks[i] = task.start(work)
  end
  for _, each in ipairs(tasks) do
    assert(each:wait(120))
  end
  return results
end

--- A list of names as cases that are all expected to end so.
function hostile.expect(expected, ...)
  local cases = {}
  for _, name in ipairs { ... } do
    cases[name] = expected
  end
  return cases
end

function hostile.merge(...)
  local all = {}
  for _, cases in ipairs { ... } do
    for name, expected in pairs(cases) do
      assert(all[name] == nil, name)
      all[name] = expected
    end
  end
  return all
end

--- Of results whose first three values are what a call returned: each is nil, a message and one of
--- the expected codes ("EPROTO", or "ECLOSED ECONNRESET"), in time. All that is wrong is said at
--- once.
function hostile.assert_refused(cases, results)
  local wrong = {}
  for name, expected in pairs(cases) do
    local ok, message, code = unpack(results[name], 1, 3)
    local said
    if ok then
      said = "it succeeds"
    elseif type(message) ~= "string" or #message < 8 then
      said = "it has no message: " .. tostring(message)
    elseif not CODES[code] or not (" " .. expected .. " "):find(" " .. code .. " ", 1, true) then
      said = ("%s, not %s: %s"):format(tostring(code), expected, message)
    elseif results[name].seconds > hostile.DEADLINE then
      said = ("it takes %.1f s: %s"):format(results[name].seconds, message)
    elseif message:find "[%z\1-\31\127]" then
      said = "control characters in: " .. message
    end
    if said then wrong[#wrong + 1] = ("%s: %s"):format(name, said) end
  end
  table.sort(wrong)
  assert.equal("", table.concat(wrong, "\n"))
end

--- Runs f, which makes connections and ends them; afterwards there are as many descriptors as
--- before.
function hostile.assert_no_descriptors(f)
  local before = attack.descriptors()
  f()
  clock.try(function() return attack.descriptors() <= before end)
  assert.is_true(
    attack.descriptors() <= before,
    ("%d descriptors, before %d"):format(attack.descriptors(), before)
  )
end

return hostile
