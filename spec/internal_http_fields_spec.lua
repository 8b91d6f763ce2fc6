local fields = require "perilune.internal.http.fields"

local function lines(made)
  local list = {}
  for i, field in ipairs(made.list) do
    list[i] = field[1] .. ": " .. field[2]
  end
  return list
end

local function failure(given)
  local made, place, message = fields.read(given)
  assert.is_nil(made)
  return place .. " " .. message
end

describe("fields", function()
  it("are in the order of their names", function()
    local made = fields.read { b = "2", ["X-Number"] = 5, A = { "1", "3" }, c = " x\ty " }
    assert.same({ "A: 1", "A: 3", "b: 2", "c: x\ty", "X-Number: 5" }, lines(made))
    assert.is_true(made.named["x-number"])
  end)

  it("can be left out", function()
    local made = fields.read { ["User-Agent"] = false }
    assert.same({}, made.list)
    assert.is_true(made.named["user-agent"])
    assert.is_true(made.left_out["user-agent"])
    local merged = fields.merge(made, fields.read { ["user-agent"] = "x", Cookie = false })
    assert.same({ ["user-agent"] = true, cookie = true }, merged.left_out)
    merged = fields.merge(fields.read { ["user-agent"] = "x" }, made)
    assert.same({}, merged.left_out)
  end)

  it("are checked", function()
    assert.matches("^ takes names", failure { ["a b"] = "1" })
    assert.matches("^ takes names", failure { [1] = "1" })
    assert.matches("^ takes names", failure { [""] = "1" })
    assert.matches("^%.a takes values", failure { a = "1\r\nb: 2" })
    assert.matches("^%.a takes values", failure { a = "1\0" })
    assert.matches("^%.a takes values", failure { a = { "1", "\n" } })
    assert.matches("^%.a takes strings", failure { a = true })
    assert.matches("^%.a takes strings", failure { a = { {} } })
    assert.matches("^%.a takes a list", failure { a = { b = "1" } })
    assert.matches("^%.a takes a list", failure { a = { "1", nil, "2" } })
    assert.matches("twice", failure { a = "1", A = "2" })
    for _, name in ipairs {
      "CONNECTION",
      "Content-Length",
      "Expect",
      "Keep-Alive",
      "Proxy-Connection",
      "TE",
      "Trailer",
      "transfer-encoding",
      "Upgrade",
    } do
      assert.matches("not the caller's", failure { [name] = "1" })
    end
  end)

  it("can be taken out", function()
    local made = fields.read { A = "1", b = "2", C = false }
    local left = fields.without(made, { a = true, c = true })
    assert.same({ "b: 2" }, lines(left))
    assert.same({ b = true }, left.named)
    assert.same({ "A: 1", "b: 2" }, lines(made))
  end)

  it("stand before others of their name", function()
    local made = fields.merge(
      fields.read { ["X-a"] = "new", gone = false },
      fields.read { ["x-A"] = "old", b = "kept", Gone = "x" }
    )
    assert.same({ "b: kept", "X-a: new" }, lines(made))
    assert.is_true(made.named.b and made.named.gone and made.named["x-a"])
  end)
end)
