"""The runbook names every event that is logged, and no other."""

from __future__ import annotations

import ast
import re

from tests.support.repository import ROOT

NAME = re.compile(r"[a-z_]+\.[a-z_]+")
PACKAGES = ("outcomes", "processors", "ledger")


def is_logging(node):
    """Whether a node is a call of a method of `logger()`."""
    method = getattr(node, "func", None)
    logger = getattr(getattr(method, "value", None), "func", None)
    return isinstance(node, ast.Call) and getattr(logger, "id", None) == "logger"


def logged_in(path):
    """The events that a module logs; where it names one by a variable, its texts of that form."""
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    for call in filter(is_logging, nodes):
        event = call.args[0]
        if isinstance(event, ast.Constant):
            yield event.value
        else:
            texts = (node.value for node in nodes if isinstance(node, ast.Constant))
            yield from (text for text in texts if isinstance(text, str) and NAME.fullmatch(text))


def test_the_page_lists_all_events():
    modules = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    logged = {event for path in modules for event in logged_in(path)}
    text = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")
    section = text.partition("What is logged on standard error")[2].partition("\nA worker that")[0]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]

    assert "append.failed" in logged
    assert "build.read" in logged
    assert logged == set(re.findall(r"`([a-z_.]+)`", " ".join(rows)))
