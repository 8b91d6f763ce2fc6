-- covers: internal/args_schema.lua internal/args_help.lua
local args = require "perilune.args"

local schema = {
  name = "chat",
  summary = "A chat for browsers.",
  { "host", default = "127.0.0.1", value = "ADDRESS", help = "Address to listen on." },
  { "port", type = "integer", short = "p", default = 8080, min = 0, max = 65535, help = "Port." },
  { "rate", type = "number", min = 0 },
  { "verbose", type = "boolean", short = "v", help = "Say more." },
  { "colour", type = "boolean", default = true },
  { "log-level", values = { "error", "info" }, default = "info" },
  { "tag", many = true, help = "Tag" },
  { "size", type = "integer", many = true, default = { 1, 2 } },
  { "file", positional = true, help = "File to serve." },
  { "more", positional = true, many = true },
}

local defaults = {
  host = "127.0.0.1",
  port = 8080,
  verbose = false,
  colour = true,
  log_level = "info",
  tag = {},
  size = { 1, 2 },
  more = {},
}

--- The defaults with these changes.
local function with(changes)
  local result = {}
  for key, value in pairs(defaults) do
    result[key] = value
  end
  for key, value in pairs(changes) do
    result[key] = value
  end
  return result
end

local function words(text)
  local list = {}
  for word in text:gmatch "%S+" do
    list[#list + 1] = word
  end
  return list
end

--- Runs args.parse where it may end the program; gives its result, or what it wrote and the
--- code it ended with.
local function run(given_schema, list)
  local stdout, stderr, exit = io.stdout, io.stderr, os.exit
  local written, code = "", nil
  local function file(name)
    return { write = function(_, text) written = written .. name .. text end }
  end
  rawset(io, "stdout", file "out:")
  rawset(io, "stderr", file "err:")
  rawset(os, "exit", function(given)
    code = given
    error "exit"
  end)
  local ok, result = pcall(args.parse, given_schema, list)
  rawset(io, "stdout", stdout)
  rawset(io, "stderr", stderr)
  rawset(os, "exit", exit)
  if code then return written, code end
  assert(ok, result)
  return result
end

describe("args.parse", function()
  local accepted = {
    { "", {} },
    { "--host ::1", { host = "::1" } },
    { "--host=::1", { host = "::1" } },
    { "--host=", { host = "" } },
    { "--host=a=b", { host = "a=b" } },
    { "--host=--port", { host = "--port" } },
    { "--host -", { host = "-" } },
    { "--port 0", { port = 0 } },
    { "-p 9", { port = 9 } },
    { "-p 9 --port 10", { port = 10 } },
    { "--port +9", { port = 9 } },
    { "--port 007", { port = 7 } },
    { "--rate 0.5", { rate = 0.5 } },
    { "--rate .5", { rate = 0.5 } },
    { "--rate 1e3", { rate = 1000 } },
    { "-v", { verbose = true } },
    { "--verbose --no-verbose", { verbose = false } },
    { "--no-colour", { colour = false } },
    { "--log-level error", { log_level = "error" } },
    { "--tag a --tag=b", { tag = { "a", "b" } } },
    { "--size 3", { size = { 3 } } },
    { "a.txt", { file = "a.txt" } },
    { "a -v b --port 1 c", { file = "a", verbose = true, port = 1, more = { "b", "c" } } },
    { "-- -v --help", { file = "-v", more = { "--help" } } },
    { "a -- -- b", { file = "a", more = { "--", "b" } } },
    { "-", { file = "-" } },
  }
  for _, case in ipairs(accepted) do
    it(
      ("takes %q"):format(case[1]),
      function() assert.same(with(case[2]), run(schema, words(case[1]))) end
    )
  end

  local refused = {
    { "--prot 1", "unknown flag --prot: did you mean --port?" },
    { "--Port=1", "unknown flag --Port: did you mean --port?" },
    { "--no-color", "unknown flag --no-color: did you mean --no-colour?" },
    { "--quite-different", "unknown flag --quite-different" },
    { "-x", "unknown flag -x" },
    { "-vp", "unknown flag -vp" },
    { "--port x", "--port takes an integer from 0 to 65535, got 'x'" },
    { "-p 1.5", "-p takes an integer from 0 to 65535, got '1.5'" },
    { "--port 0x10", "--port takes an integer from 0 to 65535, got '0x10'" },
    { "--port -1", "--port takes an integer from 0 to 65535, got '-1'" },
    { "--port=", "--port takes an integer from 0 to 65535, got ''" },
    { "--port 65536", "--port takes an integer from 0 to 65535, got '65536'" },
    { "--rate nan", "--rate takes a number of at least 0, got 'nan'" },
    { "--rate inf", "--rate takes a number of at least 0, got 'inf'" },
    { "--rate 1e999", "--rate takes a number of at least 0, got '1e999'" },
    { "--rate .", "--rate takes a number of at least 0, got '.'" },
    { "--log-level all", '--log-level takes one of "error", "info", got \'all\'' },
    { "--size 1 --size b", "--size takes an integer, got 'b'" },
    { "--host", "--host takes a value" },
    {
      "--host --port 1",
      "--host takes a value, got --port (as a value it is written --host=--port)",
    },
    { "-p -v", "-p takes a value, got -v (as a value it is written --port=-v)" },
    { "--verbose=yes", "--verbose takes no value" },
  }
  for _, case in ipairs(refused) do
    it(("refuses %q"):format(case[1]), function()
      local written, code = run(schema, words(case[1]))
      assert.equal(("err:chat: %s (try --help)\n"):format(case[2]), written)
      assert.equal(2, code)
    end)
  end

  it("makes paths whole, but not their defaults", function()
    local paths = {
      name = "app",
      { "from", type = "path", default = "here" },
      { "to", type = "path" },
      { "more", type = "path", many = true, positional = true },
    }
    local here = io.popen("pwd -P"):read "*l"
    local got = args.parse(paths, { "--to", "a/b", "/c", "d" })
    assert.same({ from = "here", to = here .. "/a/b", more = { "/c", here .. "/d" } }, got)
  end)

  it("says what is missing and what is too much", function()
    local one = {
      name = "one",
      { "key", required = true },
      { "input-file", positional = true, required = true },
    }
    assert.equal("err:one: --key is missing (try --help)\n", (run(one, { "a" })))
    assert.equal("err:one: INPUT-FILE is missing (try --help)\n", (run(one, { "--key=1" })))
    local written = run(one, { "--key=1", "a", "b" })
    assert.equal("err:one: unexpected argument 'b' (try --help)\n", written)
    assert.same({ key = "1", input_file = "a" }, run(one, { "--key", "1", "a" }))
    local all = { name = "all", { "file", positional = true, required = true, many = true } }
    assert.equal("err:all: FILE is missing (try --help)\n", (run(all, {})))
    assert.same({ file = { "a", "b" } }, run(all, { "a", "b" }))
  end)

  it("keeps its message on one line", function()
    local written = run(schema, { "--port", "1\n2\27[m" })
    local expected = "--port takes an integer from 0 to 65535, got '1?2?[m'"
    assert.equal(("err:chat: %s (try --help)\n"):format(expected), written)
  end)

  local help = [[
Usage: chat [options] [FILE] [MORE...]
A chat for browsers.

Arguments:
  FILE                      File to serve.
  MORE

Options:
      --host ADDRESS        Address to listen on (default 127.0.0.1).
  -p, --port PORT           Port (an integer from 0 to 65535; default 8080).
      --rate RATE           (a number of at least 0)
  -v, --verbose             Say more.
      --[no-]colour
      --log-level LOG-LEVEL
                            (one of "error", "info"; default info)
      --tag TAG             Tag (may be repeated)
      --size SIZE           (default 1 2; may be repeated)
  -h, --help                Show this and exit.
]]

  it("prints its help and ends with 0", function()
    for _, list in ipairs { { "--help" }, { "-h" }, { "a", "-v", "--help", "--nonsense" } } do
      local written, code = run(schema, list)
      assert.equal("out:" .. help, written)
      assert.equal(0, code)
    end
  end)

  it("leaves -h to a flag that wants it, and shows what is required", function()
    local own = { name = "own", { "host", short = "h", required = true } }
    assert.same({ host = "x" }, run(own, { "-h", "x" }))
    assert.equal(
      [[
out:Usage: own [options]

Options:
  -h, --host HOST           (required)
      --help                Show this and exit.
]],
      (run(own, { "--help" }))
    )
  end)

  it("wraps its help at 80 columns, below headings", function()
    local seven = "Seven words that are repeated until done, "
    local own = {
      name = "own",
      notes = "Exit codes: 0 is good\n and 1 is bad.",
      { "a", heading = "First things", help = seven .. seven .. "a" },
      { "b", type = "boolean", help = ("x"):rep(60) },
      { "c", heading = "Others", type = "boolean" },
    }
    local written = run(own, { "--help" })
    assert.equal(
      ([[
out:Usage: own [options]

First things:
      --a A                 Seven words that are repeated until done, Seven
                            words that are repeated until done, a
      --b                   %s

Others:
      --c
  -h, --help                Show this and exit.

Exit codes: 0 is good and 1 is bad.
]]):format(("x"):rep(60)),
      written
    )
  end)

  it("gives a server its flags", function()
    local app = { name = "app", serves = true, { "room", positional = true } }
    assert.same({ host = "127.0.0.1", port = 8080 }, run(app, {}))
    assert.same(
      { host = "::1", port = 0, tls = "/certs", room = "x" },
      run(app, { "--tls", "/certs", "--port=0", "--host", "::1", "x" })
    )
    app[2] = { "port" }
    assert.error_matches(function() run(app, {}) end, "args.parse has two entries 'port'")
  end)

  it("reads the global arg", function()
    local before = rawget(_G, "arg")
    rawset(_G, "arg", { [0] = "chat", "--port", "1" })
    local result = run(schema)
    rawset(_G, "arg", before)
    assert.equal(1, result.port)
  end)

  it("does not hand out its schema's tables", function()
    local first = run(schema, {})
    first.size[1] = 99
    assert.same({ 1, 2 }, run(schema, {}).size)
  end)

  local function app(...) return { name = "x", ... } end

  local wrong = {
    { nil, "args.parse takes a table" },
    { {}, "option 'name' of args.parse is missing; it takes a non-empty string" },
    {
      { name = "x", sumary = "y" },
      "unknown option 'sumary' of args.parse: did you mean 'summary'?",
    },
    {
      app { "port", typ = "integer" },
      "unknown option 'typ' of 'port' in args.parse: did you mean 'type'?",
    },
    {
      app { "two words" },
      "an entry of args.parse is { name, … }, a name of letters, digits and dashes",
    },
    { app "port", "an entry of args.parse is { name, … }, a name of letters, digits and dashes" },
    {
      app { "port", type = "integer", default = "x" },
      "'port' in args.parse has a default that is not an integer",
    },
    {
      app { "port", type = "integer", default = 1, max = 0 },
      "'port' in args.parse has a default that is not an integer of at most 0",
    },
    {
      app { "tag", many = true, default = "a" },
      "'tag' in args.parse is many, so its default is a list",
    },
    {
      app { "key", required = true, default = "a" },
      "'key' in args.parse is required and so has no default",
    },
    { app({ "port" }, { "port" }), "args.parse has two entries 'port'" },
    { app({ "a-b" }, { "a-b", positional = true }), "args.parse has two entries 'a_b'" },
    { app({ "port", short = "p" }, { "path", short = "p" }), "args.parse has two meanings for -p" },
    { app({ "log", type = "boolean" }, { "no-log" }), "args.parse has two meanings for --no-log" },
    { app { "help" }, "args.parse has two meanings for --help" },
    {
      app { "file", positional = true, type = "boolean" },
      "'file' in args.parse is boolean, so neither positional nor many nor required",
    },
    {
      app { "file", positional = true, short = "f" },
      "'file' in args.parse can only as a flag have a short form, of one letter or digit",
    },
    {
      app { "file", positional = true, heading = "Files" },
      "'file' in args.parse can only as a flag have a heading",
    },
    {
      app { "file", short = "-" },
      "'file' in args.parse can only as a flag have a short form, of one letter or digit",
    },
    {
      app({ "a", positional = true, many = true }, { "b", positional = true }),
      "'b' in args.parse comes behind 'a', which takes all",
    },
    {
      app({ "a", positional = true }, { "b", positional = true, required = true }),
      "'b' in args.parse is required, but 'a' before it is not",
    },
  }
  for i, case in ipairs(wrong) do
    it(("throws for a wrong schema, case %d"):format(i), function()
      local ok, message = pcall(function()
        local result = args.parse(case[1], {})
        return result
      end)
      assert.is_false(ok)
      assert.equal(case[2], (message:gsub("^.-args_spec.lua:%d+: ", "")))
    end)
  end
end)
