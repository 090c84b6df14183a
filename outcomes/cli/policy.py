"""`outcomes policy check` and `outcomes policy diff`: policies looked at without a log."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ledger.errors import ConfigurationError
from ledger.numbers import pluralise
from outcomes.cli import candidates
from outcomes.cli.options import JsonOption
from outcomes.console import terminal

if TYPE_CHECKING:
    from projections.policy import Policy
    from projections.policy_check import Remark

__all__ = ["policy_check", "policy_diff"]

PolicyArgument = Annotated[
    str,
    typer.Argument(
        metavar="ID|FILE", help="A built-in policy or a file.", autocompletion=candidates.policies
    ),
]


def policy_check(name: PolicyArgument, json: JsonOption = False) -> None:
    """What is wrong with a policy, and which parameters have no effect; exit 78 for a fault."""
    from ledger.policies import find_policy, read_policy
    from projections.policy import built_in_policies
    from projections.policy_check import policy_faults, policy_warnings

    faults = [] if name in built_in_policies() else policy_faults(read_policy(name))
    policy = None if faults else find_policy(name, source="policy")
    warnings = [] if policy is None else list(policy_warnings(policy))
    if json:
        terminal.print_json(
            {
                "schema": "ledger/policy-check/v1",
                "policy": None if policy is None else _named(policy),
                "faults": [fault._asdict() for fault in faults],
                "warnings": [warning._asdict() for warning in warnings],
            }
        )
    else:
        _print_remarks("fault", faults)
        _print_remarks("warning", warnings)
    if policy is None:
        count = pluralise(len(faults), "fault")
        raise ConfigurationError(f"policy {name}: {count}; compare `outcomes policy show`")
    if not json:
        count = pluralise(len(warnings), "warning")
        terminal.line(f"{_title(policy)}: no fault, {count}")


def policy_diff(before: PolicyArgument, after: PolicyArgument, json: JsonOption = False) -> None:
    """The parameters in which two policies differ, and the measures that each can move."""
    from ledger.policies import find_policy
    from projections.policy import differing_parameters
    from projections.policy_check import MEASURES_OF_PARAMETERS

    first, second = (find_policy(name, source="policy") for name in (before, after))
    differences = differing_parameters(first, second)
    if json:
        parameters = [
            {**each._asdict(), "measures": MEASURES_OF_PARAMETERS[each.parameter]}
            for each in differences
        ]
        sides = {"before": _named(first), "after": _named(second)}
        schema = "ledger/policy-diff/v1"
        terminal.print_json({"schema": schema, **sides, "parameters": parameters})
        return
    lines = [f"before  {_title(first)}", f"after   {_title(second)}"]
    for parameter, value, other in differences:
        moves = ", ".join(MEASURES_OF_PARAMETERS[parameter])
        lines += ["", parameter, f"  before  {_text(value)}", f"  after   {_text(other)}"]
        lines += _wrapped(f"  can move {moves}")
    terminal.lines(lines if differences else [*lines, "", "no parameter differs"])


def _print_remarks(kind: str, remarks: Sequence[Remark]) -> None:
    for pointer, reason in remarks:
        terminal.line(f"{kind}{f' at {pointer}' if pointer else ''}: {reason}")


def _named(policy: Policy) -> dict[str, Any]:
    return {"id": policy.id, "version": policy.version, "sha256": policy.sha256}


def _title(policy: Policy) -> str:
    return f"policy {policy.id} version {policy.version} ({policy.sha256[:12]})"


def _text(value: object) -> str:
    import orjson

    return orjson.dumps(value).decode()


def _wrapped(text: str) -> list[str]:
    import textwrap

    return textwrap.wrap(text, terminal.columns(), initial_indent="  ", subsequent_indent="    ")
