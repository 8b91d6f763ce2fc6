--- `perilune password [USER]`: the hash of a password, as a list of users has it.
local password = require "perilune.password"
local terminal = require "perilune.terminal"

local function fail(message, code)
  io.stderr:write("perilune: ", message, "\n")
  os.exit(code)
end

--- The user's name; nil without one.
local function take_user(arguments)
  local user = arguments[1]
  if arguments[2] then
    fail("password: one user, not '" .. arguments[2] .. "' as well", 2)
  elseif user and (user == "" or #user > 1024 or user:find "[=:%c\127]") then
    fail("password: a user has no '=', no ':' and no control characters", 2)
  end
  return user
end

local function read(prompt)
  local line, message = terminal.read_password(prompt)
  if message then fail("password: " .. message, 1) end
  return line
end

--- A password that was typed twice, or a line of standard input.
local function take_password()
  if not terminal.is_tty "stdin" then return read "" end
  local first = read "Password: "
  if first and first ~= "" and first ~= read "Again: " then
    fail("password: these are not the same", 1)
  end
  return first
end

local function run(arguments)
  local user = take_user(arguments)
  local given = take_password()
  if not given or given == "" then
    fail("password: there is none", 1)
  elseif #given > 1024 or given:find "[%c\127]" then
    fail("password: at most 1024 bytes without control characters", 1)
  end
  local hash, message = password.hash(given)
  if not hash then fail("password: " .. message, 1) end
  print(user and user .. "=" .. hash or hash)
  os.exit(0)
end

run(arg)
