--- The contacts, as all workers know them. Each is { ContactID, ContactName, ContactTitle,
--- CompanyName, Country, Version }, all strings but the version, which counts its changes from 1.
--- What fails returns nil, a message and a code: "EINVAL", "ENOENT", "ECONFLICT", "ELIMIT".
local shared = require "perilune.shared"

local contacts = {}

contacts.MOST = 1000
contacts.LONGEST = 100 -- bytes of a field

local FIELDS = { ContactName = true, ContactTitle = true, CompanyName = true, Country = true }
-- Of what comes from outside they may be there, and mean nothing: the id is looked at elsewhere.
local ALSO = { ContactID = true, Version = true }

local FIRST = {
  { "Ada Brandt", "Owner", "Brandt Instruments", "Germany" },
  { "Bilal Haddad", "Sales Agent", "Cedar Trading", "Lebanon" },
  { "Carla Mendes", "Accountant", "Porto Cork", "Portugal" },
  { "Dai Nakamura", "Engineer", "Kobe Optics", "Japan" },
  { "Elin Sandberg", "Marketing Manager", "Nordic Timber", "Sweden" },
  { "Farid Amiri", "Owner", "Saffron House", "Iran" },
  { "Greta Holm", "Order Administrator", "Holm & Daughters", "Denmark" },
  { "Hugo Lefebvre", "Sales Manager", "Vins du Midi", "France" },
  { "Ines Castillo", "Sales Representative", "Andes Wool", "Peru" },
  { "Jonas Weber", "Assistant Agent", "Weber Freight", "Austria" },
  { "Kemi Adeyemi", "Director", "Lagos Solar", "Nigeria" },
  { "Luca Ferri", "Designer", "Ferri Ceramics", "Italy" },
  { "Maya Cohen", "Product Manager", "Galil Seeds", "Israel" },
  { "Nils Okkonen", "Technician", "Lapland Radio", "Finland" },
  { "Olga Petrova", "Translator", "Three Rivers", "Bulgaria" },
  { "Pedro Rojas", "Buyer", "Cafe Altura", "Colombia" },
  { "Quinn Murphy", "Surveyor", "Atlantic Charts", "Ireland" },
  { "Rosa Jimenez", "Owner", "Olivar Viejo", "Spain" },
  { "Sanjay Rao", "Analyst", "Deccan Data", "India" },
  { "Tess de Vries", "Florist", "Tulip Works", "Netherlands" },
}

local function place(id) return "contact/" .. id end

local function is_text(value)
  return type(value) == "string" and #value <= contacts.LONGEST and not value:find "%c"
end

--- The fields of a message, checked. `partial`: some may be missing; else they are "".
local function read_fields(data, partial)
  local fields = {}
  for name, value in pairs(data) do
    if FIELDS[name] then
      if not is_text(value) then
        return nil, ("%s is a text of at most %d bytes"):format(name, contacts.LONGEST), "EINVAL"
      end
      fields[name] = value
    elseif not ALSO[name] then
      return nil, "a contact has no such field", "EINVAL"
    end
  end
  for name in pairs(FIELDS) do
    if not partial then fields[name] = fields[name] or "" end
  end
  if fields.ContactName and not fields.ContactName:find "%S" then
    return nil, "ContactName is empty", "EINVAL"
  end
  if not next(fields) then return nil, "nothing is to be changed", "EINVAL" end
  return fields
end

local function is_id(id) return type(id) == "string" and #id <= 20 and id:find "^%d+$" ~= nil end

local function no_such() return nil, "the contact is gone", "ENOENT" end

--- A new one; its id is never used again.
function contacts.create(data)
  local fields, message, code = read_fields(data, false)
  if not fields then return nil, message, code end
  local count, full = shared.increment "contacts"
  if not count or count > contacts.MOST then
    if count then shared.increment("contacts", -1) end
    return nil, full or ("there are %d contacts already"):format(contacts.MOST), "ELIMIT"
  end
  local id = shared.increment "contact id"
  if id then
    fields.ContactID, fields.Version = ("%d"):format(id), 1
    if shared.set(place(fields.ContactID), fields) then return fields end
  end
  shared.increment("contacts", -1)
  return nil, "there is no room", "ELIMIT"
end

--- Which field is no more what the sender took it for.
local function changed_since(row, was)
  for name, value in pairs(was) do
    if row[name] ~= value then return name end
  end
end

--- Changes some fields. `was`: what they were for the sender; when one of them is something else by
--- now, nothing changes, and the fourth result is the contact as it is.
function contacts.update(data, was)
  if not is_id(data.ContactID) then return nil, "ContactID is none", "EINVAL" end
  local fields, message, code = read_fields(data, true)
  if not fields then return nil, message, code end
  if was ~= nil then
    if type(was) ~= "table" then return nil, "was is no object", "EINVAL" end
    was, message, code = read_fields(was, true)
    if not was then return nil, message, code end
  end
  local found, conflict
  local row, full = shared.update(place(data.ContactID), function(row)
    found, conflict = row ~= nil, nil
    if not row then return nil end
    conflict = changed_since(row, was or {})
    if conflict then return row end
    for name, value in pairs(fields) do
      row[name] = value
    end
    row.Version = row.Version + 1
    return row
  end)
  if not found then return no_such() end
  if conflict then return nil, conflict .. " has changed meanwhile", "ECONFLICT", row end
  if not row then return nil, full, "ELIMIT" end
  return row
end

--- The contact as it was.
function contacts.destroy(data)
  if not is_id(data.ContactID) then return nil, "ContactID is none", "EINVAL" end
  local row = shared.take(place(data.ContactID))
  if not row then return no_such() end
  shared.increment("contacts", -1)
  return row
end

--- All of them, the oldest first.
function contacts.list()
  local rows = {}
  for _, name in ipairs(shared.names("contact/", contacts.MOST)) do
    rows[#rows + 1] = shared.get(name)
  end
  table.sort(rows, function(a, b) return tonumber(a.ContactID) < tonumber(b.ContactID) end)
  return rows
end

--- The contacts that are there at the beginning; in the first worker that comes.
function contacts.begin()
  if not shared.add("contacts begun", true) then return end
  for _, row in ipairs(FIRST) do
    assert(contacts.create {
      ContactName = row[1],
      ContactTitle = row[2],
      CompanyName = row[3],
      Country = row[4],
    })
  end
end

return contacts
