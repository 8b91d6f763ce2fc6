// A broker of MQTT 3.1.1 and 5.0 on 127.0.0.1 that acknowledges nothing before it is saved, for tests
// that kill it: what it has acknowledged it still has, and of QoS 2 it has it once. Packets are npm's
// mqtt-packet, what it knows is in SQLite. It keeps the sessions of all clients, without end.
//
//   node durable_broker.mjs PORT FILE
import net from "node:net";
import { DatabaseSync } from "node:sqlite";
import mqtt from "mqtt-packet";

const WINDOW = 20; // messages under way to a client that does not say how many it takes
const [port, file] = process.argv.slice(2);

// A process that is killed loses nothing that was written; fsync would be for the machine's end.
const database = new DatabaseSync(file);
database.exec(`
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = OFF;
  CREATE TABLE IF NOT EXISTS session (client TEXT PRIMARY KEY, last_id INTEGER NOT NULL);
  CREATE TABLE IF NOT EXISTS subscription (client TEXT, topic TEXT, qos INTEGER, PRIMARY KEY (client, topic));
  CREATE TABLE IF NOT EXISTS incoming (client TEXT, id INTEGER, PRIMARY KEY (client, id));
  CREATE TABLE IF NOT EXISTS outgoing (
    number INTEGER PRIMARY KEY AUTOINCREMENT, client TEXT, id INTEGER, state TEXT, topic TEXT, payload BLOB, qos INTEGER
  );
  CREATE INDEX IF NOT EXISTS outgoing_id ON outgoing (client, id);
  CREATE INDEX IF NOT EXISTS outgoing_state ON outgoing (client, state, number);
`);

const statements = new Map();
function sql(text) {
  if (!statements.has(text)) statements.set(text, database.prepare(text));
  return statements.get(text);
}

const online = new Map(); // by name of the client

// What is to be sent goes out when the transaction is done.
function transaction(work) {
  const later = [];
  database.exec("BEGIN IMMEDIATE");
  work((client, packet) => later.push([client, packet]));
  database.exec("COMMIT");
  for (const [client, packet] of later) {
    client.socket.write(mqtt.generate(packet, { protocolVersion: client.version }));
  }
}

function nextId(name) {
  const taken = sql("SELECT 1 FROM outgoing WHERE client = ? AND id = ?");
  let { last_id: id } = sql("SELECT last_id FROM session WHERE client = ?").get(name);
  do {
    id = id >= 65535 ? 1 : id + 1;
  } while (taken.get(name, id));
  sql("UPDATE session SET last_id = ? WHERE client = ?").run(id, name);
  return id;
}

function publish(row, dup) {
  return {
    cmd: "publish",
    topic: row.topic,
    payload: Buffer.from(row.payload),
    qos: row.qos,
    messageId: row.id,
    dup,
    retain: false,
  };
}

// As many of those that wait as the client's window has room for.
function fill(send, name) {
  const client = online.get(name);
  if (!client) return;
  const under = sql("SELECT count(*) AS count FROM outgoing WHERE client = ? AND state IN ('sent', 'released')");
  const { count } = under.get(name);
  if (count >= client.window) return;
  const rows = sql("SELECT * FROM outgoing WHERE client = ? AND state = 'waits' ORDER BY number LIMIT ?");
  for (const row of rows.all(name, client.window - count)) {
    row.id = nextId(name);
    sql("UPDATE outgoing SET state = 'sent', id = ? WHERE number = ?").run(row.id, row.number);
    send(client, publish(row, false));
  }
}

function route(send, packet) {
  const receivers = sql("SELECT client, qos FROM subscription WHERE topic = ?").all(packet.topic);
  for (const { client, qos } of receivers) {
    sql("INSERT INTO outgoing (client, state, topic, payload, qos) VALUES (?, 'waits', ?, ?, ?)").run(
      client,
      packet.topic,
      packet.payload,
      Math.min(qos, packet.qos),
    );
    fill(send, client);
  }
}

const handlers = {
  connect(send, client, packet) {
    const name = packet.clientId;
    client.name = name;
    client.version = packet.protocolVersion;
    client.window = packet.properties?.receiveMaximum ?? WINDOW;
    online.get(name)?.socket.destroy();
    online.set(name, client);
    const known = sql("SELECT 1 FROM session WHERE client = ?").get(name);
    if (known && packet.clean) throw new Error("a session is to be kept");
    sql("INSERT OR IGNORE INTO session (client, last_id) VALUES (?, 0)").run(name);
    send(client, { cmd: "connack", returnCode: 0, reasonCode: 0, sessionPresent: Boolean(known) });
    const rows = sql("SELECT * FROM outgoing WHERE client = ? AND state IN ('sent', 'released') ORDER BY number").all(name);
    for (const row of rows) {
      if (row.state === "sent") send(client, publish(row, true));
      else send(client, { cmd: "pubrel", messageId: row.id });
    }
    fill(send, name);
  },

  subscribe(send, client, packet) {
    for (const { topic, qos } of packet.subscriptions) {
      sql("INSERT OR REPLACE INTO subscription VALUES (?, ?, ?)").run(client.name, topic, qos);
    }
    const granted = packet.subscriptions.map(({ qos }) => qos);
    send(client, { cmd: "suback", messageId: packet.messageId, granted });
  },

  publish(send, client, packet) {
    const { messageId: id, qos } = packet;
    if (qos !== 2) {
      route(send, packet);
      if (qos === 1) send(client, { cmd: "puback", messageId: id });
      return;
    }
    const known = sql("SELECT 1 FROM incoming WHERE client = ? AND id = ?").get(client.name, id);
    if (known && !packet.dup) throw new Error(`the identifier ${id} is in use`);
    if (!known) {
      sql("INSERT INTO incoming VALUES (?, ?)").run(client.name, id);
      route(send, packet);
    }
    send(client, { cmd: "pubrec", messageId: id });
  },

  pubrel(send, client, { messageId: id }) {
    sql("DELETE FROM incoming WHERE client = ? AND id = ?").run(client.name, id);
    send(client, { cmd: "pubcomp", messageId: id });
  },

  puback(send, client, { messageId: id }) {
    sql("DELETE FROM outgoing WHERE client = ? AND id = ?").run(client.name, id);
    fill(send, client.name);
  },

  pubrec(send, client, { messageId: id }) {
    sql("UPDATE outgoing SET state = 'released' WHERE client = ? AND id = ?").run(client.name, id);
    send(client, { cmd: "pubrel", messageId: id });
  },

  pingreq(send, client) {
    send(client, { cmd: "pingresp" });
  },

  disconnect(_send, client) {
    client.socket.end();
  },
};
handlers.pubcomp = handlers.puback;

net
  .createServer((socket) => {
    const client = { socket, version: 4 };
    const parser = mqtt.parser();
    let packets = [];
    parser.on("packet", (packet) => packets.push(packet));
    parser.on("error", (error) => {
      console.error(`not MQTT: ${error.message}`);
      process.exit(1);
    });
    socket.setNoDelay();
    socket.on("data", (bytes) => {
      parser.parse(bytes);
      const batch = packets;
      packets = [];
      transaction((send) => {
        for (const packet of batch) handlers[packet.cmd](send, client, packet);
      });
    });
    socket.on("error", () => {});
    socket.on("close", () => {
      if (online.get(client.name) === client) online.delete(client.name);
    });
  })
  .listen(port, "127.0.0.1");
