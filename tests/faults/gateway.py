"""Events over HTTP while the server, or the broker behind it, is killed: nothing is lost.

`python -m tests.faults.gateway --events 100000` runs it at full size; a test runs a small sample.
"""

from __future__ import annotations

import argparse
import http.client
import json
import sys
import tempfile
import threading
import time
from contextlib import closing
from pathlib import Path
from random import Random

from deploy.ports import PortLease
from ledger.log import NewRecord, open_log
from ledger.log.kafka.address import parse_topic_address
from ledger.log.kafka.topic import create_topics
from ledger.replay import replay
from ledger.report import build_report
from outcomes.ingest.judging import EVENTS
from outcomes.ingest.lines import Line
from outcomes.synthetic.stream import generate
from tests.support.server import BATCH, Server
from tests.support.workers import PATIENCE, POLICIES, Worker, wait_until

YEAR = 2022
CLIENTS = 8
BATCH_MAX = 60
_TROUBLE = (OSError, http.client.HTTPException)


def events_of(count, seed):
    """So many valid events of a synthetic school."""
    values = (each.value for each in generate(count // 4 + 200, seed) if each.value is not None)
    return [each for each in values if EVENTS.judge(Line(1, each))[0] is not None][:count]


class Clients:
    """Clients that send random batches side by side, each until it is acknowledged whole.

    Attributes:
        acknowledged: (partition, offset) → the bytes that an answer has placed there.
    """

    def __init__(self, address, events, seed):
        self.acknowledged = {}
        self._address = address
        self._batches = list(batches_of(events, Random(seed)))
        self._lock = threading.Lock()
        self._errors = []
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(CLIENTS)]

    def start(self):
        for thread in self._threads:
            thread.start()

    def join(self, seconds):
        until = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0, until - time.monotonic()))
            assert not thread.is_alive(), "a client is still waiting"
        assert not self._errors, self._errors[:3]

    def _run(self):
        try:
            while batch := self._next():
                self._deliver(batch)
        except Exception as error:  # noqa: BLE001 - shown by join
            self._errors.append(error)

    def _next(self):
        with self._lock:
            return self._batches.pop() if self._batches else None

    def _deliver(self, batch):
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            try:
                status, answer = self._post(batch)
            except _TROUBLE:
                time.sleep(0.1)
                continue
            assert status in (200, 503), (status, answer)
            for place in answer.get("events", ()):
                self.acknowledged[place["partition"], place["offset"]] = batch[place["index"]]
            if status == 200:
                return
            time.sleep(0.1)
        raise AssertionError("a batch was not acknowledged")

    def _post(self, batch):
        with closing(http.client.HTTPConnection(*self._address, timeout=PATIENCE)) as connection:
            body = b"[" + b",".join(batch) + b"]"
            connection.request("POST", "/v1/events", body, {"Content-Type": BATCH})
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())


def batches_of(events, draws):
    start = 0
    while start < len(events):
        size = draws.randint(1, BATCH_MAX)
        yield events[start : start + size]
        start += size


def check(url, clients, events, live):
    """Whether the log has all that was acknowledged, where it was said to be, and counts it once.

    Returns:
        How many records the log has, repeated ones included.
    """
    with closing(open_log(url)) as log:
        end = log.end()
        held = {
            (record.partition, record.offset): record.value
            for record in log.read(dict.fromkeys(end, 0), end)
        }
        for place, value in clients.acknowledged.items():
            assert place[1] is None or held[place] == value, f"{place} is not what was sent"
        assert set(events) <= set(held.values()), "an acknowledged event is lost"
        assert set(held.values()) <= set(events), "something was written that nobody has sent"
        replayed = replay(log, end, POLICIES)
        report = build_report(replayed, log_name=log.name, policy=POLICIES[0], year=YEAR)
        assert report.digest == live["digest"]
    with tempfile.TemporaryDirectory() as folder:
        plain = f"sqlite:{folder}/once.db?partitions={len(end)}"
        with closing(open_log(plain, create=True)) as log:
            # Clients race, and of two conflicting events the first counts: the first copy of each,
            # in the order that the log has given them.
            first_copies = dict.fromkeys(held[place] for place in sorted(held))
            log.append(
                NewRecord(json.loads(each)["subject"].encode(), each) for each in first_copies
            )
            once = replay(log, log.end(), POLICIES)
            expected = build_report(once, log_name="", policy=POLICIES[0], year=YEAR)
        assert expected.counts == report.counts
        assert expected.rates == report.rates
    return len(held)


def run_on_a_file(folder, count, seed):
    """Eight clients, a server killed in the middle and started again; the number of records."""
    url = f"sqlite:{folder / 'ledger.db'}?partitions=3"
    events = events_of(count, seed)
    # Nobody else is given it while the server is away.
    lease = PortLease(1)
    (port,) = lease.ports
    server = Server(url, "--insecure-dev", port=port)
    try:
        clients = Clients(server.address, events, seed)
        clients.start()
        wait_until(lambda: len(clients.acknowledged) > count // 3, "a third of the events")
        server.kill()
        server = Server(url, "--insecure-dev", port=port)
        clients.join(PATIENCE + count / 100)
        live = _current(server, url)
        return check(url, clients, events, live)
    finally:
        server.kill()
        lease.release()


def run_on_kafka(kafka, folder, count, seed):
    """Eight clients, the broker restarted in the middle, a worker; the number of records."""
    url = kafka.url(kafka.name())
    create_topics(parse_topic_address(url), partitions=3, replicas=1, min_isr=1)
    events = events_of(count, seed)
    worker = Worker(url, folder / "worker.db")
    server = Server(url, "--insecure-dev", environment={"OUTCOMES_LIVE_YEARS": "2019..2025"})
    try:
        clients = Clients(server.address, events, seed)
        clients.start()
        wait_until(lambda: len(clients.acknowledged) > count // 3, "a third of the events")
        kafka.own().restart()
        clients.join(PATIENCE + count / 100)
        live = _current(server, url)
        return check(url, clients, events, live)
    finally:
        server.kill()
        worker.kill()


def _current(server, url):
    """The live report once it has reached the log's end."""
    with closing(open_log(url)) as log:
        end = {str(partition): offset for partition, offset in log.end().items()}

    def seen():
        answer = server.ask(f"/v1/reports/{YEAR}")
        report = answer.json()
        return report if answer.status == 200 and report["log"]["cut"] == end else None

    return wait_until(seen, f"figures at {end}", PATIENCE + sum(end.values()) / 1_000)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=5)
    request = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        started = time.monotonic()
        records = run_on_a_file(Path(folder), request.events, request.seed)
        seconds = time.monotonic() - started
    print(
        f"a file: {request.events:,} events by {CLIENTS} clients, one kill -9; {records:,} records"
        f" in {seconds:.0f} s; 0 lost, 0 counted twice"
    )


if __name__ == "__main__":
    sys.exit(main())
