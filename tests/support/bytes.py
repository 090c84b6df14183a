"""Bytes that are almost JSON and texts that are almost events, for judges that must never fail."""

from __future__ import annotations

import json

from hypothesis import strategies as st

from tests.support.histories import encode
from tests.support.strategies import histories

_TOKENS = (
    "{", "}", "[", "]", ":", ",", " ", "\n", "\t", "\r", '"', "\\", "null", "true", "false",
    "NaN", "-Infinity", "0", "-0", "-", "1.5", "1e999", "-1E+400", "1e-999", "01", "1.", ".5", "+1",
    "9" * 400, "18446744073709551616", '"a"', '"b"', '"\\u0061"', '"a\\":1"', '"\\ud800"',
    '"\\udc00\\ud800"', '"\\ud83d\\ude00"', '"\\u0000"', '"\\x"', '"\x7f"', '"\x1f"', '"é"',
    "\ufeff", "\u00a0", "\u2028", "/**/", '"id"', '"data"', "\ud800",
)  # fmt: skip
_NAMES = ("a", "b", "é", '"', "\\", ":", '":', "\u2028", "\U0001f600", "", "data", "\x7f")

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=4)
    | st.sampled_from(_NAMES),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(_NAMES), inner, max_size=4)
    ),
    max_leaves=12,
)

_spaces = st.sampled_from(("", "", "", " ", "\n", "\t", "\r\n "))


@st.composite
def json_texts(draw):
    """JSON that no library would write: white space anywhere, members twice, odd escapes."""
    parts = []

    def space():
        parts.append(draw(_spaces))

    def string(text):
        if draw(st.booleans()):
            parts.append(json.dumps(text, ensure_ascii=draw(st.booleans())))
        else:
            units = text.encode("utf-16-be", "surrogatepass").hex()
            parts.append('"' + "".join(f"\\u{units[n : n + 4]}" for n in range(0, len(units), 4)))
            parts.append('"')

    def value(depth):
        space()
        kind = draw(st.integers(0, 7 if depth < 18 else 4))
        if kind >= 5:
            brackets = "{}" if kind > 5 else "[]"
            parts.append(brackets[0])
            for n in range(draw(st.integers(0, 3))):
                parts.append("," if n else "")
                if kind > 5:
                    space()
                    string(draw(st.sampled_from(_NAMES)))
                    space()
                    parts.append(":")
                value(depth + 1)
            space()
            parts.append(brackets[1])
        elif kind == 0:
            string(draw(st.text(max_size=3)))
        else:
            numbers = ("0", "-0", "1e999", "-1e400", "1e-999", "9" * 400, "0.1E+2", "1e308")
            parts.append(draw(st.sampled_from((*numbers, "true", "null"))))
        space()

    value(0)
    return "".join(parts).encode("utf-8", "surrogatepass")


token_soup = st.lists(st.sampled_from(_TOKENS), max_size=14).map(
    lambda tokens: "".join(tokens).encode("utf-8", "surrogatepass")
)


@st.composite
def mutated(draw, values):
    """Bytes with a few of them cut out, doubled, or replaced by a token."""
    value = draw(values)
    for _ in range(draw(st.integers(0, 3))):
        start = draw(st.integers(0, len(value)))
        end = min(len(value), start + draw(st.integers(0, 4)))
        token = draw(st.sampled_from(_TOKENS)).encode("utf-8", "surrogatepass")
        middle = draw(st.sampled_from((b"", token, value[start:end] * 2)))
        value = value[:start] + middle + value[end:]
    return value


@st.composite
def _altered(draw):
    """An event with a member added, dropped or of another value, at the top or in the data."""
    item = draw(histories(subjects=("s-1",), max_size=1).filter(bool))[0]
    item = item | {"data": dict(item["data"])}
    for _ in range(draw(st.integers(0, 2))):
        holder = draw(st.sampled_from((item, item["data"])))
        if not isinstance(holder, dict):
            continue
        name = draw(st.sampled_from((*holder, "datacontenttype", "data_base64", "x", "categories")))
        if draw(st.integers(0, 3)) == 0:
            holder.pop(name, None)
        else:
            holder[name] = draw(
                st.sampled_from(
                    (
                        None, "", "x" * 200, "é" * 201, 0, 1.0, True, [], {}, ["refugee"] * 2,
                        "0001-01-01", "9999-12-31", "1899-12-31", "2200-01-01", "2022-02-30",
                        "2022-12-31T24:00:00Z", "1900-01-01T00:00:00+00:01", "application/json ",
                        "application/json;", "text/a+json ; x", "ledger.student.applied.v2",
                        "ledger.student.graduated.v1", "s-2", "s\n", "1.0",
                    )
                )
            )  # fmt: skip
        if not isinstance(item.get("data"), dict):
            break
    return encode(item)


events = (
    histories(subjects=("s-1",), max_size=1).filter(bool).map(lambda history: encode(history[0]))
)
anything = st.one_of(
    st.binary(max_size=40),
    token_soup,
    json_texts(),
    mutated(events),
    mutated(json_texts()),
    _altered(),
    mutated(_altered()),
)
