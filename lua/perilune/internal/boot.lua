--- Runs first in every Lua state. Replaces what in plain Lua cannot be left while something
--- waits (require, dofile, coroutines within coroutines) and what a server must not allow
--- (bytecode, ending the process on the spot).
local load_module = ...
local process = require "perilune.core.process"
local sleep = require("perilune.core.timer").sleep

-- Compiled code that goes on behind a call of C (a stitched trace) would not see that the task was
-- cancelled while it waited there: traces end at such calls. That costs nothing measurable.
require("jit.opt").start "minstitch=32767"

-- Only text is loaded: bytecode is not checked and could break the interpreter.

local raw_load, raw_loadfile = load, loadfile

function load(chunk, name, _, ...) -- luacheck: ignore 121
  return raw_load(chunk, name, "t", ...)
end

function loadstring(text, name) -- luacheck: ignore 121
  return raw_load(text, name, "t")
end

function loadfile(path, _, ...) -- luacheck: ignore 121
  return raw_loadfile(path, "t", ...)
end

function dofile(path) -- luacheck: ignore 121
  local chunk, message = raw_loadfile(path, "t")
  if not chunk then error(message, 2) end
  return chunk()
end

-- Modules: ours come from the program, others are found as usual. The loader is called from
-- Lua, so that a module may wait while it loads.

table.insert(package.loaders, 2, function(name)
  if name:find "^perilune%." then return load_module(name) end
end)

package.loaders[3] = function(name)
  local path, tried = package.searchpath(name, package.path)
  if not path then return tried end
  local loader, message = raw_loadfile(path, "t")
  if loader then return loader end
  error(("error loading module '%s' from file '%s':\n\t%s"):format(name, path, message), 0)
end

local function find_loader(name)
  local tried = {}
  for _, searcher in ipairs(package.loaders) do
    local loader = searcher(name)
    if type(loader) == "function" then
      return loader
    elseif type(loader) == "string" then
      tried[#tried + 1] = loader
    end
  end
  error(("module '%s' not found:%s"):format(name, table.concat(tried)), 3)
end

local loading = {} -- by module the task that loads it
local asking = {} -- by task the module that it waits for, which another loads

--- Waits a little. pcall needs a function of Lua: what is thrown when the task is cancelled would
--- pass one of C by.
local function pause() sleep(0.001) end

--- Waits until nobody loads the module. Two tasks that would wait for each other have a circle.
local function wait_for(name)
  local task = process.task()
  local other = loading[name]
  while other do
    if other == task then error(("module '%s' requires itself"):format(name), 3) end
    other = loading[asking[other]]
  end
  asking[task] = name
  local ok, message = true, nil
  while ok and loading[name] do
    ok, message = pcall(pause)
  end
  asking[task] = nil
  if not ok then error(message, 0) end
end

local function traced(message)
  return type(message) == "string" and debug.traceback(message, 2) or message
end

function require(name) -- luacheck: ignore 121
  if type(name) ~= "string" then error("require takes a module's name, a string", 2) end
  if package.loaded[name] == nil and loading[name] then wait_for(name) end
  local loaded = package.loaded[name]
  if loaded ~= nil then return loaded end
  local loader = find_loader(name)
  loading[name] = process.task()
  local ok, result = xpcall(loader, traced, name)
  loading[name] = nil
  if not ok then error(result, 0) end
  if result ~= nil then package.loaded[name] = result end
  if package.loaded[name] == nil then package.loaded[name] = true end
  return package.loaded[name]
end

-- A function that waits inside a coroutine of the script yields `waiting`: it is handed on to
-- the scheduler, and what the scheduler resumes with is handed back in.

local raw_resume, yield, waiting = coroutine.resume, coroutine.yield, process.waiting
local isyieldable = coroutine.isyieldable
local waits = setmetatable({}, { __mode = "k" }) -- coroutines of which something is awaited

local pass

local function pass_on(co, ...)
  waits[co] = nil
  return pass(co, raw_resume(co, ...))
end

function pass(co, ok, ...)
  if not ok or ... ~= waiting then return ok, ... end
  waits[co] = true
  return pass_on(co, yield(waiting))
end

local function unpin(...)
  process.pin(-1)
  return ...
end

local function resume(co, ...)
  if waits[co] then return false, "cannot resume a coroutine that waits" end
  if isyieldable() or type(co) ~= "thread" then return pass(co, raw_resume(co, ...)) end
  -- Nothing further in may wait: what called us (string.gsub) could not be left.
  process.pin(1)
  return unpin(raw_resume(co, ...))
end

coroutine.resume = resume -- luacheck: ignore 122

local function values(ok, ...)
  if ok then return ... end
  local message = ...
  error(message, 0)
end

function coroutine.wrap(f) -- luacheck: ignore 122
  local co = coroutine.create(f)
  return function(...) return values(resume(co, ...)) end
end

function os.exit(code) -- luacheck: ignore 122
  if code == nil or code == true then
    code = 0
  elseif code == false then
    code = 1
  end
  return process.exit(code)
end

-- A finalizer runs whenever memory is collected, also where nothing can catch its error, and that
-- would end the program: it is logged instead. Finalizers of C are taken as they are.

local ffi = require "ffi"
local raw_gc, raw_metatype = ffi.gc, ffi.metatype

local function careful(finalizer)
  if type(finalizer) ~= "function" then return finalizer end
  return function(...)
    local ok, message = pcall(finalizer, ...)
    if ok then return end
    message = type(message) == "string" and message or ("a %s value"):format(type(message))
    process.log("error", "a finalizer threw: " .. message)
  end
end

function ffi.gc(cdata, finalizer) return raw_gc(cdata, careful(finalizer)) end

function ffi.metatype(ctype, metatable)
  if type(metatable) == "table" and metatable.__gc then
    local copy = {}
    for key, value in pairs(metatable) do
      copy[key] = value
    end
    copy.__gc = careful(metatable.__gc)
    metatable = copy
  end
  return raw_metatype(ctype, metatable)
end

-- It runs once: a second time it would wrap its own wrappers.
package.loaded["perilune.internal.boot"] = true
