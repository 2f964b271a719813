"""Blocking work that brings an event loop of its own."""

import threading
from collections.abc import Callable
from typing import TypeVar

__all__ = ["run_apart"]

Done = TypeVar("Done")


def run_apart(work: Callable[[], Done]) -> Done:
    """Run blocking work that needs an event loop of its own, also when the caller already runs in one."""
    done: list[Done] = []
    failed: list[BaseException] = []

    def body() -> None:
        try:
            done.append(work())
        except BaseException as error:  # noqa: BLE001 - raised again below, in the caller's thread
            failed.append(error)

    thread = threading.Thread(target=body)
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    return done[0]
