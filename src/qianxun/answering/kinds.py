"""What kind of answer a question expects, and whether a text holds one. Rules for Chinese and English.

A kind found is a hint for choosing among sentences, never a proof. Values that the question itself
names do not count: "2022年…的票房" is not answered by "2022".
"""

import re
from typing import Literal

from qianxun.answering.facts import Facts, facts
from qianxun.text import fold

Kind = Literal["day", "date", "duration", "money", "percent", "number", "phone", "email", "url", "person", "place"]

# First match wins: the narrow kinds before the wide ones. Chinese first, then English.
_ASKED: tuple[tuple[Kind, "re.Pattern[str]"], ...] = (
    ("email", re.compile(r"邮箱|电子邮件|邮件地址|\be-?mail\b")),
    (
        "phone",
        re.compile(
            r"(?:电话|热线|手机|分机|传真)(?:号码?)?(?:是|为|多少|[?]|$)|打什么电话"
            r"|\b(?:phone|telephone|hotline|fax|call)\b(?:\s+number)?"
        ),
    ),
    ("url", re.compile(r"网址|网站地址|链接是|\burl\b|\bweb ?site\b")),
    (
        "percent",
        re.compile(
            r"百分之几|百分比|百分之多少|增长率|增速|比例|占比|利率|税率|失业率|出生率|城镇化率|增长了?多少"
            r"|percent|what share|\brate\b"
        ),
    ),
    (
        "money",
        re.compile(
            r"多少(?:钱|元|块|美元|费用)|费用是?多少|价格|单价|票价|售价|金额|限额|票房|营收|工资|薪水|收费|总?奖金"
            r"|投资.{0,4}多少|how much|\b(?:prices?|costs?|fees?|revenue|salary|gross(?:ed)?|budget|box office)\b"
        ),
    ),
    (
        "duration",
        re.compile(
            r"多久|多长时间|时限|期限|几(?:天|年|个月|个?小时|分钟|周)|多少(?:天|年|个?(?:工作日|月|小时|周))"
            r"|how long|how many (?:\w+ )?(?:days|hours|weeks|months|years|minutes)|\b(?:deadline|duration)\b"
        ),
    ),
    ("day", re.compile(r"哪一?[天日]|几月几|几号(?!楼|线|店)|日期|\b(?:what|which) (?:date|day)\b|\bdate of\b")),
    (
        "date",
        re.compile(
            r"什么时[候间]|何时|几时|哪一?[年月]|何年|几月|时间(?!表|管理|限)|多会儿|上映日|生效日"
            r"|\bwhen\b|\b(?:what|which) (?:year|month|time)\b|\b(?:dates?|premieres?)\b"
        ),
    ),
    (
        "number",
        re.compile(
            r"多少|几[个名次位人台家项条倍折楼层岁届级集部枚座种本辆]|第几|人数|数量|总数|总量|产量|销量|吞吐量|交付量"
            r"|规模|面积|高度|温度|排名|得分|比分|how many|number of|\bpopulation\b"
            r"|how (?:high|tall|far|big|large|old|fast|deep|wide|often)"
        ),
    ),
    (
        "person",
        re.compile(
            r"谁|哪位|何人|导演|主演|作者|负责人|联系人|得主|获得者|创始人|主席|总统|校长|董事长|总经理"
            r"|\bwho(?:m|se)?\b"
        ),
    ),
    (
        "place",
        re.compile(
            r"哪里|哪儿|在哪|何处|何地|什么地方|地点|地址|举办地|哪个?(?:城市|国家|省|市)|首都|\bwhere\b"
            r"|\b(?:which|what) (?:city|country|place|venue|location|state)\b|\b(?:capital|address)\b"
        ),
    ),
)

