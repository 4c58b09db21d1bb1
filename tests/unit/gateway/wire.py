"""The bytes between the processes of a node, as a test reads and writes them: msgpack, the
frames of proto/ipc.h and the messages of proto/control.h."""

import struct

REQUEST, REPLY, CANCEL, EVENT, UNWATCH, MAP, BYE, SYNC, FENCE = 1, 2, 3, 4, 5, 11, 12, 13, 14
VERBS = ["get", "set", "call", "tell", "watch"]
CHANGE, SNAPSHOT, END = 0, 1, 2
CONTROL_VERSION, IPC_VERSION = 4, 4
HELLO, SHARDS, PEER, LISTENER, _, READY, FAILED, PING, PONG, DRAIN, QUERY, ROWS = range(1, 13)
GATEWAY, ACTOR = 1, 2
NOBODY, LEAVING = 0xffff, 0x8000
NODE_STATE, PEER_LOST = 21, 22
RETIRE = 27
NODE = 256                  # the first number of an owner that is another node
FORWARDED = 8               # flag of a request
CODES = ("none bad-line too-long bad-verb bad-arg dup-id no-auth denied no-actor no-member read-only "
         "conflict deadlock limit busy expired unreachable draining no-session quarantined app "
         "timeout cancelled lost crashed internal gone slow idle protocol shutdown moved").split()


REQUEST_HEAD, REPLY_HEAD = "<IIQBBQIQIQ", "<IBBIQ"


class Bin(bytes):
    """Packed as bin, where plain bytes are msgpack that stands already."""


def pack(value):
    if value is None:
        return b"\xc0"
    if value is True or value is False:
        return b"\xc3" if value else b"\xc2"
    if isinstance(value, int):
        if 0 <= value < 128:
            return bytes([value])
        return b"\xcf" + struct.pack(">Q", value) if value >= 0 else b"\xd3" + struct.pack(">q", value)
    if isinstance(value, float):
        return b"\xcb" + struct.pack(">d", value)
    if isinstance(value, str):
        text = value.encode()
        return (bytes([0xa0 | len(text)]) if len(text) < 32 else b"\xdb" + struct.pack(">I", len(text))) + text
    if isinstance(value, Bin):
        return b"\xc6" + struct.pack(">I", len(value)) + value
    if isinstance(value, bytes):
        return value
    if isinstance(value, (list, tuple)):
        return b"\xdd" + struct.pack(">I", len(value)) + b"".join(map(pack, value))
    return b"\xdf" + struct.pack(">I", len(value)) + b"".join(pack(k) + pack(v) for k, v in value.items())


_NUMBERS = {0xca: ">f", 0xcb: ">d", 0xcc: ">B", 0xcd: ">H", 0xce: ">I", 0xcf: ">Q",
            0xd0: ">b", 0xd1: ">h", 0xd2: ">i", 0xd3: ">q"}
_SIZED = {0xd9: (">B", "str"), 0xda: (">H", "str"), 0xdb: (">I", "str"), 0xc4: (">B", "bin"),
          0xc5: (">H", "bin"), 0xc6: (">I", "bin"), 0xdc: (">H", "array"), 0xdd: (">I", "array"),
          0xde: (">H", "map"), 0xdf: (">I", "map")}


def _number(form, data, at):
    return struct.unpack_from(form, data, at)[0], at + struct.calcsize(form)


def unpack(data, at=0):
    """The value and where it ends."""
    tag, at = data[at], at + 1
    if tag < 0x80 or tag >= 0xe0:
        return (tag if tag < 0x80 else tag - 256), at
    if tag in (0xc0, 0xc2, 0xc3):
        return {0xc0: None, 0xc2: False, 0xc3: True}[tag], at
    if tag in _NUMBERS:
        return _number(_NUMBERS[tag], data, at)
    if tag in _SIZED:
        form, kind = _SIZED[tag]
        count, at = _number(form, data, at)
    else:
        kind = "str" if tag >= 0xa0 else "array" if tag >= 0x90 else "map"
        count = tag & (0x1f if kind == "str" else 0x0f)
    if kind in ("str", "bin"):
        text = data[at:at + count]
        return (text.decode() if kind == "str" else bytes(text)), at + count
    values = []
    for _ in range(count * (2 if kind == "map" else 1)):
        value, at = unpack(data, at)
        values.append(value)
    return (values if kind == "array" else dict(zip(values[::2], values[1::2]))), at


class Frame:
    """A frame from the gateway, by the names of its fields."""

    HEADS = {                             # what travels packed, as one bin
        REQUEST: (REQUEST_HEAD, "rid shard epoch verb flags deadline if_epoch if_number base_epoch base_number"),
        REPLY: (REPLY_HEAD, "rid code flags epoch number"),
    }
    FIELDS = {
        REQUEST: "address caller chain members payload",
        REPLY: "payload",
        CANCEL: "rid",
        EVENT: "kind address epoch number code changed removed",
        UNWATCH: "shard address",
        MAP: "serial",
        BYE: "number",
        SYNC: "number",
        FENCE: "number",
    }

    def __init__(self, body):
        values, end = unpack(body)
        assert end == len(body), "a frame is one value"
        self.type = values[0]
        names = self.FIELDS[self.type].split()
        if self.type in self.HEADS:
            form, head_names = self.HEADS[self.type]
            for name, value in zip(head_names.split(), struct.unpack(form, values.pop(1))):
                setattr(self, name, value)
        assert len(names) == len(values) - 1, values
        for name, value in zip(names, values[1:]):
            setattr(self, name, value)
        if self.type == REQUEST:
            self.verb = VERBS[self.verb]
            self.base = (self.base_epoch, self.base_number) if self.flags & 2 else None
            self.condition = (self.if_epoch, self.if_number) if self.flags & 1 else None
        if self.type == REPLY:
            self.code = CODES[self.code]

    def __repr__(self):
        return f"{self.__dict__}"[:400]


def frame(*values):
    body = pack(list(values))
    return struct.pack("<I", len(body)) + body


def request(rid, verb, address, caller="", members=None, payload=None, deadline=0, chain=None, epoch=0, flags=0):
    head = struct.pack(REQUEST_HEAD, rid, 0, epoch, VERBS.index(verb), flags, deadline, 0, 0, 0, 0)
    return frame(REQUEST, Bin(head), address, caller, chain, members, payload)


def reply(rid, payload=None, version=None, code="none", resumed=False):
    flags = (1 if version else 0) | (2 if resumed else 0)
    epoch, number = version or (0, 0)
    head = struct.pack(REPLY_HEAD, rid, CODES.index(code), flags, epoch, number)
    return frame(REPLY, Bin(head), payload)


def event(address, version, changed=None, removed=None, kind=CHANGE, code="none"):
    return frame(EVENT, kind, address, version[0], version[1], CODES.index(code), changed, removed)


def shards(serial, cells):
    packed = b"".join(struct.pack("<HQ", worker, epoch) for worker, epoch in cells)
    return pack([SHARDS, serial, len(cells), Bin(packed)])
