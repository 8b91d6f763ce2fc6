/** The login, and the room behind it. The password is nowhere but in the form, and not longer. */
const REFUSED = 4001;
const PATIENCE = 5; // attempts to come back
const find = (id) => document.getElementById(id);
const entrance = find("entrance");
const room = find("room");

let socket = null;

/** Base64 of UTF-8, as the server's challenge asks for. */
function basic(user, password) {
  const bytes = new TextEncoder().encode(`${user}:${password}`);
  return `Basic ${btoa(String.fromCharCode(...bytes))}`;
}

function why(response) {
  if (response.status === 401) {
    return "User or password are wrong.";
  }
  if (response.status === 429) {
    const seconds = response.headers.get("Retry-After");
    return `Too many wrong passwords. Try again ${seconds ? `in ${seconds} seconds` : "later"}.`;
  }
  return `The server says ${response.status}.`;
}

/** The address with a token. Throws what is to be said to the user. */
async function fetchSession(user, password) {
  const response = await fetch("/sgc/req/auth/session", {
    method: "POST",
    headers: { Authorization: basic(user, password) },
    credentials: "omit",
    cache: "no-store",
  }).catch(() => {
    throw new Error("The server does not answer.");
  });
  if (!response.ok) {
    throw new Error(why(response));
  }
  return { host: `/sgc/auth/session/${await response.text()}/room` };
}

function show(where) {
  entrance.hidden = where !== entrance;
  room.hidden = where !== room;
}

function refuse(text) {
  show(entrance);
  find("refusal").textContent = text;
  find("refusal").hidden = false;
  find("enter").disabled = false;
  find("password").focus();
}

function setStatus(state, text) {
  find("status").dataset.state = state;
  find("status").textContent = text;
}

function element(name, text, className) {
  const made = document.createElement(name);
  made.textContent = text;
  made.className = className ?? "";
  return made;
}

const receive = {
  welcome({ user }) {
    find("name").textContent = user;
    find("login").reset();
    find("refusal").hidden = true;
    find("enter").disabled = false;
    setStatus("online", "Connected");
    show(room);
    find("text").focus();
  },
  people({ people }) {
    find("people").replaceChildren(...people.map((name) => element("li", name)));
  },
  said({ user, text }) {
    const line = element("li", "");
    line.append(element("strong", user), " ", element("span", text));
    find("messages").append(line);
    line.scrollIntoView({ block: "nearest" });
  },
};

/** Connects, and again when the connection is lost: for as long as the session lasts. */
function connect(options) {
  let failures = 0;
  let welcome = false;
  const mine = new sgcWebSocket(options);
  socket = mine;
  mine.on("message", ({ message }) => {
    const said = JSON.parse(message);
    if (said.type === "welcome") {
      failures = 0;
      welcome = true;
    }
    receive[said.type]?.(said);
  });
  mine.on("close", ({ code }) => {
    if (socket !== mine) {
      return;
    }
    failures += 1;
    if (code === REFUSED) {
      refuse("You have logged out.");
    } else if (!welcome) {
      refuse("The server refuses: user or password are wrong, or there were too many wrong ones.");
    } else if (failures > PATIENCE) {
      refuse("The session is over, or the server is gone.");
    } else {
      setStatus("offline", "Connecting …");
      setTimeout(() => socket === mine && mine.open(), 400 * failures);
    }
  });
}

find("login").addEventListener("submit", async (event) => {
  event.preventDefault();
  const { user, password, way } = Object.fromEntries(new FormData(event.target));
  find("enter").disabled = true;
  try {
    connect(way === "url" ? { host: "/", user, password } : await fetchSession(user, password));
  } catch (error) {
    refuse(error.message);
  }
});

/** Whether it was sent: without a connection nothing is, and the page says so. */
function tell(message) {
  if (socket.state() !== "open") {
    setStatus("offline", "There is no connection; trying again …");
    return false;
  }
  socket.send(JSON.stringify(message));
  return true;
}

find("say").addEventListener("submit", (event) => {
  event.preventDefault();
  if (find("text").value.trim() !== "" && tell({ type: "say", text: find("text").value })) {
    find("text").value = "";
  }
});

find("logout").addEventListener("click", () => tell({ type: "logout" }));
