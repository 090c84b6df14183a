"""The app under the settings of the environment, for `faust -A processors.app worker`."""

from __future__ import annotations

from ledger.log.kafka.address import parse_topic_address
from ledger.policies import live_policies
from ledger.settings import load_settings
from processors.kafka.worker import build_app

__all__ = ["app"]

app = build_app(parse_topic_address(load_settings().log), None, live_policies())
