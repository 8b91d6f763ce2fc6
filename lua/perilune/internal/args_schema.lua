--- Schemas of perilune.args: checked, and made into tables that are easy to parse by.
local options = require "perilune.internal.options"

local args_schema = {}

---@class perilune.args.App
---@field name string
---@field summary? string
---@field notes? string
---@field entries perilune.args.Entry[] In the order of the schema.
---@field positionals perilune.args.Entry[]
---@field flags table<string, perilune.args.Entry> By each way to write them: "--port", "-p".
---@field help perilune.args.Entry The flag that every application has.

local TYPES = { "string", "integer", "number", "boolean", "path" }

local schema_options = {
  name = { type = "string", required = true, min = 1 },
  summary = { type = "string" },
  notes = { type = "string" },
  serves = { type = "boolean", default = false },
}

-- What `serves` puts first: the flags of every application that is a server.
local SERVING = {
  { "host", default = "127.0.0.1", value = "ADDRESS", help = "Address to listen on." },
  { "port", type = "integer", default = 8080, min = 0, max = 65535, help = "Port; 0 picks one." },
  { "tls", type = "path", value = "DIR", help = "Serve https with cert.pem and key.pem in DIR." },
}

local entry_options = {
  type = { type = "string", values = TYPES, default = "string" },
  default = { type = "any" },
  min = { type = "number" },
  max = { type = "number" },
  values = { type = "list", of = { type = "string" }, min = 1 },
  short = { type = "string", min = 1, max = 1 },
  value = { type = "string", min = 1 },
  help = { type = "string" },
  heading = { type = "string", min = 1 },
  required = { type = "boolean" },
  many = { type = "boolean" },
  positional = { type = "boolean" },
}

--- The fields of a table that have a name.
local function named(given)
  local fields = {}
  for key, value in pairs(given) do
    if type(key) ~= "number" then fields[key] = value end
  end
  return fields
end

--- What is wrong with the default, in words.
local function default_fault(entry)
  local given = entry.default
  if given == nil then
    return nil
  elseif entry.required then
    return "is required and so has no default"
  elseif entry.many then
    local list = options.match(given, { type = "list" })
    return not list and "is many, so its default is a list" or nil
  end
  return not options.match(given, entry) and "has a default that is not " .. options.describe(entry)
end

--- What is wrong with an entry by itself, in words.
local function entry_fault(entry)
  local flag = not entry.positional
  if entry.type == "boolean" and (entry.positional or entry.many or entry.required) then
    return "is boolean, so neither positional nor many nor required"
  elseif entry.short and not (flag and entry.short:find "^%w$") then
    return "can only as a flag have a short form, of one letter or digit"
  elseif entry.heading and not flag then
    return "can only as a flag have a heading"
  end
  return default_fault(entry)
end

local function compile_entry(given)
  local name = type(given) == "table" and given[1]
  if type(name) ~= "string" or not name:find "^%a[%w-]*$" then
    return nil, "an entry of args.parse is { name, … }, a name of letters, digits and dashes"
  end
  local what = ("'%s' in args.parse"):format(name)
  local entry, message = options.complete(what, entry_options, named(given))
  if not entry then return nil, message end
  entry.name, entry.key = name, name:gsub("-", "_")
  entry.value = entry.value or name:upper()
  if entry.type == "path" then
    entry.type, entry.path = "string", true
  end
  local fault = entry_fault(entry)
  if fault then return nil, what .. " " .. fault end
  return entry
end

--- Adds the ways to write a flag; returns the one that is taken already.
local function add_flag(flags, entry)
  local forms = { "--" .. entry.name }
  if entry.type == "boolean" then forms[#forms + 1] = "--no-" .. entry.name end
  if entry.short then forms[#forms + 1] = "-" .. entry.short end
  for _, form in ipairs(forms) do
    if flags[form] then return form end
    flags[form] = entry
  end
end

--- What is wrong with one more positional behind those there are.
local function positional_fault(positionals, entry)
  local last = positionals[#positionals]
  if last and last.many then return ("comes behind '%s', which takes all"):format(last.name) end
  if last and entry.required and not last.required then
    return ("is required, but '%s' before it is not"):format(last.name)
  end
end

--- Takes an entry into the application's description; returns what is wrong, if anything.
local function add_entry(app, given)
  local entry, message = compile_entry(given)
  if not entry then return message end
  if app.keys[entry.key] then return ("args.parse has two entries '%s'"):format(entry.key) end
  app.keys[entry.key] = true
  app.entries[#app.entries + 1] = entry
  if not entry.positional then
    local taken = add_flag(app.flags, entry)
    return taken and ("args.parse has two meanings for %s"):format(taken)
  end
  local fault = positional_fault(app.positionals, entry)
  app.positionals[#app.positionals + 1] = entry
  return fault and ("'%s' in args.parse %s"):format(entry.name, fault)
end

--- Takes a list of entries; returns what is wrong, if anything.
local function add_entries(app, list)
  for _, given in ipairs(list) do
    local message = add_entry(app, given)
    if message then return message end
  end
end

---@param schema perilune.args.Schema
---@return perilune.args.App? app
---@return string? message What is wrong with the schema.
function args_schema.compile(schema)
  if type(schema) ~= "table" then return nil, "args.parse takes a table" end
  local app, message = options.complete("args.parse", schema_options, named(schema))
  if not app then return nil, message end
  app.keys, app.entries, app.positionals = {}, {}, {}
  app.help = { name = "help", type = "boolean", help = "Show this and exit." }
  app.flags = { ["--help"] = app.help }
  message = app.serves and add_entries(app, SERVING) or add_entries(app, schema)
  if message then return nil, message end
  if not app.flags["-h"] then
    app.help.short, app.flags["-h"] = "h", app.help
  end
  return app
end

return args_schema
