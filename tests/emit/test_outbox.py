"""The outbox of docs/emit.md: a platform's own database, and a relay that dies."""

from __future__ import annotations

import sqlite3
import subprocess
from contextlib import closing

import pytest

from tests.emit.page import PATIENCE_SECONDS, command, environment, put_files
from tests.emit.topics import PARTITIONS, assert_kept, records_of

pytestmark = pytest.mark.kafka

BATCH = 500


class TestOutbox:
    """A platform's own database, the page's program, and a relay that dies."""

    STUDENTS = 600
    FILL = f"""
import sqlite3, outbox
db = sqlite3.connect("platform.db")
db.execute("PRAGMA synchronous = OFF")
db.executescript(outbox.TABLES)
with db:
    rows = [(f"en-{{n}}", f"s-{{n}}") for n in range({STUDENTS})]
    db.executemany("INSERT INTO enrollments (id, subject) VALUES (?, ?)", rows)
for enrollment_id, _ in rows:
    outbox.graduate(db, enrollment_id, "2022-12-20", "2022-12-21T17:45:00+01:00")
"""
    DIE_AFTER_SENDING = """
import os, signal, sqlite3, outbox
send = outbox.emit
def send_and_die(events):
    send(events)
    os.kill(os.getpid(), signal.SIGKILL)
outbox.emit = send_and_die
outbox.relay(sqlite3.connect("platform.db"))
"""
    DIE_BETWEEN_ROW_AND_EVENT = """
import os, signal, sqlite3, outbox
outbox.json.dumps = lambda _: os.kill(os.getpid(), signal.SIGKILL)
db = sqlite3.connect("platform.db")
db.execute("INSERT INTO enrollments (id, subject) VALUES ('en-new', 's-new')")
db.commit()
outbox.graduate(db, "en-new", "2022-12-20", "2022-12-21T17:45:00+01:00")
"""
    STATE_ANEW = """
import sqlite3, outbox
db = sqlite3.connect("platform.db")
try:
    outbox.graduate(db, "en-1", "2023-02-01", "2023-02-02T10:00:00+01:00")
except sqlite3.IntegrityError as error:
    print(error)
"""

    @pytest.fixture
    def topic(self, kafka):
        return kafka.topic(PARTITIONS)

    @pytest.fixture
    def platform(self, kafka, topic, tmp_path):
        """Runs a piece of Python, or the page's own command, as the platform."""
        folder = put_files(tmp_path / "platform")
        variables = environment(kafka.bootstrap, topic)

        def run(program=None):
            words = command("python outbox.py")
            return subprocess.run(
                ["bash", "-c", words] if program is None else ["python", "-c", program],
                cwd=folder,
                env=variables,
                capture_output=True,
                text=True,
                timeout=PATIENCE_SECONDS,
                check=False,
            )

        run.database = folder / "platform.db"
        filled = run(self.FILL)
        assert 0 == filled.returncode, filled.stderr
        return run

    def rows(self, platform, query):
        with closing(sqlite3.connect(platform.database)) as db:
            return db.execute(query).fetchall()

    def events(self, platform):
        return [event.encode() for (event,) in self.rows(platform, "SELECT event FROM outbox")]

    def test_a_relay_killed_before_its_mark_sends_again_and_counts_once(
        self, kafka, topic, platform
    ):
        unmarked = "SELECT count(*) FROM outbox WHERE relayed = 0"

        killed = platform(self.DIE_AFTER_SENDING)
        held, waiting = len(records_of(kafka, topic)), self.rows(platform, unmarked)
        done = platform()

        assert (-9, BATCH, [(self.STUDENTS,)]) == (killed.returncode, held, waiting)
        assert 0 == done.returncode, done.stderr
        assert [(0,)] == self.rows(platform, unmarked)
        assert BATCH == assert_kept(kafka, topic, self.events(platform))
        assert 0 == platform().returncode
        assert BATCH + self.STUDENTS == len(records_of(kafka, topic))

    def test_the_row_and_its_event_are_written_both_or_neither(self, platform):
        new = "SELECT graduated_on FROM enrollments WHERE id = 'en-new'"

        assert -9 == platform(self.DIE_BETWEEN_ROW_AND_EVENT).returncode

        assert [(None,)] == self.rows(platform, new)
        assert self.STUDENTS == len(self.events(platform))

    def test_other_content_under_an_id_is_refused_by_the_platforms_own_database(self, platform):
        refused = platform(self.STATE_ANEW)

        assert "UNIQUE constraint failed: outbox.id\n" == refused.stdout
        item = "SELECT graduated_on FROM enrollments WHERE id = 'en-1'"
        assert [("2022-12-20",)] == self.rows(platform, item)
