"""`outcomes trace`: a student's timeline, or what became of one event (SPEC section 6)."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import typer

from ledger.diagnostics import inform
from ledger.errors import UsageError
from outcomes.cli.explain import NO_RECORD, refuse_no_pseudonym
from outcomes.cli.options import (
    AsOfOption,
    CutOption,
    JsonOption,
    LogOption,
    PolicyOption,
    chosen_cut,
    log_url,
)
from outcomes.console import terminal

__all__ = ["trace"]

_NO_EVENT = "not found: no record below the cut has it"
_READING = partial(terminal.progress, "tracing")


def trace(
    student: Annotated[
        str | None, typer.Option(metavar="S", help="The timeline of this student.")
    ] = None,
    event: Annotated[
        tuple[str, str] | None,
        typer.Option(metavar="SOURCE ID", help="What became of the event that is called so."),
    ] = None,
    log: LogOption = None,
    policy: PolicyOption = None,
    as_of: AsOfOption = None,
    cut: CutOption = None,
    json: JsonOption = False,
) -> None:
    """A student's events with their effect on figures, or what became of one event."""
    from ledger.audit.reading import unread_remark
    from ledger.audit.trace import event_traces, student_trace
    from ledger.log import open_log
    from ledger.policies import chosen_policy
    from outcomes.console import trace_page

    if (student is None) == (event is None):
        raise UsageError("give either --student S or --event SOURCE ID")
    refuse_no_pseudonym(student)
    chosen = chosen_policy(policy)
    opened = open_log(log_url(log))
    end = chosen_cut(opened, cut, as_of)
    with _READING(sum(end.values())) as advance:
        if student is not None:
            traces = [student_trace(opened, end, student, chosen, advance)]
        else:
            assert event is not None
            traces = list(event_traces(opened, end, event, chosen, advance))
    students = [] if student is None else [student]
    remark = unread_remark(opened, students)
    if remark is not None:
        inform(remark)
    is_known = any(each.records for each in traces)
    if not is_known:
        inform(NO_RECORD if students else _NO_EVENT)
    head = trace_page.trace_head(opened, end, chosen, students)
    if json and student is not None:
        terminal.print_json(head | trace_page.trace_document(traces[0]))
    elif json and event is not None:
        named = {"source": event[0], "id": event[1]}
        subjects = [trace_page.trace_document(each) for each in traces]
        terminal.print_json(head | named | {"subjects": subjects})
    elif student is not None and is_known:
        terminal.lines(trace_page.timeline_lines(traces[0]))
    elif is_known:
        terminal.lines(trace_page.event_lines(traces))
