"""The cells of a block as keys and numbers, with a note on each that is off."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from common.lab.contest import cells, rules
from common.lab.contest.blocks import Block
from common.lab.contest.lookup import Lookup
from common.lab.contest.quantiles import quantile_columns
from common.lab.contest.records import Column
from common.lab.contest.shift import Sample
from common.lab.contest.tally import Tally, excerpt
from common.lab.pages import french
from common.lab.usecase import Array

__all__ = ["Reading", "without_blank"]

_FORMULA = ("=", "+", "-", "@")


@dataclass
class Reading:
    """How the cells of one file are read.

    Parameters
    ----------
    lookup
        The questions.
    columns
        Those of the contest's that the file holds, by name.
    decimal_comma
        Whether 1,5 is 1.5.
    tally
        Where what is off is noted.
    sample
        Where some keys are kept, to explain what was not asked.
    """

    lookup: Lookup
    columns: Mapping[str, Column]
    decimal_comma: bool
    tally: Tally
    sample: Sample

    def questions_of(self, block: Block) -> Array:
        """Return the question of each row, -1 for none; note what is off in the keys."""
        places, given = [], []
        sound = np.ones(len(block.lines), bool)
        for column in self.lookup.keys:
            if column.kind == "time":
                seconds, readable = self._times_of(block, column.name)
                place = self.lookup.place(column.name, seconds)
                sound &= readable
                given.append(seconds)
            else:
                place = self._texts_of(block, column.name)
                sound &= place >= 0
                given.append(place)
            places.append(place)
        self.sample.add(given)
        rows = self.lookup.rows(places)
        stray = np.flatnonzero(sound & (rows < 0))
        if len(stray):
            self.tally.add(
                rules.NOT_ASKED, block.lines[stray], _key_words(block, self.lookup, int(stray[0]))
            )
        return rows

    def _texts_of(self, block: Block, name: str) -> Array:
        """Return the place of each row's text, -1 where unknown, after noting that."""
        distinct, codes = _distinct(block.cells[name])
        place = self.lookup.place(name, distinct)[codes]
        unknown = np.flatnonzero(place < 0)
        if len(unknown):
            texts = distinct.to_pylist()
            formula = np.array([str(text).startswith(_FORMULA) for text in texts], bool)[codes]
            for rule, wrong in (
                (rules.FORMULA, unknown[formula[unknown]]),
                (rules.UNKNOWN_ID, unknown[~formula[unknown]]),
            ):
                example = excerpt(str(texts[codes[wrong[0]]])) if len(wrong) else ""
                self.tally.add(rule, block.lines[wrong], f"{name} = {example}")
        return place

    def _times_of(self, block: Block, name: str) -> tuple[Array, Array]:
        """Return seconds and whether they could be read, after noting where not."""
        import pyarrow.types as patypes

        column = block.cells[name]
        if patypes.is_timestamp(column.type):
            seconds, state = _stamps(column)
            texts: list[Any] = []
            codes = np.zeros(len(column), int)
        else:
            distinct, codes = _distinct(column)
            texts = distinct.to_pylist()
            seconds, state = (part[codes] for part in cells.times(distinct))
        for rule, kinds in (
            (rules.NAIVE_TIME, (cells.NAIVE,)),
            (rules.TIME, (cells.BAD, cells.EMPTY)),
        ):
            wrong = np.flatnonzero(np.isin(state, kinds))
            if len(wrong):
                example = excerpt(str(texts[codes[wrong[0]]])) if texts else str(column.type)
                self.tally.add(rule, block.lines[wrong], f"{name} = {example}")
        return seconds, state == cells.OK

    def values_of(self, block: Block) -> dict[str, Array]:
        """Return the numbers of each answer column, after noting what is off in them."""
        return {
            name: self._numbers_of(block, self.columns[name])
            for name in block.cells
            if self.columns[name].kind == "number"
        }

    def _numbers_of(self, block: Block, column: Column) -> Array:
        import pyarrow as pa

        given = block.cells[column.name]
        if pa.types.is_string(given.type):
            values, state = cells.numbers(given, decimal_comma=self.decimal_comma)
            self._note_bad_cells(column.name, given, state, block.lines)
            finite = np.isfinite(values) | (state != cells.OK)
        else:
            values = given.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
            empty = given.is_null().to_numpy(zero_copy_only=False)
            finite = np.isfinite(values) | empty
        self.tally.add(rules.NOT_FINITE, block.lines[~finite], column.name)
        self._check_range(column, values, block.lines)
        return np.where(finite, values, np.nan)

    def _note_bad_cells(self, name: str, text: Any, state: Array, lines: Array) -> None:
        bad = np.flatnonzero(state == cells.BAD)
        if not len(bad):
            return
        formula = np.array([text[int(row)].as_py().strip().startswith(_FORMULA) for row in bad])
        for rule, wrong in (
            (rules.FORMULA, bad[formula]),
            (rules.NOT_NUMBER, bad[~formula]),
        ):
            example = excerpt(text[int(wrong[0])].as_py()) if len(wrong) else ""
            self.tally.add(rule, lines[wrong], f"{name} = {example}")

    def _check_range(self, column: Column, values: Array, lines: Array) -> None:
        outside = np.zeros(len(values), bool)
        if column.low is not None:
            outside |= values < column.low
        if column.high is not None:
            outside |= values > column.high
        wrong = np.flatnonzero(outside & np.isfinite(values))
        if len(wrong):
            low = "" if column.low is None else f", minimum {french.number(column.low)}"
            high = "" if column.high is None else f", maximum {french.number(column.high)}"
            found = french.number(float(values[wrong[0]]))
            detail = f"{column.name} = {found} {column.unit}{low}{high}"
            self.tally.add(rules.RANGE, lines[wrong], detail)

    def check_order(self, values: dict[str, Array], lines: Array) -> None:
        """Note rows whose quantiles cross; answers are left as they are."""
        names = list(quantile_columns(tuple(self.columns.values())))
        for lower, upper in itertools.pairwise(names):
            wrong = np.flatnonzero(values[lower] > values[upper])
            if len(wrong):
                detail = (
                    f"{lower} = {values[lower][wrong[0]]:g}, {upper} = {values[upper][wrong[0]]:g}"
                )
                self.tally.add(rules.QUANTILE_ORDER, lines[wrong], detail)


