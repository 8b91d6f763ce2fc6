/** The page: what is chosen is sent by WebSocket, in pieces, or as a form; the list is everybody's. */
import { Sender } from "./sender.js";

const $ = (id) => document.getElementById(id);
const [form, input, note, task, progress] = ["form", "file", "note", "task", "progress"].map($);

function size(bytes) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  while (bytes >= 1024 && unit < units.length - 1) {
    bytes /= 1024;
    unit += 1;
  }
  return `${bytes.toFixed(unit && bytes < 100 ? 1 : 0)} ${units[unit]}`;
}

function say(text, state = "good") {
  note.textContent = text;
  note.dataset.state = state;
}

function show(name, done, all) {
  task.hidden = false;
  $("what").textContent = `${name}: ${size(done)} of ${size(all)}`;
  progress.value = all ? done / all : 1;
}

/* Every list that comes late is one of the past. */
let asked = 0;
async function refresh() {
  const mine = ++asked;
  const files = await (await fetch("files")).json();
  if (mine !== asked) {
    return;
  }
  $("empty").hidden = files.length > 0;
  $("files").replaceChildren(
    ...files.map((file) => {
      const item = document.createElement("li");
      const link = document.createElement("a");
      const span = document.createElement("span");
      link.href = `files/${encodeURIComponent(file.name)}`;
      link.textContent = file.name;
      span.textContent = size(file.size);
      item.append(link, span);
      return item;
    }),
  );
}

const sender = new Sender(new URL("./", location.href), {
  changed: () => refresh().catch(() => say("The list cannot be had.", "bad")),
  progress: show,
  state(state) {
    $("status").dataset.state = state;
    $("status").textContent = { online: "Connected", connecting: "Connecting", offline: "Not connected" }[state];
    $("socket").disabled = busy !== null || state !== "online";
  },
});

let busy = null; // what stops it
function begin(stop) {
  busy = stop;
  say("");
  for (const id of ["socket", "post", "file"]) {
    $(id).disabled = true;
  }
  $("cancel").hidden = false;
}

function end(text, state) {
  busy = null;
  for (const id of ["post", "file"]) {
    $(id).disabled = false;
  }
  $("socket").disabled = !sender.online;
  $("cancel").hidden = true;
  task.hidden = true;
  say(text, state);
}

$("socket").addEventListener("click", async () => {
  if (!form.reportValidity()) {
    return;
  }
  const files = [...input.files];
  begin(() => sender.cancel());
  try {
    const names = [];
    for (const file of files) {
      names.push(await sender.send(file));
    }
    form.reset();
    end(`Sent: ${names.join(", ")}`);
  } catch (error) {
    end(`Not sent: ${error.message}`, "bad");
  }
});

/** A list, or null: a proxy may answer what it likes. */
function namesOf(text) {
  try {
    const names = JSON.parse(text);
    return Array.isArray(names) ? names : null;
  } catch {
    return null;
  }
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const request = new XMLHttpRequest();
  const name = input.files.length === 1 ? input.files[0].name : `${input.files.length} files`;
  request.upload.addEventListener("progress", (at) => show(name, at.loaded, at.total));
  request.addEventListener("load", () => {
    const names = request.status === 200 ? namesOf(request.responseText) : null;
    if (names) {
      form.reset();
      end(`Sent: ${names.join(", ")}`);
    } else if (request.status === 200) {
      end("Not sent: somebody else has answered in place of the server", "bad");
    } else {
      end(`Not sent: ${request.status} ${request.statusText}`, "bad");
    }
  });
  request.addEventListener("error", () => end("Not sent: the connection was lost", "bad"));
  request.addEventListener("abort", () => end("Not sent: stopped", "bad"));
  request.open("POST", form.action);
  request.send(new FormData(form));
  begin(() => request.abort());
});

$("cancel").addEventListener("click", () => busy?.());

const drop = $("drop");
drop.addEventListener("dragover", (event) => {
  event.preventDefault();
  drop.classList.add("over");
});
drop.addEventListener("dragleave", () => drop.classList.remove("over"));
drop.addEventListener("drop", (event) => {
  event.preventDefault();
  drop.classList.remove("over");
  if (busy === null && event.dataTransfer.files.length > 0) {
    input.files = event.dataTransfer.files;
  }
});

sender.open();
