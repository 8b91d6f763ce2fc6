local line_editor = require "perilune.internal.line_editor"

--- Types keys, one a word; "_" is a space. Returns the line as it is drawn, without a prompt.
local function type_keys(editor, keys, columns)
  local line, over
  for key in keys:gmatch "%S+" do
    line, over = editor:take(key == "_" and " " or key)
  end
  return editor:draw("", columns or 80), line, over
end

describe("a line that is edited", function()
  it("changes with keys", function()
    for keys, shown in pairs {
      ["a b c"] = "abc",
      ["a b left c"] = "acb\27[1D",
      ["a b home c"] = "cab\27[2D",
      ["a b home c end d"] = "cabd",
      ["a b backspace"] = "a",
      ["backspace a"] = "a",
      ["a b left left left delete"] = "b\27[1D",
      ["a b delete ctrl+d"] = "ab",
      ["a b home right right right c"] = "abc",
      ["a b c left ctrl+u"] = "c\27[1D",
      ["a b c left left ctrl+k"] = "a",
      ["a b _ c d _ ctrl+w"] = "ab ",
      ["a b _ c d ctrl+left x"] = "ab xcd\27[2D",
      ["a b _ c d home ctrl+right x"] = "abx cd\27[3D",
      ["ä 語 left x"] = "äx語\27[2D",
      ["a tab f1 escape ctrl+t alt+x b"] = "ab",
    } do
      assert.same({ keys, shown }, { keys, (type_keys(line_editor.new(9), keys)) })
    end
  end)

  it("ends with enter, and with ctrl+d when it is empty", function()
    local editor = line_editor.new(9)
    assert.same({ "", "ab" }, { type_keys(editor, "a b enter") })
    assert.same({ "", "" }, { type_keys(editor, "enter") })
    assert.same({ "", nil, true }, { type_keys(editor, "ctrl+d") })
    assert.same({ "a" }, { type_keys(editor, "a ctrl+d") })
  end)

  it("has lines before it", function()
    local editor = line_editor.new(2)
    for _, line in ipairs { "one", "two", "three", "three", " " } do
      editor:remember(line)
    end
    assert.equal("three", (type_keys(editor, "x up")))
    assert.equal("two", (type_keys(editor, "up")))
    assert.equal("two", (type_keys(editor, "up")))
    assert.equal("two!", (type_keys(editor, "!")))
    assert.equal("three", (type_keys(editor, "down")))
    assert.equal("x", (type_keys(editor, "down")))
    assert.equal("x", (type_keys(editor, "down")))
    assert.equal("three", select(2, type_keys(editor, "up enter")))
    local none = line_editor.new(0)
    none:remember "one"
    assert.equal("a", (type_keys(none, "a up")))
  end)

  it("shows the part around the cursor when it is too long", function()
    local editor = line_editor.new(9)
    assert.equal("cdef", (type_keys(editor, "a b c d e f", 5)))
    assert.equal("abcd\27[3D", (type_keys(editor, "left left left left left", 5)))
    assert.equal("abcd\27[4D", (type_keys(editor, "home", 5)))
    assert.equal("> ab\27[2D", editor:draw("> ", 5))
    assert.equal("\27[1m>\27[0m abc\27[3D", editor:draw("\27[1m>\27[0m ", 6))
    assert.equal("語\27[2D", (type_keys(line_editor.new(9), "語 語 home", 4)))
  end)
end)
