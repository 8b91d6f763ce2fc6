"""Brokers of MQTT 5.0 that break every rule; those of the packets that come behind CONNACK are told
the reason of the client's DISCONNECT."""
import time

from peer import case, say

CONNACK = b"\x20\x03\x00\x00\x00"


def packet(head, body):
    length, rest = b"", len(body)
    while True:
        byte, rest = rest % 128, rest // 128
        length += bytes([byte | (128 if rest else 0)])
        if not rest:
            return bytes([head]) + length + body


def text(value):
    return len(value).to_bytes(2, "big") + value


def publish(topic, payload=b"x", flags=0, identifier=None, properties=b""):
    number = b"" if identifier is None else identifier.to_bytes(2, "big")
    return packet(0x30 | flags, text(topic) + number + bytes([len(properties)]) + properties + payload)


def read_packet(peer):
    head = peer.read(1)[0]
    length, shift = 0, 0
    while True:
        byte = peer.read(1)[0]
        length |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return head, peer.read(length)


def listen(peer):
    """Until the client ends: its DISCONNECT, if it says one."""
    try:
        while True:
            head, body = read_packet(peer)
            if head == 0xE0:
                say(case=peer.name, reason=body[0] if body else 0)
                return
    except (EOFError, OSError):
        say(case=peer.name, reason=-1)


def begin(peer):
    read_packet(peer)
    peer.send(CONNACK)


# In the place of CONNACK, or as one.


def answers(name, data, end=listen):
    def serve(peer):
        read_packet(peer)
        peer.send(data)
        end(peer)

    case("answer: " + name)(serve)


answers("no MQTT", b"HTTP/1.1 400 Bad Request\r\n\r\n")
answers("five bytes of length", b"\x20\xff\xff\xff\xff\x7f")
answers("a length of 256 MiB", b"\x20\xff\xff\xff\x7f" + bytes(65536))
answers("flags", b"\x2f\x03\x00\x00\x00")
answers("reserved bits", b"\x20\x03\x02\x00\x00")
answers("a session that nobody has", b"\x20\x03\x01\x00\x00")
answers("an unknown reason", b"\x20\x03\x00\x42\x00")
answers("nothing in it", b"\x20\x00")
answers("one of 3.1.1", b"\x20\x02\x00\x00")
answers("more than its properties", b"\x20\x04\x00\x00\x00\x00")
answers("properties longer than it", b"\x20\x03\x00\x00\x7f")
answers("a property twice", packet(0x20, b"\0\0\x06\x21\0\x05\x21\0\x05"))
answers("a property of another packet", packet(0x20, b"\0\0\x03\x23\0\x01"))
answers("an unknown property", packet(0x20, b"\0\0\x02\x7e\0"))
answers("a property that is cut", packet(0x20, b"\0\0\x02\x21\0"))
answers("receive maximum 0", packet(0x20, b"\0\0\x03\x21\0\0"))
answers("maximum QoS 2", packet(0x20, b"\0\0\x02\x24\x02"))
answers("a broken identifier", packet(0x20, b"\0\0\x05\x12\0\x02\xc3\x28"))
answers("a publication", publish(b"t"))
answers("PINGRESP", b"\xd0\x00")
answers("AUTH", b"\xf0\x00")
for end in range(1, 5):
    answers("%d bytes of it" % end, CONNACK[:end], lambda peer: None)
answers("nothing, and the end", b"", lambda peer: None)
answers("reset", b"\x20", lambda peer: (time.sleep(0.05), peer.reset()))


@case("answer: silence")
def silence(peer):
    peer.hold()


@case("answer: slowly")
def slowly(peer):
    read_packet(peer)
    peer.drip(CONNACK)
    listen(peer)


# Behind it.


def sends(name, data):
    def serve(peer):
        begin(peer)
        peer.send(data)
        listen(peer)

    case(name)(serve)


