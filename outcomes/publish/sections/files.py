"""The files of a publication, and what each is good for."""

from __future__ import annotations

from outcomes.publish.document import Bullets, Section
from outcomes.publish.material import Material

__all__ = ["files_section"]


def files_section(material: Material) -> Section:
    """A list with links."""
    code = material.language.code
    items = [
        material.item(
            "[report.{code}.html](report.{code}.html): this report as a page.", code=code
        ),
        material.item(
            "[report.{code}.pdf](report.{code}.pdf): to print and to sign; screen readers can read"
            " it.",
            code=code,
        ),
        material.item(
            "[tables.{code}.xlsx](tables.{code}.xlsx): every table, one a sheet, for a"
            " spreadsheet.",
            code=code,
        ),
        material.item(
            "[data.csv](data.csv): every figure in one table for programs, described in"
            " [datapackage.json](datapackage.json)."
        ),
        material.item("[shown.json](shown.json): what all the other files are made from."),
        material.item(
            "[provenance.json](provenance.json): what it was made from and by, with the SHA-256 of"
            " each file."
        ),
    ]
    if material.source.checkpoint is not None:
        items.append(
            material.item(
                "[checkpoint.txt](checkpoint.txt): the signed checkpoint that covers what the"
                " report has read."
            )
        )
    title = material.say("The files of this publication")
    return Section("files", title, (Bullets(tuple(items)),))
