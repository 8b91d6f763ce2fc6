--- Passwords as salted scrypt hashes, which are what a list of users should hold.
---
---     local kept = assert(password.hash "correct horse")
---     assert(password.verify("correct horse", kept))
local core = require "perilune.core.password"

local password = {}

local LONGEST = 1024

local function check(what, given)
  if type(given) ~= "string" then
    error(("password.%s takes a string as password, got a %s"):format(what, type(given)), 3)
  elseif #given > LONGEST then
    error(("password.%s takes a password of at most %d bytes"):format(what, LONGEST), 3)
  end
end

--- Its hash, with a fresh salt: "$scrypt$ln=15,r=8,p=3$…". Waits a moment, off the loop.
---@param given string At most 1024 bytes.
---@return string? hash
---@return string? message
---@return string? code "ENOMEM"
function password.hash(given)
  check("hash", given)
  return core.hash(given)
end

--- Whether a password is the one of a hash. Waits a moment, whichever it is.
---@param given string At most 1024 bytes.
---@param hash string
---@return boolean? right
---@return string? message
---@return string? code "EINVAL" (that is no hash), "ENOMEM"
function password.verify(given, hash)
  check("verify", given)
  if type(hash) ~= "string" then
    error(("password.verify takes a string as hash, got a %s"):format(type(hash)), 2)
  end
  return core.verify(given, hash)
end

return password
