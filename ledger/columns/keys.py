"""The keys of records in SQL: which are subjects in the partition where Kafka puts them.

A key is judged once, however many records it has. `schemas.partition` is what a partition means;
a test holds the two side by side.
"""

from __future__ import annotations

from ledger.columns.schema import hash128

__all__ = ["known_keys"]

_MASK, _MIX, _SEED = "4294967295::ubigint", "1540483477::ubigint", "2538058380::ubigint"
_SUBJECT = "[A-Za-z0-9._:-]{1,64}"


def known_keys(partitions: int) -> str:
    """SQL: keys of the table `record` that are subjects, each with its partition and `student`.

    Args:
        partitions: The log's partition count.
    """
    return f"""
        with candidate as (
            select distinct key, partition from record
            where is_ordinary_text and regexp_full_match(key, '{_SUBJECT}')
        ),
        {_PARTITIONED}
        select key, partition, {hash128("'student'", "key")} as student
        from hashed
        where partition = (murmur2 & 2147483647::ubigint) % {partitions}
    """  # noqa: S608 - of constants


def _mixed(word: str) -> str:
    return f"{word} * {_MIX} & {_MASK}"


def _word(text: str) -> str:
    """SQL for up to four bytes as a number, the first being the lowest."""
    return f"encode(reverse({text}))::bit::ubigint"


# MurmurHash2 goes by words of four bytes, and what is left at the end is one more.
_PARTITIONED = f"""
        word as (
            select
                key,
                partition,
                strlen(key) as size,
                list_transform(
                    range(size // 4),
                    lambda i: {_mixed(_word("substring(key, 4 * i + 1, 4)"))}
                ) as words,
                case when size % 4 > 0 then {_word("right(key, size % 4)")} end as tail
            from candidate
        ),
        state as (
            select
                key,
                partition,
                tail,
                list_reduce(
                    list_transform(words, lambda word: {_mixed("xor(word, word >> 24)")}),
                    lambda state, word: xor({_mixed("state")}, word),
                    xor({_SEED}, size::ubigint)
                ) as state
            from word
        ),
        ended as (
            select
                key,
                partition,
                if(tail is null, state, {_mixed("xor(state, tail)")}) as ended
            from state
        ),
        hashed as (
            select
                key,
                partition,
                {_mixed("xor(ended, ended >> 13)")} as mixed,
                xor(mixed, mixed >> 15) as murmur2
            from ended
        )
"""  # noqa: S608 - of constants
