"""What counts as the same text: form may differ, facts may not."""

import random

import pytest

from qianxun.documents.dedupe import near_hash, say_nearly_the_same, say_the_same, text_hash

CONTRACT = (
    "甲方应在收到乙方开具的增值税专用发票之日起六十天内，以银行转账方式向乙方支付全部货款共计人民币 128,500 元。"
    "甲方逾期付款的，每逾期一日按未付金额的万分之三向乙方支付违约金，累计不超过未付金额的百分之十。"
    "乙方应当在合同签订之后十五个工作日内将货物运至甲方指定的北汀工厂一号收货区，运输费用由乙方自行承担。"
    "双方对于在履行本合同过程当中知悉的图纸、价格以及工艺资料负有保密义务，保密期限为合同终止之后三年。"
    "因本合同产生的争议，由双方协商解决；协商不成的，任何一方均可提交云汀仲裁委员会按照其规则进行仲裁。"
)
POLICY = (
    "Employees may work from home up to 2 days a week with the consent of their manager. The equipment that is "
    "used at home must be encrypted and locked when it is left alone. Documents marked confidential must be kept "
    "in the office, and printing them at home is allowed only after the security team has agreed in writing. "
    "Lost equipment has to be reported within 4 hours to the service desk, which will lock the account."
)


def same(a: str, b: str) -> bool:
    return say_the_same(near_hash(a), a, near_hash(b), b)


def distance(a: str, b: str) -> int:
    return ((near_hash(a) ^ near_hash(b)) & (2**64 - 1)).bit_count()


@pytest.mark.parametrize("text", [CONTRACT, POLICY])
def test_form_does_not_matter(text: str) -> None:
    assert same(text, text.replace("。", "。\n").replace(". ", ".\n  "))
    assert same(text, text.upper())
    assert same(text, text.replace("，", ",").replace("；", ";"))


@pytest.mark.parametrize(
    "text, old, new",
    [
        (CONTRACT, "128,500", "125,800"),
        (CONTRACT, "万分之三", "万分之五"),
        (CONTRACT, "十五个工作日", "五个工作日"),
        (CONTRACT, "均可提交", "均不可提交"),
        (CONTRACT, "北汀工厂", "南汀工厂"),
        (POLICY, "2 days", "2.0 days"),
        (POLICY, "2 days", "3 days"),
        (POLICY, "is allowed", "is not allowed"),
        (POLICY, "must be encrypted", "must never be encrypted"),
        (POLICY.replace("equipment", "LF-200A meter"), "LF-200A", "LF-200B"),
    ],
)
def test_texts_that_differ_in_a_fact_are_never_the_same(text: str, old: str, new: str) -> None:
    assert old in text
    changed = text.replace(old, new, 1)
    # Not merely because the hashes are apart: the comparison itself must refuse.
    assert not say_the_same(0, text, 0, changed)
    assert not same(text, changed)


def test_other_texts_are_not_the_same() -> None:
    assert not same(CONTRACT, POLICY)
    assert not same(CONTRACT, CONTRACT[: len(CONTRACT) // 2])
    assert distance(CONTRACT, POLICY) > 16


def test_small_edits_stay_within_the_distance() -> None:
    pick = random.Random(7)
    far = 0
    for _ in range(100):
        at = pick.randrange(len(CONTRACT) - 1)
        far += distance(CONTRACT, CONTRACT[:at] + CONTRACT[at + 1 :]) > 8
    assert far <= 5


def test_hashes_are_what_the_store_expects() -> None:
    assert len(text_hash("年假")) == 16
    assert text_hash("年假") != text_hash("年 假")
    assert text_hash("年假").hex() == "b6d732842f6c47c1440727b0d7a4bbda"
    values = [near_hash(f"第{n}条 每位员工") for n in range(50)]
    assert all(-(2**63) <= value < 2**63 for value in values)
    assert any(value < 0 for value in values)
    assert near_hash("") == near_hash("……") == 0
    assert near_hash("年") != 0


@pytest.mark.parametrize(
    "text, old, new, near",
    [
        (CONTRACT, "由双方协商解决", "由双方友好协商加以解决", True),
        (CONTRACT, "运输费用由乙方自行承担", "运费由乙方承担", True),
        (POLICY, "the service desk, which will lock the account", "the IT service desk, which locks the account", True),
        (CONTRACT, "128,500", "125,800", False),  # a number
        (CONTRACT, "均可提交", "均不可提交", False),  # a negation
        (POLICY, "is allowed", "is not allowed", False),
        (CONTRACT, CONTRACT[60:180], "雙方另行約定。", False),  # too much of it
    ],
)
def test_nearly_the_same_has_the_same_numbers_and_negations(text: str, old: str, new: str, near: bool) -> None:
    assert old in text
    changed = text.replace(old, new, 1)
    assert say_nearly_the_same(near_hash(text), text, near_hash(changed), changed) is near
    assert say_nearly_the_same(near_hash(changed), changed, near_hash(text), text) is near
    assert not same(text, changed)


def test_texts_without_letters_are_near_nothing() -> None:
    assert not say_nearly_the_same(0, "……", 0, "———")
