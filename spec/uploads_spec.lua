-- covers: internal/uploads.lua lua/lua_upload.c http/upload.c
local clock = require "spec.support.clock"
local fixture = require "spec.support.fixture"
local fs = require "perilune.fs"
local http = require "spec.support.http"
local process = require "spec.support.process"
local server = require "perilune.server"

local TYPE = "Content-Type: multipart/form-data; boundary=B"

--- A part of a form.
local function part(parameters, bytes, more)
  return ("--B\r\nContent-Disposition: form-data; %s\r\n%s\r\n%s\r\n"):format(
    parameters,
    more or "",
    bytes
  )
end

local FORM = part("name=a", "1")
  .. part('name=f; filename="C:\\x\\../../y.txt"', "hello", "Content-Type: text/plain\r\n")
  .. part("name=a", "2")
  .. "--B--\r\n"

--- A server that keeps uploads in a new folder; what the last request had; the folder.
local function serving(option, events, more)
  local folder, seen = fixture.folder(), {}
  option = option or {}
  if option.stream_type == "file" then option.save_directory = folder.path end
  local settings = { http_upload_files = option }
  for name, value in pairs(more or {}) do
    settings[name] = value
  end
  local function handler(_, request, response)
    seen.files, seen.params, seen.count = request.files, request.params, (seen.count or 0) + 1
    seen.refused = not pcall(function() return request.body end)
    response.content_text = "seen"
  end
  local made = fixture.server(settings, { OnCommandGet = handler, OnCommandOther = handler })
  for name, event in pairs(events or {}) do
    made[name] = event
  end
  return made, seen, folder
end

local function post(made, body, headers, path, method)
  return http.request(
    made.port,
    path or "/",
    { method = method or "POST", headers = headers or { TYPE }, body = body }
  )
end

