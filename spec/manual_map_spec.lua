--- Keeps docs/manual-map.md true: what its tables name is there, what they call missing is not, and
--- its links lead somewhere.
local client = require "perilune.client"
local fixture = require "spec.support.fixture"
local http = require "perilune.http"
local mqtt = require "perilune.mqtt"
local process = require "spec.support.process"
local server = require "perilune.server"

local PAGE = "docs/manual-map.md"
local LIBRARY = "lua/perilune/web/sgcWebSockets.js"

local SECTIONS = {
  ["Features, on servers"] = "server",
  ["The client: TsgcWebSocketClient"] = "client",
  ["The server: TsgcWebSocketServer"] = "server",
  ["The HTTP server: TsgcWebSocketHTTPServer"] = "server",
  ["The connection: TsgcWSConnection"] = "server",
  ["Protocols"] = "server",
  ["The MQTT client: TsgcWSPClient_MQTT"] = "mqtt",
  ["JavaScript"] = "javascript",
}

local function read_all(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read "*a"
  file:close()
  return text
end

--- The rows with three cells: { line, section, manual, here, note }.
local function rows()
  local list, section, number = {}, nil, 0
  for line in io.lines(PAGE) do
    number = number + 1
    section = line:match "^## (.+)$" or section
    local manual, here, note = line:match "^| (.-) | (.-) | (.-)%s*|$"
    if manual and here ~= "here" and not here:find "^%-" then
      list[#list + 1] =
        { line = number, section = section, manual = manual, here = here, note = note }
    end
  end
  return list
end

-- What a name may be. Each takes the page's things that are alive, the component, and captures.

local kinds = {}

local ODD = coroutine.create(function() end) -- nothing takes it

-- What an option is not checked without.
local BESIDE = {
  proxy = { host = "127.0.0.1", port = 1 },
  log_file = { file_name = "messages.log" },
  forward = { path = "/", url = "http://127.0.0.1" },
  end_of_frame = { bytes = "\n" },
  http_upload_files = { save_directory = "." },
}

--- new { a = { b = value } } for "a.b".
local function make(component, path, value)
  local given = component == "client" and { url = "tcp://127.0.0.1:1" } or {}
  if component == "mqtt" then given.url = "mqtt://127.0.0.1:1" end
  if component == "client" and not path:find "^end_of_frame" then given.url = "ws://127.0.0.1" end
  if path:find "^host$" or path:find "^port$" or path:find "^parameters$" then given.url = nil end
  local at, names = given, {}
  for name in path:gmatch "[^.]+" do
    names[#names + 1] = name
  end
  for i = 1, #names - 1 do
    local name, in_list = names[i]:gsub("%[%]$", "")
    local inner = {}
    for key, beside in pairs(i == 1 and BESIDE[name] or {}) do
      inner[key] = beside
    end
    at[name] = in_list == 1 and { inner } or inner
    at = inner
  end
  at[names[#names]] = value
  local new = { client = client.new, server = server.new, mqtt = mqtt.client }
  return pcall(new[component], given)
end

--- An option is there when what it takes is said.
function kinds.option(_, component, path)
  local made, message = make(component, path, ODD)
  local name = path:gsub("%[%]", "[1]")
  assert.is_false(made)
  assert.is_truthy(message:find(("option '%s' of"):format(name), 1, true), message)
  assert.is_nil(message:find "unknown option")
end

function kinds.assignment(_, component, path, value)
  local made, message = make(component, path, assert(loadstring("return " .. value))())
  assert.is_true(made, message)
end

function kinds.missing_option(_, component, path)
  local made, message = make(component, path, ODD)
  assert.is_false(made)
  assert.is_truthy(
    message:find(("unknown option '%s'"):format(path), 1, true),
    path .. " is there now: say where"
  )
end

function kinds.event(live, component, name)
  live[component][name] = function() end
  live[component][name] = nil
end

function kinds.method(live, _, whose, name) assert.equal("function", type(live[whose][name])) end

function kinds.property(live, _, whose, name)
  local value = live[whose][name]
  assert.is_truthy(value ~= nil and type(value) ~= "function", "there is none")
end

function kinds.field(live, _, name)
  live.response[name] = live.response[name] -- throws for others
end

function kinds.module(_, _, name) assert(require(name)) end

function kinds.of_binary(_, _, name)
  assert.equal("function", type(require("perilune.binary")[name]))
end

function kinds.request(live, _, path)
  assert.equal(200, assert(http.get(live.url .. path, live.asks)).status)
end

function kinds.command(_, _, name)
  local run = process.run { process.PERILUNE, "--help" }
  assert.is_truthy(run.output:find("perilune " .. name, 1, true))
end

function kinds.script_event(_, _, name)
  assert.is_truthy(read_all(LIBRARY):find(('_emit("%s"'):format(name), 1, true))
end

function kinds.script_call(_, _, name)
  assert.is_truthy(read_all(LIBRARY):find("%f[%w_]" .. name .. "%("))
end

function kinds.script_option(_, _, name)
  assert.is_truthy(read_all(LIBRARY):find("from." .. name, 1, true))
end

function kinds.value() end

-- In the order in which they are tried. Those with `loose` are not looked for in notes, where such
-- words are any.
local forms = {
  { "^([%l_.%[%]]+) = (.+)$", "assignment" },
  { "^(On%u%w+)$", "event" },
  { "^(%l+):([%l_]+)", "method" },
  { "^(response)%.([%l_]+)$", "field", last = true },
  { "^binary%.([%l_]+)$", "of_binary" },
  { "^(perilune%.[%l_.]+)$", "module" },
  { "^(conn)%.([%l_]+)$", "property" },
  { "^(server)%.([%l_]+)$", "property" },
  { "^(client)%.([%l_]+)$", "property" },
  { "^(mqtt)%.([%l_]+)$", "property" },
  { "^(request)%.([%l_]+)$", "property" },
  { "^GET (/%S+)$", "request" },
  { "^perilune (%l+)$", "command", loose = true },
  { "^(%l[%l%d_%[%]]*%.[%l%d_.]+)$", "option" },
  { "^([%l_]+)$", "option", loose = true },
  { '^"', "value", loose = true },
  { "^%l+://$", "value", loose = true },
}

local script_forms = {
  { "^GET (/%S+)$", "request" },
  { '^on%("(%l+)"%)$', "script_event" },
  { "^(%w+)%(", "script_call" },
  { "^(%l+)$", "script_option", loose = true },
}

local NOT_THERE = { { "^(%l[%l%d_.]*)$", "missing_option" } }

local function form_of(token, list, is_note)
  for _, form in ipairs(list) do
    if token:find(form[1]) and not (is_note and form.loose) then return form end
  end
end

local function check_token(live, row, token, list, is_note)
  local form = form_of(token, list, is_note)
  if not form then
    assert(is_note, ("line %d: what is `%s`?"):format(row.line, token))
    return
  end
  local captures = { token:match(form[1]) }
  if form.last then captures = { captures[#captures] } end
  local ok, message = pcall(kinds[form[2]], live, SECTIONS[row.section], unpack(captures))
  if type(message) == "table" then message = message.message end
  assert(ok, ("line %d: `%s`: %s"):format(row.line, token, tostring(message)))
end

local function check_row(live, row)
  local list = forms
  if SECTIONS[row.section] == "javascript" then list = script_forms end
  if row.here:find "^not there" then list = NOT_THERE end
  for token in row.here:gmatch "`([^`]+)`" do
    check_token(live, row, token, list, false)
  end
  if list == NOT_THERE then list = forms end
  for token in row.note:gmatch "`([^`]+)`" do
    check_token(live, row, token, list, true)
  end
end

--- A server and a client that are connected, and a request under way: calls f with all of them.
local function with_live(f)
  local live = {
    mqtt = mqtt.client { url = "mqtt://127.0.0.1:1" },
    asks = { authentication = { user = "jo", password = "secret" } },
  }
  local made = fixture.new_server {
    authentication = { auth_users = { "jo=secret" } },
    session_state = true,
    http_upload_files = {},
  }
  local failed
  function made.OnConnect(conn) live.conn = conn end
  function made.OnCommandGet(_, request, response)
    if request.document ~= "/live" then return end
    live.request, live.response = request, response
    local ok, message = pcall(f, live)
    failed = not ok and (type(message) == "table" and message.message or message)
    response.response_no = 200
  end
  assert(made:start())
  live.server, live.url = made, ("http://127.0.0.1:%d"):format(made.port)
  live.client = fixture.client(made, { authentication = live.asks.authentication })
  local answer = assert(http.post(live.url .. "/live", {
    authentication = live.asks.authentication,
    multipart = { file = { value = "x", filename = "x" } },
  }))
  assert(not failed, failed)
  assert.equal(200, answer.status)
end

--- The names under which a page's headings can be linked to.
local function anchors(text)
  local names = {}
  for heading in ("\n" .. text):gmatch "\n##+ ([^\n]+)" do
    local name = heading:gsub("`", ""):lower():gsub("[^%w%s_-]", ""):gsub(" ", "-")
    names[name] = true
  end
  return names
end

describe("docs/manual-map.md", function()
  after_each(fixture.clean)

  it("has rows in each of its sections", function()
    local seen = {}
    for _, row in ipairs(rows()) do
      seen[row.section] = (seen[row.section] or 0) + 1
    end
    for section in pairs(SECTIONS) do
      assert.is_truthy((seen[section] or 0) >= 3, section)
    end
    for section in pairs(seen) do
      assert.is_truthy(SECTIONS[section], section)
    end
  end)

  it("names what is there", function()
    local checked = 0
    with_live(function(live)
      for _, row in ipairs(rows()) do
        check_row(live, row)
        checked = checked + 1
      end
    end)
    assert.is_truthy(checked > 150)
  end)

  it("has links that lead somewhere", function()
    local page = read_all(PAGE)
    for link in page:gmatch "%]%(([^)]+)%)" do
      local path, anchor = link:match "^([^#]*)#?(.*)$"
      local text = path == "" and page or read_all("docs/" .. path)
      assert.is_truthy(anchor == "" or anchors(text)[anchor], link)
    end
  end)
end)
