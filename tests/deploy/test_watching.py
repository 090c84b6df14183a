"""What Prometheus asks, and what Grafana draws, checked without either."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from urllib.parse import urlsplit

import pytest
import yaml

from tests.support.metrics import sample_names
from tests.support.repository import ROOT

METRIC = re.compile(r"\boutcomes_[a-z_]+\b")
DASHBOARD = json.loads((ROOT / "deploy" / "grafana" / "outcomes.json").read_text(encoding="utf-8"))
SCRAPES = yaml.safe_load((ROOT / "deploy" / "prometheus.yml").read_text(encoding="utf-8"))
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
SERVICES = COMPOSE["services"]


def queries():
    return [(panel, target["expr"]) for panel in DASHBOARD["panels"] for target in panel["targets"]]


class TestDashboard:
    def test_every_metric_in_it_exists(self):
        used = {name for _, query in queries() for name in METRIC.findall(query)}

        assert len(used) > 10
        assert set() == used - sample_names()

    def test_every_panel_says_what_it_shows_and_none_covers_another(self):
        cells = set()
        for panel in DASHBOARD["panels"]:
            assert panel["title"]
            assert panel["description"].endswith(".")
            place = panel["gridPos"]
            own = {
                (column, row)
                for column in range(place["x"], place["x"] + place["w"])
                for row in range(place["y"], place["y"] + place["h"])
            }
            assert not cells & own, panel["title"]
            assert all(column < 24 for column, _ in own)
            cells |= own
        assert len(DASHBOARD["panels"]) == len({panel["id"] for panel in DASHBOARD["panels"]})

    def test_prometheus_takes_its_queries(self, tmp_path):
        promtool = shutil.which("promtool")
        if promtool is None:
            pytest.skip("needs promtool, of Debian's package prometheus")
        rules = [
            {
                "record": f"panel{panel['id']}:{number}",
                "expr": query.replace("$__rate_interval", "5m"),
            }
            for number, (panel, query) in enumerate(queries())
        ]
        file = tmp_path / "rules.yml"
        file.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
        done = subprocess.run(
            [promtool, "check", "rules", str(file)], capture_output=True, text=True, check=False
        )

        assert 0 == done.returncode, done.stdout + done.stderr

    def test_grafana_finds_it_and_its_source(self):
        grafana = SERVICES["grafana"]
        mounted = dict(volume.split(":")[:2] for volume in grafana["volumes"])
        folder = ROOT / "deploy" / "grafana" / "provisioning"
        (provider,) = load(folder / "dashboards" / "outcomes.yml")["providers"]
        (source,) = load(folder / "datasources" / "prometheus.yml")["datasources"]

        place = mounted["./deploy/grafana/outcomes.json"]
        assert provider["options"]["path"] == place.rpartition("/")[0]
        assert place == grafana["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
        assert {source["uid"]} == {panel["datasource"]["uid"] for panel in DASHBOARD["panels"]}
        assert "prometheus" == urlsplit(source["url"]).hostname
        assert "/etc/grafana/provisioning" == mounted["./deploy/grafana/provisioning"]


class TestPrometheus:
    def test_it_asks_the_server_and_the_workers_where_they_answer(self):
        serve, worker = SCRAPES["scrape_configs"]
        (target,) = serve["static_configs"][0]["targets"]
        assert "serve:8080" == target
        assert "--name=serve" in SERVICES["serve"]["command"]
        (lookup,) = worker["dns_sd_configs"]
        assert ["worker"] == lookup["names"]
        assert SERVICES["worker"]["command"][-1].endswith(f":{lookup['port']}")

    def test_it_has_its_token_its_alerts_and_its_settings(self):
        service = SERVICES["prometheus"]
        (secret,) = service["secrets"]
        file = SCRAPES["scrape_configs"][0]["authorization"]["credentials_file"]
        assert f"/run/secrets/{secret}" == file
        assert [
            f"./deploy/{name}:/etc/prometheus/{name}:ro"
            for name in ("prometheus.yml", "alerts.yml")
        ] == service["volumes"][1:]
        assert ["alerts.yml"] == SCRAPES["rule_files"]
        ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
        assert COMPOSE["secrets"][secret]["file"].removeprefix(".") in ignored


def load(path):
    return yaml.safe_load(path.read_text(encoding="utf-8"))
