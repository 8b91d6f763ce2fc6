local harmless = require "perilune.internal.harmless"

describe("harmless", function()
  for text, expected in pairs {
    ["plain, Grüße 世界 🌒\n\tin"] = "plain, Grüße 世界 🌒\n\tin",
    ["\27[2J\r\b\0\127"] = "\\x1b[2J\\x0d\\x08\\x00\\x7f",
    ["\194\155\194\128\194\159\194\160"] = "\\u009b\\u0080\\u009f\194\160",
    ["\226\128\142\226\128\143\226\128\144"] = "\\u200e\\u200f\226\128\144",
    ["\226\128\170\226\128\174"] = "\\u202a\\u202e",
    ["\226\129\166\226\129\169\226\129\165"] = "\\u2066\\u2069\226\129\165",
  } do
    it(("shows %q"):format(expected), function() assert.equal(expected, harmless(text)) end)
  end
end)
