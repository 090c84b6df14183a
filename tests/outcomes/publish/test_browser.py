"""The pages in a real Chromium, at every size, light, dark and printed: axe finds nothing."""

from __future__ import annotations

from contextlib import closing, contextmanager

import pytest

from ledger.disclosure.disclose import disclose
from ledger.log import NewRecord, open_log
from ledger.report import ReportQuery, make_reports
from outcomes.presentation.languages import language_of
from outcomes.publish.content import make_document
from outcomes.publish.edition import EDITION_FILE, load_edition, read_edition
from outcomes.publish.html import render_index, render_page
from outcomes.publish.material import Source
from outcomes.synthetic.stream import generate
from tests.support.browser import PICTURES, is_cut_off, needs_browser, picture, violations
from tests.support.publication import source_of
from tests.support.repository import ROOT

needs_browser()

EDITION = """
school: LONG
published_on: 2023-09-12
logo: logo.svg
signatories: [{role: For the board}, {role: For the committee}]
words:
  foreword: A *foreword* with a [link](https://example.org/) and {career_outcomes/all}.
""".replace("LONG", "L" * 250).encode()
LOGO = b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8"><path d="M0 0h8v8z"/></svg>'
VIEWS = [
    ("report.en.html", 360, "light", "screen"),
    ("report.fr.html", 900, "dark", "screen"),
    ("report.fr.html", 1_280, "light", "screen"),
    ("report.en.html", 1_920, "dark", "screen"),
    ("report.fr.html", 688, "dark", "print"),  # A4 within its margins
    ("index.html", 360, "dark", "screen"),
]
# Of the page, so that its picture shows the title and the categories.
CUT = ".contents, section:not(#categories)"
# It takes seconds a page, and colours and order do not depend on the width.
JUDGED = (VIEWS[0], VIEWS[1], VIEWS[-1])

# The words of a table that stand on two lines, such as `202` and `2`; hashes may.
BROKEN = r"""() => [...document.querySelectorAll('th, td:not(.hash)')].flatMap(cell => {
  const found = []
  const texts = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT)
  for (let text; text = texts.nextNode();)
    for (const word of text.data.matchAll(/[^\s-]+/g)) {
      const range = document.createRange()
      range.setStart(text, word.index)
      range.setEnd(text, word.index + word[0].length)
      if (new Set([...range.getClientRects()].map(box => box.top)).size > 1) found.push(word[0])
    }
  return found
})"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("publication")
    edition = read_edition({EDITION_FILE: EDITION, "logo.svg": LOGO}, "edition")
    hidden = {
        "count": lambda measure, group, year: None if group == "refugee" else 120 + 20 * year,
        "rate": lambda measure, group: None if group == "refugee" else len(group) * 30,
    }
    documents = [
        make_document(source_of(**hidden), edition, language_of(code)) for code in ("fr", "en")
    ]
    for document in documents:
        page = render_page(document, ["fr", "en"])
        (folder / f"report.{document.language}.html").write_bytes(page)
    (folder / "index.html").write_bytes(render_index(documents))
    return folder


@contextmanager
def page_of(browser, path, width=1_280, **options):
    """A page without script that says of nothing that it was blocked or missing."""
    context = browser.new_context(viewport={"width": width, "height": 900}, **options)
    page = context.new_page()
    messages, requests = [], []
    page.on("console", lambda message: messages.append(message.text))
    page.on("request", lambda request: requests.append(request.url.partition(":")[0]))
    page.goto(path.as_uri())
    yield page
    context.close()
    assert [] == messages
    assert {"file"} == set(requests)


@pytest.mark.parametrize("view", VIEWS, ids=str)
def test_nothing_is_cut_off_and_axe_finds_nothing(browser, folder, view):
    name, width, scheme, medium = view
    with page_of(browser, folder / name, width, color_scheme=scheme) as page:
        page.emulate_media(media=medium, color_scheme=scheme)
        picture(page, f"publication-{name}-{width}-{scheme}-{medium}", full_page=True)
        assert not is_cut_off(page)
        assert [] == page.evaluate(BROKEN)
        if view in JUDGED:
            assert [] == violations(page)


def test_a_reader_without_script_or_mouse_reaches_everything(browser, folder):
    with page_of(browser, folder / "index.html", java_script_enabled=False) as page:
        assert "rgb(18, 52, 92)" == page.locator(".band").evaluate(
            "band => getComputedStyle(band).backgroundColor"
        )
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        page.wait_for_url("**/report.fr.html")
        page.keyboard.press("Tab")
        assert "Aller au rapport" == page.locator(":focus").inner_text()


@pytest.mark.skipif(PICTURES is None, reason="makes docs/pictures/publication.png, on demand")
def test_the_picture_of_the_documents_is_the_page_of_the_demo(browser, tmp_path):
    policy, profile = source_of()[1:3]
    with closing(open_log(f"sqlite:{tmp_path / 'l.db'}", create=True)) as log:
        log.append(
            NewRecord(each.key, each.value, each.recorded_at) for each in generate(5_000, 2_022)
        )
        (report,) = make_reports(log, ReportQuery([2022], [policy]))
    source = Source(disclose(report, policy, profile), policy, profile)
    edition = load_edition(ROOT / "docs" / "examples" / "edition.yaml")
    page = tmp_path / "report.en.html"
    page.write_bytes(render_page(make_document(source, edition, language_of("en")), ["fr", "en"]))
    with page_of(browser, page, color_scheme="light") as shown:
        shown.evaluate(f"document.querySelectorAll('{CUT}').forEach(each => each.remove())")
        box = shown.locator(".pair").first.bounding_box()
        bottom = box["y"] + box["height"]
        clip = {"x": 0, "y": 0, "width": 1_280, "height": bottom + 36}
        picture(shown, "publication", full_page=True, clip=clip)
