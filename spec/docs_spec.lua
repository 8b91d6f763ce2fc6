--- Runs what README.md, docs/ and examples/ show: each block of Lua, and each example.
--
-- A block that starts a server is stopped shortly after. One with `-->` has to print first what
-- stands behind the arrows. One with `describe` is a spec. One without `require` is a piece: it
-- only has to be Lua.
local program = os.getenv "PERILUNE" or "build/perilune"
local MAX_LINES = 40 -- of an example
local STOP = '\nrequire("perilune.timer").after(0.1, function() os.exit(0) end)\n'

local function read_all(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read "*a"
  file:close()
  return text
end

local function write_all(path, text)
  local file = assert(io.open(path, "wb"))
  assert(file:write(text))
  assert(file:close())
end

--- The output of a shell command, standard error in it, and its exit code.
local function shell(command)
  local pipe = assert(io.popen("{ " .. command .. "; } 2>&1; printf '\\n%d' $?"))
  local text = pipe:read "*a"
  pipe:close()
  local output, code = text:match "^(.*)\n(%d+)$"
  return output, tonumber(code)
end

local function files(pattern)
  local paths = {}
  for path in shell("ls " .. pattern):gmatch "[^\n]+" do
    table.insert(paths, path)
  end
  return paths
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

--- Lines without outer blanks, and with one between words: print writes tabs.
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
    folder = shell("mktemp -d"):match "%S+"
    shell(("mkdir %s/public && echo hello > %s/public/index.html"):format(folder, folder))
  end)

  after_each(function() shell("rm -r " .. folder) end)

  local function run(name, text)
    write_all(folder .. "/" .. name, text)
    local top = shell("pwd"):match "[^\n]+"
    local absolute = program:sub(1, 1) == "/" and program or top .. "/" .. program
    local subcommand = name:find "_spec%.lua$" and "test ." or name
    return shell(("cd %s && timeout 60 '%s' %s"):format(folder, absolute, subcommand))
  end

  local function starts(name, text)
    local output, code = run(name, text:gsub("8080", "0") .. STOP)
    assert.equal(0, code, output)
    assert.truthy(output:find("listening on http://127.0.0.1:", 1, true), output)
  end

  local function check_block(text)
    assert(loadstring(text))
    if not text:find "require" then return end
    if text:find ":start%(" then return starts("main.lua", text) end
    local name = text:find "describe%(" and "block_spec.lua" or "main.lua"
    local output, code = run(name, text)
    assert.equal(0, code, output)
    local shown = shown_output(text)
    assert.same(shown, printed(output, #shown))
  end

  for _, path in ipairs(files "README.md docs/*.md docs/*/*.md") do
    each_block(path, function(text, line)
      it(("%s, line %d"):format(path, line), function() check_block(text) end)
    end)
  end

  for _, path in ipairs(files "examples/*.lua") do
    it(path, function()
      local text = read_all(path)
      local _, lines = text:gsub("\n", "\n")
      assert.is_true(lines < MAX_LINES, path .. " is too long for an example")
      starts("main.lua", text)
    end)
  end
end)
