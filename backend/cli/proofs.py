"""The command that checks a certificate of erasure."""

import argparse
from pathlib import Path

from backend.cli.shared import CommandFailed, Commands

__all__ = ["add"]


def add(commands: Commands) -> None:
    """Add this group's commands."""
    verify = commands.add_parser("verify-certificate", help="check a certificate of erasure")
    verify.add_argument("file", type=Path, metavar="FILE", help="the certificate, as JSON")
    trusted = verify.add_mutually_exclusive_group(required=True)
    trusted.add_argument("--keys", type=Path, metavar="FILE", help="the public keys, as a JSON Web Key Set")
    trusted.add_argument(
        "--url", help="where the keys are, such as https://HOST/.well-known/doorward-certificate-keys.json"
    )
    verify.set_defaults(run=_verify_certificate)


def _verify_certificate(arguments: argparse.Namespace) -> int:
    from backend.privacy.certificates.command import CannotRead, verify_certificate

    try:
        genuine, told = verify_certificate(arguments.file, keys=arguments.keys, url=arguments.url)
    except CannotRead as error:
        raise CommandFailed(str(error)) from error
    print(told)
    return 0 if genuine else 1
