"""Kafka URLs and connection settings; no broker is needed."""

from __future__ import annotations

import pytest

from ledger.errors import ConfigurationError
from ledger.log.kafka.address import connection_options, parse_topic_address
from ledger.settings import load_settings


def options(monkeypatch, **settings):
    for name, value in settings.items():
        monkeypatch.setenv(f"OUTCOMES_KAFKA_{name}", str(value))
    return connection_options(load_settings())


class TestPlace:
    @pytest.mark.parametrize(
        ("url", "servers", "topic"),
        [
            ("kafka://one:9092/t", ("one:9092",), "t"),
            (
                "kafka://one:1,2.example.org:65535/a.b_c-D",
                ("one:1", "2.example.org:65535"),
                "a.b_c-D",
            ),
            ("kafka://[::1]:9092/t", ("[::1]:9092",), "t"),
        ],
    )
    def test_a_url_names_servers_and_a_topic(self, url, servers, topic):
        place = parse_topic_address(url)

        assert (servers, topic) == place
        assert url == str(place)

    @pytest.mark.parametrize(
        "url",
        [
            "kafka:", "kafka://", "kafka://one:9092", "kafka://one:9092/", "kafka://one/t",
            "kafka://one:0/t", "kafka://one:65536/t", "kafka://one:9092,/t", "kafka:///t",
            "kafka://one:9092/t/u", "kafka://one:9092/t?partitions=3", "kafka://one:9092/..",
            "kafka://one:9092/a b", "kafka://one:9092/" + "t" * 250,
        ],
    )  # fmt: skip
    def test_anything_else_is_refused(self, url):
        with pytest.raises(ConfigurationError, match="HOST:PORT"):
            parse_topic_address(url)

    def test_a_password_in_a_url_is_refused_and_not_repeated(self):
        with pytest.raises(ConfigurationError) as raised:
            parse_topic_address("kafka://anna:geheim@one:9092/t")
        assert "geheim" not in str(raised.value)


class TestConnectionOptions:
    def test_without_settings_it_is_plain(self, monkeypatch):
        assert {"security_protocol": "PLAINTEXT"} == options(monkeypatch)

    def test_a_user_is_told_to_the_client_alone(self, monkeypatch):
        result = options(
            monkeypatch,
            SECURITY_PROTOCOL="SASL_PLAINTEXT",
            SASL_MECHANISM="PLAIN",
            SASL_USERNAME="anna",
            SASL_PASSWORD="geheim",
        )

        assert ("PLAIN", "anna", "geheim") == (
            result["sasl_mechanism"],
            result["sasl_plain_username"],
            result["sasl_plain_password"],
        )
        assert "geheim" not in repr(load_settings())

    @pytest.mark.parametrize("protocol", ["SASL_SSL", "SASL_PLAINTEXT"])
    @pytest.mark.parametrize("given", [{}, {"SASL_USERNAME": "a"}, {"SASL_PASSWORD": "geheim"}])
    def test_sasl_needs_a_user_and_a_password(self, monkeypatch, protocol, given):
        with pytest.raises(ConfigurationError, match="OUTCOMES_KAFKA_SASL_USERNAME") as raised:
            options(monkeypatch, SECURITY_PROTOCOL=protocol, **given)
        assert "geheim" not in str(raised.value)

    @pytest.mark.parametrize("name", ["CAFILE", "CERTFILE"])
    def test_a_file_that_is_missing_is_named_with_its_variable(self, monkeypatch, tmp_path, name):
        with pytest.raises(ConfigurationError, match=rf"OUTCOMES_KAFKA_SSL_{name} .*missing\.pem"):
            options(
                monkeypatch,
                SECURITY_PROTOCOL="SSL",
                **{f"SSL_{name}": tmp_path / "missing.pem"},
            )

    @pytest.mark.parametrize("name", ["CAFILE", "CERTFILE"])
    def test_a_file_that_is_no_certificate_is_named(self, monkeypatch, tmp_path, name):
        (tmp_path / "odd.pem").write_text("odd")
        with pytest.raises(ConfigurationError, match=r"odd\.pem.*name a PEM file"):
            options(monkeypatch, SECURITY_PROTOCOL="SSL", **{f"SSL_{name}": tmp_path / "odd.pem"})

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("SECURITY_PROTOCOL", "TLS"),
            ("SASL_MECHANISM", "GSSAPI"),
            ("RETRY_SECONDS", "0"),
            ("RETRY_SECONDS", "inf"),
            ("RETRY_SECONDS", "soon"),
        ],
    )
    def test_a_value_out_of_range_is_named_with_its_variable(self, monkeypatch, name, value):
        with pytest.raises(ConfigurationError, match=f"OUTCOMES_KAFKA_{name}"):
            options(monkeypatch, **{name: value})
