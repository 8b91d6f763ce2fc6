/**
 * The page of the grid: Tabulator shows the contacts, the server has them.
 *
 * A cell shows what was typed at once; it is saved when the server has answered. The server takes it
 * only if the cell still was what the person saw when the edit began. What others do arrives as
 * pushes; in which order they come does not matter, as each contact has a version and no id returns.
 */
import { Connection } from "./connection.js";
import { Notices } from "./notices.js";
import { TabulatorFull as Tabulator } from "./lib/tabulator.js";

const LONGEST = 100;
const TITLES = {
  ContactName: "Name",
  ContactTitle: "Title",
  CompanyName: "Company",
  Country: "Country",
};
const FIELDS = Object.keys(TITLES);

const $ = (id) => document.getElementById(id);
const notices = new Notices($("notices"));
const rows = new Map(); // id -> the contact as the server has it
const gone = new Set(); // ids that were destroyed
const fresh = []; // ids that the table does not show yet: it takes many at once
let reopening = false;
let edited = null; // { id, field, was, notice }: the cell with an open editor

const short = (text) => (text.length > 40 ? `${text.slice(0, 40)}…` : text);
const nameOf = (row) => `“${short(row.ContactName)}”`;
const shownOf = (row) => ({ ContactID: row.ContactID, label: row.ContactName, ...fieldsOf(row) });
const fieldsOf = (row) => Object.fromEntries(FIELDS.map((field) => [field, row[field]]));

// The table

function removeButton(cell) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "remove";
  button.textContent = "×";
  button.setAttribute("aria-label", `Delete ${cell.getValue()}`);
  return button;
}

const table = new Tabulator("#grid", {
  index: "ContactID",
  layout: "fitColumns",
  maxHeight: "70vh", // only rows in sight are drawn
  placeholder: "Nobody is here",
  columns: [
    ...FIELDS.map((field) => ({
      title: TITLES[field],
      field,
      minWidth: 130,
      editor: "input",
      editorParams: { selectContents: true, elementAttributes: { maxlength: String(LONGEST) } },
      editable: () => connection.isOpen,
    })),
    {
      title: "",
      field: "label",
      formatter: removeButton,
      headerSort: false,
      width: 52,
      hozAlign: "center",
      cellClick: (event, cell) => destroy(cell.getData().ContactID),
    },
  ],
});
const built = new Promise((done) => table.on("tableBuilt", done));

table.on("cellEditing", (cell) => {
  const id = cell.getData().ContactID;
  edited = { id, field: cell.getField(), was: cell.getValue(), notice: null };
});

table.on("cellEditCancelled", () => {
  if (reopening) {
    return;
  }
  const { id } = edited;
  edited.notice?.remove();
  edited = null;
  show(id); // with what others did to the cell meanwhile
});

table.on("cellEdited", (cell) => {
  const { id, field, was, notice } = edited;
  notice?.remove();
  edited = null;
  save(id, field, String(cell.getValue()), was);
});

const editor = () => document.querySelector("#grid .tabulator-editing input");

/** While an editor is open Tabulator neither shows nor removes rows: it is closed and opened again. */
function aroundEditor(change) {
  const input = editor();
  if (edited === null || !input) {
    change();
    return;
  }
  const kept = edited;
  const { value, selectionStart, selectionEnd } = input;
  const cell = table.getRow(kept.id).getCell(kept.field);
  reopening = true;
  cell.cancelEdit();
  change();
  cell.edit(true);
  reopening = false;
  edited = kept;
  const again = cell.getElement().querySelector("input");
  again.value = value;
  again.setSelectionRange(selectionStart, selectionEnd);
}

const ADD_WAIT = 30;

function add(id) {
  if (fresh.push(id) === 1) {
    setTimeout(addFresh, ADD_WAIT);
  }
}

/** Before a row is looked for: those that have come may still wait. */
function addFresh() {
  const ids = fresh.splice(0);
  if (ids.length > 0) {
    aroundEditor(() => table.addData(ids.map((id) => shownOf(rows.get(id)))));
  }
}

/** Shows a contact as the server has it, but for the cell that is being edited. */
function show(id) {
  const row = rows.get(id);
  if (!row) {
    return;
  }
  addFresh();
  const shown = shownOf(row);
  if (edited?.id === id) {
    delete shown[edited.field];
  }
  table.updateData([shown]);
}

function flash(id) {
  addFresh();
  const element = table.getRow(id)?.getElement();
  element?.animate?.([{ outlineColor: "currentColor" }, { outlineColor: "transparent" }], 1200);
}

// What the server says