def without_blank(block: Block) -> Block:
    """Drop rows whose cells are all empty: a blank line asks for nothing."""
    import pyarrow.compute as pc
    import pyarrow.types as patypes

    blank = np.ones(len(block.lines), bool)
    for column in block.cells.values():
        if not (patypes.is_string(column.type) or patypes.is_dictionary(column.type)):
            return block
        if not blank.any():
            return block
        if patypes.is_dictionary(column.type):
            distinct, codes = _distinct(column)
            blank &= np.array([text == "" for text in distinct.to_pylist()], bool)[codes]
        else:
            blank &= pc.equal(column, "").to_numpy(zero_copy_only=False)
    if not blank.any():
        return block
    kept = np.flatnonzero(~blank)
    return Block({name: cell.take(kept) for name, cell in block.cells.items()}, block.lines[kept])


def _distinct(column: Any) -> tuple[Any, Array]:
    """Return the distinct texts of a column (nulls as empty ones) and each row's code."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.types as patypes

    if not patypes.is_dictionary(column.type):
        column = column.dictionary_encode()
    codes = pc.fill_null(column.indices.cast(pa.int64()), len(column.dictionary))
    texts = column.dictionary.cast(pa.string())
    if column.null_count:
        texts = pa.concat_arrays([texts, pa.array([""])])
    return pc.fill_null(texts, ""), codes.to_numpy(zero_copy_only=False)


def _stamps(column: Any) -> tuple[Array, Array]:
    """Return seconds and state of Parquet's timestamps; without a zone they are naive."""
    import pyarrow as pa

    empty = column.is_null().to_numpy(zero_copy_only=False)
    fine = column.cast(pa.timestamp("us", column.type.tz), safe=False).cast(pa.int64())
    micros = fine.fill_null(0).to_numpy(zero_copy_only=False)
    state = np.where(micros % 1_000_000, cells.BAD, cells.OK).astype(np.int8)
    if column.type.tz is None:
        state[:] = cells.NAIVE
    state[empty] = cells.EMPTY
    return micros // 1_000_000, state


def _key_words(block: Block, lookup: Lookup, row: int) -> str:
    """Show a row's keys as they stand in the file."""
    return ", ".join(
        f"{column.name} = {excerpt(str(block.cells[column.name][row].as_py()))}"
        for column in lookup.keys
    )
