"""Labels as they may be written."""

import pytest

from qianxun.errors import InputError
from qianxun.records import check_labels


@pytest.mark.parametrize("wide", ["ｐｕｂｌｉｃ", "人事２", "hr　board"])
def test_a_label_in_full_width_is_refused_and_may_be_taken_away(wide: str) -> None:
    with pytest.raises(InputError, match="full width"):
        check_labels(["人事", wide])
    check_labels(["人事（一）", "特休假", "hr board", "conversation:0a"], removed=[wide])


def test_labels_written_as_one_are_to_be_given_one_by_one() -> None:
    with pytest.raises(InputError, match=r"is several.*: 人事, 财务\."):
        check_labels(["人事，财务"])
    check_labels(["人事"], removed=["人事，财务"])


@pytest.mark.parametrize("given", [[""], [" "], ["hr,board"]])
def test_what_is_no_label_is_neither_given_nor_taken(given: list[str]) -> None:
    with pytest.raises(InputError, match="without commas"):
        check_labels(given)
    with pytest.raises(InputError, match="without commas"):
        check_labels([], removed=given)
