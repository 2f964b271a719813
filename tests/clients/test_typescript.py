"""A client generated from the published document, compiled strictly, run by node against the live API."""

import asyncio
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.backend.couriers.company import admit
from tests.backend.households.town import build_town
from tests.backend.partners.test_assertions import jwk_of, pem_of
from tests.clients.live import Live

pytestmark = pytest.mark.deep

_SOURCE = Path(__file__).parent / "typescript"
_DOCUMENT = Path(__file__).parents[2] / "openapi" / "partner.json"


def run(*command: str, folder: Path, timeout: int, **environment: str) -> str:
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, timeout=timeout,
        env={**os.environ, **environment},
    )  # fmt: skip
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    return done.stdout


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The compiled client, in a folder of its own."""
    if not (shutil.which("node") and shutil.which("npm")):
        pytest.skip("THE GENERATED CLIENT WAS NOT TESTED: install node 20 and npm")
    folder = tmp_path_factory.mktemp("typescript")
    for name in ("package.json", "package-lock.json", ".npmrc", "tsconfig.json", "run.ts"):
        shutil.copy(_SOURCE / name, folder / name)
    try:
        run("npm", "ci", "--no-audit", "--no-fund", folder=folder, timeout=3000)
    except (AssertionError, subprocess.TimeoutExpired) as error:
        pytest.skip(f"THE GENERATED CLIENT WAS NOT TESTED: npm ci could not fetch its packages\n{str(error)[-500:]}")
    run(
        "npx", "--no-install", "openapi-typescript", str(_DOCUMENT), "--default-non-nullable=false",
        "--output", "partner.ts", folder=folder, timeout=300,
    )  # fmt: skip
    run("npx", "--no-install", "tsc", folder=folder, timeout=600)
    return folder


def test_a_company_writes_its_program_from_the_document_alone(live: Live, program: Path) -> None:
    key = Ed25519PrivateKey.generate()

    async def admitted() -> dict[str, object]:
        async with live.world() as world:
            town = await build_town(world)
            other = await build_town(world, office=town.office, name="Other Court")
            await town.tenant("1-001")
            company = await admit(town, other.community_id)
            path = f"/staff/v1/partners/{company.partner_id}/keys"
            known = await town.office.post(path, json=jwk_of(key, kid="machine-1"))
            assert known.status_code == 201, known.text
            return {
                "url": live.url,
                "clientId": company.client_id,
                "keyId": "machine-1",
                "privateKey": pem_of(key),
                "communities": [str(town.community_id), str(other.community_id)],
                "phones": [world.new_phone() for _ in range(3)],
                "home": {"building": "Building 1", "home": "1-001"},
                "now": world.clock().isoformat(),
            }

    given = asyncio.run(admitted())
    assert "all done" in run("node", "build/run.js", folder=program, timeout=300, COMPANY=json.dumps(given))


def test_the_lock_file_names_packages_by_hash_and_no_registry() -> None:
    lock = json.loads((_SOURCE / "package-lock.json").read_text("utf-8"))
    packages = {name: package for name, package in lock["packages"].items() if name}
    assert packages
    assert all("integrity" in package and "resolved" not in package for package in packages.values())
