--- Keys from the bytes that a terminal sends for them.
local keys = {}

local ESCAPE = "\27"

local letters = { A = "up", B = "down", C = "right", D = "left", F = "end", H = "home", Z = "tab" }
letters.P, letters.Q, letters.R, letters.S = "f1", "f2", "f3", "f4"

local numbers = {
  [1] = "home",
  [2] = "insert",
  [3] = "delete",
  [4] = "end",
  [5] = "page_up",
  [6] = "page_down",
  [7] = "home",
  [8] = "end",
}
for i, number in ipairs { 11, 12, 13, 14, 15, 17, 18, 19, 20, 21, 23, 24 } do
  numbers[number] = "f" .. i
end

local controls = {
  ["\r"] = "enter",
  ["\n"] = "enter",
  ["\t"] = "tab",
  ["\127"] = "backspace",
  ["\8"] = "backspace",
  [ESCAPE] = "escape",
  ["\0"] = "ctrl+space",
}

--- xterm's parameter: 1 and a bit each for shift, alt, ctrl.
local function modifiers(number)
  local bits = (tonumber(number) or 1) - 1
  local text = ""
  for _, modifier in ipairs { "shift", "alt", "ctrl" } do
    if bits % 2 == 1 then text = text .. modifier .. "+" end
    bits = math.floor(bits / 2)
  end
  return text
end

--- A sequence behind "ESC [" or "ESC O" as a key; itself when it is not known.
local function sequence(whole, parameters, final)
  local first, second = parameters:match "^(%d*);?(%d*)$"
  local name = first and (final == "~" and numbers[tonumber(first)] or letters[final])
  if not name then return whole end
  if final == "Z" then return "shift+tab" end
  return modifiers(second ~= "" and second or final ~= "~" and first) .. name
end

--- The length of a character by its first byte; 1 for what begins none.
local function character_length(byte)
  if byte >= 0xF0 and byte < 0xF8 then return 4 end
  if byte >= 0xE0 and byte < 0xF0 then return 3 end
  return byte >= 0xC2 and byte < 0xE0 and 2 or 1
end

local function plain(bytes, from)
  local first = bytes:sub(from, from)
  if controls[first] then return controls[first], 1 end
  local byte = first:byte()
  if byte < 32 then return "ctrl+" .. string.char(byte + 64):lower(), 1 end
  local length = character_length(byte)
  if #bytes - from + 1 < length then return nil end
  return bytes:sub(from, from + length - 1), length
end

--- The first key of the bytes, and how many it takes; nil when more may belong to it.
---@param bytes string At least one.
---@return string? key "a", "ä", "enter", "up", "ctrl+c", "alt+x", "shift+f5".
---@return integer? length
function keys.decode(bytes)
  if bytes:sub(1, 1) ~= ESCAPE then return plain(bytes, 1) end
  local kind = bytes:sub(2, 2)
  if kind == "[" or kind == "O" then
    local parameters, final = bytes:match("^([0-?]*)([@-~])", 3)
    if not final then return nil end
    local length = 2 + #parameters + 1
    return sequence(bytes:sub(1, length), parameters, final), length
  elseif kind == "" then
    return nil
  end
  local key, length = plain(bytes, 2)
  return key and "alt+" .. key, key and length + 1
end

--- The first key when nothing follows: an escape that begins no sequence, a broken character.
---@param bytes string
---@return string key
---@return integer length
function keys.decode_last(bytes)
  local key, length = keys.decode(bytes)
  if key then return key, length end
  return controls[bytes:sub(1, 1)] or bytes:sub(1, 1), 1
end

return keys
