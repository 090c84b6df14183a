"""`outcomes.__main__`: what it leaves out of a start is there as soon as it is needed."""

from __future__ import annotations

import sys

from outcomes.__main__ import _PLUGIN_LOADER, _NoPlugins


class TestPlugins:
    def test_pydantic_finds_none_and_may_ask_for_what_else_is_in_its_loader(self, monkeypatch):
        placeholder = _NoPlugins(_PLUGIN_LOADER)
        monkeypatch.setitem(sys.modules, _PLUGIN_LOADER, placeholder)

        assert () == placeholder.get_plugins()
        assert "pydantic" == placeholder.PYDANTIC_ENTRY_POINT_GROUP
        assert placeholder is not sys.modules.get(_PLUGIN_LOADER)
