"""Names in a text: in Latin letters by their capitals, Chinese ones by what they begin with, end with and stand beside.

Rules, not a recogniser: a Chinese name that nothing tells is not found. Knows no source.
"""

import re
from collections.abc import Iterator, Sequence, Set
from typing import Final

from qianxun.answering.checking.statements import LIGHT, Clause, Token

# The most frequent family names that begin few other words.
FAMILY_NAMES: Final = frozenset(
    "王李张刘陈杨黄赵吴徐孙朱胡郭罗郑梁谢宋唐韩冯邓曹彭曾肖袁潘蒋蔡杜魏吕沈姚卢崔谭廖邹熊秦尹薛阎侯郝龚邵"
)
_TITLE: Final = (
    "(?:负责人|联系人|总监|经理|主任|主管|组长|部长|处长|科长|院长|校长|书记|秘书|主席|理事长|董事长|总裁|会计|"
    "工程师|护士长|护理师|医师|老师|教授|律师|导演|作者|专员|同事|顾问)"
)
_DONE_BY: Final = (
    "(?:负责|审批|批准|审核|担任|接任|主持|维护|确认|签字|汇报|通报|提出|表示|处理|解释|保管|当选|为|任|先生|女士|小姐)"
)
_PERSON: Final = re.compile(
    rf"(?:(?<=[由向请找给经])|{_TITLE}[：:是为]?|(?<=[、和与]))(?P<name>[{''.join(sorted(FAMILY_NAMES))}][一-鿿]{{1,2}}?)"
    rf"(?={_DONE_BY}|{_TITLE}|[、，。；,.;）)和与]|$|\s)"
)
_PLACE: Final = re.compile(r"(?<=[在于到从往赴至驻])(?P<name>[一-鿿]{2,3}?(?:省|市|县|州|镇))")
_BODY: Final = re.compile(
    r"(?P<name>[一-鿿]{2,8}?(?:有限公司|公司|集团|大学|医院|银行|事务所|委员会|研究院|基金会|法院|部(?![门分件长位署])|局(?![部面]))"
    r")"
)
# What stands before a name and is no part of it.
_BEFORE: Final = re.compile(
    r"^(?:.*(?:[由向在到经与和及或归属于是为给对把被按从的请须应可]|提交|报送|联系|通知|发布|通过|参照|经过|以及|负责|应当|必须))"
)
_NO_NAME: Final = frozenset(
    "本公司 该公司 贵公司 各部 全部 内部 外部 总部 分公司 子公司 公司 本部 上部 下部 顶部 底部 局部".split()
)


def new_words(clauses: Sequence[Clause], known: Set[str]) -> Iterator[Token]:
    """The words that are written as names in Latin letters and are none of those known (stems)."""
    for clause in clauses:
        chinese = any(token.kind == "han" for token in clause)
        n_capital = sum(token.capital for token in clause)
        titled = n_capital > 3 and n_capital > 0.7 * sum(token.kind == "word" for token in clause)
        for place, token in enumerate(clause):
            if token.kind != "word" or token.text in known or token.text in LIGHT:
                continue
            after = clause[place + 1] if token.initial and place + 1 < len(clause) else None
            followed = after is not None and after.capital and after.start <= token.end + 1
            if (chinese and len(token.text) > 1) or (token.capital and (not token.initial or followed) and not titled):
                yield token


def chinese_names(text: str) -> Iterator[tuple[int, int]]:
    """Where names of people, places and bodies stand in a spelled text."""
    for pattern in (_PERSON, _PLACE, _BODY):
        for match in pattern.finditer(text):
            start, end = match.span("name")
            if pattern is _BODY:
                before = _BEFORE.match(match["name"][:-2])
                start += before.end() if before is not None else 0
            if end - start > 1 and text[start:end] not in _NO_NAME:
                yield start, end
