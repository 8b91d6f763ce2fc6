--- Twelve pictures of the moon, drawn here: from new moon (1) over full moon (7) to its last days
--- (12). Each is a BMP file of 24 bits a pixel, the same in every worker.
local moon = {}

moon.COUNT = 12
moon.SIZE = 240

local RADIUS = 0.43 * moon.SIZE
local EARTHSHINE = 0.085
local STARS = 90

-- The dark plains, and craters with their bright rims: place on a disc of radius 1, and size.
local PLAINS = {
  { -0.33, 0.42, 0.34 },
  { 0.22, 0.4, 0.22 },
  { 0.4, 0.14, 0.26 },
  { -0.62, 0.1, 0.3 },
  { 0.68, 0.24, 0.11 },
  { -0.3, -0.36, 0.2 },
  { 0.62, -0.08, 0.15 },
}
local CRATERS = {
  { -0.1, -0.68, 0.07 },
  { -0.36, 0.16, 0.06 },
  { 0.3, -0.42, 0.08 },
  { 0.05, -0.24, 0.05 },
  { -0.55, -0.5, 0.06 },
  { 0.46, -0.62, 0.05 },
  { -0.66, 0.4, 0.04 },
  { 0.12, 0.76, 0.05 },
}

local function clamp(value, low, high) return math.max(low, math.min(high, value)) end

--- How bright the ground is at a place of the disc, 0 to 1.
local function ground(x, y)
  local light = 0.92 + 0.03 * math.sin(23 * x + 11 * y) * math.sin(17 * y - 7 * x)
  for _, plain in ipairs(PLAINS) do
    local far = math.sqrt((x - plain[1]) ^ 2 + (y - plain[2]) ^ 2) / plain[3]
    local edge = 0.08 * math.sin(9 * x + 4 * y) + 0.06 * math.sin(13 * y - 5 * x)
    light = light - 0.3 * clamp(1.25 - far + edge, 0, 0.6) / 0.6
  end
  for _, crater in ipairs(CRATERS) do
    local far = math.sqrt((x - crater[1]) ^ 2 + (y - crater[2]) ^ 2) / crater[3]
    if far < 1 then
      light = light - 0.16 * (1 - far * far)
    elseif far < 1.35 then
      light = light + 0.14 * (1.35 - far) / 0.35
    end
  end
  return clamp(light, 0.35, 1)
end

--- The sky, without stars, and with some at the same places in all pictures.
local function sky()
  local pixels, seed = {}, 12345
  local function random(most)
    seed = (seed * 1103515245 + 12345) % 2147483648
    return math.floor(seed / 2147483648 * most)
  end
  for index = 0, moon.SIZE * moon.SIZE - 1 do
    pixels[index] = { 14, 17, 32 }
  end
  for _ = 1, STARS do
    local bright = 90 + random(150)
    pixels[random(moon.SIZE * moon.SIZE)] = { bright, bright, math.min(255, bright + 20) }
  end
  return pixels
end

--- What is the same in all pictures, row by row from the bottom up: how bright the ground is there,
--- and how much of the pixel is ground.
local function disc()
  local light, share, size = {}, {}, moon.SIZE
  for index = 0, size * size - 1 do
    local x = (index % size - size / 2 + 0.5) / RADIUS
    local y = (math.floor(index / size) - size / 2 + 0.5) / RADIUS
    share[index] = clamp((1 - math.sqrt(x * x + y * y)) * RADIUS + 0.5, 0, 1)
    light[index] = share[index] > 0 and ground(x, y) or 0
  end
  return { light = light, share = share, sky = sky() }
end

local function colour(bright, x, y, light_x, light_z)
  local z = math.sqrt(math.max(0, 1 - x * x - y * y))
  local lit = clamp(x * light_x + z * light_z, 0, 1) ^ 0.55
  local value = 255 * bright
  local earth, sun = value * EARTHSHINE, value * lit * (1 - EARTHSHINE)
  return sun + earth, 0.97 * sun + earth, 0.9 * sun + 1.4 * earth
end

--- A 32-bit number, the low byte first.
local function four(number)
  return string.char(
    number % 256,
    math.floor(number / 256) % 256,
    math.floor(number / 65536) % 256,
    math.floor(number / 16777216) % 256
  )
end

--- The heads of a BMP file: BITMAPFILEHEADER and BITMAPINFOHEADER.
local function heads(pixel_bytes)
  return table.concat {
    "BM",
    four(54 + pixel_bytes),
    four(0),
    four(54),
    four(40),
    four(moon.SIZE),
    four(moon.SIZE),
    "\1\0\24\0",
    four(0),
    four(pixel_bytes),
    four(2835),
    four(2835),
    four(0),
    four(0),
  }
end

local function draw(number, base)
  local size = moon.SIZE
  local angle = 2 * math.pi * (number - 1) / moon.COUNT
  local light_x, light_z = math.sin(angle), -math.cos(angle)
  local rows = { heads(3 * size * size) }
  for row = 0, size - 1 do -- from the bottom up
    local bytes = {}
    for column = 0, size - 1 do
      local x, y = (column - size / 2 + 0.5) / RADIUS, (row - size / 2 + 0.5) / RADIUS
      local red, green, blue = unpack(base.sky[row * size + column])
      local inside = base.share[row * size + column]
      if inside > 0 then
        local r, g, b = colour(base.light[row * size + column], x, y, light_x, light_z)
        if inside == 1 then
          red, green, blue = r, g, b
        else
          red, green = red + (r - red) * inside, green + (g - green) * inside
          blue = blue + (b - blue) * inside
        end
      end
      local place = 3 * column
      bytes[place + 1], bytes[place + 2], bytes[place + 3] = blue, green, red
    end
    rows[#rows + 1] = string.char(unpack(bytes))
  end
  return table.concat(rows)
end

local base
local drawn = {}

--- The bytes of a picture, drawn when it is asked for first; `number` is 1 to moon.COUNT.
---@param number integer
---@return string
function moon.picture(number)
  base = base or disc()
  drawn[number] = drawn[number] or draw(number, base)
  return drawn[number]
end

return moon
