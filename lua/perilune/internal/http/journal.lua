--- The log of requests and answers: events for a client's handlers, lines for a file. Nothing in
--- them is secret.
local fs = require "perilune.fs"
local hidden = require "perilune.internal.hidden"
local log = require "perilune.log"
local now = require("perilune.timer").now
local redact = require "perilune.internal.http.redact"

local journal = {}

local last = 0
local broken = {} -- files that cannot be written, which is told once

local function append(path, line)
  local written, message = fs.append(path, line)
  if written then
    broken[path] = nil
  elseif not broken[path] then
    broken[path] = true
    log.error("the log of requests cannot be written: %s", message)
  end
end

local function fields_of(list)
  local texts = {}
  for i, field in ipairs(list) do
    texts[i] = (" [%s: %s]"):format(field[1], field[2])
  end
  return table.concat(texts)
end

local function write(path, event, mark, text, headers)
  local line = ("#%d %s %s%s"):format(event.id, mark, text, fields_of(headers or {}))
  append(path, os.date "!%Y-%m-%dT%H:%M:%SZ " .. redact.line(line) .. "\n")
end

--- A handler that throws is in the log, and the request goes on.
local function call(handlers, name, event)
  local handler = handlers and handlers[name]
  if not handler then return end
  local ok, message = pcall(hidden.call, handler, event)
  if not ok then log.error("%s of a client of HTTP threw: %s", name, tostring(message)) end
end

--- Before a request is sent. Waits when there is a file.
---@param handlers? table
---@param log_file string|false
---@param method string
---@param url string
---@param fields string[][]
---@return table? entry For `finish`; nil when nobody wants to know.
function journal.begin(handlers, log_file, method, url, fields)
  if not (log_file or handlers and next(handlers)) then return nil end
  last = last + 1
  local shown = { id = last, method = method, url = redact.url(url) }
  local entry = { handlers = handlers, log_file = log_file, event = shown, began = now() }
  shown.headers = redact.fields(fields)
  call(handlers, "OnRequest", shown)
  if log_file then write(log_file, shown, ">", method .. " " .. shown.url, shown.headers) end
  return entry
end

--- Behind an answer's head, or a failure.
---@param entry table? From `begin`.
---@param outcome { status?: integer, reason?: string, fields?: string[][], message?: string,
--- code?: string }
function journal.finish(entry, outcome)
  if not entry then return end
  local began = entry.event
  local event = {
    id = began.id,
    method = began.method,
    url = began.url,
    status = outcome.status,
    reason = outcome.reason,
    headers = outcome.fields and redact.fields(outcome.fields),
    duration = now() - entry.began,
    message = outcome.message,
    code = outcome.code,
  }
  call(entry.handlers, "OnResponse", event)
  local path = entry.log_file
  if not path then return end
  local text = event.status
      and ("%d %s (%.3f s)"):format(event.status, event.reason or "", event.duration)
    or ("%s: %s (%.3f s)"):format(event.code, event.message, event.duration)
  write(path, event, event.status and "<" or "!", text, event.headers)
end

return journal
