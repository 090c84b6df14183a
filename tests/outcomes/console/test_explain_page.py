"""`outcomes.console.explain_page`: how records are named."""

from __future__ import annotations

import pytest

from outcomes.console.explain_page import short_type
from projections.explanations import Reference


class TestShortType:
    @pytest.mark.parametrize(
        ("type_", "shown"),
        [
            ("ledger.student.graduated.v1", "student.graduated"),
            ("learner-signed-up", "learner-signed-up"),
            (None, "unknown"),
        ],
    )
    def test_every_record_has_a_name_for_its_type(self, type_, shown):
        assert shown == short_type(Reference(0, 3, None, None, type_))
