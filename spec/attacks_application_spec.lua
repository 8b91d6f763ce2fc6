--- Attacks on what an application serves and does: files, passwords, handlers. "D-…" are numbers of
--- the project's list of attacks. Uploads (D-28) are in uploads_spec.lua and faults_spec.lua.
local attack = require "spec.support.attack"
local fixture = require "spec.support.fixture"
local http = require "spec.support.http"
local json = require "perilune.json"
local process = require "spec.support.process"

local PATIENT = 20 -- seconds: the machine may be busy

describe("D-12 ranges of a file:", function()
  after_each(fixture.clean)

  local SIZES = { ["tiny.txt"] = 7, ["small.txt"] = 300, ["large.txt"] = 100000 }
  local HEAD = 1024 -- bytes, and more than the head of an answer has

  --- What is asked for, joined: `count` times what f returns.
  local function many(count, f)
    local list = {}
    for i = 1, count do
      list[i] = f(i - 1)
    end
    return table.concat(list, ",")
  end

  local ranges = {
    { "one byte each", many(1000, function(i) return i .. "-" .. i end) },
    { "the same byte", many(1300, function() return "0-0" end) },
    { "all of it again and again", many(1300, function() return "0-" end) },
    { "overlapping", many(600, function(i) return i .. "-99999" end) },
    { "a few that overlap", "0-,1-,2-,3-,4-,5-" },
    { "a few from the end", "-7,-6,-5,-4,-3,-2,-1" },
    {
      "from the back to the front",
      many(500, function(i) return (999 - i) .. "-" .. (999 - i) end),
    },
    { "reversed", "5-2" },
    { "reversed among others", "0-1,5-2,3-3" },
    { "huge", "0-99999999999999999999999999" },
    { "beyond 2^64", "18446744073709551616-18446744073709551617" },
    { "that wrap around", "0-18446744073709551615,1-9223372036854775808" },
    { "huge from the end", "-18446744073709551616" },
    { "none from the end", "-0" },
    { "beyond the end", "100000-,200000-300000" },
    { "empty", "" },
    { "commas", (","):rep(4000) },
    { "signs", "+1-+2,--1,1--1" },
    { "spaces", (" 0-0 ,\t"):rep(900) .. "0-0" },
  }

  --- How many bytes came, until the server ended the connection.
  local function amount(made, path, range, method)
    local peer = fixture.socket(made)
    local headers = { "Range: bytes=" .. range, "Connection: close" }
    peer:send(http.compose(path, { method = method, headers = headers }))
    local bytes, why = peer:read_all(PATIENT)
    assert.equal("end", why)
    peer:close()
    return #bytes, tonumber(bytes:match "^HTTP/1%.1 (%d+) ")
  end

  it("never more than the file twice over, and others are served", function()
    local folder = fixture.folder()
    for name, size in pairs(SIZES) do
      folder:write("public/" .. name, ("0123456789"):rep(size / 10 + 1):sub(1, size))
    end
    local made = fixture.server({ document_root = folder.path .. "/public" }, {
      OnMessage = function(conn, text) conn:write(text) end,
      OnCommandGet = function(_, request, response)
        if request.document == "/" then response.content_text = "ok" end
      end,
    })
    local bystander = fixture.connect(made)
    attack.assert_nothing_stays(function()
      for _, case in ipairs(ranges) do
        for name, size in pairs(SIZES) do
          local bytes, status = amount(made, "/" .. name, case[2])
          local what = ("%s of %s: %d, %d bytes"):format(case[1], name, status, bytes)
          assert.is_truthy(status == 200 or status == 206 or status == 416, what)
          assert.is_true(bytes <= 2 * size + HEAD, what)
          assert.is_true(status ~= 200 or bytes >= size, what)
          bytes = amount(made, "/" .. name, case[2], "HEAD")
          assert.is_true(bytes <= HEAD, what)
        end
      end
      attack.assert_others_answered(made, bystander)
    end)
  end)
end)

