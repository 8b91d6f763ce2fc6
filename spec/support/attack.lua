--- What holds for every attack: another connection is answered meanwhile, the refusal is one line
--- of the log and tells no secret, memory and descriptors come back.
local assert = require "luassert"
local capture = require "spec.support.capture"
local clock = require "spec.support.clock"
local ffi = require "ffi"
local fixture = require "spec.support.fixture"
local http = require "spec.support.http"
local log = require "perilune.log"

ffi.cdef [[
  struct pl_mallinfo2 {
    size_t arena, ordblks, smblks, hblks, hblkhd, usmblks, fsmblks, uordblks, fordblks, keepcost;
  };
  struct pl_mallinfo2 mallinfo2(void);
  void *opendir(const char *path);
  void *readdir(void *folder);
  int closedir(void *folder);
]]

local attack = {
  SECRET = "5ecre7", -- what attackers' requests carry, and no log may
  SOON = 0.2, -- seconds within which others are answered
}

local TRIES = 5 -- the machine may be busy: one of them has to be in time
local GROWTH = 512 * 1024 -- bytes that may stay: caches and pools that have filled

--- Open descriptors of this program.
function attack.descriptors()
  local folder = ffi.C.opendir "/proc/self/fd"
  local count = 0
  while ffi.C.readdir(folder) ~= nil do
    count = count + 1
  end
  ffi.C.closedir(folder)
  return count
end

--- Bytes in use on the heap. Under the address sanitizer, which has its own, always 0.
function attack.memory()
  collectgarbage()
  collectgarbage()
  local info = ffi.C.mallinfo2()
  return tonumber(info.uordblks + info.hblkhd)
end

--- Seconds that f takes, when it is quick at least once.
local function quickest(f)
  local best = math.huge
  for _ = 1, TRIES do
    local began = clock.now()
    f()
    best = math.min(best, clock.now() - began)
    if best <= attack.SOON then break end
  end
  return best
end

--- A WebSocket of a bystander and a new request are answered soon.
---@param made perilune.Server One that echoes messages and answers "/" with 200.
---@param bystander table A peer of it.
function attack.assert_others_answered(made, bystander)
  local taken = quickest(function()
    bystander:send "still there"
    assert.equal("still there", bystander:read())
    assert.equal(200, http.request(made.port, "/").status)
  end)
  assert.is_true(taken <= attack.SOON, ("others wait for %.3f s"):format(taken))
end

--- What f writes to the log, at every level.
function attack.log_of(f)
  log.set_level "debug"
  local ok, text = pcall(capture, f)
  log.set_level "info"
  if not ok then error(text, 0) end
  return text
end

--- Runs f, which attacks once: it is refused in one line.
---@param what string For messages.
---@param pattern string What the line has.
function attack.assert_told_once(what, pattern, f)
  local text = attack.log_of(f)
  local lines = select(2, text:gsub("\n", ""))
  assert.equal(1, lines, ("%s is told in %d lines: %s"):format(what, lines, text))
  assert.matches(pattern, text)
  assert.is_nil(text:find(attack.SECRET, 1, true), what .. " tells a secret: " .. text)
  assert.is_nil(text:find "[%z\1-\9\11-\31\127-\255]", what .. " writes control characters")
end

--- Runs f twice: the second time nothing stays behind.
function attack.assert_nothing_stays(f)
  f()
  local descriptors, memory = attack.descriptors(), attack.memory()
  f()
  clock.wait_for(function() return attack.descriptors() <= descriptors end)
  clock.try(function() return attack.memory() - memory < GROWTH end, 2)
  local grown = attack.memory() - memory
  assert.is_true(grown < GROWTH, ("%d bytes stay"):format(grown))
end

--- A server that echoes and keeps what it heard: `heard` has messages, `asked` documents of whole
--- requests other than "/".
---@return perilune.Server made
---@return table bystander
---@return { heard: string[], asked: string[] } seen
function attack.target(options)
  local seen = { heard = {}, asked = {} }
  local made = fixture.server(options, {
    OnMessage = function(conn, text)
      if text ~= "still there" then seen.heard[#seen.heard + 1] = text end
      conn:write(text)
    end,
    OnCommandGet = function(_, request, response)
      local body = request.body -- throws when it is broken
      if request.document ~= "/" then seen.asked[#seen.asked + 1] = request.document end
      response.content_text = "body of " .. #body
    end,
  })
  return made, fixture.connect(made), seen
end

return attack
