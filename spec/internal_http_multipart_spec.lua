local fixture = require "spec.support.fixture"
local multipart = require "perilune.internal.http.multipart"

--- The whole body; what the reader says at its end.
local function read_all(body)
  local read = body.open()
  local pieces = {}
  while true do
    local bytes, message, code = read()
    if not bytes then return table.concat(pieces), message, code end
    pieces[#pieces + 1] = bytes
  end
end

local function made(given)
  local parts, place, message = multipart.read(given)
  assert(parts, (place or "") .. " " .. (message or ""))
  return multipart.body(parts)
end

describe("multipart", function()
  after_each(fixture.clean)

  it("has a part for each field, in order", function()
    local body = made { b = "two", a = 1, c = true }
    local boundary = body.type:match "^multipart/form%-data; boundary=(perilune%-%x+)$"
    local function part(name, value)
      local head = '--%s\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n'
      return head:format(boundary, name, value)
    end
    local text = part("a", "1") .. part("b", "two") .. part("c", "true")
    text = text .. "--" .. boundary .. "--\r\n"
    assert.equal(text, read_all(body))
    assert.equal(#text, body.length)
    assert.equal(text, read_all(body))
    assert.is_true(body.repeatable)
    assert.not_equal(boundary, made({ a = 1 }).type:match "perilune%-%x+$")
  end)

  it("quotes names, and leaves UTF-8 as it is", function()
    local text = read_all(made { ['ä"\r\n\\'] = { value = "x", filename = '"€".png' } })
    local expected =
      '; name="ä%22%0D%0A\\"; filename="%22€%22.png"\r\nContent-Type: image/png\r\n'
    assert.is_truthy(text:find(expected, 1, true), text)
  end)

  it("reads files while they are sent", function()
    local folder = fixture.folder()
    local bytes = ("0123456789"):rep(20000)
    local path = folder:write("photo.png", bytes)
    local body = made {
      { name = "photo", file = path },
      { name = "empty", file = folder:write("nothing", ""), filename = "x", content_type = "a/b" },
      { name = "last", value = "end" },
    }
    local text = read_all(body)
    assert.equal(#text, body.length)
    local head = 'name="photo"; filename="photo.png"\r\nContent-Type: image/png\r\n\r\n'
    assert.is_truthy(text:find(head .. bytes .. "\r\n--perilune-", 1, true))
    local empty = 'name="empty"; filename="x"\r\nContent-Type: a/b\r\n\r\n\r\n--perilune-'
    assert.is_truthy(text:find(empty, 1, true))
  end)

  it("gives a file's first bytes only, and says when it has become shorter", function()
    local folder = fixture.folder()
    local path = folder:write("a", "12345")
    local body = made { a = { file = path } }
    folder:write("a", "123456789")
    assert.equal(body.length, #read_all(body))
    folder:write("a", "123")
    local _, message, code = read_all(body)
    assert.matches("has become shorter", message)
    assert.equal("EIO", code)
    os.remove(path)
    assert.equal("ENOENT", select(3, read_all(body)))
  end)

  it("says which file is none", function()
    local folder = fixture.folder()
    local body, message, code = made { a = { file = folder.path .. "/none" } }
    assert.is_nil(body)
    assert.matches("none: no such file", message)
    assert.equal("ENOENT", code)
    assert.equal("EINVAL", select(3, made { a = { file = folder.path } }))
  end)

  it("can be ended in the middle of a file", function()
    local folder = fixture.folder()
    local body = made { a = { file = folder:write("a", ("x"):rep(200000)) } }
    local read, close = body.open()
    read()
    assert.equal(65536, #read())
    close()
    close()
  end)

  it("says what it does not take", function()
    local function failure(given)
      local parts, place, message = multipart.read(given)
      assert.is_nil(parts)
      return place .. " " .. message
    end
    assert.equal(" takes at least one part", failure {})
    assert.equal("[true] takes names as keys", failure { [true] = 1 })
    assert.equal("[2] takes a table", failure { { name = "a", value = 1 }, "b" })
    local both = " takes names, or a list of parts, not both"
    assert.equal(both, failure { { name = "a", value = 1 }, b = 2 })
    assert.equal("[1] takes parts with a name", failure { { value = 1 } })
    assert.equal(".a takes either a value or a file", failure { a = {} })
    assert.equal(".a takes either a value or a file", failure { a = { value = 1, file = "x" } })
    assert.equal(".a has no field 'path'", failure { a = { path = "x" } })
    assert.matches("got a function", failure { a = print })
    assert.matches("without NUL as 'file'", failure { a = { file = "a\0b" } })
    assert.matches("without NUL as 'filename'", failure { a = { value = 1, filename = 2 } })
    assert.matches("printable ASCII", failure { a = { value = 1, content_type = "a\r\nb" } })
  end)
end)
