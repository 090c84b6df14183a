"""`ledger.settings`: what is said of a variable that cannot be used."""

from __future__ import annotations

import pytest

from ledger.errors import ConfigurationError
from ledger.settings import load_settings


@pytest.mark.parametrize(
    ("name", "value", "remedy"),
    [
        ("OUTCOMES_LOG_LEVEL", "loud", "write debug, info, warning or error"),
        ("OUTCOMES_LOG_FORMAT", "xml", "write console or json"),
        ("OUTCOMES_LIVE_YEARS", "2019", "write two years, such as 2019..2027"),
        ("OUTCOMES_KAFKA_RETRY_SECONDS", "soon", "write a number of seconds, above 0"),
        ("OUTCOMES_KAFKA_RETRY_SECONDS", "0", "write a number of seconds, above 0"),
        ("OUTCOMES_KAFKA_RETRY_SECONDS", "inf", "write a number of seconds, above 0"),
        ("OUTCOMES_KAFKA_SASL_MECHANISM", "md5", "write PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512"),
    ],
)
def test_an_invalid_variable_is_named_with_what_to_write(name, value, remedy, monkeypatch):
    monkeypatch.setenv(name, value)

    with pytest.raises(ConfigurationError) as refused:
        load_settings()
    assert f"environment variable {name}: {remedy}" == str(refused.value)
