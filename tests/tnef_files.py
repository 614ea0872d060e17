"""Files as Outlook names winmail.dat. Source: [MS-OXTNEF]."""

import struct

_SIGNATURE = 0x223E9F78


def tnef(attributes: list[tuple[int, int, bytes]]) -> bytes:
    """Write a file of attributes: level, number with type, value."""
    return struct.pack("<IH", _SIGNATURE, 1) + b"".join(
        struct.pack("<BII", level, number, len(value))
        + value
        + struct.pack("<H", sum(value) & 0xFFFF)
        for level, number, value in attributes
    )


def properties(values: list[tuple[int, int, bytes]]) -> bytes:
    """Write properties of variable length: type, number, value."""
    return struct.pack("<I", len(values)) + b"".join(
        struct.pack("<HHII", kind, number, 1, len(value)) + value + b"\0" * (-len(value) % 4)
        for kind, number, value in values
    )


def winmail(files: dict[str, bytes], *, text: str = "", html: str = "") -> bytes:
    """Write what Outlook would for some files: a short name first, the real one later."""
    attributes = [
        (1, 0x00089006, struct.pack("<I", 0x10000)),
        (1, 0x00069007, struct.pack("<II", 1251, 0)),
    ]
    message = [(0x102, 0x1013, html.encode("cp1251"))] if html else []
    if text:
        message.append((0x1F, 0x1000, (text + "\0").encode("utf-16-le")))
    if message:
        attributes.append((1, 0x00069003, properties(message)))
    for number, (name, content) in enumerate(files.items()):
        long_name = properties(
            [
                (0x1F, 0x3707, (name + "\0").encode("utf-16-le")),
                (0x1F, 0x370E, "application/pdf\0".encode("utf-16-le")),
            ]
        )
        attributes += [
            (2, 0x00069002, b"\x01\x00" + b"\xff" * 4 + b"\0" * 8),
            (2, 0x00018010, f"FILE{number}.BIN\0".encode()),
            (2, 0x0006800F, content),
            (2, 0x00069005, long_name),
        ]
    return tnef(attributes)
