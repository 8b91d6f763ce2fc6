--- Public suffixes (publicsuffix.org), under which anybody can have a name: "com", "co.uk",
--- "github.io". Cookies for all of them would go to strangers.
---
--- The list is libpsl's. Where that library is not installed nothing is known: `known` is false.
local ffi = require "ffi"

ffi.cdef [[
  typedef struct psl_ctx_st psl_ctx_t;
  psl_ctx_t *psl_latest(const char *file);
  void psl_free(psl_ctx_t *psl);
  int psl_is_public_suffix(const psl_ctx_t *psl, const char *domain);
]]

local suffix = {}

local library, list

--- The system's list when it is newer than the library's own.
local function open()
  local ok, found = pcall(ffi.load, "libpsl.so.5")
  if not ok then return false end
  local latest = found.psl_latest(nil)
  if latest == nil then return false end
  list = ffi.gc(latest, found.psl_free)
  return found
end

--- Whether a domain is a public suffix; a single label is one, too.
---@param domain string Lower-case ASCII.
---@return boolean is
---@return boolean known Whether there is a list.
function suffix.is_public(domain)
  if library == nil then library = open() end
  if not library then return false, false end
  return library.psl_is_public_suffix(list, domain) ~= 0, true
end

return suffix
