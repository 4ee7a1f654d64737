"""Every row of SAFETY section 4 has its test, or a reason; every fault of section 3 has its test."""

from __future__ import annotations

import pytest

from tests.faults.rows import ROWS as FAULTS
from tests.peers.named_tests import is_test
from tests.peers.rows import NUMBERS, ROWS, Reason


def test_every_row_is_answered() -> None:
    assert set(ROWS) == NUMBERS


@pytest.mark.parametrize("number", sorted(ROWS))
def test_row_names_tests_that_are_there(number: int) -> None:
    row = ROWS[number]
    if isinstance(row, Reason):
        assert len(row.why) > 20
    else:
        assert row
        assert [node for node in row if not is_test(node)] == []


def test_every_fault_is_survived() -> None:
    assert set(FAULTS) == set(range(1, 38))
    assert [node for nodes in FAULTS.values() for node in nodes if not is_test(node)] == []


def test_a_name_that_is_not_there_is_found() -> None:
    assert not is_test("tests/peers/test_rows.py::test_that_nobody_wrote")
    assert not is_test("tests/no_file.py::test_row")
    assert is_test("tests/peers/test_rows.py::test_every_row_is_answered")