_PHONE = re.compile(
    r"(?<![\d\-])(?:\+?\d{1,3}[\s\-])?(?:\(?0?\d{2,4}\)?[\s\-])?\d{3,4}[\s\-]?\d{3,4}(?:[\s\-]\d{1,4})?(?![\d\-])"
    r"|(?:分机|ext\.?)[号:\s]*\d{3,5}|\b(?:110|119|120|12\d{3})\b"
)
_EMAIL = re.compile(r"[\w.+\-]+@[\w\-]+(?:\.[\w\-]+)+")
_URL = re.compile(r"https?://|www\.\w|\b[\w\-]+\.(?:com|cn|org|net|example|io)\b")
_MONEY = re.compile(
    r"[$¥€£]\s*\d|\b(?:usd|cny|rmb|hk|nt|us)\$?\s*\d|免费|free of charge"
    r"|\d[\d,.]*\s*(?:万|亿|千|百|million|billion|thousand|k|m|bn)*\s*"
    r"(?:美元|欧元|港元|港币|日元|英镑|元|块钱|人民币|台币|usd|cny|rmb|dollars?|yuan|euros?|pounds?|hkd|ntd)"
    # A table's column "目录价(元): 5,680".
    r"|(?:元|usd|cny|rmb|hkd|ntd|[$¥€£])[^:;\d]{0,6}:\s*\d"
)
_PERSON_EN = re.compile(r"\b[A-Z][a-z'’]+(?:[\s\-](?:[A-Z][a-z'’.]*|de|van|von|der|bin|al))+")
_SURNAMES = (
    "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨朱秦尤许何吕施张孔曹严华金魏陶姜戚谢邹喻柏窦章云苏潘葛奚范彭郎鲁韦昌马"
    "苗凤花方俞任袁柳鲍史唐费廉岑薛雷贺倪汤滕殷罗毕郝邬安常乐于时傅皮卞齐康伍余元卜顾孟平黄和穆萧尹姚邵湛汪祁"
    "毛禹狄米贝明臧计伏成戴谈宋茅庞熊纪舒屈项祝董梁杜阮蓝闵席季麻强贾路娄危江童颜郭梅盛林刁钟徐邱骆高夏蔡田樊"
    "胡凌霍虞万支柯管卢莫房裘缪解应宗丁宣邓洪包诸左石崔吉龚程嵇邢裴陆荣翁荀甄曲家封靳段焦侯宁仇甘厉祖武符刘景"
    "詹束龙叶司黎印白鄂赖卓蔺屠蒙池乔闻党翟谭劳申扶冉桑桂牛边燕冀尚农温庄晏柴阎艾容向古易廖耿匡文寇广东欧利师"
    "巩聂关佘岳隋"
)
_PERSON_ZH = re.compile(
    rf"(?:欧阳|司马|上官|诸葛|[{_SURNAMES}])[\u4e00-\u9fff]{{1,2}}(?![\u4e00-\u9fff])|[\u4e00-\u9fff]·[\u4e00-\u9fff]"
    r"|[\u4e00-\u9fff]{2,4}(?:先生|女士|总监|经理|主任|导演|执导)"
    r"|由[\u4e00-\u9fff·]{2,12}(?:执导|担任|主演|负责|任|饰)"
    r"|(?:导演|主演|作者|冠军|编剧|负责人|联系人)[:是为、\s]*[\u4e00-\u9fff]{2,4}"
)
_PLACE = re.compile(
    r"[\u4e00-\u9fff]{2,}(?:省|市|县|区|路|街|镇|村|楼|室|馆|大厦|中心|国|州|岛|港)|(?:在|于|位于|落户)[\u4e00-\u9fff]{2,6}"
    r"|\d+\s*(?:楼|室|层|号)|\b(?:in|at|near|from)\s+(?:the\s+)?[A-Z][a-z]+|\b[A-Z]\w+,\s+[A-Z]\w+"
)
# Kinds that a pattern over the folded text tells.
_PATTERNS: dict[Kind, "re.Pattern[str]"] = {"email": _EMAIL, "phone": _PHONE, "url": _URL}
_UNITS: dict[Kind, frozenset[str]] = {
    "percent": frozenset({"%", "‰"}),
    "duration": frozenset({"workday", "day", "hour", "minute", "second", "week", "month", "year"}),
}


def expected_kind(question: str) -> Kind | None:
    """The kind of answer that the question asks for, or None where no rule says."""
    folded = fold(question)
    return next((kind for kind, pattern in _ASKED if pattern.search(folded)), None)


def holds(kind: Kind, text: str, asked: Facts) -> bool:
    """True if the text has a value of that kind which is not among the facts of the question (`asked`)."""
    folded = fold(text)
    if kind in _PATTERNS:
        return _PATTERNS[kind].search(folded) is not None
    if kind == "person":
        return _PERSON_EN.search(text) is not None or _PERSON_ZH.search(folded) is not None
    if kind == "place":
        return _PLACE.search(text) is not None
    stated = facts(text)
    numbers = stated.numbers - asked.numbers
    if kind == "day":
        return any(d.month for d in stated.dates - asked.dates)
    if kind == "date":
        return bool(stated.dates - asked.dates or stated.times - asked.times or stated.years - asked.years)
    if kind in _UNITS:
        return any(n.unit in _UNITS[kind] for n in numbers)
    if kind == "money":
        return _MONEY.search(folded) is not None and bool(numbers or "免费" in folded or "free of" in folded)
    return bool(numbers)
