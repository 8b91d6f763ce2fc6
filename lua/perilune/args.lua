--- Flags and arguments of an application, with a generated --help.
local args_help = require "perilune.internal.args_help"
local args_schema = require "perilune.internal.args_schema"
local options = require "perilune.internal.options"
local process = require "perilune.core.process"

local args = {}

---@class perilune.args.Entry
---@field [1] string Its name: letters, digits and dashes; in the result dashes are underscores.
---@field type? "string"|"integer"|"number"|"boolean"|"path" Default "string". A path is made whole.
---@field default? any A list for `many`.
---@field min? number Of a number; of a string, its length in bytes.
---@field max? number
---@field values? string[] The only strings allowed.
---@field short? string One letter or digit: "v" for -v.
---@field value? string What --help calls the value; default its name in capitals.
---@field help? string
---@field heading? string Of a flag: --help shows it above, and the flags from here on below.
---@field required? boolean
---@field many? boolean May be given more than once; the result is a list.
---@field positional? boolean Not a flag: taken in the order of the schema.

---@class perilune.args.Schema
---@field name string The application, for messages.
---@field summary? string What it does.
---@field notes? string Below the flags: exit codes, files.
---@field serves? boolean It is a server: --host, --port and --tls come first.
---@field [integer] perilune.args.Entry

--- The text as the entry's type, or nil.
local function convert(entry, text)
  if entry.type == "string" then return text end
  local digits = text:gsub("^[+-]", "")
  local decimal = digits:find "^%d+$"
    or entry.type == "number" and digits:find "^%d*%.?%d*[eE]?[+-]?%d*$"
  return decimal and tonumber((text:gsub("^%+", ""))) or nil
end

--- Stores the value of an entry; returns what is wrong with it, if anything.
local function store(result, entry, shown, text)
  local value = convert(entry, text)
  if entry.path and text:sub(1, 1) ~= "/" then
    value = process.working_directory() .. "/" .. text
  end
  if value == nil or not options.match(value, entry) then
    return ("%s takes %s, got '%s'"):format(shown, options.describe(entry), text)
  elseif not entry.many then
    result[entry.key] = value
    return nil
  end
  local list = result[entry.key] or {}
  list[#list + 1] = value
  result[entry.key] = list
end

local function unknown_flag(app, form)
  local known = {}
  for name in pairs(app.flags) do
    if #name > 2 then known[#known + 1] = name end
  end
  local nearest = options.nearest(form, known)
  local message = ("unknown flag %s"):format(form)
  return nearest and ("%s: did you mean %s?"):format(message, nearest) or message
end

---@class perilune.args.Parser
---@field app perilune.args.App
---@field words string[]
---@field at integer The word that is next.
---@field result table
---@field positionals integer Those that have been given.
---@field flags_end boolean
---@field help boolean

local function next_word(parser)
  parser.at = parser.at + 1
  return parser.words[parser.at - 1]
end

--- The value of a flag from the word behind it; nil and what is wrong.
local function next_value(parser, entry, form)
  local word = next_word(parser)
  if word == nil then
    return nil, ("%s takes a value"):format(form)
  elseif word:find "^%-." and (entry.type == "string" or not convert(entry, word)) then
    -- More likely a forgotten value than one that begins with a dash.
    local hint = "%s takes a value, got %s (as a value it is written --%s=%s)"
    return nil, hint:format(form, word, entry.name, word)
  end
  return word
end

--- Takes one flag with its value; returns what is wrong, if anything.
local function parse_flag(parser, word)
  local form, value = word:match "^(%-%-[^=]+)=(.*)$"
  form = form or word
  local entry = parser.app.flags[form]
  if not entry then
    return unknown_flag(parser.app, form)
  elseif entry == parser.app.help then
    parser.help = true
    return nil
  elseif entry.type == "boolean" then
    if value then return ("%s takes no value"):format(form) end
    parser.result[entry.key] = form ~= "--no-" .. entry.name
    return nil
  elseif not value then
    local message
    value, message = next_value(parser, entry, form)
    if not value then return message end
  end
  return store(parser.result, entry, form, value)
end

local function parse_positional(parser, word)
  local entries = parser.app.positionals
  local last = entries[#entries]
  parser.positionals = parser.positionals + 1
  local entry = entries[parser.positionals] or last and last.many and last
  if not entry then return ("unexpected argument '%s'"):format(word) end
  return store(parser.result, entry, entry.value, word)
end

local function parse_word(parser, word)
  if parser.flags_end or not word:find "^%-." then return parse_positional(parser, word) end
  if word ~= "--" then return parse_flag(parser, word) end
  parser.flags_end = true
end

--- Fills in defaults; returns what is missing, if anything.
local function complete(parser)
  local result = parser.result
  for _, entry in ipairs(parser.app.entries) do
    if result[entry.key] == nil then
      if entry.required then
        local shown = entry.positional and entry.value or "--" .. entry.name
        return ("%s is missing"):format(shown)
      end
      result[entry.key] = entry.default
      if entry.many then result[entry.key] = { unpack(entry.default or {}) } end
      if entry.type == "boolean" then result[entry.key] = entry.default or false end
    end
  end
end

local function parse_words(parser)
  for word in next_word, parser do
    local message = parse_word(parser, word)
    if message then return message end
    if parser.help then return nil end
  end
  return complete(parser)
end

--- Reads the application's arguments. `--help` prints the usage and ends the program with 0;
--- wrong arguments end it with one line on standard error and 2. A wrong schema throws.
---@param schema perilune.args.Schema
---@param words? string[] Default: the global `arg`.
---@return table<string, any> result A value for each entry, nil where there is none.
function args.parse(schema, words)
  local app, fault = args_schema.compile(schema)
  if not app then error(fault, 2) end
  local parser = {
    app = app,
    words = words or rawget(_G, "arg") or {},
    at = 1,
    result = {},
    positionals = 0,
  }
  local message = parse_words(parser)
  if message then
    io.stderr:write(("%s: %s (try --help)\n"):format(app.name, (message:gsub("%c", "?"))))
    os.exit(2)
  elseif parser.help then
    io.stdout:write(args_help.text(app))
    os.exit(0)
  end
  return parser.result
end

return args
