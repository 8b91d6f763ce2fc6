--- The dates of Set-Cookie (RFC 6265 5.1.1): read leniently, as browsers do.
local cookie_date = {}

local MONTHS = {
  jan = 1,
  feb = 2,
  mar = 3,
  apr = 4,
  may = 5,
  jun = 6,
  jul = 7,
  aug = 8,
  sep = 9,
  oct = 10,
  nov = 11,
  dec = 12,
}
local DAYS = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 }

--- Days from 1970-01-01 in the Gregorian calendar.
local function days_since_1970(year, month, day)
  if month <= 2 then year = year - 1 end
  local era = math.floor(year / 400)
  local of_era = year - era * 400
  local of_year = math.floor((153 * (month + (month > 2 and -3 or 9)) + 2) / 5) + day - 1
  return era * 146097
    + of_era * 365
    + math.floor(of_era / 4)
    - math.floor(of_era / 100)
    + of_year
    - 719468
end

local function is_leap(year) return year % 4 == 0 and (year % 100 ~= 0 or year % 400 == 0) end

--- The first token of each kind counts.
local function take(found, token)
  local hour, minute, second = token:match "^(%d%d?):(%d%d?):(%d%d?)%f[^%d]"
  if hour and not found.hour then
    found.hour, found.minute, found.second = tonumber(hour), tonumber(minute), tonumber(second)
    return
  end
  local day = token:match "^(%d%d?)%f[^%d]"
  if day and not found.day then
    found.day = tonumber(day)
    return
  end
  local month = MONTHS[token:sub(1, 3):lower()]
  if month and not found.month then
    found.month = month
    return
  end
  local year = token:match "^(%d%d%d?%d?)%f[^%d]"
  if year and not found.year then found.year = tonumber(year) end
end

local function whole_year(year)
  if year >= 70 and year <= 99 then return year + 1900 end
  return year <= 69 and year + 2000 or year
end

--- Seconds since 1970; nil when it is no date.
---@param text string
---@return integer? seconds
function cookie_date.decode(text)
  local found = {}
  -- All but these are delimiters: they include the tab, punctuation, and no colon.
  for token in text:gmatch "[^\9 -/;-@%[-`{-~]+" do
    take(found, token)
  end
  if not (found.hour and found.day and found.month and found.year) then return nil end
  local year = whole_year(found.year)
  local last = found.month == 2 and is_leap(year) and 29 or DAYS[found.month]
  if year < 1601 or found.day < 1 or found.day > last then return nil end
  if found.hour > 23 or found.minute > 59 or found.second > 59 then return nil end
  local days = days_since_1970(year, found.month, found.day)
  return days * 86400 + found.hour * 3600 + found.minute * 60 + found.second
end

return cookie_date
