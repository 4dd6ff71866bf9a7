import itertools
import math

import pytest

from qianxun.models import builtin
from qianxun.models.tokens import Tokenizer, windows

WORDS = {"数据": 9, "数据库": 5, "库": 3, "据库": 1, "数": 4, "据": 2, "备份": 6, "备": 2, "份": 2, "的": 30, "库备": 1}
PIECES = [*"[PAD] [UNK] [CLS] [SEP] play ##ing ##er p ##s naive gpu 1 ##2 ##8 . , -".split(), '"']


@pytest.fixture(scope="module")
def small() -> Tokenizer:
    total = sum(WORDS.values())
    scores = [-99.0] * len(PIECES) + [math.log(n / total) for n in WORDS.values()]
    return Tokenizer([*PIECES, *WORDS], scores)


@pytest.fixture(scope="module")
def shipped() -> Tokenizer:
    return Tokenizer.read(builtin.DATA / "tokens.txt", builtin.DATA / "token_scores.npy")


def tokens(tokenizer: Tokenizer, text: str) -> list[str]:
    return [tokenizer.tokens[number] for number in tokenizer.numbers(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Playing", ["play", "##ing"]),
        ("players", ["play", "##er", "##s"]),
        ("naïve", ["naive"]),
        ("ＧＰＵ１２８。", ["[UNK]", "."]),
        ("ＧＰＵ　１２８。", ["gpu", "1", "##2", "##8", "."]),
        ("xyz", ["[UNK]"]),
        ("數據庫的備份", ["数据库", "的", "备份"]),
        ("数据库，gpu", ["数据库", ",", "gpu"]),
        ("gpu数据", ["gpu", "数据"]),
        ("「数据」—备份", [chr(34), "数据", chr(34), "-", "备份"]),
        ("龘数据", ["[UNK]", "数据"]),
        ("", []),
        ("p" * 101, ["[UNK]"]),
    ],
)
def test_cuts_as_documented(small: Tokenizer, text: str, expected: list[str]) -> None:
    assert tokens(small, text) == expected


@pytest.mark.parametrize("length", range(1, 8))
def test_a_chinese_run_is_cut_into_its_likeliest_tokens(small: Tokenizer, length: int) -> None:
    """Against every cut there is."""
    total = sum(WORDS.values())
    runs = itertools.product("数据库备", repeat=length) if length < 5 else ["数据库备份的数"[:length]]
    for run in map("".join, runs):
        cuts = []
        for breaks in itertools.product([False, True], repeat=length - 1):
            edges = [0, *(i + 1 for i, cut in enumerate(breaks) if cut), length]
            parts = [run[a:b] for a, b in itertools.pairwise(edges)]
            if all(part in WORDS for part in parts):
                cuts.append((sum(math.log(WORDS[part] / total) for part in parts), parts))
        found = tokens(small, run)
        assert sum(math.log(WORDS[part] / total) for part in found) == pytest.approx(max(cuts)[0])


@pytest.mark.parametrize(
    "text",
    [
        "怎样重新设置密码？如何备份資料庫。",
        "在 Kubernetes 集群中，Pod 是最小的部署单元；ＧＰＵ：１２８",
        "The president's re-election (1984) — cost-benefit “analysis”…",
    ],
)
def test_the_shipped_vocabulary_knows_everyday_text(shipped: Tokenizer, text: str) -> None:
    assert "[UNK]" not in tokens(shipped, text)
    assert shipped.says_something(shipped.numbers(text))


@pytest.mark.parametrize("text", ["", "。，！？", "ひらがな", "🙂"])
def test_text_that_says_nothing(shipped: Tokenizer, text: str) -> None:
    assert not shipped.says_something(shipped.numbers(text))


def test_the_cache_of_words_does_not_change_what_is_found(small: Tokenizer) -> None:
    once = small.numbers("players 数据库 players 数据库")
    assert once == small.numbers("players 数据库 players 数据库")
    assert once[: len(once) // 2] == once[len(once) // 2 :]


@pytest.mark.parametrize(
    ("n", "size", "expected"), [(0, 4, [0]), (1, 4, [1]), (4, 4, [4]), (5, 4, [2, 3]), (9, 4, [3, 3, 3])]
)
def test_windows_are_nearly_equal_and_lose_nothing(n: int, size: int, expected: list[int]) -> None:
    parts = windows(list(range(n)), size)
    assert sorted(map(len, parts)) == sorted(expected)
    assert [number for part in parts for number in part] == list(range(n))
