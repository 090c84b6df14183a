"""What fault tests are made of: workers as processes, an emitter that counts, published figures.

Nothing here shares code with the fold but the reading of partials: acknowledged events are counted
by the emitter, and figures are compared with those of a replay.
"""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter, deque
from contextlib import suppress
from pathlib import Path

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from ledger.errors import LedgerError
from ledger.log import open_log, parse_address
from ledger.log.kafka.address import parse_topic_address
from ledger.log.kafka.client import link_to
from ledger.log.kafka.topic import create_topic, describe_topic
from ledger.replay import replay
from ledger.report import build_report
from processors.live_figures import open_live_figures
from processors.partials import merge_partials
from processors.partials_reader import PartialsReader
from projections.policy import built_in_policies
from schemas.partition import partition_of
from tests.e2e.command import ROOT, run

OUTCOMES = Path(sys.executable).with_name("outcomes")
PATIENCE = 120
POLICIES = list(built_in_policies().values())
YEARS = range(2020, 2025)
_LIBC = ctypes.CDLL(None)
_PR_SET_PDEATHSIG = 1


def run_outcomes(*words, stdin=b"", **variables):
    """Run a command of a log on Kafka to its end, with more variables of its environment."""
    done = run(*words, folder=ROOT, stdin=stdin, env=variables)
    return subprocess.CompletedProcess(words, *done)


