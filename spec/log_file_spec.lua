--- The option `log_file` of servers and clients.
local clock = require "spec.support.clock"
local fixture = require "spec.support.fixture"
local process = require "spec.support.process"

local function content(path)
  local file = io.open(path, "rb")
  if not file then return "" end
  local text = file:read "*a"
  file:close()
  return text
end

--- The entries without peers, times and guids.
local function entries(path)
  local list = {}
  for line in content(path):gmatch "[^\n]+" do
    if line:find "^    " then
      list[#list] = list[#list] .. "|" .. line:sub(5)
    else
      local entry, count = line:gsub("^127%.0%.0%.1:%d+ (%a+) %d+%-%S+Z %x+ ", "%1 ")
      assert.equal(1, count, line)
      list[#list + 1] = entry
    end
  end
  return list
end

describe("log_file", function()
  after_each(fixture.clean)

  --- A talk; `side` is whose log is at `path`.
  local function talk(side, path, log_file)
    local options = { server = {}, client = {} }
    options[side].log_file = log_file
    options.client.headers = { ["X-Token"] = "hidden" }
    options.client.authentication = { user = "u", password = "secret" }
    local server = fixture.server(options.server, {
      OnMessage = function(conn, text) conn:write("you said " .. text) end,
      OnBinary = function(conn) conn:close(3000, "enough") end,
    })
    local client = fixture.client(server, options.client)
    client:write_and_wait "one\ntwo"
    client.conn:write_binary "\0a"
    clock.wait_for(function() return content(path):find "disconnected" end)
    return entries(path)
  end

  it("has a line for each message of a client, and no secrets", function()
    local path = fixture.folder().path .. "/log"
    local lines = talk("client", path, { file_name = path })
    assert.equal("Stat connected", lines[1])
    assert.matches("^Sent head: |GET / HTTP/1.1|.*Authorization: %*%*%*$", lines[2])
    assert.matches("^Recv head: |HTTP/1.1 101 ", lines[3])
    assert.same({
      "Sent text: one\\x0atwo",
      "Recv text: you said one\\x0atwo",
      "Sent binary: 0061",
      "Stat disconnected: 3000 enough",
    }, { unpack(lines, 4) })
    assert.is_nil(content(path):find "dTpzZWNyZXQ" or content(path):find "hidden")
  end)

  it("has a line for each message of a server, unmasked", function()
    local path = fixture.folder().path .. "/log"
    local lines = talk("server", path, path)
    assert.equal("Stat connected", lines[1])
    assert.matches("^Recv head: |GET / HTTP/1.1|.*X%-Token: %*%*%*", lines[2])
    assert.matches("^Sent head: |HTTP/1.1 101 ", lines[3])
    assert.same({
      "Recv text: one\\x0atwo",
      "Sent text: you said one\\x0atwo",
      "Recv binary: 0061",
      "Stat disconnected: 3000",
    }, { unpack(lines, 4) })
    assert.is_nil(content(path):find "dTpzZWNyZXQ" or content(path):find "hidden")
  end)

  it("is in hexadecimal when raw", function()
    local path = fixture.folder().path .. "/log"
    local lines = talk("server", path, { file_name = path, raw = true })
    assert.equal("Recv text: 6f6e650a74776f", lines[4])
    assert.equal("Recv binary: 0061", lines[6])
  end)

  it("has what is sent to many, for each, and pings", function()
    local path = fixture.folder().path .. "/log"
    local server = fixture.server { log_file = path }
    local peer, conn = fixture.pair(server)
    fixture.pair(server)
    server:broadcast "all"
    peer:send "hi"
    conn:ping(0.01)
    local text = clock.wait_for(function()
      local text = content(path)
      return text:find "Sent %S+ %S+ ping: %x+\n" and text:find "text: hi\n" and text
    end)
    assert.equal(2, select(2, text:gsub("Sent %S+ %S+ text: all\n", "")))
    assert.matches("Recv %S+ " .. conn.guid .. " text: hi\n", text)
  end)

  it("has no requests of HTTP", function()
    local path = fixture.folder().path .. "/log"
    local server = fixture.server { log_file = path }
    assert(require("perilune.http").get(("http://127.0.0.1:%d/"):format(server.port)))
    server:stop()
    assert.equal("", content(path))
  end)

  it("belongs to its owner alone, and is appended to", function()
    local path = fixture.folder().path .. "/log"
    for _ = 1, 2 do
      local server = fixture.server { log_file = path }
      fixture.client(server)
      server:stop()
    end
    clock.wait_for(
      function() return select(2, content(path):gsub("Stat %S+ %S+ connected", "")) == 2 end
    )
    local stat = process.run { "stat", "-c", "%a", path }
    assert.equal("600\n", stat.output)
  end)

  it("that cannot be opened is why it does not start", function()
    local path = fixture.folder().path .. "/no/log"
    local server = fixture.new_server { log_file = path }
    local ok, message, code = server:start()
    local expected = { nil, ("log_file '%s': no such file or directory"):format(path), "ENOENT" }
    assert.same(expected, { ok, message, code })
    assert.is_false(server.active)
    local client = fixture.new_client { url = "ws://127.0.0.1:1/", log_file = path }
    assert.same(expected, { client:start() })
    assert.same(expected, { client:connect() })
    assert.is_false(client.active)
  end)

  it("is beside the script, shared by workers, and whole when the program ends", function()
    local path, folder = fixture.script [[
      local client = require "perilune.client"
      local server = require("perilune.server").new { port = 0, log_file = "both.log" }
      function server.OnStartup()
        local one = client.new { port = server.port, host = "127.0.0.1", log_file = "both.log" }
        function one.OnConnect(conn) conn:write "hello" end
        function server.OnMessage() os.exit(0) end
        one:start()
      end
      server:start()
    ]]
    local done = process.run { process.PERILUNE, "--workers", "2", path }
    assert.same({ 0, "" }, { done.code, done.errors })
    local lines = table.concat(entries(folder.path .. "/both.log"), "\n")
    assert.matches("Sent text: hello", lines)
    assert.matches("Recv text: hello", lines)
    assert.matches("Stat disconnected: 1001", lines)
  end)

  it("is not touched by --check", function()
    local path, folder = fixture.script [[
      assert(require("perilune.server").new({ port = 0, log_file = "log" }):start())
      assert(require("perilune.client").new({ url = "ws://127.0.0.1:1", log_file = "log" }):start())
    ]]
    assert.equal(0, process.run({ process.PERILUNE, "--check", path }).code)
    assert.is_nil(io.open(folder.path .. "/log"))
  end)

  it("takes a name, or a table with one", function()
    assert.has_error(
      function() fixture.new_server { log_file = {} } end,
      "option 'log_file.file_name' of server.new is missing; it takes a non-empty string"
    )
    assert.has_error(
      function() fixture.new_client { url = "ws://127.0.0.1", log_file = "a\0b" } end,
      "option 'log_file' of client.new takes text without NUL"
    )
    fixture.new_server { log_file = false }
  end)
end)
