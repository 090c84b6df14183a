"""The pages: one file each, nothing of them runs or is fetched, whatever the school writes."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest

from ledger.disclosure.shown import FewerThan
from outcomes.presentation.languages import language_of
from outcomes.publish.content import make_document
from outcomes.publish.document import Chart
from outcomes.publish.edition import EDITION_FILE, NO_EDITION, read_edition
from outcomes.publish.html import render_index, render_page
from tests.support.nu import findings
from tests.support.publication import source_of

LOGO = b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8"><path d="M0 0h8v8z"/></svg>'
HOSTILE = """
school: "<script>alert(1)</script> مدرسة \\u202E 👩🏽‍🎓 {long}"
published_on: 2023-09-12
logo: logo.svg
signatories:
- {{name: "</style><b>", role: "=cmd()"}}
words:
  foreword: |
    <img src=x onerror=alert(1)> & "quotes" {{career_outcomes/all}}

    - [a](https://example.org/?a=1&b=2)
    - مرحبا
  limits: "]]> <!-- --> </main>"
""".format(long="L" * 200)  # fmt: skip
EN, FR = language_of("en"), language_of("fr")


def pages(edition=NO_EDITION, languages=(FR, EN), **source):
    documents = [make_document(source_of(**source), edition, each) for each in languages]
    codes = [each.code for each in languages]
    rendered = {f"report.{each.language}.html": render_page(each, codes) for each in documents}
    return documents, {"index.html": render_index(documents), **rendered}


def hostile():
    return read_edition({EDITION_FILE: HOSTILE.encode(), "logo.svg": LOGO}, "edition")


class Elements(HTMLParser):
    """All elements and texts of a page."""

    def __init__(self, page):
        super().__init__()
        self.elements, self.texts = [], []
        self.feed(page.decode())

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.texts.append(data)

    def all(self, name):
        return [attributes for tag, attributes in self.elements if tag == name]


SOURCES = {
    "usual": {},
    "hidden": {"count": lambda *_: None, "rate": lambda *_: None},
    "few": {"count": lambda *_: FewerThan(5), "rate": lambda *_: 1_000, "profile": "threshold-5"},
    "empty": {"count": lambda *_: 0, "rate": lambda *_: None, "provisional": {
        "placement_rate": "2023-06-30"}},
    "huge": {"count": lambda *_: 3_000_000, "profile": "exact"},
}  # fmt: skip


class TestPages:
    """A page says what the document says, and holds all that it needs."""

    def test_every_text_of_the_document_is_on_the_page(self):
        for document in pages(hostile())[0]:
            text = "".join(Elements(render_page(document, ["fr"])).texts)
            for table in document.tables():
                for row in table.rows:
                    assert all(cell.text in text for cell in row.cells)
            for section in document.sections:
                assert section.title in text

    def test_every_chart_is_an_image_with_its_caption_beside_a_table(self):
        (document,), rendered = pages(languages=(EN,))
        charts = [block for each in document.sections for block in each.blocks
                  if isinstance(block, Chart)]  # fmt: skip
        images = Elements(rendered["report.en.html"]).all("svg")
        assert [chart.table.caption for chart in charts] == [each["aria-label"] for each in images]
        assert {"img"} == {each["role"] for each in images}

    @pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
    def test_no_id_is_given_twice_and_every_link_within_leads_somewhere(self, source):
        for page in pages(hostile() if source == {} else NO_EDITION, **source)[1].values():
            elements = Elements(page).elements
            ids = [attributes["id"] for _, attributes in elements if "id" in attributes]
            assert len(ids) == len(set(ids))
            targets = [each["href"][1:] for tag, each in elements
                       if tag == "a" and each["href"].startswith("#")]  # fmt: skip
            assert set(targets) <= set(ids)

    def test_the_same_document_gives_the_same_bytes(self):
        assert pages(hostile())[1] == pages(hostile())[1]

    def test_a_page_leads_to_the_others_in_their_own_names(self):
        rendered = pages()[1]
        links = Elements(rendered["report.fr.html"]).all("a")
        assert {"href": "report.en.html", "lang": "en", "hreflang": "en"} in links
        index = Elements(rendered["index.html"])
        assert ["report.fr.html", "report.en.html"] == [each["href"] for each in index.all("a")]

    def test_one_language_leads_to_no_other(self):
        assert b'class="languages"' not in pages(languages=(FR,))[1]["report.fr.html"]


class TestSafety:
    """Nothing runs, nothing is fetched; what the school writes is text."""

    @pytest.fixture(scope="class")
    @classmethod
    def page(cls):
        return Elements(pages(hostile())[1]["report.en.html"])

    def test_there_is_no_script_and_no_style_but_its_own(self, page):
        assert [] == page.all("script")
        assert 1 == len(page.all("style"))
        for _, attributes in page.elements:
            assert not [name for name in attributes if name.startswith("on") or name == "style"]

    def test_nothing_is_fetched(self, page):
        assert {"link", "iframe", "object", "base"}.isdisjoint(tag for tag, _ in page.elements)
        assert ["data"] == [each["src"].partition(":")[0] for each in page.all("img")]
        (policy,) = (each["content"] for each in page.all("meta") if "http-equiv" in each)
        assert policy.startswith("default-src 'none'; style-src 'sha256-")
        assert "unsafe" not in policy

    def test_markup_of_the_school_is_text(self, page):
        text = "".join(page.texts)
        for part in ("<script>alert(1)</script>", "</style><b>", "=cmd()", "onerror=", "]]> <!--"):
            assert part in text

    def test_its_words_may_run_the_other_way(self, page):
        assert {"dir": "auto"} in page.all("span")
        assert {"dir": "auto"} in page.all("li")

    def test_a_link_of_the_school_says_nothing_of_where_it_comes_from(self, page):
        (link,) = (each for each in page.all("a") if each["href"].startswith("http"))
        assert "noopener noreferrer" == link["rel"]


def test_the_nu_html_checker_finds_nothing(tmp_path):
    paths = []
    for name, source in SOURCES.items():
        edition = hostile() if name == "usual" else NO_EDITION
        for file, page in pages(edition, **source)[1].items():
            if name == "usual" or file == "report.fr.html":
                paths.append(tmp_path / f"{name}-{file}")
                paths[-1].write_bytes(page)
    assert [] == findings(paths)
