"""The QR encoder of the pages, run by Node.js: beside segno's symbols, and read by zxing-cpp."""

import json
import random
import shutil
import string
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import segno
import zxingcpp

ASSETS = Path(__file__).resolve().parents[3] / "backend" / "pages" / "assets"
ALPHABET = string.digits + string.ascii_uppercase + " $%*+-./:"
LONGEST = {"alphanumeric": 311, "byte": 213}


def node(program: str, given: object = None) -> Any:
    path = shutil.which("node")
    if path is None:
        pytest.skip("NODE.JS IS NOT INSTALLED: the pages' modules are NOT tested here")
    ran = subprocess.run(
        [path, "--input-type=module", "-e", program],
        input=json.dumps(given), capture_output=True, text=True, timeout=120, check=False, cwd=ASSETS,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


def symbols(texts: list[str]) -> list[np.ndarray]:
    program = f"""
    import {{ readFileSync, copyFileSync, mkdtempSync }} from "node:fs";
    import {{ tmpdir }} from "node:os";
    // A module for Node is a file named so: browsers go by the type it is sent with.
    const copy = mkdtempSync(`${{tmpdir()}}/qr-`) + "/qr.mjs";
    copyFileSync({json.dumps(str(ASSETS / "qr.js"))}, copy);
    const {{ encode }} = await import(copy);
    console.log(JSON.stringify(JSON.parse(readFileSync(0, "utf8")).map((text) => encode(text))));
    """
    return [np.array(rows, np.uint8) for rows in node(program, texts)]


def some(alphabet: str, length: int) -> str:
    return "".join(random.Random(length).choices(alphabet, k=length))


def read(symbol: np.ndarray) -> str | None:
    light = np.pad(1 - symbol, 4, constant_values=1) * np.uint8(255)
    found = zxingcpp.read_barcodes(np.kron(light, np.ones((4, 4), np.uint8)))
    return found[0].text if found else None


def test_what_was_written_is_read_at_every_version() -> None:
    texts = [some(ALPHABET, length) for length in range(LONGEST["alphanumeric"], 0, -5)]
    texts += [some(string.ascii_letters + "#?/", length) for length in range(LONGEST["byte"], 0, -5)]
    texts += ["人脸门禁", "https://doorward.example/visit#" + some(string.ascii_letters, 43)]
    drawn = symbols(texts)
    assert {len(symbol) for symbol in drawn} == {17 + 4 * version for version in range(1, 11)}
    for text, symbol in zip(texts, drawn, strict=True):
        assert read(symbol) == text


def test_symbols_are_those_of_segno_module_by_module() -> None:
    # Where the data end with a whole byte segno adds a byte of zeros, which the standard does not: those are left out.
    texts = []
    for length in range(1, LONGEST["alphanumeric"] + 1):
        count = 9 if length <= _most_of_version_9() else 11
        if (4 + count + length // 2 * 11 + length % 2 * 6 + 4) % 8 != 0:
            texts.append(some(ALPHABET, length))
    drawn = symbols(texts)
    assert len(drawn) > LONGEST["alphanumeric"] // 2
    for text, symbol in zip(texts, drawn, strict=True):
        theirs = segno.make(text, error="m", mode="alphanumeric", micro=False, boost_error=False)
        assert symbol.tolist() == [list(row) for row in theirs.matrix], len(text)


def _most_of_version_9() -> int:
    return 262  # ISO/IEC 18004, Table 7: characters at level M


@pytest.mark.parametrize("alphabet, mode", [(ALPHABET, "alphanumeric"), ("a", "byte")])
def test_what_is_too_long_is_refused(alphabet: str, mode: str) -> None:
    text = some(alphabet, LONGEST[mode] + 1)
    program = f"""
    import {{ readFileSync, copyFileSync, mkdtempSync }} from "node:fs";
    import {{ tmpdir }} from "node:os";
    const copy = mkdtempSync(`${{tmpdir()}}/qr-`) + "/qr.mjs";
    copyFileSync({json.dumps(str(ASSETS / "qr.js"))}, copy);
    const {{ encode }} = await import(copy);
    try {{ encode(JSON.parse(readFileSync(0, "utf8"))); console.log('"drawn"'); }}
    catch (error) {{ console.log(JSON.stringify(error.name)); }}
    """
    assert node(program, text) == "RangeError"


def test_both_languages_have_the_same_texts() -> None:
    program = """
    import { copyFileSync, mkdtempSync } from "node:fs";
    import { tmpdir } from "node:os";
    const folder = mkdtempSync(`${tmpdir()}/texts-`);
    for (const name of ["zh", "en"]) copyFileSync(`my-texts-${name}.js`, `${folder}/${name}.mjs`);
    const [{ zh }, { en }] = await Promise.all(["zh", "en"].map((name) => import(`${folder}/${name}.mjs`)));
    const gaps = (text) => [...text.matchAll(/\\{\\w+\\}/g)].map(String).sort().join();
    const different = Object.keys(en).filter((key) => gaps(zh[key] ?? "") !== gaps(en[key]));
    console.log(JSON.stringify([Object.keys(zh), Object.keys(en), different]));
    """
    chinese, english, different = node(program)
    assert chinese == english
    assert different == []
