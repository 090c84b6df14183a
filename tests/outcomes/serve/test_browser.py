"""The live page in a real Chromium: what people see, with keyboard and screen reader too."""

from __future__ import annotations

import http.server
import threading
from contextlib import closing, contextmanager

import pytest

from ledger.log import NewRecord, open_log
from outcomes.serve.tokens import Role, TokenFile
from outcomes.synthetic.stream import generate
from tests.support.browser import is_cut_off, needs_browser, picture, violations
from tests.support.histories import story
from tests.support.server import eventually, serving

needs_browser()
expect = pytest.importorskip("playwright.sync_api").expect

WAIT_MS = 60_000
SIZES = {
    "phone": (360, 800),
    "tablet": (900, 1_200),
    "laptop": (1_280, 1_000),
    "screen": (1_920, 1_200),
}
MOVED = """() => {
  for (const part of document.querySelectorAll("section[data-part]")) part.classList.add("moved");
  for (const moving of document.getAnimations()) { moving.pause(); moving.currentTime = 0; }
}"""
"""Every part at the first moment of its having moved."""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    log = tmp_path_factory.mktemp("browser") / "ledger.db"
    records = list(generate(1_500, 5))
    with closing(open_log(f"sqlite:{log}?partitions=2", create=True)) as opened:
        opened.append(NewRecord(each.key, each.value, each.recorded_at) for each in records)
    with serving(f"sqlite:{log}", "--insecure-dev") as server:
        server.wait_for_figures()
        yield server


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    folder = tmp_path_factory.mktemp("guarded")
    secret = TokenFile(folder / "tokens.json").add("ops", Role.OPERATOR, None, None)
    environment = {"OUTCOMES_TOKENS": str(folder / "tokens.json")}
    with serving(f"sqlite:{folder / 'l.db'}", environment=environment) as guarded:
        eventually(lambda: guarded.ask("/v1/kpis?year=2022", token=secret), 200, "figures")
        yield guarded, secret


@contextmanager
def page_of(browser, server, path="/?year=2022", **options):
    """A page of its own; in the end nothing was wrong in its console, and nothing left the host."""
    context = browser.new_context(**options)
    context.set_default_timeout(WAIT_MS)
    page = context.new_page()
    trouble = []
    page.on("console", lambda line: trouble.append(line.text) if line.type == "error" else None)
    page.on("pageerror", lambda error: trouble.append(str(error)))
    page.on("request", lambda request: request.url.startswith((server.origin, "data:"))
            or trouble.append(request.url))  # fmt: skip
    try:
        page.goto(f"{server.origin}{path}", wait_until="domcontentloaded")
        yield page
        assert [] == trouble
    finally:
        context.close()


def outcome(number):
    """A career outcome of a new person in 2022."""
    from tests.support.histories import encode

    (event,) = story("outcome 2022-05-10 new_job")
    return encode(event | {"id": f"browser-{number}", "subject": f"s-browser-{number}"})


class TestLivePage:
    """Figures are there at once, and move without reloading."""

    def test_a_figure_moves_when_events_arrive(self, browser, server):
        with page_of(browser, server) as page:
            before = int(page.inner_text("#kpi").replace(",", ""))
            page.evaluate("window.same = true")

            assert 200 == server.post([outcome(number) for number in range(3)]).status

            expected = f"{before + 3:,}"
            expect(page.locator("#kpi")).to_have_text(expected, timeout=WAIT_MS)
            assert page.evaluate("window.same")

    def test_it_reads_without_a_script(self, browser, server):
        with page_of(browser, server, java_script_enabled=False) as page:
            assert page.inner_text("#kpi").isdigit()
            assert page.locator("svg.months").count()

    def test_every_control_is_reached_by_keyboard(self, browser, server):
        with page_of(browser, server) as page:
            reached = []
            for _ in range(12):
                page.keyboard.press("Tab")
                reached.append(page.evaluate("document.activeElement.textContent.trim()"))
            assert "Skip to the figures" == reached[0]
            assert {"2021", "2023", "openclassrooms-2023", "Français"} <= set(reached)


