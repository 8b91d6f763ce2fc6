--- `perilune password [USER]`: the hash of a password, as a list of users has it.
local args = require "perilune.args"
local password = require "perilune.password"
local terminal = require "perilune.terminal"

local schema = {
  name = "perilune password",
  summary = "Hashes a password for the auth_users of a server: USER=HASH. Asks a terminal twice for"
    .. " it, or reads a line of standard input.",
  notes = "Exit status: 0; 1 when there is no password, or a wrong one; 2 for wrong usage.",
  { "user", positional = true, help = "Whose it is. Without it, the hash stands alone." },
}

local function fail(message, code)
  io.stderr:write("perilune password: ", message, "\n")
  os.exit(code)
end

--- The user's name; nil without one.
local function take_user(arguments)
  local user = args.parse(schema, arguments).user
  if user and (user == "" or #user > 1024 or user:find "[=:%c\127]") then
    fail("a user has no '=', no ':' and no control characters", 2)
  end
  return user
end

local function read(prompt)
  local line, message = terminal.read_password(prompt)
  if message then fail(message, 1) end
  return line
end

--- A password that was typed twice, or a line of standard input.
local function take_password()
  if not terminal.is_tty "stdin" then return read "" end
  local first = read "Password: "
  if first and first ~= "" and first ~= read "Again: " then fail("these are not the same", 1) end
  return first
end

local function run(arguments)
  local user = take_user(arguments)
  local given = take_password()
  if not given or given == "" then
    fail("there is none", 1)
  elseif #given > 1024 or given:find "[%c\127]" then
    fail("at most 1024 bytes without control characters", 1)
  end
  local hash, message = password.hash(given)
  if not hash then fail(message, 1) end
  print(user and user .. "=" .. hash or hash)
  os.exit(0)
end

run(arg)
