"""`doorward-gate provision`: make this device a gate, with a claim code."""

from __future__ import annotations

import argparse

from gate_sdk.client import GateClient
from gate_sdk.commands._gate import add_data, guarded, keys_for


def add_arguments(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser("provision", help="make this device a gate of a community")
    parser.add_argument("url", metavar="URL", help="the server's address, https://…")
    parser.add_argument("code", metavar="CODE", help="claim code from the community's staff")
    add_data(parser)
    parser.add_argument("--allow-http", action="store_true", help="on a closed network: let templates travel in clear")
    parser.set_defaults(run=guarded(_run))


def _run(options: argparse.Namespace) -> int:
    with GateClient.provision(
        options.url,
        options.code,
        data_dir=options.data,
        keys=keys_for(options.data),
        allow_http=options.allow_http,
        packs=_installed_packs(),
    ) as client:
        status = client.status()
    print(f"{status.name}: gate {status.gate_id} of community {status.community_id}")
    return 0


def _installed_packs() -> list[str]:
    try:
        from gate_sdk.face.packs import installed  # noqa: PLC0415 - needs the face extra
    except ImportError:
        return []
    return installed()