describe("D-32 a secret", function()
  after_each(fixture.clean)

  it("is in no line of the log, however it is wrong", function()
    local made = fixture.server({
      authentication = {
        auth_users = { "user=" .. attack.SECRET },
        session = true,
      },
      metrics = { token = attack.SECRET .. "0123456789abcdef" },
    }, {
      OnCommandGet = function(_, _, response) response.content_text = "ok" end,
    })
    local text = require "perilune.core.text"
    local function basic(pair) return "Authorization: Basic " .. text.base64_encode(pair) end
    local wrong = attack.SECRET .. "-"
    local statuses = {}
    local function ask(path, ...)
      local peer = fixture.socket(made)
      peer:send(http.compose(path, { headers = { "Connection: close", ... } }))
      local bytes = peer:read_all(PATIENT)
      local status = tonumber(bytes:match "^HTTP/1%.1 (%d+)") or 0
      statuses[status] = (statuses[status] or 0) + 1
      peer:close()
    end
    local log = attack.log_of(function()
      ask("/", basic("user:" .. attack.SECRET))
      ask("/", basic("user:" .. wrong))
      ask("/", basic(wrong))
      ask("/", "Authorization: Basic " .. wrong)
      ask("/", "Authorization: Bearer " .. wrong)
      ask("/", "Authorization: " .. wrong .. " x")
      ask("/", "Authorization : " .. wrong)
      ask("/", "Cookie: session=" .. wrong .. "\0")
      ask("/metrics", "Authorization: Bearer " .. wrong)
      ask("/sgc/req/auth/user/" .. wrong)
      ask("/sgc/auth/session/" .. wrong)
      ask("/?password=" .. wrong .. "\27")
      ask("http://user:" .. wrong .. "@a/")
    end)
    assert.equal(1, statuses[200])
    assert.is_true(statuses[401] >= 4)
    assert.is_nil(log:find(attack.SECRET, 1, true), log)
    assert.is_nil(log:find(text.base64_encode(wrong):sub(1, 8), 1, true), log)
  end)

  it("is nowhere in the state that the log tells of when the program begins", function()
    local run = fixture.run(([[
      local ok, message = pcall(require("perilune.server").new, {
        authentication = { auth_users = { user = { password = %q } } },
      })
      print(ok, message)
      ok, message = pcall(require("perilune.server").new, {
        authentication = { auth_users = { "=%s" } },
      })
      print(ok, message)
      ok, message = pcall(require("perilune.server").new, { metrics = { token = %q } })
      print(ok, message)
    ]]):format(attack.SECRET, attack.SECRET, attack.SECRET))
    assert.equal(3, select(2, run.output:gsub("false\t", "")), run.output)
    assert.is_nil(run.output:find(attack.SECRET, 1, true), run.output)
    assert.is_nil(run.errors:find(attack.SECRET, 1, true), run.errors)
  end)
end)