class TestLooks:
    """At every size, light and dark, in both languages: axe finds nothing, nothing is cut off."""

    @pytest.mark.parametrize(
        ("scheme", "language", "judged"),
        [("light", "en", ("phone", "screen")), ("dark", "fr", ("laptop",))],
    )
    def test_axe_finds_nothing(self, browser, server, scheme, language, judged):
        path = f"/?year=2022&lang={language}"
        # A part that has just moved has another colour for a moment, which is judged by itself.
        options = {"color_scheme": scheme, "reduced_motion": "reduce"}
        with page_of(browser, server, path, **options) as page:
            assert language == page.get_attribute("html", "lang")
            for size, (width, height) in SIZES.items():
                page.set_viewport_size({"width": width, "height": height})
                picture(page, f"live-{size}-{scheme}-{language}", full_page=size != "laptop")
                assert not is_cut_off(page), size
                if size in judged:
                    assert [] == violations(page)
            page.emulate_media(reduced_motion="no-preference")
            page.evaluate(MOVED)
            assert [] == violations(page), "while figures move"


class TestSession:
    """A person signs in with a token, and out, and hears when the server is gone."""

    def sign_in(self, page, origin, secret):
        page.fill("#token", secret)
        page.keyboard.press("Enter")
        page.wait_for_url(f"{origin}/")

    def test_signing_in_and_out(self, browser, guarded):
        server, secret = guarded
        with page_of(browser, server, "/login", java_script_enabled=False) as page:
            self.sign_in(page, server.origin, secret)
            page.click("nav a[href='/dead-letters']")
            page.click("footer button")
            page.wait_for_url(f"{server.origin}/login")

    def test_a_server_that_is_gone_is_told(self, browser, guarded):
        server, secret = guarded
        with closing(browser.new_context()) as context:
            context.set_default_timeout(WAIT_MS)
            page = context.new_page()
            page.goto(f"{server.origin}/login", wait_until="domcontentloaded")
            self.sign_in(page, server.origin, secret)
            expect(page.locator("#state")).to_contain_text("Live", timeout=WAIT_MS)
            server.kill()
            page.wait_for_selector("#state.off")


class TestRows:
    """Dead letters and what is behind a figure: by keyboard and without a script as well."""

    # What is judged twice has the classes of all of them.
    PAGES = (
        ("dead-letters", "/dead-letters?", 1),
        ("dead-letters-of-a-rule", "/dead-letters?rule=value_must_be_json&", 1),
        ("letter", "/dead-letters/{letter}?", 2),
        ("record", "/records/{event}?", 1),
        ("explain", "/explain?year=2022&measure=placement_rate&", 2),
    )

    @pytest.mark.parametrize(
        ("look", "times"), [(("phone", "dark", "fr"), 1), (("laptop", "light", "en"), 2)]
    )
    def test_axe_finds_nothing_in_rows(self, browser, server, look, times):
        size, scheme, language = look
        width, height = SIZES[size]
        options = {"viewport": {"width": width, "height": height}, "color_scheme": scheme}
        rows = server.ask("/v1/dead-letters").json()["dead_letters"]
        letter = f"{rows[0]['partition']}/{rows[0]['offset']}"
        letters = {(row["partition"], row["offset"]) for row in rows}
        event = next(f"0/{offset}" for offset in range(99) if (0, offset) not in letters)
        with page_of(browser, server, "/dead-letters", **options) as page:
            for name, path, judged in self.PAGES:
                filled = path.format(letter=letter, event=event)
                page.goto(f"{server.origin}{filled}lang={language}")
                assert language == page.get_attribute("html", "lang")
                picture(page, f"{name}-{size}-{scheme}-{language}", full_page=True)
                assert not is_cut_off(page), name
                if judged >= times:
                    assert [] == violations(page), name

    def test_a_figure_opens_by_keyboard_without_a_script(self, browser, server):
        with page_of(browser, server, java_script_enabled=False) as page:
            figure = page.inner_text("#kpi")
            page.focus("#kpi a")
            page.keyboard.press("Enter")
            page.wait_for_url("**/explain?*")

            assert figure == page.inner_text(".figure b")
            student = page.inner_text("table.rows tbody tr:first-child code")
            page.fill("#student", student)
            page.keyboard.press("Enter")
            page.wait_for_selector(f"text=of one student, {student}")
            assert student not in page.url

    def test_a_letter_is_repaired_by_a_form(self, browser, server):
        letters = server.ask("/v1/dead-letters?rule=data_must_match_its_type").json()
        letter = next(
            row
            for row in letters["dead_letters"]
            if "/data/newsletter" in {fault["pointer"] for fault in row["faults"]}
        )
        before = letters["counts"]["open"]["data_must_match_its_type"]
        path = f"/dead-letters/{letter['partition']}/{letter['offset']}"
        with page_of(browser, server, path, java_script_enabled=False) as page:
            text = page.input_value("#event")
            page.fill("#event", text.replace(',"newsletter":true', ""))
            page.click("button[value=try]")
            page.wait_for_selector("text=would repair the letter")
            page.click("button[value=append]")
            page.wait_for_selector("text=Repaired by")
            page.goto(f"{server.origin}/dead-letters?rule=data_must_match_its_type")
            assert "Repaired 1" in page.inner_text(".tabs")
        after = server.ask("/v1/dead-letters").json()["counts"]["open"]
        assert before - 1 == after.get("data_must_match_its_type", 0)


