"""A school's logo: PNG, JPEG, or SVG in which nothing runs and nothing is fetched."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

from ledger.errors import BadInputError
from outcomes.publish.document import Logo

__all__ = ["LOGO_BYTES_MAX", "read_logo"]

LOGO_BYTES_MAX = 1_048_576
_PNG, _PNG_END = b"\x89PNG\r\n\x1a\n", b"IEND\xaeB`\x82"
_JPEG, _JPEG_END = b"\xff\xd8\xff", b"\xff\xd9"
_SVG = "{http://www.w3.org/2000/svg}"
_ELEMENTS = {
    *("svg", "g", "defs", "symbol", "use", "title", "desc", "metadata"),
    "style",
    *("path", "rect", "circle", "ellipse", "line", "polyline", "polygon", "text", "tspan"),
    *("linearGradient", "radialGradient", "stop", "clipPath", "mask", "pattern"),
}
_REFERENCE = re.compile(
    r"url\(\s*['\"]?(?!#)|@import|javascript:|data:|expression\(", re.IGNORECASE
)


def read_logo(data: bytes, place: str) -> Logo:
    """Recognise an image by its content.

    Args:
        data: The file.
        place: For a person.

    Raises:
        BadInputError: If it is no image of the three kinds, or an SVG that could do more than be
            looked at.
    """
    if data.startswith(_PNG) and data.rstrip(b"\0").endswith(_PNG_END):
        return Logo("logo.png", "image/png", data)
    if data.startswith(_JPEG) and data.rstrip(b"\0").endswith(_JPEG_END):
        return Logo("logo.jpg", "image/jpeg", data)
    if data.startswith((_PNG, _JPEG)):
        raise BadInputError(f"{place}: the image is cut off")
    if data.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        _refuse_active(data, place)
        return Logo("logo.svg", "image/svg+xml", data)
    raise BadInputError(f"{place}: no image; a logo is PNG, JPEG or SVG")


def _refuse_active(data: bytes, place: str) -> None:
    # A document type can hold entities, with which a small file becomes endless.
    if re.search(rb"<!(?:DOCTYPE|ENTITY)", data, re.IGNORECASE):
        raise BadInputError(
            f"{place}: an SVG with a document type is not taken; save it as plain SVG"
        )
    if re.search(rb"<\?xml-stylesheet", data, re.IGNORECASE):
        raise BadInputError(f"{place}: an SVG with a style sheet of another file is not taken")
    try:
        root = ET.fromstring(data)  # noqa: S314 - without a document type
    except (ET.ParseError, ValueError, LookupError) as error:
        raise BadInputError(f"{place}: not SVG: {error}") from error
    if root.tag != f"{_SVG}svg":
        raise BadInputError(f"{place}: no image; a logo is PNG, JPEG or SVG")
    for element in root.iter():
        fault = _fault(element)
        if fault:
            raise BadInputError(f"{place}: {fault}; save the logo as plain SVG")


def _fault(element: ET.Element) -> str:
    """What a logo must not have; empty where the element is fine."""
    # Editors leave data of their own, which nothing shows, in name spaces of their own.
    if not str(element.tag).startswith(_SVG):
        return "" if "}" in str(element.tag) else f"<{element.tag}> is not taken"
    name = str(element.tag).removeprefix(_SVG)
    if name not in _ELEMENTS:
        return f"<{name}> is not taken"
    if _REFERENCE.search(element.text or ""):
        return f"a reference in <{name}> is not taken"
    faults = (_attribute_fault(*attribute) for attribute in element.attrib.items())
    return next(filter(None, faults), "")


def _attribute_fault(attribute: str, value: str) -> str:
    local = attribute.rpartition("}")[2].lower()
    if local.startswith("on"):
        return f"the script in {local!r} is not taken"
    if local == "href" and not value.strip().startswith("#"):
        return "a reference to something outside is not taken"
    return f"a reference in {local!r} is not taken" if _REFERENCE.search(value) else ""
