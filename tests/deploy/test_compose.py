"""What `docker-compose.yml` and `deploy/Dockerfile` promise, checked without an engine."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import socket
import subprocess
import threading
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
import typer
import yaml

from ledger.log.kafka.address import connection_options
from ledger.settings import Settings
from outcomes.cli.app import app
from tests.support.image import IMAGE, ROOT, last_stage

COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
SERVICES = COMPOSE["services"]
OURS = ["topics", "worker", "serve"]
WATCHING = ["prometheus", "grafana"]
SASL = ROOT / "deploy" / "docker-compose.sasl.yml"
RECIPE = ROOT / "deploy" / "kafka"


def parse(arguments: list[str]) -> None:
    """Have the command line parse what it is given, without running it."""
    command = typer.main.get_command(app)
    context = command.make_context("outcomes", list(arguments))
    while hasattr(command, "resolve_command"):
        name, command, rest = command.resolve_command(
            context, [*context._protected_args, *context.args]
        )
        context = command.make_context(name, rest, parent=context)


def docker_compose(*files: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """What Debian's docker-compose makes of files, one upon the other."""
    tool = shutil.which("docker-compose")
    if tool is None:
        refuse = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        refuse("no docker-compose; install Debian's package docker-compose")
    named = [word for file in files for word in ("--file", str(file))]
    return subprocess.run(
        [tool, *named, "config"],
        cwd=ROOT,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


class TestCompose:
    def test_debians_docker_compose_accepts_it(self) -> None:
        done = docker_compose(ROOT / "docker-compose.yml")
        assert (done.returncode, done.stderr) == (0, "")
        assert sorted(SERVICES) == sorted(yaml.safe_load(done.stdout)["services"])

    def test_it_runs_a_broker_the_topics_two_workers_and_a_server(self) -> None:
        assert ["kafka", *OURS, *WATCHING] == list(SERVICES)
        assert 2 == SERVICES["worker"]["scale"]

    def test_prometheus_and_grafana_run_where_they_are_asked_for(self) -> None:
        assert [["metrics"]] * 2 == [SERVICES[name]["profiles"] for name in WATCHING]

    def test_nothing_keeps_workers_from_being_scaled(self) -> None:
        assert set() == {"hostname", "container_name", "ports"} & SERVICES["worker"].keys()

    @pytest.mark.parametrize("name", SERVICES)
    def test_memory_and_logs_are_bounded(self, name: str) -> None:
        service = SERVICES[name]
        assert re.fullmatch(r"[12]g", service["mem_limit"])
        assert {"max-size": "10m", "max-file": "5"} == service["logging"]["options"]

    def test_the_brokers_heap_leaves_memory_for_the_rest_of_it(self) -> None:
        kafka = SERVICES["kafka"]
        assert ("-Xms512m -Xmx1g", "2g") == (
            kafka["environment"]["KAFKA_HEAP_OPTS"],
            kafka["mem_limit"],
        )

    def test_versions_are_pinned_to_the_patch(self) -> None:
        for name in ("kafka", *WATCHING):
            assert re.fullmatch(r"[a-z]+/[a-z]+:v?\d+\.\d+\.\d+", SERVICES[name]["image"])

    def test_no_port_is_open_beyond_this_machine(self) -> None:
        ports = [port for service in SERVICES.values() for port in service.get("ports", [])]
        assert [f"127.0.0.1:{port}:{port}" for port in (9092, 8080, 9090, 3000)] == ports

    @pytest.mark.parametrize("name", ["kafka", "worker", "serve", *WATCHING])
    def test_what_runs_on_is_watched_started_again_and_given_time_to_end(self, name: str) -> None:
        service = SERVICES[name]
        assert service["healthcheck"].keys() >= {"test", "interval", "timeout", "retries"}
        assert "unless-stopped" == service["restart"]
        assert int(service["stop_grace_period"].removesuffix("s")) >= 10

    @pytest.mark.parametrize("name", OURS)
    def test_ours_run_without_rights_on_a_root_that_cannot_be_written(self, name: str) -> None:
        service = SERVICES[name]
        assert service["read_only"] is True
        assert ["/tmp"] == service["tmpfs"]
        assert ["ALL"] == service["cap_drop"]
        assert ["no-new-privileges:true"] == service["security_opt"]
        # A process that is number 1 is deaf to signals that it does not handle.
        assert service["init"] is True
        assert "user" not in service
        assert not service.get("privileged")

    def test_workers_share_a_folder_in_which_each_has_a_file(self) -> None:
        folder = dict(last_stage(IMAGE))["WORKDIR"]
        worker = SERVICES["worker"]
        assert [f"workers:{folder}"] == worker["volumes"]
        assert folder == worker["environment"]["OUTCOMES_STATE"]
        assert ["kafka", "tokens", "workers", "prometheus"] == list(COMPOSE["volumes"])

    def test_the_log_lies_on_its_volume(self) -> None:
        kafka = SERVICES["kafka"]
        assert [f"kafka:{kafka['environment']['KAFKA_LOG_DIRS']}"] == kafka["volumes"]

    def test_workers_start_when_the_broker_answers_and_the_topics_are_there(self) -> None:
        answers = {"kafka": {"condition": "service_healthy"}}
        there = {"topics": {"condition": "service_completed_successfully"}}
        assert answers == SERVICES["topics"]["depends_on"]
        for name in ("worker", "serve"):
            assert answers | there == SERVICES[name]["depends_on"]

    @pytest.mark.parametrize("name", OURS)
    def test_every_command_is_one_that_outcomes_knows(self, name: str) -> None:
        assert '["outcomes"]' == dict(IMAGE)["ENTRYPOINT"]
        parse(SERVICES[name]["command"])

    def test_a_command_that_it_does_not_know_is_seen(self) -> None:
        with pytest.raises(Exception, match="No such option"):
            parse(["worker", "--stat"])
        with pytest.raises(Exception, match="No such command"):
            parse(["topic", "crate"])

    def test_the_commands_in_its_heading_are_known_too(self) -> None:
        text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
        typed = re.findall(r"^# +docker compose exec \w+ outcomes ([^>\n]+)", text, re.MULTILINE)
        assert 3 == len(typed)
        for line in typed:
            parse(shlex.split(line))

    @pytest.mark.parametrize("name", OURS)
    def test_every_variable_is_a_setting(self, name: str) -> None:
        variables = SERVICES[name]["environment"]
        known = {f"OUTCOMES_{field.upper()}" for field in Settings.model_fields}
        assert known >= variables.keys()
        Settings(**{key.removeprefix("OUTCOMES_").lower(): variables[key] for key in variables})

    def test_the_workers_find_the_broker_where_it_listens(self) -> None:
        (url,) = {SERVICES[name]["environment"]["OUTCOMES_LOG"] for name in OURS}
        server = re.fullmatch(r"kafka://(.+)/student-lifecycle", url)[1]
        kafka = SERVICES["kafka"]
        listeners = kafka["environment"]["KAFKA_ADVERTISED_LISTENERS"].split(",")
        assert [f"PLAINTEXT://{server}", "HOST://127.0.0.1:9092"] == listeners
        assert f"/dev/tcp/{server.replace(':', '/')} " in kafka["healthcheck"]["test"][-1]
        assert server.partition(":")[0] == kafka["hostname"]


class TestBrokerCheck:
    """The check of the broker's health, run by this machine's bash."""

    def status(self, server: str) -> int:
        command = SERVICES["kafka"]["healthcheck"]["test"]
        assert "CMD" == command[0]
        script = command[-1].replace("kafka/19092", server.replace(":", "/"))
        done = subprocess.run(["timeout", "10", *command[1:-1], script], stderr=-3, check=False)
        return done.returncode

    @pytest.mark.kafka
    def test_a_broker_that_answers_is_healthy(self, kafka) -> None:
        assert 0 == self.status(kafka.bootstrap)

    def test_a_closed_port_is_not(self) -> None:
        assert 0 != self.status("127.0.0.1:1")

    @pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\0" * 10])
    def test_a_port_that_answers_anything_else_is_not(self, answer: bytes) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            answering = threading.Thread(target=answer_once, args=(server, answer))
            answering.start()
            assert 0 != self.status(f"127.0.0.1:{server.getsockname()[1]}")
            answering.join(10)


def answer_once(server: socket.socket, answer: bytes) -> None:
    connection, _ = server.accept()
    with connection:
        connection.recv(100)
        connection.sendall(answer)


class TestSasl:
    def test_without_a_password_it_is_refused(self) -> None:
        done = docker_compose(ROOT / "docker-compose.yml", SASL, OUTCOMES_KAFKA_SASL_PASSWORD="")
        assert done.returncode != 0
        assert "set a password" in done.stderr

    def test_every_connection_from_outside_the_broker_has_a_user(self) -> None:
        done = docker_compose(ROOT / "docker-compose.yml", SASL, OUTCOMES_KAFKA_SASL_PASSWORD="pw")
        assert (done.returncode, done.stderr) == (0, "")
        services = yaml.safe_load(done.stdout)["services"]
        kafka = services["kafka"]["environment"]
        protocols = dict(
            pair.split(":") for pair in kafka["KAFKA_LISTENER_SECURITY_PROTOCOL_MAP"].split(",")
        )
        for listener in kafka["KAFKA_LISTENERS"].split(","):
            name, _, place = listener.partition("://")
            is_open = place in ("127.0.0.1:19091", ":29093")
            assert is_open == (protocols[name] == "PLAINTEXT"), listener
        for name in ("CLIENT", "HOST"):
            users = kafka[f"KAFKA_LISTENER_NAME_{name}_PLAIN_SASL_JAAS_CONFIG"]
            assert users.endswith(' required user_outcomes="pw";')
        for name in OURS:
            variables = services[name]["environment"]
            assert "pw" == variables["OUTCOMES_KAFKA_SASL_PASSWORD"]
            settings = {key.removeprefix("OUTCOMES_").lower(): variables[key] for key in variables}
            options = connection_options(Settings(**settings))
            assert ("SASL_PLAINTEXT", "PLAIN") == (
                options["security_protocol"],
                options["sasl_mechanism"],
            )


class TestOneRecipe:
    def test_the_image_is_of_the_version_that_the_tests_run(self) -> None:
        maven = {"m": "http://maven.apache.org/POM/4.0.0"}
        dependencies = ET.parse(RECIPE / "pom.xml").iterfind(".//m:dependency", maven)
        versions = {
            dependency.findtext("m:artifactId", None, maven): dependency.findtext(
                "m:version", None, maven
            )
            for dependency in dependencies
        }
        assert f"apache/kafka:{versions['kafka_2.13']}" == SERVICES["kafka"]["image"]

    def test_a_setting_that_both_brokers_have_is_the_same(self) -> None:
        text = (RECIPE / "server.properties").read_text(encoding="utf-8")
        here = dict(re.findall(r"^([a-z.]+)=(.*)$", text, re.MULTILINE))
        there = {
            name.removeprefix("KAFKA_").lower().replace("_", "."): str(value)
            for name, value in SERVICES["kafka"]["environment"].items()
            if name not in ("CLUSTER_ID", "KAFKA_HEAP_OPTS")
        }
        differing = {name for name in here.keys() & there.keys() if here[name] != there[name]}
        # Addresses and folders differ by nature.
        own = {"advertised.listeners", "controller.quorum.voters", "listeners", "log.dirs"}
        assert own | {"listener.security.protocol.map"} == differing
        assert set() == there.keys() - here.keys()


class TestImage:
    def test_it_is_not_run_by_root(self) -> None:
        user, _, group = dict(last_stage(IMAGE))["USER"].partition(":")
        assert int(user) > 0
        assert int(group) > 0

    def test_every_stage_starts_from_one_patch_of_the_slim_python_of_the_tests(self) -> None:
        stages = [argument.partition(" AS ")[0] for name, argument in IMAGE if name == "FROM"]
        assert 2 == len(stages)
        assert 1 == len(set(stages))
        assert re.fullmatch(r"python:3\.11\.\d+-slim-bookworm", stages[0])

    def test_what_it_copies_is_there_and_reaches_the_engine(self) -> None:
        ignored, allowed = [], []
        for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines():
            if line and not line.startswith("#"):
                (allowed if line.startswith("!") else ignored).append(line.removeprefix("!"))
        copied = [
            source
            for name, argument in IMAGE
            if name == "COPY" and "--from" not in argument
            for source in argument.split()[:-1]
        ]
        assert sorted(allowed) == sorted(copied)
        assert [] == [source for source in copied if not (ROOT / source).exists()]
        assert ["*", "**/__pycache__"] == ignored

    def test_the_health_check_asks_a_script_that_is_in_it(self) -> None:
        target = SERVICES["worker"]["healthcheck"]["test"][-1]
        assert f"deploy/worker_health.py {target}" in [
            argument for name, argument in IMAGE if name == "COPY"
        ]
