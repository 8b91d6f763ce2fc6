--- What the client says: to people, or as JSON. Messages go to standard output; what is said about
--- them goes to standard error, unless somebody types, or it is JSON.
local harmless = require "perilune.internal.harmless"
local json = require "perilune.json"
local redact = require "perilune.internal.http.redact"
local terminal = require "perilune.terminal"
local timer = require "perilune.timer"
local writer = require "perilune.internal.writer"

local printer = {}

local Printer = {}
Printer.__index = Printer

local function hex(bytes)
  return (bytes:gsub(".", function(c) return ("%02x"):format(c:byte()) end))
end

local function is_utf8(text) return json.encode(text) ~= nil end

local function as_utf8(text) return is_utf8(text) and text or (text:gsub("[\128-\255]", "?")) end

--- What is written of a size: "1.5 MiB".
function printer.size(bytes)
  for _, unit in ipairs { "bytes", "KiB", "MiB", "GiB" } do
    if bytes < 1024 or unit == "GiB" then
      return (unit == "bytes" and "%d %s" or "%.1f %s"):format(bytes, unit)
    end
    bytes = bytes / 1024
  end
end

function Printer:elapsed() return timer.now() - self.began end

local function round(number, digits) return tonumber(("%." .. digits .. "f"):format(number)) end

function Printer:out(text)
  self.before()
  if not self.prompt then return self.writer:add(text) end
  local ok, message, code = self.prompt:print((text:gsub("\n$", "")))
  if not ok then self.failed(message, code) end
end

--- Waits until all is written.
function Printer:finish() self.writer:finish() end

--- Whether something could not be written.
function Printer:broken() return self.writer.broken or false end

function Printer:object(event, fields)
  fields.event, fields.time = event, round(self:elapsed(), 6)
  for name, value in pairs(fields) do
    if type(value) == "string" then fields[name] = as_utf8(value) end
  end
  self:out(json.encode(fields) .. "\n")
end

--- Something about the connection: an object, or a line.
function Printer:say(event, fields, text, style)
  if self.json then return self:object(event, fields) end
  if self.quiet and event ~= "error" then return end
  text = harmless(text)
  if self.verbose then text = ("%8.3f %s"):format(self:elapsed(), text) end
  if self.prompt then return self:out(terminal.style(text, style or "dim") .. "\n") end
  self.before()
  io.stderr:write(text, "\n")
end

function Printer:detail(event, fields, text)
  if self.verbose or self.json then self:say(event, fields, text) end
end