class TestOtherSites:
    """A page of another site in the same browser can neither send nor read anything."""

    @pytest.fixture
    def evil(self):
        handler = http.server.SimpleHTTPRequestHandler

        class Empty(handler):
            def do_GET(self):  # noqa: N802 - as the library calls it
                self.send_response(200)
                self.send_header("Content-Type", "text/html")
                self.end_headers()
                self.wfile.write(b"<!doctype html><title>other</title>")

            def log_message(self, *_):
                pass

        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Empty) as other:
            threading.Thread(target=other.serve_forever, daemon=True).start()
            yield f"http://localhost:{other.server_port}/"
            other.shutdown()

    def test_it_reads_nothing(self, browser, server, evil):
        context = browser.new_context()
        page = context.new_page()
        page.goto(evil)
        for address in ("/v1/kpis?year=2022", "/", "/v1/reports/2022"):
            read = page.evaluate(
                "url => fetch(url).then(answer => answer.text()).catch(() => 'refused')",
                f"{server.origin}{address}",
            )
            assert "refused" == read
        context.close()

    def test_it_sends_nothing_by_fetch_or_form(self, browser, server, evil):
        # What was repaired before is in the figures, too, as soon as they have this one.
        assert 200 == server.post(outcome(98)).status
        records = server.wait_for_figures()["log"]["records"]
        context = browser.new_context()
        page = context.new_page()
        page.goto(evil)
        page.evaluate(
            "([url, body]) => fetch(url, {method: 'POST', mode: 'no-cors', body}).catch(() => 0)",
            [f"{server.origin}/v1/events", outcome(99).decode()],
        )
        page.set_content(
            f'<form method="post" enctype="text/plain" action="{server.origin}/v1/events">'
            '<input name="x"></form>'
        )
        with page.expect_navigation(wait_until="commit"):
            page.evaluate("document.forms[0].submit()")
        assert 200 == server.post(outcome(100)).status
        context.close()
        report = server.wait_for_figures()
        assert records + 1 >= report["log"]["records"]

    def test_a_rebound_name_is_refused(self, server):
        for name in ("evil.example", f"evil.example:{server.address[1]}", "", "localhost"):
            assert 421 == server.ask("/v1/kpis?year=2022", Host=name).status
        assert 200 == server.ask("/v1/health", Host=f"localhost:{server.address[1]}").status


def test_the_history_has_outcomes_in_the_year(server):
    counts = {row["measure"]: row for row in server.ask("/v1/kpis?year=2022").json()["counts"]}
    assert counts["career_outcomes"]["count"] > 10
