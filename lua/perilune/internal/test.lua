--- `perilune test`: busted inside the runtime, so that specs may wait.
local HELP = [[
Usage: perilune test [DIR] [busted's arguments]
Runs the busted specs of a folder (spec, if none is named) inside the runtime, so that they may
serve and wait. Needs the package lua-busted, whose busted --help lists the arguments.
]]

for _, word in ipairs(arg) do
  if word == "--help" or word == "-h" then
    io.write(HELP)
    os.exit(0)
  end
end

-- busted ends a failing run with error(nil) when it was started from a file; a chunk with a name of
-- its own makes it end with os.exit instead.
package.loaded["busted.runner"] = nil
local run = assert(loadstring("require 'busted.runner' { standalone = false }", "=perilune test"))
run()
os.exit(0)