def wait_until(seen, what, seconds=PATIENCE):
    """Ask until there is an answer that is not false; returns it."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        answer = seen()
        if answer:
            return answer
        time.sleep(0.05)
    raise AssertionError(f"not within {seconds} s: {what}")


def wait_until_current(url):
    """Wait until the live figures of a log on Kafka have no lag."""
    address = parse_address(url)

    def is_current():
        try:
            with open_live_figures(address) as figures:
                return all(lag.records == 0 for lag in figures.status().lag)
        except LedgerError:  # Not all partitions have figures yet.
            return False

    wait_until(is_current, "live figures without lag")


def recreate_topic(url, partitions):
    """Delete the topic of a log and create it again under the same name, without records."""
    address = parse_topic_address(url)

    async def delete():
        admin = AIOKafkaAdminClient(bootstrap_servers=list(address.servers))
        await admin.start()
        try:
            await admin.delete_topics([address.topic])
        finally:
            await admin.close()

    asyncio.run(delete())
    link = link_to(address)

    def is_gone():
        topic = describe_topic(link)
        # Where brokers create topics by themselves, a worker's request may have done so already.
        return topic is None or topic.settings["message.timestamp.type"] != "LogAppendTime"

    wait_until(is_gone, f"the deletion of {url}")
    create_topic(link, partitions=partitions, replicas=1, min_isr=1)


class Worker:
    """`outcomes worker` as a process that can be paused and killed."""

    def __init__(
        self,
        url,
        state,
        *,
        command=(str(OUTCOMES),),
        options=(),
        environment=None,
        before=None,
    ):
        self.state = state
        self.url = url
        self._output = state.with_suffix(f".{time.monotonic_ns()}.log")

        def prepare():
            _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            if before is not None:
                before()

        with self._output.open("wb") as output:
            self.process = subprocess.Popen(
                [
                    *(*command, "--log-format", "json", "worker", "--log", url),
                    *("--state", str(state), *options),
                ],
                stderr=output,
                stdout=output,
                stdin=subprocess.DEVNULL,
                preexec_fn=prepare,  # noqa: PLW1509 - system calls alone, no locks
                env={**os.environ, "OUTCOMES_LIVE_YEARS": "2019..2025", **(environment or {})},
            )

    def messages(self):
        """What it has logged so far, one object a line."""
        lines = self._output.read_text(errors="replace").splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def wait_for(self, event, seconds=PATIENCE):
        """Wait until it has logged an event."""

        def seen():
            assert self.process.poll() is None or self._has(event), self._output.read_text()
            return self._has(event)

        so_far = self._output.read_text()[-500:]
        wait_until(seen, f"{event} of {self.state.name}: {so_far}", seconds)
        return self

    def _has(self, event):
        return any(message["event"] == event for message in self.messages())

    def kill(self):
        self.process.kill()
        self.process.wait(PATIENCE)

    def stop(self):
        """SIGTERM; the exit code."""
        self.process.terminate()
        return self.process.wait(PATIENCE)

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)

    def ended(self, seconds=PATIENCE):
        """Wait until it ends by itself: exit code, and the last line that it logged."""
        self.process.wait(seconds)
        return self.process.returncode, self.messages()[-1]


class Emitter(threading.Thread):
    """Sends records at a rate, each until it is acknowledged, and counts the acknowledgements.

    Attributes:
        acknowledged: Records that the broker has acknowledged, each once.
    """

    def __init__(self, bootstrap, topic, partitions, records, *, rate=1_000):
        super().__init__(daemon=True)
        self.acknowledged = 0
        self._broker = bootstrap
        self._topic = topic
        self._partitions = partitions
        self._waiting = deque(records)
        self._rate = rate
        self._error = None

    def run(self):
        try:
            asyncio.run(self._emit())
        except BaseException as error:  # noqa: BLE001 - raised to whoever waits
            self._error = error

    def hurry(self):
        """Send the rest as fast as it is acknowledged."""
        self._rate = float("inf")

    def finish(self, seconds=180):
        """Wait until all is acknowledged."""
        self.join(seconds)
        assert self._error is None, self._error
        assert not self.is_alive(), f"{len(self._waiting)} records not acknowledged"

    async def _emit(self):
        while self._waiting:
            producer = AIOKafkaProducer(
                bootstrap_servers=self._broker,
                acks="all",
                enable_idempotence=True,
                request_timeout_ms=10_000,
            )
            try:
                await producer.start()
                await self._send_all(producer)
            except (KafkaError, OSError, TimeoutError):
                await asyncio.sleep(0.3)
            finally:
                try:
                    await asyncio.wait_for(producer.stop(), 3)
                except (KafkaError, OSError, TimeoutError):
                    await producer.client.close()

    async def _send_all(self, producer):
        begun, sent = time.monotonic(), 0
        while self._waiting:
            now = [self._waiting.popleft() for _ in range(min(50, len(self._waiting)))]
            try:
                futures = [await self._send(producer, *item) for item in now]
            except BaseException:
                self._waiting.extendleft(reversed(now))
                raise
            done = await asyncio.gather(*futures, return_exceptions=True)
            again = [
                item for item, how in zip(now, done, strict=True) if isinstance(how, Exception)
            ]
            self.acknowledged += len(now) - len(again)
            self._waiting.extendleft(reversed(again))
            if again:
                raise KafkaError("some were not acknowledged")
            sent += len(now)
            await asyncio.sleep(max(0.0, begun + sent / self._rate - time.monotonic()))

    async def _send(self, producer, key, value):
        partition = partition_of(key, self._partitions)
        return await producer.send(self._topic, value, key, partition=partition)


class Published(threading.Thread):
    """Reads what the workers publish, and keeps every snapshot that a reader may see.

    Attributes:
        snapshots: Cut → the partials that make it up.
    """

    def __init__(self, url):
        super().__init__(daemon=True)
        self.snapshots = {}
        self._url = url
        self._ended = threading.Event()
        self.start()

    def run(self):
        log, partials = open_log(self._url), open_log(f"{self._url}-partials")
        read, results = PartialsReader(partials, log), {0: 0}
        while not self._ended.wait(0.1):
            # The broker may be away, and at first nothing covers all partitions.
            with suppress(LedgerError):
                for record in partials.read(results, partials.end()):
                    results = {0: record.offset + 1}
                    read.add(record.value)
                    self._keep(read)
        log.close()
        partials.close()

    def _keep(self, read):
        with suppress(LedgerError):
            latest = read.latest()
            self.snapshots[tuple(item.next_offset for item in latest)] = latest

    def close(self):
        self._ended.set()
        self.join(PATIENCE)


class Prefixes:
    """A log in memory, by key: cut after cut is replayed from one read."""

    def __init__(self, log):
        end = log.end()
        self.name, self.partitions = log.name, log.partitions
        self._records = list(log.read_by_key(end))

    def normalise(self, cut):
        return cut

    def read_by_key(self, cut):
        return (record for record in self._records if record.offset < cut[record.partition])

    def latest_recorded_at(self, cut):
        return max((record.recorded_at for record in self.read_by_key(cut)), default=None)

    def by_offset(self):
        return sorted(self._records, key=lambda item: (item.partition, item.offset))


def digests(figures, name):
    """The digests of all years under all policies."""
    return {
        (policy.id, year): build_report(figures, log_name=name, policy=policy, year=year).digest
        for policy in POLICIES
        for year in YEARS
    }


def identities(records):
    """How many events there are in records, by plain means: each identity once."""
    result = Counter()
    for _, value in records:
        members = json.loads(value)
        result[members["subject"], members["source"], members["id"]] += 1
    return len(result)


class Check:
    """Compares what was published with what a replay says."""

    def __init__(self, url):
        self._url = url
        self._log = open_log(url)
        self._partials = open_log(f"{url}-partials")
        self._read = PartialsReader(self._partials, self._log)

    def close(self):
        self._log.close()
        self._partials.close()

    def wait_until_current(self, seconds=PATIENCE):
        """Wait until the published figures are those of the log's end; returns them."""
        return wait_until(self.is_current, "figures at the end of the log", seconds)

    def is_current(self):
        """The published figures if they are those of the log's end, else None."""
        try:
            end = self._log.end()
            self._read.refresh()
            latest = self._read.latest()
        except LedgerError:
            return None
        return latest if {item.partition: item.next_offset for item in latest} == end else None

    def live_equals_replay(self, published, records, *, quarantined, samples):
        """The promise: at the end and at sampled moments, to the digest; and nothing lost.

        Args:
            published: The snapshots of the whole run.
            records: What was sent and acknowledged, (key, value), without what is quarantined.
            quarantined: How many of the log's records must be quarantined.
            samples: At how many moments.
        """
        latest = self.wait_until_current()
        published.close()
        prefixes = Prefixes(self._log)
        live = merge_partials(self._url, latest, POLICIES, None)

        assert identities(records) == live.records.events
        assert quarantined == live.records.quarantined.total()
        assert sum(1 for _ in prefixes.read_by_key(live.cut)) == live.records.records
        cuts = sorted(published.snapshots)
        assert len(cuts) >= samples, f"only {len(cuts)} snapshots were seen in mid load"
        for cut in [*cuts[:: max(1, len(cuts) // samples)][:samples], None]:
            partials = latest if cut is None else published.snapshots[cut]
            figures = merge_partials(self._url, partials, POLICIES, None)
            again = replay(prefixes, figures.cut, POLICIES)
            assert again.records == figures.records
            assert digests(again, prefixes.name) == digests(figures, prefixes.name), figures.cut
