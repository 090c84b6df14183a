"""What nobody looks at any more is not read again and again."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from contextlib import asynccontextmanager, contextmanager

import pytest
from structlog.testing import capture_logs

from ledger.errors import NoFiguresError, StoreError
from ledger.log import parse_address
from outcomes.serve.figures import FiguresKey, LiveHub
from processors.live_figures import open_live_figures
from projections.policy import built_in_policies
from tests.support.live_fold import open_fold, outcome_record, temporary_log
from tests.support.workers import PATIENCE

POLICIES = list(built_in_policies().values())
FIRST = FiguresKey(POLICIES[0].id, 2022)


class Counting:
    """Live figures that count how often each is read."""

    def __init__(self, figures, reads):
        self._figures = figures
        self._reads = reads

    def read(self, policy, year):
        self._reads[FiguresKey(policy.id, year)] += 1
        return self._figures.read(policy, year)


@pytest.fixture
def hub_and_reads():
    reads = Counter()
    with temporary_log([outcome_record(number) for number in range(5)]) as (log, folder):
        address = parse_address(f"sqlite:{log.path}")
        state = folder / "state.db"
        with open_fold(log, state, POLICIES) as fold:
            fold.apply(0, list(log.read({0: 0}, log.end())))

        @contextmanager
        def opened():
            with open_live_figures(address, state) as figures:
                yield Counting(figures, reads)

        yield LiveHub(opened, POLICIES), reads


@asynccontextmanager
async def running(hub):
    """A hub whose thread ends before the loop does."""
    hub.start()
    try:
        yield
    finally:
        hub.stop()
        await asyncio.to_thread(hub.join, PATIENCE)


def test_a_year_that_is_asked_for_once_is_read_once(hub_and_reads):
    hub, reads = hub_and_reads
    others = [FiguresKey(policy.id, year) for policy in POLICIES for year in range(1950, 1960)]

    async def ask():
        async with running(hub), asyncio.timeout(PATIENCE):
            for key in others:
                await hub.read(key)
            before = reads[FIRST]
            while reads[FIRST] < before + 4:
                await hub.read(FIRST)
                await asyncio.sleep(0.01)

    asyncio.run(ask())

    # One that was read while somebody asked for it may be read once more.
    assert {1, 2} >= {reads[key] for key in others}


def test_one_with_a_listener_is_read_again_and_again(hub_and_reads):
    hub, reads = hub_and_reads

    async def listen():
        async with running(hub), asyncio.timeout(PATIENCE):
            frames = hub.follow(FIRST, None)
            await anext(frames)
            before = reads[FIRST]
            while reads[FIRST] < before + 3:  # noqa: ASYNC110 - a thread reads
                await asyncio.sleep(0.01)
            await frames.aclose()

    asyncio.run(listen())


def test_a_stream_that_opens_while_the_server_ends_is_ended(hub_and_reads):
    hub, _ = hub_and_reads
    read = hub.read

    async def read_and_stop(key):
        live = await read(key)
        hub.stop()
        return live

    hub.read = read_and_stop

    async def listen():
        async with running(hub), asyncio.timeout(PATIENCE):
            return [[frame async for frame in hub.follow(FIRST, None)] for _ in range(2)]

    (snapshot,), after = asyncio.run(listen())
    assert snapshot.startswith(b"id: ")
    assert [] == after


def test_figures_that_cannot_be_read_are_trouble_until_they_can(hub_and_reads):
    """The server's log says it once; that there are none yet is no trouble."""
    hub, _ = hub_and_reads
    opened, failures = hub._open_figures, [NoFiguresError("none"), *[StoreError("disk full")] * 2]
    states, is_open = [], threading.Event()

    def failing():
        states.append(hub.trouble)
        if failures:
            raise failures.pop(0)
        is_open.set()
        return opened()

    hub._open_figures = failing

    async def ask():
        async with running(hub):
            assert await asyncio.to_thread(is_open.wait, PATIENCE)
            await hub.read(FIRST)
            return hub.trouble

    with capture_logs() as lines:
        assert asyncio.run(asyncio.wait_for(ask(), PATIENCE)) is None
    assert [None, None, "disk full", "disk full"] == states
    assert ["figures.unread"] == [line["event"] for line in lines]
