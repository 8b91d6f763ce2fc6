--- Which worker a script runs in, and how many there are (`perilune --workers N`).
local process = require "perilune.core.process"

local worker = {}

--- This worker, from 1.
---@type integer
worker.id = process.worker_id

--- All workers of the program.
---@type integer
worker.count = process.worker_count

return worker
