local bodies = require "perilune.internal.http.body"
local fixture = require "spec.support.fixture"
local json = require "perilune.json"

--- The body that options make: its type, length, and all that it gives.
local function made(settings)
  local body, why, code = assert(bodies.maker("http.post", settings))()
  if not body then return nil, why, code end
  local read = body.open()
  local pieces = {}
  for bytes in read do
    pieces[#pieces + 1] = bytes
  end
  return { body.type, body.length, body.repeatable, table.concat(pieces) }
end

local function failure(settings)
  local make, message = bodies.maker("http.post", settings)
  assert.is_nil(make)
  return message
end

describe("a body", function()
  after_each(fixture.clean)

  it("is text, a form, JSON", function()
    assert.same({ nil, 3, true, "a\0b" }, made { body = "a\0b" })
    assert.same({ nil, 0, true, "" }, made { body = "" })
    local form = "application/x-www-form-urlencoded"
    assert.same({ form, 7, true, "a=1&b=2" }, made { form = { a = 1, b = 2 } })
    assert.same({ "application/json", 7, true, '{"a":1}' }, made { json = { a = 1 } })
    assert.same({ "application/json", 5, true, "false" }, made { json = false })
    assert.same({ "application/json", 4, true, "null" }, made { json = json.null })
    assert.is_nil(bodies.maker("http.post", {}))
  end)

  it("is a file", function()
    local folder = fixture.folder()
    local bytes = ("x"):rep(100000)
    assert.same({ "image/png", 100000, true, bytes }, made { file = folder:write("a.png", bytes) })
    assert.same(
      { "text/plain; charset=utf-8", 0, true, "" },
      made { file = folder:write("a.txt", "") }
    )
    assert.equal("ENOENT", select(3, made { file = folder.path .. "/none" }))
    assert.equal("EINVAL", select(3, made { file = folder.path }))
  end)

  it("is several parts", function()
    local body = made { multipart = { a = 1 } }
    assert.matches("^multipart/form%-data; boundary=", body[1])
    assert.equal(#body[4], body[2])
  end)

  it("is what a function gives", function()
    local left = { "a", "b" }
    local function next_piece() return table.remove(left, 1) end
    assert.same({ nil, nil, false, "ab" }, made { body = next_piece })
    assert.same({ nil, 5, false, "" }, made { body = next_piece, length = 5 })
  end)

  it("is one of them", function()
    assert.equal(
      "options 'body' and 'json' of http.post exclude each other",
      failure { json = 1, body = "x" }
    )
    assert.matches("'length' of http.post goes with a function", failure { length = 1, body = "x" })
    assert.matches("'length' of http.post goes with a function", failure { length = 1 })
    assert.equal(
      "option 'form.a' of http.post takes strings, numbers and booleans, got a function",
      failure { form = { a = print } }
    )
    assert.matches("^option 'json' of http.post takes what JSON has: ", failure { json = print })
    assert.matches("^option 'multipart%.a' of http.post ", failure { multipart = { a = {} } })
    assert.matches("without NUL", failure { file = "a\0b" })
  end)
end)