--- The names in a folder.
local function names(folder)
  local list = {}
  for _, entry in ipairs(assert(fs.list(folder.path))) do
    list[#list + 1] = type(entry) == "table" and entry.name or entry
  end
  return list
end

describe("uploads", function()
  after_each(fixture.clean)

  it("of a form are in memory", function()
    local made, seen = serving()
    assert.equal("seen", post(made, FORM).body)
    assert.same({
      {
        name = "f",
        filename = "y.txt",
        content_type = "text/plain",
        size = 5,
        bytes = "hello",
      },
    }, seen.files)
    assert.same({ a = "1" }, seen.params)
    assert.is_true(seen.refused)
  end)

  it("are on disk, under safe names that nobody else has", function()
    local made, seen, folder = serving { stream_type = "file" }
    for _ = 1, 3 do
      assert.equal(200, post(made, FORM).status)
    end
    assert.same({ "y-2.txt", "y-3.txt", "y.txt" }, names(folder))
    assert.equal("y-3.txt", seen.files[1].filename)
    assert.equal(folder.path .. "/y-3.txt", seen.files[1].path)
    assert.equal("hello", fs.read(folder.path .. "/y-3.txt"))
    assert.is_nil(seen.files[1].bytes)
    assert.is_nil(seen.files[1].temporary)
  end)

  it("that are small stay in memory", function()
    local made, seen, folder = serving { stream_type = "file", min_size = 6 }
    post(made, FORM)
    assert.equal("hello", seen.files[1].bytes)
    post(made, (FORM:gsub("hello", "hello!")))
    assert.equal(folder.path .. "/y.txt", seen.files[1].path)
    assert.same({ "y.txt" }, names(folder))
  end)

  it("without a form have the name of their path", function()
    local made, seen, folder = serving { stream_type = "file", min_size = 3 }
    assert.equal(
      200,
      post(made, "bytes", { "Content-Type: a/b" }, "/x/my%20file.bin?a=1", "PUT").status
    )
    assert.equal(folder.path .. "/my file.bin", seen.files[1].path)
    assert.equal("a/b", seen.files[1].content_type)
    assert.same({ a = "1" }, seen.params)
    post(made, "by", {}, "/x", "PUT")
    assert.same({}, seen.files)
    assert.is_false(seen.refused)
    local form = { "Content-Type: application/x-www-form-urlencoded" }
    post(made, "a=long+enough", form)
    assert.same({ a = "long enough" }, seen.params)
  end)

  it("keep their boundaries when that is wanted", function()
    local made, seen, folder = serving { stream_type = "file", remove_boundaries = false }
    post(made, FORM, nil, "/form")
    assert.equal(FORM, fs.read(folder.path .. "/form"))
    assert.equal("multipart/form-data; boundary=B", seen.files[1].content_type)
    made, seen = serving { remove_boundaries = false }
    post(made, FORM)
    assert.is_false(seen.refused)
  end)

  it("are told by events, in order", function()
    local told, folder = {}, fixture.folder()
    local other = fixture.folder()
    local made, seen = serving({ stream_type = "file" }, {
      OnHTTPUploadBeforeSaveFile = function(name, path, request)
        told[#told + 1] = "before " .. name .. " " .. request.document
        folder = path
        if name == "no.txt" then return false end
        return "mine.txt", name == "y.txt" and other.path or nil
      end,
      OnHTTPUploadAfterSaveFile = function(name, path)
        told[#told + 1] = ("after %s %s"):format(name, path)
      end,
      OnHTTPUploadReadInput = function(name, value) told[#told + 1] = name .. "=" .. value end,
    })
    post(made, part("name=g; filename=no.txt", "x") .. part("name=h; filename=z", "x") .. FORM)
    assert.same({
      "before no.txt /",
      "before z /",
      ("after mine.txt %s/mine.txt"):format(folder),
      "a=1",
      "before y.txt /",
      ("after mine.txt %s/mine.txt"):format(other.path),
      "a=2",
    }, told)
    assert.equal(2, #seen.files)
    assert.same({ "mine.txt" }, names { path = folder })
    assert.equal("hello", fs.read(other.path .. "/mine.txt"))
  end)

  it("need no handler of requests", function()
    local folder = fixture.folder()
    local made = fixture.server {
      http_upload_files = { stream_type = "file", save_directory = folder.path },
    }
    assert.equal(404, post(made, FORM).status)
    assert.same({ "y.txt" }, names(folder))
    assert.is_nil(made.OnCommandGet)
  end)

  it("leave nothing when a handler of theirs throws, or gives a bad name", function()
    local wanted, failures = nil, {}
    local made, seen, folder = serving({ stream_type = "file" }, {
      OnHTTPUploadBeforeSaveFile = function() return wanted end,
      OnException = function(_, message) failures[#failures + 1] = message end,
    })
    for _, name in ipairs { "../x", "", "..", "a\0b", 5, ("x"):rep(256) } do
      wanted = name
      assert.equal(500, post(made, FORM).status)
    end
    assert.equal(6, #failures)
    assert.matches("returns the name of a file", failures[1])
    assert.is_nil(seen.count)
    assert.is_true(clock.try(function() return #names(folder) == 0 end, 10))
  end)

  it("go with HTTP sessions", function()
    local made, seen = serving(nil, {}, { session_state = true })
    made.OnCommandGet = function(_, request, response)
      seen.session, seen.files = request.session, request.files
      response.content_text = "seen"
    end
    post(made, FORM)
    assert.truthy(seen.session)
    assert.equal("y.txt", seen.files[1].filename)
  end)
end)

describe("uploads that are wrong:", function()
  after_each(fixture.clean)

  local cases = {
    { "no boundary", 400, FORM, { "Content-Type: multipart/form-data" } },
    { "a boundary of 71 characters", 400, FORM, { TYPE .. ("x"):rep(70) } },
    { "no end", 400, FORM:sub(1, -8) },
    { "an end that is cut", 400, FORM:sub(1, -4) },
    { "a part without a name", 400, part("x=y", "") .. "--B--" },
    { "filename* alone", 400, part("name=f; filename*=UTF-8''x", "") .. "--B--" },
    { "a name with NUL", 400, part('name=f; filename="a\0.txt"', "") .. "--B--" },
    { "many parts", 413, part("name=a", ""):rep(11) .. "--B--" },
    { "a long head", 431, part('name="' .. ("x"):rep(3000) .. '"', "") .. "--B--" },
    { "long fields", 413, part("name=a", ("x"):rep(5000)) .. "--B--" },
    { "too much", 413, part("name=f; filename=f", ("x"):rep(30000)) .. "--B--" },
  }
  for _, case in ipairs(cases) do
    it(case[1], function()
      local made, seen, folder = serving({ stream_type = "file" }, {}, {
        limits = { upload = 20000, upload_parts = 10, upload_part_head = 2048, body = 4096 },
      })
      assert.equal(case[2], post(made, case[3], case[4]).status)
      assert.is_nil(seen.count)
      assert.is_true(clock.try(function() return #names(folder) == 0 end, 10))
      assert.equal(200, post(made, FORM).status)
    end)
  end

  it("is answered when the head says so, and the client is not told to go on", function()
    local made, seen = serving({ stream_type = "file" }, {}, { limits = { upload = 20000 } })
    local wrong = {
      { 413, "Content-Length: 20001" },
      { 413, "Content-Length: 20001", TYPE },
      { 400, "Content-Length: 20000", "Content-Type: multipart/form-data" },
    }
    for _, case in ipairs(wrong) do
      for _, expects in ipairs { "Expect: 100-continue", "X-Expect: none" } do
        local peer = fixture.socket(made)
        local headers = { case[2], expects, case[3] }
        peer:send(http.compose("/", { method = "POST", headers = headers }))
        assert.equal(case[1], assert(http.read(peer)).status)
        peer:close()
      end
    end
    assert.is_nil(seen.count)
  end)

  it("a client that goes leaves no file", function()
    local made, seen, folder = serving { stream_type = "file" }
    local peer = fixture.socket(made)
    peer:send(http.compose("/", { method = "POST", headers = { TYPE, "Content-Length: 1000000" } }))
    peer:send(part("name=f; filename=f", ("x"):rep(200000)):sub(1, -3))
    assert.is_true(clock.try(function() return #names(folder) == 1 end, 10))
    assert.matches("%.sgc_ps$", names(folder)[1])
    peer:close()
    assert.is_true(clock.try(function() return #names(folder) == 0 end, 10))
    assert.is_nil(seen.count)
  end)

  it("a folder that is not there", function()
    local made = fixture.server {
      http_upload_files = {
        stream_type = "file",
        save_directory = fixture.folder().path .. "/none",
      },
    }
    assert.equal(500, post(made, FORM).status)
  end)
end)

describe("a program that receives uploads", function()
  after_each(fixture.clean)

  local SCRIPT = [[
    local server = require("perilune.server").new {
      port = 0, http_upload_files = { stream_type = "file", save_directory = "files" },
    }
    function server.OnCommandGet(_, request, response)
      response.content_text = request.files[1] and request.files[1].path or "none"
    end
    assert(server:start())
  ]]

  it("answers 507 when the disk is full, and goes on", function()
    local path, folder = fixture.script(SCRIPT)
    folder:write("files/keep", "")
    local command = ("ulimit -f 64; exec '%s' '%s'"):format(process.PERILUNE, path)
    local program = process.start { "sh", "-c", command }
    local made = { port = program:wait_port() }
    local large = part("name=f; filename=f", ("x"):rep(200000)) .. "--B--"
    assert.equal(507, post(made, large).status)
    assert.equal(folder.path .. "/files/y.txt", post(made, FORM).body)
    assert.same({ "keep", "y.txt" }, names { path = folder.path .. "/files" })
  end)

  it("leaves nothing half when it is stopped", function()
    local path, folder =
      fixture.script(SCRIPT:gsub("port = 0", "port = 0, limits = { close_timeout = 0.1 }"))
    folder:write("files/keep", "")
    local program = process.perilune { path }
    local peer = fixture.socket { port = program:wait_port() }
    peer:send(http.compose("/", { method = "POST", headers = { TYPE, "Content-Length: 1000000" } }))
    peer:send(part("name=f; filename=f", ("x"):rep(200000)):sub(1, -3))
    local files = { path = folder.path .. "/files" }
    assert.is_true(clock.try(function() return #names(files) == 2 end, 10))
    program:signal "TERM"
    assert.equal(0, program:wait(20))
    assert.same({ "keep" }, names(files))
  end)
end)

describe("the option http_upload_files", function()
  it("is checked", function()
    local function refused(option)
      local ok, message = pcall(server.new, { http_upload_files = option })
      assert.is_false(ok)
      return (message:gsub("^[^:]*:%d+: ", ""))
    end
    assert.matches("http_upload_files.stream_type", refused { stream_type = "disk" })
    assert.matches("http_upload_files.min_size", refused { min_size = -1 })
    assert.matches(
      "did you mean 'http_upload_files.save_directory'",
      refused { save_directori = "x" }
    )
    assert.matches("without NUL", refused { save_directory = "a\0b" })
    local ok, message = pcall(function() server.new({}).OnHTTPUploadReadInput = print end)
    assert.is_false(ok)
    assert.matches("needs the option 'http_upload_files'", message)
  end)
end)
