"""Feeds inputs of atheris to everything that reads a code before it is believed."""

import contextlib
import sys

import atheris  # type: ignore[import-untyped]  # installed where there is a wheel; nothing else needs it

with atheris.instrument_imports():
    from gate_sdk.wire import CodeUnreadable, base45, canonical_key, parse_code


def one(data: bytes) -> None:
    """One input, as a text, as the bytes behind a text, and as a public key."""
    provider = atheris.FuzzedDataProvider(data)
    for text in (provider.ConsumeUnicode(300), "DW1:" + base45.encode(data[:200]), data.decode("latin-1")):
        with contextlib.suppress(CodeUnreadable):
            parse_code(text)
    with contextlib.suppress(ValueError):
        assert len(canonical_key(data)) in {32, 33}


if __name__ == "__main__":
    atheris.Setup(sys.argv, one)
    atheris.Fuzz()
