// npm's aedes, a broker of MQTT 3.1.1, on 127.0.0.1.
//
//   node aedes.mjs TCP_PORT WEBSOCKET_PORT TLS_PORT CERTIFICATE KEY
//
// Who gives a name has to be "u" with the password "secret".
import { readFileSync } from "node:fs";
import http from "node:http";
import net from "node:net";
import tls from "node:tls";
import { Aedes } from "aedes";
import { WebSocketServer, createWebSocketStream } from "ws";

const [plain, websocket, secure, certificate, key] = process.argv.slice(2);
const broker = await Aedes.createBroker({
  authenticate(_client, name, password, done) {
    const known = !name || (name === "u" && password?.toString() === "secret");
    done(known ? null : Object.assign(new Error("refused"), { returnCode: 4 }), known);
  },
});

net.createServer(broker.handle).listen(plain, "127.0.0.1");
tls
  .createServer({ cert: readFileSync(certificate), key: readFileSync(key) }, broker.handle)
  .listen(secure, "127.0.0.1");
const server = http.createServer();
const sockets = new WebSocketServer({ server, handleProtocols: () => "mqtt" });
sockets.on("connection", (socket, request) => {
  broker.handle(createWebSocketStream(socket), request);
});
server.listen(websocket, "127.0.0.1");
