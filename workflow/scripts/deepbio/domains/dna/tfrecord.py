"""TFRecords: files of records with checksums, each a protobuf Example, read as a stream and without TensorFlow.

A record is its length (8 bytes, little-endian), the masked CRC-32C of these 8 bytes, the data, and the masked CRC-32C
of the data (tensorflow/core/lib/io/record_writer.h). Files may be packed as one zlib or gzip stream.
"""

import struct

from deepbio.core import text
from deepbio.core.files import BadInput


def _table():
    """Compute the CRC-32C (Castagnoli) of every byte, with the polynomial reversed."""
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
        table.append(byte)
    return table


_TABLE = _table()


def masked_crc(data):
    """Compute the masked CRC-32C of bytes as in TFRecords: rotated by 15 bits, plus a constant."""
    crc, table = 0xFFFFFFFF, _TABLE
    for byte in data:
        crc = table[(crc ^ byte) & 255] ^ crc >> 8
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def records(path):
    """Yield the data of each record; only one record is in memory at a time.

    Raises BadInput with file and record (from 1) where the file ends early or a checksum is wrong.
    """
    with text.readable(path), _opened(path) as handle:
        number = 0
        try:
            while head := handle.read(12):
                number += 1
                if len(head) < 12:
                    raise ValueError("the file ends in its length")
                # A damaged length could ask for any amount of memory, so its checksum is verified first.
                if masked_crc(head[:8]) != struct.unpack("<I", head[8:])[0]:
                    raise ValueError("the checksum of its length is wrong")
                (length,) = struct.unpack("<Q", head[:8])
                data = handle.read(length + 4)
                if len(data) < length + 4:
                    raise ValueError(f"the file ends after {len(data)} of {length + 4} bytes")
                if masked_crc(data[:-4]) != struct.unpack("<I", data[-4:])[0]:
                    raise ValueError("the checksum of its data is wrong")
                yield data[:-4]
        except (ValueError, *text.DAMAGE) as error:
            raise BadInput(f"{path}: record {max(number, 1)}: damaged: {error}") from None


def _opened(path):
    """Open the file, unpacked where it is packed.

    A file that begins with a length and its right checksum is not packed, even if the length looks like the header of a
    zlib stream.
    """
    with open(path, "rb") as handle:
        head = handle.read(12)
    plain = len(head) == 12 and masked_crc(head[:8]) == struct.unpack("<I", head[8:])[0]
    return open(path, "rb") if plain else text.open_bytes(path)


def examples(path):
    """Yield each record of a file of Examples as a dict: name of a feature → its bytes; numeric features are left out.

    Raises BadInput with file and record where a record is not an Example.
    """
    for number, data in enumerate(records(path), 1):
        try:
            found = {}
            for _, features in _fields(data, 1):
                for _, entry in _fields(features, 1):
                    parts = dict(_fields(entry))
                    values = [value for _, kind in _fields(parts[2], 1) for _, value in _fields(kind, 1)]
                    if values:
                        found[bytes(parts[1]).decode()] = values[0]
        except (ValueError, KeyError, IndexError, TypeError) as error:
            raise BadInput(f"{path}: record {number}: no protobuf Example: {error}") from None
        yield found


def _fields(data, wanted=None):
    """Yield (number, value) of the fields of a protobuf message; a value is bytes, or the number of a varint.

    With `wanted`, only the fields of that number are yielded. Raises ValueError for a damaged message.
    """
    place, data = 0, memoryview(data)
    while place < len(data):
        key, place = _varint(data, place)
        number, kind = key >> 3, key & 7
        if kind == 0:
            value, place = _varint(data, place)
        elif kind in (1, 2, 5):
            size = {1: 8, 5: 4}.get(kind)
            if size is None:
                size, place = _varint(data, place)
            value, place = data[place : place + size], place + size
            if place > len(data):
                raise ValueError(f"field {number} passes the end of its message")
        else:
            raise ValueError(f"field {number} has the unknown type {kind}")
        if wanted in (None, number):
            yield number, value


def _varint(data, place):
    value = shift = 0
    while True:
        byte = data[place]
        value |= (byte & 127) << shift
        place, shift = place + 1, shift + 7
        if byte < 128:
            return value, place
