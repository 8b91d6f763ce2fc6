// The server's time as it comes, on a face and as text.
"use strict";
(() => {
  const $ = (id) => document.getElementById(id);
  const turn = (id, degrees) => $(id).setAttribute("transform", `rotate(${degrees})`);

  for (let hour = 0; hour < 12; hour++) {
    const mark = document.createElementNS("http://www.w3.org/2000/svg", "line");
    mark.setAttribute("y1", -88);
    mark.setAttribute("y2", hour % 3 === 0 ? -76 : -82);
    mark.setAttribute("transform", `rotate(${hour * 30})`);
    $("marks").append(mark);
  }

  function show(text) {
    const time = /(\d\d):(\d\d):(\d\d)$/.exec(text);
    $("log").textContent = text;
    if (time) {
      const [hours, minutes, seconds] = time.slice(1).map(Number);
      turn("hours", hours * 30 + minutes / 2);
      turn("minutes", minutes * 6 + seconds / 10);
      turn("seconds", seconds * 6);
    }
  }

  function tell(state, text) {
    $("status").textContent = text;
    $("status").dataset.state = state;
  }

  const socket = new sgcWebSocket("sse", "", "sse");
  socket.on("open", () => tell("online", "Open"));
  socket.on("message", ({ message }) => show(message));
  socket.on("missed", ({ message }) => {
    $("missed").textContent =
      message === "1" ? "One second was missed." : `${message} seconds were missed.`;
    $("missed").hidden = false;
  });
  socket.on("error", () => tell("offline", "Lost, comes back"));
  socket.on("close", () => tell("offline", "Closed"));
})();
