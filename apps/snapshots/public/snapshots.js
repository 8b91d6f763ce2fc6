/** The page of snapshots: each binary message is a picture, a BMP file. */

const EARLIER = 8;
const FIRST_WAIT = 500;
const LONGEST_WAIT = 15_000;

const $ = (id) => document.getElementById(id);
const shown = []; // { url, time, size }, the newest first
let count = 0;
let attempt = 0;

function say(state, text) {
  $("status").dataset.state = state;
  $("status").textContent = text;
}

function isPicture(bytes) {
  return bytes.length >= 54 && bytes[0] === 0x42 && bytes[1] === 0x4d;
}

function picture({ url, time }) {
  const image = new Image(72, 72);
  image.src = url;
  image.alt = `Of ${time}`;
  const item = document.createElement("li");
  item.append(image);
  return item;
}

function show(data) {
  if (!(data instanceof ArrayBuffer) || !isPicture(new Uint8Array(data))) {
    say("online", "The server has sent what is no picture");
    return;
  }
  const url = URL.createObjectURL(new Blob([data], { type: "image/bmp" }));
  const time = new Date().toTimeString().slice(0, 8);
  shown.unshift({ url, time });
  shown.splice(EARLIER + 1).forEach((old) => URL.revokeObjectURL(old.url));
  count += 1;
  $("picture").src = url;
  $("picture").hidden = false;
  $("caption").textContent = `Number ${count}, at ${time}, ${Math.round(data.byteLength / 1024)} KiB`;
  $("save").href = url;
  $("save").download = `snapshot-${count}.bmp`;
  $("save").hidden = false;
  $("earlier").replaceChildren(...shown.slice(1).map(picture));
}

function open() {
  say("connecting", "Connecting");
  const socket = new WebSocket(`${location.protocol.replace("http", "ws")}//${location.host}/`);
  socket.binaryType = "arraybuffer";
  socket.onopen = () => {
    attempt = 0;
    say("online", socket.extensions.includes("permessage-deflate") ? "Connected, compressed" : "Connected");
  };
  socket.onmessage = (event) => show(event.data);
  socket.onclose = () => {
    const wait = Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** attempt++) * (1 - Math.random() / 2);
    say("offline", "The connection is lost; trying again");
    setTimeout(open, wait);
  };
}

open();