describe("D-36 a handler", function()
  after_each(fixture.clean)

  local SCRIPT = [==[
    local json = require "perilune.json"
    local log = require "perilune.log"
    local server = require("perilune.server").new { port = 0 }
    local function deep(n) return 1 + deep(n + 1) end
    local loop = setmetatable({}, {})
    getmetatable(loop).__index = loop
    local worse = setmetatable({}, { __tostring = function() error(worse) end })
    local circle = {}
    circle.circle = circle
    local faults = {
      table = function() error {} end,
      ["nil"] = function() error(nil) end,
      number = function() error(7) end,
      boolean = function() error(false) end,
      ["function"] = function() error(print) end,
      cdata = function() error(require("ffi").new "int[2]") end,
      coroutine = function() error(coroutine.create(print)) end,
      text = function() error(worse) end,
      number_as_text = function()
        error(setmetatable({}, { __tostring = function() return 1 end }))
      end,
      control = function() error("one\r\ntwo\27[2J\0three\127", 0) end,
      long = function() error(("x"):rep(3e6), 0) end,
      recursion = function() return deep(1) end,
      sort = function() table.sort({ 3, 2, 1, 5, 4 }, function() error {} end) end,
      handler = function() xpcall(error, function() error "again" end, "first") error "third" end,
      circle = function() assert(json.encode(circle)) end,
      unpack = function() return unpack({}, 1, 1e7) end,
      concat = function() return table.concat({ {} }) end,
      close = function() error(setmetatable({}, { __tostring = 1 })) end,
    }
    local function names()
      local list = {}
      for name in pairs(faults) do list[#list + 1] = name end
      return list
    end
    function server.OnMessage(conn, text)
      if faults[text] then faults[text]() end
      conn:write(text)
    end
    local function answer(request, response)
      local body = request.body
      if request.document == "/json" then
        local value, message, code = json.decode(body)
        response.content_text = value and "value" or code .. " " .. message
      elseif request.document == "/load" then
        local f, message = loadstring(body)
        response.content_text = f and "loaded" or message
      else
        log.warn("said: " .. body)
        error(body, 0)
      end
    end
    function server.OnCommandGet(_, request, response)
      local name = request.document:sub(2)
      if request.command == "POST" then
        answer(request, response)
      elseif name == "names" then
        response.content_text = json.encode(names())
      elseif name ~= "" then
        faults[name]()
      else
        response.content_text = "ok"
      end
    end
    assert(server:start())
  ]==]

  local function start()
    local program = process.perilune { (fixture.script(SCRIPT)) }
    return program, program:wait_port()
  end

  local function finish(program)
    program:signal "TERM"
    assert.equal(0, program:wait(PATIENT))
  end

  it("may fail with anything: 500, and everybody else is served as ever", function()
    local program, port = start()
    local names = assert(json.decode(http.request(port, "/names").body))
    assert.is_true(#names >= 18)
    local peer = fixture.connect { port = port }
    for round = 1, 2 do
      for _, name in ipairs(names) do
        local answer = http.request(port, "/" .. name)
        assert.equal(500, answer and answer.status, name .. " in round " .. round)
        peer:send(name)
        peer:send "still there"
        assert.equal("still there", peer:read(PATIENT), name)
        assert.equal("ok", http.request(port, "/").body)
      end
    end
    peer:close()
    finish(program)
    assert.is_nil(program.errors:find "[%z\1-\9\11-\31\127]", "control characters are in the log")
    assert.is_truthy(program.errors:find("two", 1, true))
  end)

  local function post(port, path, body)
    return http.request(port, path, { method = "POST", body = body })
  end

  it("gets an error for JSON that is a million deep, badly escaped, or not UTF-8", function()
    local program, port = start()
    local large = ("["):rep(1e6)
    for _, case in ipairs {
      { large, "^ELIMIT " },
      { ('{"a":'):rep(2e5), "^ELIMIT " },
      { '"\\u12G4"', "^E%u+ JSON, line 1" },
      { '"\\ud800"', "^E%u+ JSON, line 1" },
      { '"\\x41"', "^E%u+ JSON, line 1" },
      { '"\192\128"', "^EUTF8 " },
      { '"\237\160\128"', "^EUTF8 " },
      { '"a\0"', "^E%u+ JSON, line 1" },
      { "", "^E%u+ JSON" },
      { '{"a":1}x', "^E%u+ JSON, line 1" },
    } do
      assert.matches(case[2], post(port, "/json", case[1]).body)
    end
    assert.equal("value", post(port, "/json", "[1]").body)
    finish(program)
  end)

  it("is not given bytecode that a peer has sent", function()
    local program, port = start()
    local bytes = string.dump(function() os.exit(9) end)
    assert.matches("wrong mode", post(port, "/load", bytes).body)
    assert.equal("loaded", post(port, "/load", "return 1").body)
    finish(program)
  end)

  it("that logs what a peer says writes no line of the peer's", function()
    local program, port = start()
    local forged = "x\r\n2026-11-23T10:00:00.000Z error forged\27[31m\r\127\194\155\226\128\174"
    assert.equal(500, post(port, "/log", forged).status)
    finish(program)
    assert.is_nil(program.errors:find "[%z\1-\9\11-\31\127]")
    assert.is_nil(program.errors:find "\n2026%-11%-23T10:00:00%.000Z")
    assert.is_truthy(program.errors:find("forged", 1, true))
  end)
end)
