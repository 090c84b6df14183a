"""The Merkle tree of RFC 6962: roots, inclusion and consistency proofs, and their checks.

A tree over n leaves is split at the largest power of two below n; all nodes but those on its right
edge are roots of perfect subtrees. A node is named by its level and its index in that level: node
(level, index) is over the leaves from `index << level` up to `(index + 1) << level`.

Everything here works on hashes of 32 bytes. Source: RFC 6962, 2.1, and RFC 9162, 2.1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256

__all__ = [
    "EMPTY_ROOT",
    "HASH_BYTES",
    "CompactRange",
    "Node",
    "Tree",
    "check_consistency",
    "check_inclusion",
    "consistency_path",
    "hash_leaf",
    "hash_node",
    "inclusion_path",
    "nodes_between",
]

HASH_BYTES = 32
EMPTY_ROOT = sha256(b"").digest()
"""The root of a tree without leaves."""

Node = tuple[int, int]
"""Level and index."""

Subtree = Callable[[int, int], bytes]
"""Gives the root over the leaves from one index up to another."""


def hash_leaf(data: bytes) -> bytes:
    """The hash of a leaf; its prefix keeps it apart from that of a node."""
    return sha256(b"\x00" + data).digest()


def hash_node(left: bytes, right: bytes) -> bytes:
    """The hash of the node above two others."""
    return sha256(b"\x01" + left + right).digest()


def nodes_between(begin: int, end: int) -> list[Node]:
    """The largest perfect subtrees that make up the leaves from `begin` up to `end`, in order.

    >>> nodes_between(3, 9)
    [(0, 3), (2, 1), (0, 8)]
    """
    nodes = []
    while begin < end:
        level = (end - begin).bit_length() - 1
        if begin:
            level = min(level, (begin & -begin).bit_length() - 1)
        nodes.append((level, begin >> level))
        begin += 1 << level
    return nodes


class CompactRange:
    """All that has to be remembered of a run of leaves: the roots of its largest perfect subtrees.

    Attributes:
        begin: The index of its first leaf.
        end: 1 + the index of its last leaf.
        hashes: A root for each of `nodes_between(begin, end)`.
    """

    def __init__(
        self, begin: int = 0, end: int | None = None, hashes: Sequence[bytes] = ()
    ) -> None:
        self.begin = begin
        self.end = begin if end is None else end
        self.hashes = list(hashes)
        assert len(self.hashes) == len(nodes_between(self.begin, self.end))

    def append(self, leaf: bytes) -> None:
        """Add the hash of the next leaf."""
        self.append_node(0, leaf)

    def append_node(self, level: int, node: bytes) -> None:
        """Add the root of the perfect subtree over the next `1 << level` leaves."""
        index = self.end >> level
        assert index << level == self.end, "a subtree begins at a multiple of its size"
        self.end += 1 << level
        while index & 1 and (index - 1) << level >= self.begin:
            node = hash_node(self.hashes.pop(), node)
            index >>= 1
            level += 1
        self.hashes.append(node)

    def extend(self, following: CompactRange) -> None:
        """Add the run of leaves that begins where this one ends."""
        assert following.begin == self.end
        nodes = nodes_between(following.begin, following.end)
        for (level, _), node in zip(nodes, following.hashes, strict=True):
            self.append_node(level, node)

    def root(self) -> bytes:
        """The root over its leaves; a tree's only where it begins at 0."""
        if not self.hashes:
            return EMPTY_ROOT
        root = self.hashes[-1]
        for left in reversed(self.hashes[:-1]):
            root = hash_node(left, root)
        return root


class Tree:
    """A tree whose leaves can be looked up, and whose nodes may be known already.

    Args:
        leaf: Gives the hash of a leaf by its index.
        known: Nodes that need not be computed.
    """

    def __init__(self, leaf: Callable[[int], bytes], known: Mapping[Node, bytes]) -> None:
        self._leaf = leaf
        self._known = known

    def subtree(self, begin: int, end: int) -> bytes:
        """The root over the leaves from `begin` up to `end`, one of the splits of the tree."""
        leaves = CompactRange(begin)
        for level, index in nodes_between(begin, end):
            leaves.append_node(level, self._node(level, index))
        return leaves.root()

    def _node(self, level: int, index: int) -> bytes:
        known = self._known.get((level, index))
        if known is not None:
            return known
        if level == 0:
            return self._leaf(index)
        return hash_node(self._node(level - 1, 2 * index), self._node(level - 1, 2 * index + 1))


def inclusion_path(subtree: Subtree, index: int, size: int) -> list[bytes]:
    """The proof that a leaf is in a tree: the neighbours on its way to the root, lowest first."""
    assert 0 <= index < size
    begin, end = 0, size
    path = []
    while end - begin > 1:
        middle = begin + _split(end - begin)
        if index < middle:
            path.append(subtree(middle, end))
            end = middle
        else:
            path.append(subtree(begin, middle))
            begin = middle
    return path[::-1]


def consistency_path(subtree: Subtree, old_size: int, new_size: int) -> list[bytes]:
    """The proof that a tree of one size is the beginning of one of another."""
    assert 0 < old_size <= new_size
    begin, end = 0, new_size
    path = []
    while end != old_size:
        middle = begin + _split(end - begin)
        if old_size <= middle:
            path.append(subtree(middle, end))
            end = middle
        else:
            path.append(subtree(begin, middle))
            begin = middle
    if begin:
        path.append(subtree(begin, end))
    return path[::-1]


def check_inclusion(
    leaf: bytes, index: int, size: int, path: Sequence[bytes], *, root: bytes
) -> bool:
    """Whether a path proves that a leaf is in the tree of a size and root.

    Source: RFC 9162, 2.1.3.2.
    """
    if not 0 <= index < size or not _are_hashes([leaf, *path]):
        return False
    number, last, node = index, size - 1, leaf
    for neighbour in path:
        if last == 0:
            return False
        if number & 1 or number == last:
            node = hash_node(neighbour, node)
            while not number & 1 and number:
                number, last = number >> 1, last >> 1
        else:
            node = hash_node(node, neighbour)
        number, last = number >> 1, last >> 1
    return last == 0 and node == root


def check_consistency(
    old_size: int, new_size: int, path: Sequence[bytes], *, old_root: bytes, new_root: bytes
) -> bool:
    """Whether a path proves that one tree is the beginning of another; never of an empty one.

    Source: RFC 9162, 2.1.4.2.
    """
    if not 0 < old_size <= new_size or not _are_hashes(path):
        return False
    if old_size == new_size:
        return not path and old_root == new_root
    is_perfect = old_size & (old_size - 1) == 0
    nodes = [old_root, *path] if is_perfect else list(path)
    if not nodes:
        return False
    number, last = old_size - 1, new_size - 1
    while number & 1:
        number, last = number >> 1, last >> 1
    old = new = nodes[0]
    for node in nodes[1:]:
        if last == 0:
            return False
        if number & 1 or number == last:
            old, new = hash_node(node, old), hash_node(node, new)
            while not number & 1 and number:
                number, last = number >> 1, last >> 1
        else:
            new = hash_node(new, node)
        number, last = number >> 1, last >> 1
    return last == 0 and old == old_root and new == new_root


def _split(size: int) -> int:
    """The largest power of two below a size of at least 2."""
    return 1 << (size - 1).bit_length() - 1


def _are_hashes(nodes: Sequence[bytes]) -> bool:
    return all(len(node) == HASH_BYTES for node in nodes)
