"""`outcomes.__main__`: what it leaves out of a start is there as soon as it is needed."""

from __future__ import annotations

import sys

from outcomes.__main__ import _PLUGIN_LOADER, _NoPlugins


class TestPlugins:
    def test_pydantic_finds_none_and_may_ask_for_what_else_is_in_its_loader(self, monkeypatch):
        stand_in = _NoPlugins(_PLUGIN_LOADER)
        monkeypatch.setitem(sys.modules, _PLUGIN_LOADER, stand_in)

        assert () == stand_in.get_plugins()
        assert "pydantic" == stand_in.PYDANTIC_ENTRY_POINT_GROUP
        assert stand_in is not sys.modules[_PLUGIN_LOADER]
