--- `perilune attach [PATH]`: talks with a program that runs, see attached.lua for what is said.
local args = require "perilune.args"
local control = require "perilune.core.control"
local inspect = require "perilune.internal.inspect"
local json = require "perilune.json"
local lines = require "perilune.internal.lines"
local prompt = require "perilune.prompt"
local task = require "perilune.task"
local terminal = require "perilune.terminal"

local GREETING = 5 -- seconds
local PATIENCE = 2 -- seconds for an answer to an interrupt
local AT_ONCE = 0.2 -- seconds in which an answer needs no look at the keys
local INPUT = 1048576 -- bytes of a chunk from standard input
local INTERRUPT = "\3"

local schema = {
  name = "perilune attach",
  summary = "Talks with a program that was started with --control PATH: what is typed, or comes "
    .. "from standard input, is evaluated as Lua in the state of a worker.",
  notes = "Exit status: 0; 1 when it throws, or nobody is there; 2 for wrong usage.",
  {
    "path",
    positional = true,
    type = "path",
    help = "What --control said. Default: the environment's PERILUNE_CONTROL.",
  },
  { "worker", short = "w", value = "N", default = "1", help = "Or all." },
  { "eval", short = "e", value = "LUA", help = "Evaluate this, and end." },
  {
    "timeout",
    type = "number",
    default = 60,
    min = 0.1,
    max = 86400,
    value = "SECONDS",
    help = "Interrupt what takes longer, unless somebody types.",
  },
}

local function fail(message, code)
  io.stderr:write("perilune attach: ", message, "\n")
  os.exit(code or 1)
end

-- A worker at the other end.

---@class perilune.internal.attach.Peer
---@field worker integer
---@field socket userdata
---@field answers perilune.Queue What it says, decoded.

local function receive(peer)
  local input = lines.new "\n"
  return function(event, _, bytes)
    if event == "closed" then return peer.answers:close() end
    for line in input:take(bytes) do
      peer.answers:push(json.decode(line) or {}, 0)
    end
  end
end

local reasons = {
  ECONNREFUSED = "nobody listens there any more",
  ENOENT = "there is no such socket; was the program started with --control?",
  EACCES = "it belongs to another user",
  EAGAIN = "too many wait there; is the worker stuck? The program's log says where",
}

local function connect(path, worker)
  local own = worker == 1 and path or ("%s.%d"):format(path, worker)
  local peer = { worker = worker, answers = task.queue(2 ^ 31) }
  local message, code
  peer.socket, message, code = control.connect(own, receive(peer))
  if not peer.socket then fail(("%s: %s"):format(own, reasons[code] or message)) end
  local greeting
  greeting, message, code = peer.answers:pop(GREETING)
  if code == "ETIMEDOUT" then
    fail(("worker %d does not answer; is it stuck? The program's log says where"):format(worker))
  elseif not greeting or greeting.error then
    fail(("%s: %s"):format(own, greeting and inspect.clean(greeting.error) or message))
  end
  peer.workers = greeting.workers
  return peer
end

local function connect_all(path, worker)
  local number = worker:find "^[1-9]%d?%d?$" and tonumber(worker)
  if worker ~= "all" and not number then fail("--worker takes a number, or all", 2) end
  local peers = { connect(path, number or 1) }
  for i = 2, number and 0 or peers[1].workers do
    peers[i] = connect(path, i)
  end
  return peers
end

-- Asking.

local function write(text) terminal.write(inspect.clean(text) .. "\n") end

local function ended() fail "the program has ended, or does not want to talk any more" end

--- What it says to a chunk, but for what it prints, which is written; nil after `left()` seconds.
local function hear(peer, left)
  while true do
    local answer, _, code = peer.answers:pop(left())
    if code == "ETIMEDOUT" then return nil end
    if not answer then ended() end
    if not answer.print then return answer end
    write(answer.print)
  end
end

local function countdown(seconds)
  local clock = require("perilune.core.task").now
  local deadline = clock() + seconds
  return function() return math.max(0.001, deadline - clock()) end
end

local function interrupt(peer)
  peer.socket:write(INTERRUPT)
  return hear(peer, countdown(PATIENCE))
end

local function forever() return nil end

--- Ctrl-C interrupts what runs; once more, and we go without an answer.
local function heed_keys(peer)
  local interrupted = false
  for key in terminal.keys() do
    if key == "ctrl+c" and interrupted then fail "no answer" end
    if key == "ctrl+c" then
      interrupted = true
      peer.socket:write(INTERRUPT)
    end
  end
end

local function hear_typing(peer)
  local answer = hear(peer, countdown(AT_ONCE))
  if answer then return answer end
  terminal.set_raw(true, { signals = false })
  local keys = task.start(heed_keys, peer)
  answer = hear(peer, forever)
  keys:cancel()
  keys:wait()
  terminal.set_raw(true)
  return answer
end

local function hear_within(seconds)
  return function(peer)
    local answer = hear(peer, countdown(seconds)) or interrupt(peer)
    return answer or fail "no answer; it goes on, until it looks whether we are still there"
  end
end

--- Whether all went well; "more" when the chunk is not complete.
local function ask(peers, chunk, how)
  local request = json.encode { lua = chunk }
  if not request then
    io.stderr:write "that is not UTF-8\n"
    return false
  end
  for _, peer in ipairs(peers) do
    peer.socket:write(request .. "\n")
  end
  local result = true
  for _, peer in ipairs(peers) do
    if #peers > 1 then terminal.write(("worker %d:\n"):format(peer.worker)) end
    local answer = how(peer)
    for _, value in ipairs(answer.values or {}) do
      write(value)
    end
    if answer.error then io.stderr:write(inspect.clean(answer.error), "\n") end
    if not answer.values then result = answer.more and "more" end
  end
  return result
end

-- Where chunks come from.

local function talk(peers, line)
  local name = #peers > 1 and "all" or tostring(peers[1].worker)
  local before
  while true do
    line.text = name .. (before and ">> " or "> ")
    local text = line:read()
    if not text and not before then return end
    local chunk = text and (before and before .. "\n" .. text or text)
    before = nil
    if chunk and chunk:find "%S" and ask(peers, chunk, hear_typing) == "more" then
      before = chunk
    end
  end
end

local function read_input()
  local pieces, size = {}, 0
  while true do
    local piece, message = terminal.read()
    if message then fail(message) end
    if not piece then return table.concat(pieces) end
    pieces[#pieces + 1] = piece
    size = size + #piece
    if size > INPUT then fail(("at most %d bytes are evaluated"):format(INPUT)) end
  end
end

local function evaluate(peers, chunk, timeout)
  local result = ask(peers, chunk, hear_within(timeout))
  if result == "more" then fail "that is not complete" end
  return result
end

local function run()
  local given = args.parse(schema)
  local path = given.path or os.getenv "PERILUNE_CONTROL"
  if not path or path == "" then fail("which socket?", 2) end
  local line = prompt.new()
  local peers = connect_all(path, given.worker)
  local ok = true
  if given.eval then
    ok = evaluate(peers, given.eval, given.timeout)
  elseif line.interactive then
    talk(peers, line)
  else
    ok = evaluate(peers, read_input(), given.timeout)
  end
  os.exit(ok and 0 or 1)
end

run()
