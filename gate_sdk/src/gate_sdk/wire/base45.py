"""Base45 (RFC 9285): bytes in the alphanumeric mode of QR codes, two bytes in three characters."""

__all__ = ["ALPHABET", "decode", "encode"]

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
_VALUE = {character: value for value, character in enumerate(ALPHABET)}
_PAIR, _TRIPLE = 2, 3
_MOST_ONE, _MOST_TWO = 0xFF, 0xFFFF


def encode(data: bytes) -> str:
    """Write bytes; three characters for two bytes, two for a last single one."""
    out: list[str] = []
    for at in range(0, len(data) - 1, 2):
        rest, low = divmod(data[at] * 256 + data[at + 1], 45)
        high, middle = divmod(rest, 45)
        out += ALPHABET[low], ALPHABET[middle], ALPHABET[high]
    if len(data) % 2:
        high, low = divmod(data[-1], 45)
        out += ALPHABET[low], ALPHABET[high]
    return "".join(out)


def decode(text: str) -> bytes:
    """Read what :func:`encode` wrote, and nothing else: every byte string has exactly one text.

    Raises:
        ValueError: another character, an impossible length, or a group that stands for more than its bytes hold.
    """
    try:
        values = [_VALUE[character] for character in text]
    except KeyError:
        raise ValueError("a character outside of the alphabet") from None
    out = bytearray()
    for at in range(0, len(values), _TRIPLE):
        group = values[at : at + _TRIPLE]
        number = sum(value * 45**place for place, value in enumerate(group))
        if len(group) == _TRIPLE and number <= _MOST_TWO:
            out += number.to_bytes(2, "big")
        elif len(group) == _PAIR and number <= _MOST_ONE:
            out.append(number)
        else:
            raise ValueError("a group that encodes nothing")
    return bytes(out)
