from __future__ import annotations

import base64
import json
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.evidence import merkle
from ledger.evidence.merkle import CompactRange, Tree, nodes_between
from tests.support.repository import ROOT

VECTORS = ROOT / "tests" / "vectors"


def vectors(name):
    cases = json.loads((VECTORS / f"{name}.json").read_text("utf-8"))
    return [pytest.param(case, id=case["name"]) for case in cases]


def hashes(texts):
    return [base64.b64decode(text) for text in texts or ()]


def decoded(text):
    return base64.b64decode(text or "")


# --- A naive reading of RFC 6962, 2.1, word for word ---------------------------------------


def split(size):
    power = 1
    while power * 2 < size:
        power *= 2
    return power


def root_of(leaves):
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    middle = split(len(leaves))
    return sha256(b"\x01" + root_of(leaves[:middle]) + root_of(leaves[middle:])).digest()


def path_of(index, leaves):
    if len(leaves) == 1:
        return []
    middle = split(len(leaves))
    if index < middle:
        return [*path_of(index, leaves[:middle]), root_of(leaves[middle:])]
    return [*path_of(index - middle, leaves[middle:]), root_of(leaves[:middle])]


def proof_of(old, leaves, *, complete=True):
    if old == len(leaves):
        return [] if complete else [root_of(leaves)]
    middle = split(len(leaves))
    if old <= middle:
        return [*proof_of(old, leaves[:middle], complete=complete), root_of(leaves[middle:])]
    return [*proof_of(old - middle, leaves[middle:], complete=False), root_of(leaves[:middle])]


def leaves_of(count):
    return [merkle.hash_leaf(str(number).encode()) for number in range(count)]


def tree_of(leaves, known=()):
    return Tree(leaves.__getitem__, dict(known))


sizes = st.integers(1, 150)


class TestRoots:
    @given(st.integers(0, 150))
    def test_the_root_of_appended_leaves_is_that_of_the_recursion(self, size):
        leaves = leaves_of(size)
        appended = CompactRange()
        for leaf in leaves:
            appended.append(leaf)
        assert appended.root() == root_of(leaves)
        assert tree_of(leaves).subtree(0, size) == root_of(leaves)

    @given(st.lists(st.integers(0, 40), max_size=6))
    def test_runs_of_leaves_make_the_root_of_all_wherever_they_are_divided(self, lengths):
        leaves = leaves_of(sum(lengths))
        whole, begin = CompactRange(), 0
        for length in lengths:
            part = CompactRange(begin)
            for leaf in leaves[begin : begin + length]:
                part.append(leaf)
            kept = CompactRange(part.begin, part.end, part.hashes)
            assert len(kept.hashes) <= 2 * 8
            whole.extend(kept)
            begin += length
        assert whole.root() == root_of(leaves)

    @given(st.integers(0, 300), st.integers(0, 300))
    def test_the_nodes_of_a_run_follow_each_other_and_cover_it(self, begin, length):
        end = begin + length
        position = begin
        for level, index in nodes_between(begin, end):
            assert index << level == position
            position += 1 << level
        assert position == end

    def test_the_empty_tree_has_the_hash_of_nothing(self):
        assert CompactRange().root().hex() == (
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        )


class TestInclusion:
    @given(sizes, st.data())
    def test_the_path_is_that_of_the_recursion_and_holds_for_no_other_place(self, size, data):
        index = data.draw(st.integers(0, size - 1))
        leaves = leaves_of(size)
        root, path = root_of(leaves), path_of(index, leaves)
        assert merkle.inclusion_path(tree_of(leaves).subtree, index, size) == path
        assert merkle.check_inclusion(leaves[index], index, size, path, root=root)
        for wrong in {index - 1, index + 1, size - 1 - index} - {index}:
            assert not merkle.check_inclusion(leaves[index], wrong, size, path, root=root)

    @given(sizes, st.data())
    def test_a_known_node_saves_the_leaves_below_it(self, size, data):
        leaves = leaves_of(size)
        index = data.draw(st.integers(0, size - 1))
        begin = data.draw(st.integers(0, size))
        end = data.draw(st.integers(begin, size))
        known = {
            (level, number): root_of(leaves[number << level : (number + 1) << level])
            for level, number in nodes_between(begin, end)
        }

        def leaf(number):
            assert (
                number == index
                or not begin <= number < end
                or (0, number) in known
                or (begin <= index < end)
            )
            return leaves[number]

        path = merkle.inclusion_path(Tree(leaf, known).subtree, index, size)
        assert path == path_of(index, leaves)

    @pytest.mark.parametrize("case", vectors("merkle-inclusion"))
    def test_the_vectors_of_transparency_dev_are_judged_as_they_say(self, case):
        holds = merkle.check_inclusion(
            decoded(case["leafHash"]),
            case["leafIdx"],
            case["treeSize"],
            hashes(case["proof"]),
            root=decoded(case["root"]),
        )
        assert holds is not case["wantErr"]


class TestConsistency:
    @given(sizes, st.data())
    def test_the_path_is_that_of_the_recursion_and_binds_both_sizes(self, size, data):
        old = data.draw(st.integers(1, size))
        leaves = leaves_of(size)
        roots = {"old_root": root_of(leaves[:old]), "new_root": root_of(leaves)}
        path = proof_of(old, leaves)
        assert merkle.consistency_path(tree_of(leaves).subtree, old, size) == path
        assert merkle.check_consistency(old, size, path, **roots)
        assert not merkle.check_consistency(old, size, [*path, roots["old_root"]], **roots)
        if path:
            assert not merkle.check_consistency(old, size, path[:-1], **roots)
        if old > 1:
            assert not merkle.check_consistency(old - 1, size, path, **roots)

    @pytest.mark.parametrize("case", vectors("merkle-consistency"))
    def test_the_vectors_of_transparency_dev_are_judged_as_they_say(self, case):
        holds = merkle.check_consistency(
            case["size1"],
            case["size2"],
            hashes(case["proof"]),
            old_root=decoded(case["root1"]),
            new_root=decoded(case["root2"]),
        )
        assert holds is not case["wantErr"]


class TestVectors:
    def test_there_are_98_of_each_kind_and_some_of_them_hold(self):
        for name in ("merkle-inclusion", "merkle-consistency"):
            cases = json.loads((VECTORS / f"{name}.json").read_text("utf-8"))
            assert len(cases) == 98
            assert sum(not case["wantErr"] for case in cases) == 6
