"""What comes one by one is done together, and whoever brought it hears of its own."""

import asyncio
from collections.abc import Sequence

import pytest

from backend.kit.together import Together


class Work:
    """Notes its batches, and waits to be let through each."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.free = asyncio.Event()
        self.fails = False

    async def __call__(self, batch: Sequence[int]) -> None:
        self.batches.append(list(batch))
        await self.free.wait()
        if self.fails:
            raise LookupError


async def brought(together: Together[int], numbers: Sequence[int]) -> list["asyncio.Task[None]"]:
    tasks = [asyncio.create_task(together.do(number)) for number in numbers]
    for _ in range(10):
        await asyncio.sleep(0)
    return tasks


async def test_one_alone_is_done_at_once_and_who_comes_meanwhile_together() -> None:
    work = Work()
    together = Together(work, most=3, at_once=1)
    tasks = await brought(together, [1])
    assert work.batches == [[1]]
    tasks += await brought(together, [2, 3, 4, 5])
    assert work.batches == [[1]]
    work.free.set()
    await asyncio.gather(*tasks)
    assert work.batches == [[1], [2, 3, 4], [5]]


async def test_no_more_batches_are_under_way_than_allowed() -> None:
    work = Work()
    together = Together(work, most=1, at_once=2)
    tasks = await brought(together, [1, 2, 3])
    assert work.batches == [[1], [2]]
    work.free.set()
    await asyncio.gather(*tasks)
    assert work.batches == [[1], [2], [3]]


async def test_a_batch_that_fails_is_done_for_nobody_in_it_and_the_next_goes_on() -> None:
    work = Work()
    together = Together(work, most=2, at_once=1)
    first = await brought(together, [1])
    others = await brought(together, [2, 3])
    work.fails = True
    work.free.set()
    answers = await asyncio.gather(*first, *others, return_exceptions=True)
    assert isinstance(answers[0], LookupError)
    assert {type(answer) for answer in answers[1:]} == {LookupError, asyncio.CancelledError}
    work.fails = False
    await together.do(4)
    assert work.batches[-1] == [4]


async def test_who_is_cut_off_with_the_batch_in_hand_leaves_nobody_waiting() -> None:
    work = Work()
    together = Together(work, most=2, at_once=1)
    (first,) = await brought(together, [1])
    second, third = await brought(together, [2, 3])
    first.cancel()
    for _ in range(10):
        await asyncio.sleep(0)
    assert work.batches == [[1], [2, 3]]
    second.cancel()
    answers = await asyncio.gather(second, third, return_exceptions=True)
    assert [type(answer) for answer in answers] == [asyncio.CancelledError] * 2
    with pytest.raises(asyncio.CancelledError):
        await first
