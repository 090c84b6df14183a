"""The address of a log on Kafka, `kafka://HOST:PORT[,HOST:PORT]/TOPIC`, and connection options."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from ledger.errors import ConfigurationError
from ledger.settings import Settings

if TYPE_CHECKING:
    import ssl

__all__ = ["NAME_MAX", "TopicAddress", "connection_options", "parse_topic_address"]

_SERVER = re.compile(r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):([0-9]{1,5})")
NAME_MAX = 249
"""The most characters that Kafka allows in the name of a topic."""

_TOPIC = re.compile(rf"(?!\.{{1,2}}$)[A-Za-z0-9._-]{{1,{NAME_MAX}}}")
_FORM = "kafka://HOST:PORT[,HOST:PORT]/TOPIC"
_PORT_MAX = 65_535


class TopicAddress(NamedTuple):
    """A topic on a cluster.

    Attributes:
        servers: Some or all brokers of the cluster, as `host:port`.
        topic: The topic's name.
    """

    servers: tuple[str, ...]
    topic: str

    @property
    def cluster(self) -> str:
        """The servers as a URL without the topic."""
        return f"kafka://{','.join(self.servers)}"

    @property
    def partials(self) -> TopicAddress:
        """The topic to which the workers of this log publish their figures."""
        return self._replace(topic=f"{self.topic}-partials")

    @property
    def dead_letters(self) -> TopicAddress:
        """The topic to which the workers of this log publish pointers to quarantined records."""
        return self._replace(topic=f"{self.topic}-dead-letters")

    @property
    def derived(self) -> tuple[TopicAddress, TopicAddress]:
        """The topics beside that of the log, which hold only what can be rebuilt from it."""
        return self.partials, self.dead_letters

    def __str__(self) -> str:
        return f"{self.cluster}/{self.topic}"


def parse_topic_address(url: str) -> TopicAddress:
    """Read a log URL.

    Raises:
        ConfigurationError: If it is not of this form.

    >>> parse_topic_address("kafka://one:9092,two:9092/student-lifecycle").topic
    'student-lifecycle'
    """
    if "@" in url:
        # The URL may hold a password, so it is not repeated.
        raise ConfigurationError(
            f"--log: a Kafka URL names no user; write {_FORM} and set"
            " OUTCOMES_KAFKA_SASL_USERNAME and OUTCOMES_KAFKA_SASL_PASSWORD"
        )
    rest = url.removeprefix("kafka://")
    servers, _, topic = rest.partition("/")
    bootstrap = tuple(servers.split(","))
    if rest == url or not all(map(_is_server, bootstrap)) or not _TOPIC.fullmatch(topic):
        raise ConfigurationError(f"--log {url}: not a Kafka log; write {_FORM}")
    return TopicAddress(bootstrap, topic)


def connection_options(settings: Settings) -> dict[str, Any]:
    """The options that every aiokafka client needs to connect.

    Raises:
        ConfigurationError: If the settings do not fit together, or name a file that cannot be used.
    """
    protocol = settings.kafka_security_protocol
    options: dict[str, Any] = {"security_protocol": protocol}
    if protocol.endswith("SSL"):
        options["ssl_context"] = _ssl_context(settings)
    if protocol.startswith("SASL"):
        password = settings.kafka_sasl_password
        if not settings.kafka_sasl_username or password is None:
            raise ConfigurationError(
                f"OUTCOMES_KAFKA_SECURITY_PROTOCOL is {protocol}, which needs a user: set"
                " OUTCOMES_KAFKA_SASL_USERNAME and OUTCOMES_KAFKA_SASL_PASSWORD"
            )
        options["sasl_mechanism"] = settings.kafka_sasl_mechanism
        options["sasl_plain_username"] = settings.kafka_sasl_username
        options["sasl_plain_password"] = password.get_secret_value()
    return options


def _is_server(text: str) -> bool:
    match = _SERVER.fullmatch(text)
    return match is not None and 0 < int(match[2]) <= _PORT_MAX


def _ssl_context(settings: Settings) -> ssl.SSLContext:
    import ssl  # noqa: PLC0415 - takes 12 ms, which every `sqlite:` command would pay

    name, path = "CAFILE", settings.kafka_ssl_cafile
    try:
        context = ssl.create_default_context(cafile=path)
        if settings.kafka_ssl_certfile is not None:
            name, path = "CERTFILE", settings.kafka_ssl_certfile
            # Without this, OpenSSL would ask for a password on the terminal.
            context.load_cert_chain(path, settings.kafka_ssl_keyfile, password=lambda: b"")
    except OSError as error:
        keyfile = settings.kafka_ssl_keyfile
        with_key = f" with OUTCOMES_KAFKA_SSL_KEYFILE {keyfile}" if name == "CERTFILE" else ""
        raise ConfigurationError(
            f"OUTCOMES_KAFKA_SSL_{name} {path}{with_key}: {error.strerror or error};"
            " name a PEM file without a password"
        ) from error
    return context
