---@meta
-- What runtime/lua gives to scripts: timers. For editors; nothing loads this file.

--- Made by `timer.after` and `timer.every`.
---@class perilune.Timer
---@field active boolean Whether it will call again. Read only.
local Timer = {}

--- Stops it. A call that is under way goes on.
---@return boolean was_active
function Timer:cancel() end
