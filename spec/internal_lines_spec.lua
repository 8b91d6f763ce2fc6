local lines = require "perilune.internal.lines"

describe("internal.lines", function()
  it("are the same however they come", function()
    local text = "one\ntwo\3\n\nthree"
    for size = 1, #text do
      local made, got = lines.new "[\n\3]", {}
      for i = 1, #text, size do
        for line, stop in made:take(text:sub(i, i + size - 1)) do
          got[#got + 1] = line .. stop
        end
      end
      assert.same({ "one\n", "two\3", "\n", "\n" }, got)
      assert.equal(5, made.size)
    end
  end)

  it("are looked at once", function()
    local made = lines.new "\n"
    local piece = ("x"):rep(1e5)
    for _ = 1, 1000 do
      assert.is_nil(made:take(piece)())
    end
    assert.equal(1e8, made.size)
    assert.equal(1e8, #made:take "\n"())
    assert.equal(0, made.size)
  end)
end)
