"""The JavaScript of docs/codes.md, run by Node.js: what it makes, gates and server take."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from uuid import UUID

import pytest

from gate_sdk.wire import PhoneCode, base45, key_id_of, parse_code, step_at, verify_phone, verify_phone_key

PAGE = Path(__file__).resolve().parents[2] / "docs" / "codes.md"
COMMUNITY = UUID("11111111-2222-4333-8444-555555555555")
NOW_MS = 1_800_000_012_345
RUN = """
const hex = (bytes) => [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
const keys = await makeKey();
const community = "11111111-2222-4333-8444-555555555555";
console.log(JSON.stringify({
  base45: [base45(utf8("AB")), base45(utf8("Hello!!")), base45(utf8("base-45"))],
  extractable: keys.privateKey.extractable,
  public: hex(await publicKey(keys)),
  proof: hex(await proof(keys, community, utf8("challenge"))),
  code: await code(keys, community, 1800000012345),
}));
"""


def test_webcrypto_makes_codes_that_gates_take(tmp_path: Path) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("NODE.JS IS NOT INSTALLED: the JavaScript of docs/codes.md is NOT tested here")
    if subprocess.run([node, "-e", "crypto.subtle.digest"], capture_output=True, check=False).returncode != 0:
        pytest.skip("THIS NODE.JS HAS NO WEBCRYPTO: the JavaScript of docs/codes.md is NOT tested here")
    (snippet,) = re.findall(r"^```js\n(.*?)^```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    program = tmp_path / "phone.mjs"
    program.write_text(snippet + RUN, "utf-8")
    ran = subprocess.run([node, str(program)], capture_output=True, text=True, timeout=300, check=False)
    assert ran.returncode == 0, ran.stderr
    made = json.loads(ran.stdout)
    assert made["base45"] == [base45.encode(text) for text in (b"AB", b"Hello!!", b"base-45")]
    assert made["extractable"] is False
    public = bytes.fromhex(made["public"])
    assert verify_phone_key(
        community=COMMUNITY, challenge=b"challenge", public_key=public, proof=bytes.fromhex(made["proof"])
    )
    code = parse_code(made["code"])
    assert isinstance(code, PhoneCode)
    assert (code.key_id, code.step) == (key_id_of(public), step_at(NOW_MS * 1000))
    assert verify_phone(code, community=COMMUNITY, public_key=public)


def test_the_vectors_on_the_page_are_those_of_the_tests() -> None:
    from tests.gate_sdk import test_code_rules as rules  # noqa: PLC0415 - only here

    text = PAGE.read_text("utf-8")
    for vector in (rules.PHONE_TEXT, rules.VISITOR_TEXT, rules.CARD_TEXT):
        assert vector in text
