"""What a server refuses before it starts, and TLS."""

from __future__ import annotations

import http.client
import socket
import ssl
from contextlib import closing
from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from ledger.errors import ConfigurationError, LedgerError, StoreError, UsageError
from ledger.log import parse_address
from ledger.log.archive import archive_log
from outcomes.serve.server import ServeOptions, run_server
from outcomes.serve.tokens import Role, TokenFile
from projections.policy import built_in_policies
from tests.support.applications import changed
from tests.support.histories import reports_of
from tests.support.live_fold import outcome_record, temporary_log
from tests.support.server import serving
from tests.support.workers import PATIENCE

POLICIES = list(built_in_policies().values())


@pytest.fixture
def tokens(tmp_path):
    file = TokenFile(tmp_path / "tokens.json")
    file.add("wall", Role.READER, None, None)
    return tmp_path / "tokens.json"


@pytest.fixture
def certificate(tmp_path):
    """A certificate of our own and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
    signed_by_itself = builder.not_valid_after(datetime(2120, 1, 1, tzinfo=UTC)).sign(
        key, hashes.SHA256()
    )
    paths = tmp_path / "cert.pem", tmp_path / "key.pem"
    paths[0].write_bytes(signed_by_itself.public_bytes(serialization.Encoding.PEM))
    form = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    paths[1].write_bytes(key.private_bytes(serialization.Encoding.PEM, *form))
    return paths


def refused(tmp_path, error, *, log="sqlite:l.db", **options):
    """The one line that a server ends with before it starts."""
    address = parse_address(log.replace(":", f":{tmp_path}/"))
    with pytest.raises(error) as raised:
        run_server(ServeOptions(address, POLICIES, port=0, **options))
    assert isinstance(raised.value, LedgerError)
    return str(raised.value)


class TestRefusals:
    """A server that would be open to others, or could not work, does not start."""

    def test_without_tokens_it_serves_the_loopback_alone(self, tmp_path):
        assert "OUTCOMES_TOKENS" in refused(tmp_path, UsageError, host="0.0.0.0")

    def test_off_the_loopback_it_needs_tls_or_a_proxy(self, tmp_path, tokens):
        line = refused(tmp_path, UsageError, host="0.0.0.0", tokens=tokens)
        assert "--tls-cert" in line
        assert "--behind-proxy" in line

    @pytest.mark.parametrize("proxy", ["nonsense", "", "*", "10.0.0.1:80", "10.0.0.1,proxy"])
    def test_a_proxy_comes_from_an_ip_address(self, tmp_path, tokens, proxy):
        line = refused(tmp_path, UsageError, tokens=tokens, proxy=proxy)

        assert f"--behind-proxy {proxy}: write the IP address" in line

    @pytest.mark.parametrize("text", [None, "", "no PEM"])
    def test_a_file_that_is_no_certificate_is_named(self, tmp_path, tokens, text):
        path = tmp_path / "cert.pem"
        if text is not None:
            path.write_text(text)

        assert str(path) in refused(tmp_path, ConfigurationError, tokens=tokens, certificate=path)

    def test_a_key_needs_a_certificate(self, tmp_path, tokens):
        assert "--tls-cert" in refused(tmp_path, UsageError, tokens=tokens, key=tmp_path / "k")

    def test_tokens_that_others_can_read_are_refused(self, tmp_path, tokens):
        tokens.chmod(0o644)

        assert "chmod 600" in refused(tmp_path, ConfigurationError, tokens=tokens)

    def test_a_port_that_is_taken_is_named(self, tmp_path):
        with socket.create_server(("127.0.0.1", 0)) as other:
            port = other.getsockname()[1]
            address = parse_address(f"sqlite:{tmp_path}/l.db")
            with pytest.raises(StoreError, match=f"port {port} .*--port"):
                run_server(ServeOptions(address, POLICIES, port=port))

    def test_an_archive_that_is_missing_is_named(self, tmp_path):
        assert "no archive" in refused(tmp_path, StoreError, log="archive:sealed")

    def test_at_a_name_that_no_machine_can_have(self, tmp_path, tokens):
        line = refused(tmp_path, StoreError, host="a" * 64, tokens=tokens, proxy="127.0.0.1")
        assert "no name of a machine" in line


class TestTls:
    """With a certificate it answers by TLS alone, and the cookie is for TLS alone."""

    def test_it_answers(self, tmp_path, tokens, certificate):
        cert, key = map(str, certificate)
        secret = TokenFile(tokens).add("ops", Role.OPERATOR, None, None)
        environment = {"OUTCOMES_TOKENS": str(tokens)}
        options = ("--tls-cert", cert, "--tls-key", key)
        with serving(f"sqlite:{tmp_path}/l.db", *options, environment=environment) as server:
            context = ssl.create_default_context(cafile=cert)
            context.check_hostname = False
            connection = http.client.HTTPSConnection(
                *server.address, timeout=PATIENCE, context=context
            )
            with closing(connection):
                form = {"Content-Type": "application/x-www-form-urlencoded"}
                connection.request("POST", "/login", f"token={secret}", form)
                answer = connection.getresponse()
                assert 303 == answer.status
                assert "Secure" in answer.getheader("set-cookie")
            with pytest.raises((OSError, http.client.HTTPException)):
                server.ask("/v1/health")


class TestArchive:
    """A sealed log is read over HTTP as any other, and takes nothing."""

    def test_it_is_read_and_takes_no_events(self, tmp_path):
        with temporary_log([outcome_record(number) for number in range(5)]) as (log, _):
            archive_log(log, tmp_path / "sealed")
            replayed = reports_of(log, POLICIES[0], [2022])[2022]
        with serving(f"archive:{tmp_path}/sealed", "--insecure-dev") as server:
            live = server.wait_for_figures()
            refused = server.post(changed())
            ready = server.ask("/v1/ready")

        assert replayed.digest == live["digest"]
        assert (405, "") == (refused.status, refused.headers["allow"])
        assert 200 == ready.status
