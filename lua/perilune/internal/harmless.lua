--- Texts of strangers, for a terminal: shown, never obeyed.

--- Control characters but tab and line feed, and those that turn the direction of text around
--- (UAX 9 2), as \x1b and \u202e.
---@param text string
---@return string
return function(text)
  return (
    text
      :gsub("[%z\1-\8\11-\31\127]", function(c) return ("\\x%02x"):format(c:byte()) end)
      :gsub("\194([\128-\159])", function(c) return ("\\u%04x"):format(c:byte()) end)
      :gsub(
        "\226\128([\142\143\170-\174])",
        function(c) return ("\\u%04x"):format(0x1f80 + c:byte()) end
      )
      :gsub("\226\129([\166-\169])", function(c) return ("\\u%04x"):format(0x1fc0 + c:byte()) end)
  )
end
