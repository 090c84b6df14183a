"""A YAML file as nodes of text that know their line; nothing in it is more than text."""

from __future__ import annotations

from typing import NamedTuple

import yaml

from ledger.errors import BadInputError
from schemas.reasons import suggestion
from schemas.text import one_line

__all__ = ["YamlNode", "read_yaml"]

_DEPTH_MAX = 8


class YamlNode(NamedTuple):
    """A node of a file.

    Attributes:
        node: As the parser gives it.
        place: Of the file, for a person.
    """

    node: yaml.Node
    place: str

    @property
    def line(self) -> int:
        """From 1."""
        return int(self.node.start_mark.line) + 1

    @property
    def text_line(self) -> int:
        """Of the first line of the text itself, which a block has below its mark."""
        return self.line + (1 if self.node.style in ("|", ">") else 0)

    @property
    def is_text(self) -> bool:
        """Whether it is a scalar."""
        return isinstance(self.node, yaml.ScalarNode)

    def error(self, message: str) -> BadInputError:
        """An error at this place."""
        return BadInputError(f"{self.place}:{self.line}: {one_line(message)}")

    def text(self) -> str:
        """The text of a scalar."""
        if not isinstance(self.node, yaml.ScalarNode):
            raise self.error("a text is needed here")
        return str(self.node.value)

    def items(self) -> list[YamlNode]:
        """The items of a list."""
        if not isinstance(self.node, yaml.SequenceNode):
            raise self.error("a list is needed here, its items after hyphens")
        return [YamlNode(item, self.place) for item in self.node.value]

    def members(self, *known: str) -> dict[str, YamlNode]:
        """The members of a mapping; with `known` no others than those."""
        if not isinstance(self.node, yaml.MappingNode):
            listed = f": {', '.join(known)}" if known else ""
            raise self.error(f"members are needed here{listed}")
        result: dict[str, YamlNode] = {}
        for key_node, value_node in self.node.value:
            key = YamlNode(key_node, self.place)
            name = key.text()
            if name in result:
                raise key.error(f"{name!r} is given a second time")
            if known and name not in known:
                raise key.error(f"{name!r} is not known here{suggestion(name, known)}")
            result[name] = YamlNode(value_node, self.place)
        return result


def read_yaml(data: bytes, place: str) -> YamlNode:
    """Read a file of one document.

    Args:
        data: UTF-8.
        place: For a person.

    Raises:
        BadInputError: If it is not YAML of the kind that is taken.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise BadInputError(f"{place}:{line}: not UTF-8; save the file as UTF-8") from error
    try:
        _refuse_references(text, place)
        # The base loader makes text of everything and runs nothing.
        root = yaml.compose(text, yaml.BaseLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        problem = one_line(error.problem or str(error))
        raise BadInputError(f"{place}:{line}: not YAML: {problem}") from error
    except yaml.YAMLError as error:
        raise BadInputError(f"{place}: not YAML: {one_line(str(error))}") from error
    if root is None:
        raise BadInputError(f"{place}: the file is empty")
    return YamlNode(root, place)


def _refuse_references(text: str, place: str) -> None:
    """Refuse aliases, with which a small file can be made endless, and deep nesting."""
    depth = 0
    for event in yaml.parse(text, yaml.BaseLoader):
        if isinstance(event, yaml.AliasEvent):
            line = event.start_mark.line + 1
            raise BadInputError(f"{place}:{line}: references such as *{event.anchor} are not taken")
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEPTH_MAX:
            line = event.start_mark.line + 1
            raise BadInputError(f"{place}:{line}: nested deeper than {_DEPTH_MAX} levels")
