"""`outcomes.serve.guard`: what the records of one request have in common."""

from __future__ import annotations

import pytest
from starlette.datastructures import Headers

from outcomes.serve.guard import _trace_id

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


def trace_of(*sent):
    return _trace_id(Headers(raw=[(b"traceparent", text.encode()) for text in sent]))


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(f"00-{TRACE}-{PARENT}-01", id="of this version"),
        pytest.param(f"00-{TRACE}-{PARENT}-00", id="not sampled"),
        pytest.param(f"cc-{TRACE}-{PARENT}-01-more", id="of a later version"),
    ],
)
def test_the_callers_trace_is_kept(sent):
    assert TRACE == trace_of(sent)


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param((), id="none"),
        pytest.param((f"00-{TRACE}-{PARENT}-01",) * 2, id="two"),
        pytest.param((f"ff-{TRACE}-{PARENT}-01",), id="a forbidden version"),
        pytest.param((f"00-{'0' * 32}-{PARENT}-01",), id="a trace of zeros"),
        pytest.param((f"00-{TRACE}-{'0' * 16}-01",), id="a parent of zeros"),
        pytest.param((f"00-{TRACE.upper()}-{PARENT}-01",), id="upper case"),
        pytest.param((f"00-{TRACE}-{PARENT}-01-more",), id="more than this version has"),
        pytest.param((f"00-{TRACE}-{PARENT}",), id="no flags"),
        pytest.param(("s-secret",), id="anything else"),
    ],
)
def test_what_is_no_trace_is_replaced_by_a_random_one(sent):
    first, second = trace_of(*sent), trace_of(*sent)

    assert {32} == {len(first), len(second)}
    assert first not in (second, TRACE)
