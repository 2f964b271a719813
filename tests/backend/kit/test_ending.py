"""Work at a process's end: it has its time, and is cut off after it."""

import asyncio
import signal
from collections.abc import Iterator

import pytest

from backend.kit.ending import Bounded, when_asked_to_end


@pytest.fixture
def _handled() -> Iterator[None]:
    """Somebody handles SIGTERM, as a server does."""
    before = signal.signal(signal.SIGTERM, lambda *_: None)
    yield
    signal.signal(signal.SIGTERM, before)


async def test_work_that_ends_in_time_is_done() -> None:
    stop, done = asyncio.Event(), asyncio.Event()
    bounded = Bounded(stop, seconds=60)
    async with bounded.watching():
        task = asyncio.create_task(bounded.do(done.wait))
        stop.set()
        await asyncio.sleep(0)
        done.set()
        assert await task


async def test_work_that_does_not_end_is_cut_off_and_its_task_goes_on() -> None:
    stop, begun = asyncio.Event(), asyncio.Event()
    bounded = Bounded(stop, seconds=0)
    went_on = []

    async def for_ever() -> None:
        begun.set()
        await asyncio.Event().wait()

    async def job() -> None:
        went_on.append(await bounded.do(for_ever))
        await asyncio.sleep(0)
        went_on.append(await bounded.do(for_ever))

    async with bounded.watching():
        task = asyncio.create_task(job())
        await begun.wait()
        begun.clear()
        stop.set()
        await asyncio.wait_for(task, 60)
    assert went_on == [False, False]
    # What comes after that is not begun.
    assert not begun.is_set()


async def test_work_that_somebody_else_cancels_is_cancelled() -> None:
    bounded = Bounded(asyncio.Event(), seconds=0)
    async with bounded.watching():
        task = asyncio.create_task(bounded.do(asyncio.Event().wait))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


@pytest.mark.usefixtures("_handled")
async def test_whoever_handles_the_signal_hears_of_it_as_before() -> None:
    told: list[str] = []
    heard = asyncio.Event()

    def server() -> None:
        told.append("server")
        heard.set()

    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, server)
    try:
        with when_asked_to_end(lambda: told.append("ours")):
            signal.raise_signal(signal.SIGTERM)
            await asyncio.wait_for(heard.wait(), 10)
            await asyncio.sleep(0)
        heard.clear()
        signal.raise_signal(signal.SIGTERM)
        await asyncio.wait_for(heard.wait(), 10)
    finally:
        asyncio.get_running_loop().remove_signal_handler(signal.SIGTERM)
    assert sorted(told) == ["ours", "server", "server"]


async def test_nothing_stands_in_the_way_of_a_signal_that_nobody_handles() -> None:
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    with when_asked_to_end(lambda: None):
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
