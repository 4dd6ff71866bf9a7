"""Writes OLE compound files ([MS-CFB] version 3) small enough for tests: letters as Outlook saves them."""

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field

SECTOR, MINI, CUTOFF = 512, 64, 4096
FREE, END, FAT_SECTOR = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD
Tree = Mapping[str, "bytes | Tree"]


@dataclass
class _Entry:
    name: str
    kind: int  # 1 storage, 2 stream, 5 root
    data: bytes = b""
    children: "list[_Entry]" = field(default_factory=list)
    left: int = FREE
    right: int = FREE
    child: int = FREE
    start: int = END
    number: int = 0


def compound_file(tree: Tree) -> bytes:
    """The bytes of a compound file with these storages and streams."""
    root = _Entry("Root Entry", 5, children=_entries(tree))
    every = _numbered(root)
    mini, mini_fat, sectors, fat = bytearray(), [], [], []

    def stored(data: bytes) -> int:
        if not data:
            return END
        start, n = len(sectors), -(-len(data) // SECTOR)
        sectors.extend(data[i * SECTOR : (i + 1) * SECTOR].ljust(SECTOR, b"\0") for i in range(n))
        fat.extend([*range(start + 1, start + n), END])
        return start

    for entry in every:
        if entry.kind == 2 and 0 < len(entry.data) < CUTOFF:
            n = -(-len(entry.data) // MINI)
            entry.start = len(mini_fat)
            mini_fat += [*range(entry.start + 1, entry.start + n), END]
            mini += entry.data.ljust(n * MINI, b"\0")
        elif entry.kind == 2:
            entry.start = stored(entry.data)
    root.data, root.start = bytes(mini), stored(bytes(mini))
    mini_fat_start = stored(
        b"".join(struct.pack("<L", n) for n in mini_fat).ljust(-(-len(mini_fat) // 128) * SECTOR, b"\xff")
    )
    directory = b"".join(_directory(entry) for entry in every)
    directory_start = stored(directory.ljust(-(-len(directory) // SECTOR) * SECTOR, b"\0"))
    n_fat = 1
    while (len(fat) + n_fat) > n_fat * 128:
        n_fat += 1
    fat_start = len(sectors)
    fat += [FAT_SECTOR] * n_fat
    packed = b"".join(struct.pack("<L", n) for n in fat).ljust(n_fat * SECTOR, b"\xff")
    difat = [*range(fat_start, fat_start + n_fat)]
    header = struct.pack(
        "<8s16sHHHHH6xLLLLLLLLLL",
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"", 0x3E, 3, 0xFFFE, 9, 6,
        0, n_fat, directory_start, 0, CUTOFF, mini_fat_start, -(-len(mini_fat) // 128), END, 0, difat[0],
    )  # fmt: skip
    header += b"".join(struct.pack("<L", n) for n in difat[1:])
    return header.ljust(SECTOR, b"\xff") + b"".join(sectors) + packed


def letter(
    subject: str, body: str, *, sender: str = "", html: str = "", attachments: Mapping[str, bytes] | None = None
) -> bytes:
    """A letter as Outlook saves it ([MS-OXMSG]), its strings in UTF-16."""
    strings = {0x0037: subject, 0x1000: body, 0x0C1A: sender, 0x001A: "IPM.Note"}
    tree: dict[str, bytes | Tree] = {}
    properties = bytearray(struct.pack("<8xLLLL8x", 1, len(attachments or {}), 1, len(attachments or {})))
    for number, text in strings.items():
        _string(tree, properties, number, text)
    if html:
        data = html.encode()
        tree["__substg1.0_10130102"] = data
        properties += struct.pack("<HHLQ", 0x0102, 0x1013, 6, len(data))
    tree["__properties_version1.0"] = bytes(properties)
    to: dict[str, bytes | Tree] = {}
    own = bytearray(8)
    _string(to, own, 0x3001, "李明")
    _string(to, own, 0x39FE, "li@example.com")
    _string(to, own, 0x3003, "li@example.com")
    tree["__recip_version1.0_#00000000"] = {**to, "__properties_version1.0": bytes(own)}
    for i, (name, data) in enumerate((attachments or {}).items()):
        inside: dict[str, bytes | Tree] = {}
        own = bytearray(8)
        _string(inside, own, 0x3707, name)
        inside["__substg1.0_37010102"] = data
        own += struct.pack("<HHLQ", 0x0102, 0x3701, 6, len(data))
        own += struct.pack("<HHLLL", 0x0003, 0x3705, 6, 1, 0)  # attached by value
        tree[f"__attach_version1.0_#{i:08X}"] = {**inside, "__properties_version1.0": bytes(own)}
    tree["__nameid_version1.0"] = {
        "__substg1.0_00020102": b"", "__substg1.0_00030102": b"", "__substg1.0_00040102": b"",
    }  # fmt: skip
    return compound_file(tree)


def _string(tree: "dict[str, bytes | Tree]", properties: bytearray, number: int, text: str) -> None:
    data = text.encode("utf-16-le")
    tree[f"__substg1.0_{number:04X}001F"] = data
    properties += struct.pack("<HHLQ", 0x001F, number, 6, len(data) + 2)


def _entries(tree: Tree) -> list[_Entry]:
    return [
        _Entry(name, 2, data) if isinstance(data, bytes) else _Entry(name, 1, children=_entries(data))
        for name, data in tree.items()
    ]


def _numbered(root: _Entry) -> list[_Entry]:
    """All entries with their numbers; the children of each as a balanced tree in the order the format wants."""
    every = [root]
    for entry in every:
        entry.children.sort(key=lambda e: (len(e.name), e.name.upper()))
        for child in entry.children:
            child.number = len(every)
            every.append(child)

    def tree_of(entries: list[_Entry]) -> int:
        if not entries:
            return FREE
        middle = len(entries) // 2
        entries[middle].left, entries[middle].right = tree_of(entries[:middle]), tree_of(entries[middle + 1 :])
        return entries[middle].number

    for entry in every:
        entry.child = tree_of(entry.children)
    return every


def _directory(entry: _Entry) -> bytes:
    name = entry.name.encode("utf-16-le") + b"\0\0"
    return struct.pack(
        "<64sHBBLLL16sL16sLQ", name, len(name), entry.kind, 1, entry.left, entry.right, entry.child, b"", 0, b"",
        entry.start, len(entry.data),
    )  # fmt: skip