--- Names in order, and values by name, without secrets.
local function shown_headers(list)
  local names, shown = {}, {}
  for name, value in pairs(list) do
    names[#names + 1] = name
    shown[name] = as_utf8(redact.fields({ { name, value } })[1][2])
  end
  table.sort(names)
  return names, shown
end

function Printer:handshake(conn)
  if not self.verbose then return end
  for _, side in ipairs { { ">", conn.headers_request }, { "<", conn.headers_response } } do
    local names, shown = shown_headers(side[2])
    for _, name in ipairs(names) do
      if not self.json then
        self:say("header", {}, ("%s %s: %s"):format(side[1], name, shown[name]))
      end
    end
  end
end

function Printer:connected(conn, url)
  local place = ("%s:%d"):format(
    conn.ip:find ":" and ("[%s]"):format(conn.ip) or conn.ip,
    conn.port
  )
  local fields = {
    url = redact.url(url),
    ip = conn.ip,
    port = conn.port,
    protocol = conn.protocol,
    alpn = conn.alpn_protocol,
    transport = conn.transport,
  }
  if self.verbose and self.json then
    fields.request_headers = select(2, shown_headers(conn.headers_request))
    fields.response_headers = select(2, shown_headers(conn.headers_response))
  end
  self:handshake(conn)
  local text = ("* connected to %s (%s)"):format(redact.url(url), place)
  if conn.protocol ~= "" then text = text .. ", protocol " .. conn.protocol end
  self:say("connected", fields, text)
end

local function as_json(kind, bytes)
  local fields = { size = #bytes }
  fields[kind == "text" and "data" or "hex"] = kind == "text" and bytes or hex(bytes)
  return fields
end

--- A message for people: on a terminal nothing of it is obeyed.
local function as_text(self, kind, bytes)
  if kind ~= "text" and self.hex then return hex(bytes) end
  if not self.tty then return bytes end
  if kind ~= "text" and not is_utf8(bytes) then
    return ("(%d bytes) %s"):format(#bytes, hex(bytes))
  end
  return harmless(bytes)
end

function Printer:message(kind, bytes)
  if self.json then return self:object(kind, as_json(kind, bytes)) end
  local text = as_text(self, kind, bytes)
  if self.prompt or self.verbose and self.tty then text = "< " .. text end
  -- Bytes of a stream that go to a file or a program are not changed.
  local exact = self.stream and not self.tty and not self.hex
  self:out(exact and text or text .. "\n")
end

function Printer:fragment(bytes, opcode, continuation)
  local fields = { size = #bytes, opcode = opcode, continuation = continuation }
  self:say("fragment", fields, ("* fragment, %d bytes so far"):format(#bytes))
end

--- A fragment in place of the message. Characters may be torn apart between two of them.
function Printer:piece(bytes, opcode, continuation)
  local whole = opcode == "text" and is_utf8(bytes)
  if self.json then
    local fields = as_json(whole and "text" or "binary", bytes)
    fields.opcode, fields.continuation = opcode, continuation
    return self:object("fragment", fields)
  elseif self.prompt or self.tty then
    return self:message(whole and "text" or "binary", bytes)
  end
  local text = self.hex and opcode ~= "text" and hex(bytes) or bytes
  self:out(continuation and text or text .. "\n")
end

function Printer:sent(kind, size)
  if self.prompt then return end
  self:detail("sent", { kind = kind, size = size }, ("> %s, %d bytes"):format(kind, size))
end

--- A ping of the server, which has been answered.
function Printer:pinged(bytes)
  self:detail("ping", { size = #bytes, hex = hex(bytes) }, ("* ping, %d bytes"):format(#bytes))
end

function Printer:pong(milliseconds)
  local fields = { milliseconds = round(milliseconds, 3) }
  self:say("pong", fields, ("* pong after %.3f ms"):format(milliseconds))
end

function Printer:disconnected(code, reason, counts)
  local fields = { code = code, reason = reason, seconds = round(counts.seconds, 6) }
  fields.received, fields.sent = counts.received, counts.sent
  fields.received_bytes, fields.sent_bytes = counts.received_bytes, counts.sent_bytes
  local text = ("* closed: %d%s"):format(code, reason ~= "" and " " .. reason or "")
  self:say("disconnected", fields, text, "yellow")
  self:detail_counts(counts)
end

function Printer:detail_counts(counts)
  if not self.verbose or self.json then return end
  local text = "* received: %d messages, %d bytes; sent: %d messages, %d bytes; %.3f s"
  self:say(
    "counts",
    {},
    text:format(
      counts.received,
      counts.received_bytes,
      counts.sent,
      counts.sent_bytes,
      counts.seconds
    )
  )
end

function Printer:problem(message, code, status)
  local fields = { message = message, code = code, status = status }
  self:say("error", fields, "! " .. message, "red")
end

---@class client.PrinterOptions
---@field prompt? perilune.Prompt
---@field stream boolean Messages are pieces of a stream.
---@field failed fun(message: string, code: string) Standard output cannot be written.
---@field before fun() Something is about to be written.

---@param flags table
---@param given client.PrinterOptions
function printer.new(flags, given)
  return setmetatable({
    json = flags.json,
    quiet = flags.quiet,
    verbose = flags.verbose,
    hex = flags.hex,
    tty = terminal.is_tty "stdout",
    prompt = given.prompt,
    stream = given.stream,
    failed = given.failed,
    before = given.before,
    writer = writer.new(terminal.write, given.failed),
    began = timer.now(),
  }, Printer)
end

return printer
