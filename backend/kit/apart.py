"""Blocking work that brings an event loop of its own."""

import threading
from collections.abc import Callable

__all__ = ["run_apart"]


def run_apart(work: Callable[[], None]) -> None:
    """Run blocking work that needs an event loop of its own, also when the caller already runs in one."""
    failed: list[BaseException] = []

    def body() -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - raised again below, in the caller's thread
            failed.append(error)

    thread = threading.Thread(target=body)
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
