"""The words that differences between clauses are judged by. Tables only."""

from typing import Final

from qianxun.answering.checking.statements import CONJUNCTIONS, LIGHT, PASSIVE

PASSIVE_WORDS: Final = frozenset({PASSIVE, "被"})
_LIGHT_WORDS: Final = frozenset(filter(str.isascii, LIGHT))
# Sentences are turned around without these changing what they say, unlike 向: 张伟向李娜汇报.
MOVES_FREELY: Final = CONJUNCTIONS | PASSIVE_WORDS | _LIGHT_WORDS | frozenset("的了着之是在有而则将已由从自起")
# Unlike other light characters, these are in hardly any name: 成都, 华为.
NO_PART_OF_A_NAME: Final = MOVES_FREELY - {"起", "同"} | frozenset("须应可以能向把使")
# Words that deny without a negation: 作废 says as much as 无效.
NEGATIVE: Final = frozenset("废失拒免停除取消缺欠绝空扣") | frozenset(
    "refus reject deni exclud lack fail invalid free stop ceas void short absent miss forfeit laps unabl".split()
)
# Say nothing of a thing: 试用期内, 试用期员工.
BESIDE_THINGS: Final = (
    LIGHT
    | frozenset("内里中上时期间得等前后它他她此")
    | frozenset("dure onc while upon when if via about per still alreadi yet onli just".split())
)
PLACES: Final = frozenset("国省市州县")
ANY_PLACE: Final = LIGHT | frozenset("全我本外他别两多城")
_OPPOSITE_WORDS: Final = (
    "上下 前后 左右 大小 多少 增减 进出 买卖 收付 借贷 男女 东西 南北 内外 早晚 新旧 正负 正副 升降 涨跌 高低 "
    "长短 开关 入出 甲乙 甲丙 乙丙 丙丁 乙丁 甲丁 当次 本次 本上 去今 今明 昨今 国省 省市 市县 月年 日月 日年"
)
_ENGLISH_OPPOSITES: Final = (
    "befor after,abov below,over under,increas decreas,rise fall,rise drop,grow shrink,grow fall,more less,more fewer,"
    "highest lowest,first last,includ exclud,allow forbid,permit prohibit,approv reject,accept reject,buy sell,"
    "intern extern,minimum maximum,win lose,north south,east west,left right,up down,open close,start end,"
    "first second,second third,primari secondari,begin end,earlier later,larger smaller,higher lower,longer shorter,"
    "male femal,buyer seller,all none,gain loss,gain lose"
)
OPPOSITES: Final = frozenset(
    pair
    for couple in (*map(tuple, _OPPOSITE_WORDS.split()), *(tuple(c.split()) for c in _ENGLISH_OPPOSITES.split(",")))
    for pair in (couple, couple[::-1])
)