sends("CONNACK twice", CONNACK)
sends("five bytes of length", b"\x30\xff\xff\xff\xff\x7f")
sends("too large", b"\x30\xff\xff\xff\x7f" + bytes(65536))
sends("a packet of type 0", b"\x00\x00")
for kind, head in {"CONNECT": 0x10, "SUBSCRIBE": 0x82, "UNSUBSCRIBE": 0xA2, "PINGREQ": 0xC0}.items():
    sends(kind + " of a server", packet(head, b""))
sends("AUTH unasked", b"\xf0\x00")
sends("a topic with NUL", publish(b"a\0b"))
sends("a topic with +", publish(b"a/+"))
sends("a topic with #", publish(b"#"))
sends("a topic of bytes", publish(b"\xff\xfe"))
sends("a topic with a surrogate", publish(b"\xed\xa0\x80"))
sends("no topic", publish(b""))
sends("an alias that nobody allowed", publish(b"t", properties=b"\x23\0\x01"))
sends("alias 0", publish(b"t", properties=b"\x23\0\0"))
sends("QoS 3", publish(b"t", flags=6, identifier=1))
sends("QoS 0 again", publish(b"t", flags=8))
sends("identifier 0", publish(b"t", flags=2, identifier=0))
sends("no identifier", packet(0x32, text(b"t")))
sends("a text that is none", publish(b"t", b"\xff", properties=b"\x01\x01"))
sends("PUBACK of nothing", b"\x40\x02\0\x07")
sends("SUBACK of nothing", packet(0x90, b"\0\x07\0\0"))
sends("UNSUBACK of nothing", packet(0xB0, b"\0\x07\0\0"))
sends("PUBREL without its flags", b"\x60\x02\0\x07")
sends("DISCONNECT with an unknown reason", b"\xe0\x01\x42")
sends("more than it may", b"".join(publish(b"t", flags=2, identifier=i) for i in range(1, 100)))


def acknowledges(name, data):
    """SUBACK, with the identifier of the SUBSCRIBE before the rest."""

    def serve(peer):
        begin(peer)
        _, body = read_packet(peer)
        peer.send(packet(0x90, body[:2] + data))
        listen(peer)

    case("SUBACK " + name)(serve)


acknowledges("without codes", b"\0")
acknowledges("with two codes for one", b"\0\0\0")
acknowledges("with an unknown code", b"\0\x42")
acknowledges("without properties", b"")


def hears(name, data, size):
    """Tells what the client says to it, so many bytes."""

    def serve(peer):
        begin(peer)
        peer.send(data)
        say(case=peer.name, heard=peer.read(size).hex())
        listen(peer)

    case(name)(serve)


hears("PUBREC of nothing", b"\x50\x02\0\x07", 5)
hears("PUBCOMP of nothing", b"\x70\x02\0\x07", 0)


@case("QoS 2 again and again")
def again(peer):
    begin(peer)
    read_packet(peer)
    peer.send(packet(0x90, b"\0\x01\0\x02"))
    for i in range(20):
        peer.send(publish(b"t", flags=4 | (8 if i else 0), identifier=9))
    peer.send(b"\x62\x02\0\x09" * 3 + publish(b"t", b"last"))
    listen(peer)


@case("never acknowledges")
def never(peer):
    begin(peer)
    peer.sock.settimeout(1)
    seen, count = set(), 0
    try:
        while True:
            head, body = read_packet(peer)
            if head & 0xF0 == 0x30:
                at = 2 + int.from_bytes(body[:2], "big")
                seen.add(body[at : at + 2])
                count += 1
    except TimeoutError:
        say(case=peer.name, published=count, identifiers=len(seen))
    peer.hold()


@case("flood")
def flood(peer):
    begin(peer)
    peer.endless(publish(b"t"))


@case("endless properties")
def endless_properties(peer):
    begin(peer)
    pair = b"\x26" + text(b"k") + text(b"v")
    body = pair * 200000
    length = b"".join(
        bytes([(len(body) >> shift & 127) | (128 if len(body) >> shift + 7 else 0)])
        for shift in range(0, 28, 7)
        if len(body) >> shift
    )
    peer.send(packet(0x30, text(b"t") + length + body + b"x"))
    listen(peer)


@case("deaf")
def deaf(peer):
    begin(peer)
    peer.deaf()
