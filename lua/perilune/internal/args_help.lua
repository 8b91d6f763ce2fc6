--- What --help of an application prints: no line is longer than 80 columns, if words allow it.
local options = require "perilune.internal.options"

local args_help = {}

local WIDTH = 80
local COLUMN = 28 -- where help starts; behind longer flags it starts a line of its own

--- "-p, --port PORT"
local function flag_forms(entry)
  local name = entry.name
  if entry.type == "boolean" and entry.default then name = "[no-]" .. name end
  local short = entry.short and ("-%s, "):format(entry.short) or "    "
  local value = entry.type == "boolean" and "" or " " .. entry.value
  return ("%s--%s%s"):format(short, name, value)
end

--- "[FILE...]"
local function positional_form(entry)
  local form = entry.value .. (entry.many and "..." or "")
  return entry.required and form or ("[%s]"):format(form)
end

local function show_default(entry)
  if entry.default == nil or entry.type == "boolean" then return nil end
  local list = entry.many and entry.default or { entry.default }
  return #list > 0 and "default " .. table.concat(list, " ") or nil
end

--- "Port to listen on (an integer from 0 to 65535; default 8080)."
local function help_text(entry)
  local notes = {}
  if entry.min or entry.max or entry.values then notes[1] = options.describe(entry) end
  notes[#notes + 1] = show_default(entry)
  if entry.required and not entry.positional then notes[#notes + 1] = "required" end
  if entry.many and not entry.positional then notes[#notes + 1] = "may be repeated" end
  local help = entry.help or ""
  if #notes == 0 then return help end
  local text, stop = help:match "^(.-)(%.?)$"
  local gap = text == "" and "" or " "
  return ("%s%s(%s)%s"):format(text, gap, table.concat(notes, "; "), stop)
end

--- Lines of words, each below the first, at `column`.
local function wrap(text, column)
  local lines, line = {}, ""
  for word in text:gmatch "%S+" do
    if line ~= "" and column + #line + 1 + #word > WIDTH then
      lines[#lines + 1], line = line, word
    else
      line = line == "" and word or line .. " " .. word
    end
  end
  lines[#lines + 1] = line
  return table.concat(lines, "\n" .. (" "):rep(column))
end

local function help_line(form, entry)
  local text = help_text(entry)
  if text == "" then return ("  %s\n"):format(form) end
  local gap = COLUMN - 2 - #form
  local between = gap < 2 and "\n" .. (" "):rep(COLUMN) or (" "):rep(gap)
  return ("  %s%s%s\n"):format(form, between, wrap(text, COLUMN))
end

---@param app perilune.args.App
---@return string
function args_help.text(app)
  local synopsis, arguments, flags = { "Usage: " .. app.name .. " [options]" }, {}, {}
  for _, entry in ipairs(app.entries) do
    if entry.positional then
      synopsis[#synopsis + 1] = positional_form(entry)
      arguments[#arguments + 1] = help_line(entry.value, entry)
    else
      if entry.heading then flags[#flags + 1] = ("\n%s:\n"):format(entry.heading) end
      flags[#flags + 1] = help_line(flag_forms(entry), entry)
    end
  end
  flags[#flags + 1] = help_line(flag_forms(app.help), app.help)
  local text = table.concat(flags)
  return ("%s\n%s%s%s%s"):format(
    table.concat(synopsis, " "),
    app.summary and wrap(app.summary, 0) .. "\n" or "",
    #arguments > 0 and "\nArguments:\n" .. table.concat(arguments) or "",
    text:find "^\n" and text or "\nOptions:\n" .. text,
    app.notes and "\n" .. wrap(app.notes, 0) .. "\n" or ""
  )
end

return args_help
