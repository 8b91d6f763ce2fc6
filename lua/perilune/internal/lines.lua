--- Bytes that come in pieces, as lines. Each byte is looked at once, however long a line is.
local lines = {}

---@class perilune.internal.Lines
---@field size integer Bytes of the line that is not complete.
local Lines = {}
Lines.__index = Lines

--- `for line, stop in self:take(bytes) do`: those that are complete now, without what ends them.
---@param bytes string
---@return fun(): string?, string?
function Lines:take(bytes)
  local from = 1
  return function()
    local at = bytes:find(self.stops, from)
    local pieces = self.pieces
    pieces[#pieces + 1] = bytes:sub(from, at and at - 1)
    if not at then
      self.size = self.size + #bytes - from + 1
      from = #bytes + 1
      return nil
    end
    from = at + 1
    self.pieces, self.size = {}, 0
    return table.concat(pieces), bytes:sub(at, at)
  end
end

--- Lines that end with one of some characters.
---@param stops string A set, as a pattern: "[\n\3]".
---@return perilune.internal.Lines
function lines.new(stops) return setmetatable({ stops = stops, pieces = {}, size = 0 }, Lines) end

return lines