/** A contact as it is now: a new one, or a newer one than ours. */
function take(row) {
  const id = row.ContactID;
  const known = rows.get(id);
  if (gone.has(id) || (known && known.Version >= row.Version)) {
    return;
  }
  rows.set(id, row);
  if (!known) {
    add(id);
    return;
  }
  if (edited?.id === id && row[edited.field] !== known[edited.field]) {
    warn(row);
  }
  show(id);
}

function warn(row) {
  edited.notice?.remove();
  const theirs = short(row[edited.field]);
  const text = `${TITLES[edited.field]} of ${nameOf(row)}, which you are editing, was changed by somebody else to “${theirs}”.`;
  edited.notice = notices.add("conflict", text);
}

/** Somebody else has destroyed it. */
function lose(id) {
  gone.add(id);
  const row = rows.get(id);
  if (!row) {
    return;
  }
  const typed = edited?.id === id && { field: edited.field, value: editor()?.value ?? "" };
  addFresh();
  rows.delete(id);
  if (typed) {
    table.deleteRow(id); // which also ends the edit
    const text = `${nameOf(row)} was deleted by somebody else while you edited it. You had typed “${short(typed.value)}” as ${TITLES[typed.field]}.`;
    notices.add("conflict", text, {
      "Put it back": () => create({ ...fieldsOf(row), [typed.field]: typed.value }),
    });
  } else {
    aroundEditor(() => table.deleteRow(id));
  }
}

const pushes = {
  create: take,
  update(row) {
    take(row);
    if (!gone.has(row.ContactID)) {
      flash(row.ContactID);
    }
  },
  destroy: (row) => lose(row.ContactID),
};

/** All contacts: at the beginning, and after a connection was lost. */
async function load() {
  await built;
  const list = await connection.request("read");
  const there = new Set(list.map((row) => row.ContactID));
  [...rows.keys()].filter((id) => !there.has(id)).forEach(lose);
  list.forEach(take);
  addFresh();
}

// What the person does

async function save(id, field, value, was) {
  try {
    take(await connection.request("update", { ContactID: id, [field]: value }, { [field]: was }));
  } catch (refusal) {
    refused(refusal, id, field, value);
  }
}

function refused(refusal, id, field, value) {
  const row = rows.get(id);
  if (refusal.code === "ECONFLICT") {
    take(refusal.data);
    show(id);
    conflict(refusal.data, field, value);
  } else if (refusal.code === "ENOENT" && row) {
    lose(id);
    notices.add("conflict", `${nameOf(row)} was deleted by somebody else before “${short(value)}” was saved.`, {
      "Put it back": () => create({ ...fieldsOf(row), [field]: value }),
    });
  } else {
    show(id);
    notices.add("conflict", `“${short(value)}” is not saved: ${refusal.message}.`);
  }
}

function conflict(row, field, mine) {
  const theirs = row[field];
  if (theirs === mine) {
    return;
  }
  const text = `${TITLES[field]} of ${nameOf(row)}: you wrote “${short(mine)}”, somebody else has written “${short(theirs)}”.`;
  const actions = { "Use mine": () => save(row.ContactID, field, mine, theirs) };
  notices.add("conflict", text, actions, "Keep theirs");
}

async function create(fields) {
  try {
    const row = await connection.request("create", { ContactID: null, ...fields });
    take(row);
    return row;
  } catch (refusal) {
    notices.add("conflict", `Not added: ${refusal.message}.`);
    return null;
  }
}

async function destroy(id) {
  const row = rows.get(id);
  try {
    await connection.request("destroy", { ContactID: id });
  } catch (refusal) {
    if (refusal.code !== "ENOENT") {
      notices.add("conflict", `Not deleted: ${refusal.message}.`);
      return;
    }
  }
  if (rows.has(id)) {
    lose(id);
    notices.add("info", `${nameOf(row)} is deleted.`, { "Put it back": () => create(fieldsOf(row)) });
  }
}

$("add").addEventListener("click", async () => {
  const row = await create({ ContactName: "New contact", ContactTitle: "", CompanyName: "", Country: "" });
  if (row) {
    addFresh();
    await table.scrollToRow(row.ContactID, "center", false);
    table.getRow(row.ContactID).getCell("ContactName").edit();
  }
});

// The connection

const WORDS = {
  connecting: "Connecting",
  online: "Connected",
  offline: "The connection is lost; trying again",
};

const connection = new Connection(`${location.protocol.replace("http", "ws")}//${location.host}/`, {
  changed(state) {
    $("status").dataset.state = state;
    $("status").textContent = WORDS[state];
    $("add").disabled = state !== "online";
    if (state === "online") {
      load().catch((refusal) => notices.add("conflict", `Not loaded: ${refusal.message}.`));
    }
  },
  async pushed(kind, row) {
    await built;
    pushes[kind](row);
  },
});
