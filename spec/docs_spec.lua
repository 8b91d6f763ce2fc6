--- Runs what README.md, docs/ and examples/ show: each block of Lua, and each example.
--
-- A block that starts a server is ended when it listens, one that starts a client when it is
-- connected to a server of ours, which says back what it hears. One with `-->` has to print first
-- what stands behind the arrows. One with `describe` is a spec. One without `require` is a piece:
-- it only has to be Lua.
local clock = require "spec.support.clock"
local files = require "spec.support.files"
local fixture = require "spec.support.fixture"
local mqtt_broker = require "spec.support.mqtt_broker"
local process = require "spec.support.process"

local MAX_LINES = 40 -- of an example

local function paths(patterns)
  local listing = process.run { "sh", "-c", "ls " .. patterns }
  return listing.output:gmatch "[^\n]+"
end

local function read_all(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read "*a"
  file:close()
  return text
end

--- Calls f(text, line) for each Lua block of a page.
local function each_block(path, f)
  local block, start, number = nil, 0, 0
  for line in io.lines(path) do
    number = number + 1
    if line == "```lua" then
      block, start = {}, number
    elseif line == "```" and block then
      f(table.concat(block, "\n") .. "\n", start)
      block = nil
    elseif block then
      table.insert(block, line)
    end
  end
end

--- With one blank between words and none around them: print writes tabs.
local function normal(text) return (text:gsub("%s+", " "):gsub("^ ", ""):gsub(" $", "")) end

local function shown_output(text)
  local lines = {}
  for line in text:gmatch "[^\n]+" do
    local shown = line:match "%-%->%s*(.*)$"
    if shown then table.insert(lines, normal(shown)) end
  end
  return lines
end

--- The first `count` lines of an output.
local function printed(output, count)
  local lines = {}
  for line in output:gmatch "[^\n]+" do
    if #lines < count then table.insert(lines, normal(line)) end
  end
  return lines
end

describe("what the pages show:", function()
  local folder

  before_each(function()
    folder = files.folder()
    folder:write("public/index.html", "hello\n")
  end)

  after_each(function()
    fixture.clean()
    folder:remove()
  end)

  --- It is fit to copy: only the port is made a free one.
  local function starts(text)
    folder:write("main.lua", (text:gsub("8080", "0")))
    local run = process.perilune({ "main.lua" }, { folder = folder.path })
    run:wait_port()
    run:signal "TERM"
    assert.equal(0, run:wait(), run.errors)
  end

  local function echo()
    return fixture.server(nil, { OnMessage = function(conn, text) conn:write(text) end })
  end

  local function connects(text, server)
    folder:write("main.lua", text)
    local run = process.perilune({ "main.lua" }, { folder = folder.path })
    clock.wait_for(function() return server:count() == 1 end)
    run:signal "TERM"
    assert.equal(0, run:wait(), run.errors)
  end

  local function connects_to_broker(text)
    local broker = mqtt_broker.start()
    folder:write("main.lua", (text:gsub("mqtt://127%.0%.0%.1:1883", broker.url)))
    local run = process.perilune({ "main.lua" }, { folder = folder.path })
    clock.wait_for(function() return #broker.heard >= 3 end)
    run:signal "TERM"
    assert.equal(0, run:wait(), run.errors)
    assert.equal("DISCONNECT 0", broker.heard[#broker.heard])
  end

  local function runs(text)
    local is_spec = text:find "describe%(" ~= nil
    folder:write(is_spec and "block_spec.lua" or "main.lua", text)
    local arguments = is_spec and { process.PERILUNE, "test", "." }
      or { process.PERILUNE, "main.lua" }
    local run = process.run(arguments, { folder = folder.path })
    assert.equal(0, run.code, run.output .. run.errors)
    local shown = shown_output(text)
    assert.same(shown, printed(run.output, #shown))
  end

  local function check_block(text)
    assert(loadstring(text))
    if text:find '"perilune%.client"' then
      local server = echo()
      text = text:gsub("127%.0%.0%.1:8080", "127.0.0.1:" .. server.port)
      if text:find ":start%(" then
        connects(text, server)
      else
        runs(text)
      end
    elseif text:find '"perilune%.mqtt"' then
      connects_to_broker(text)
    elseif text:find ":start%(" then
      starts(text)
    elseif text:find "require" then
      runs(text)
    end
  end

  for path in paths "README.md docs/*.md docs/*/*.md apps/*/*.md" do
    each_block(path, function(text, line)
      it(("%s, line %d"):format(path, line), function() check_block(text) end)
    end)
  end

  for path in paths "examples/*.lua" do
    it(path, function()
      local text = read_all(path)
      local _, lines = text:gsub("\n", "\n")
      assert.is_true(lines < MAX_LINES, "it has " .. lines .. " lines")
      check_block(text)
    end)
  end
end)
