"""Chinese questions that lean on the one before: how they show it, and what a question is about. Rules; pure.

Everything is looked for in text that is folded character by character, so traditional and simplified, full-width and
half-width writing are one, and a place there is the same place in the text as it was written.
"""

import re
from typing import Final

from qianxun.retrieval.follow_up.cues import Cue, Kind, aligned
from qianxun.text import CJK

_HAN: Final = f"[{CJK}]"
_POLITE: Final = (
    "我想知道|我想了解|我想问|想知道|想了解|想问|请告诉我|告诉我|帮我查|帮我看|你知道|请问|麻烦|一下|看看|查查|请|呃|嗯"
)
ASKING: Final = (
    "什么时候|什么时间|为什么|为何|什么样的?|什么|怎么办(?![理证卡手公事])|怎么样|怎么|怎样|咋样|咋|如何|哪一?(?:些|里|儿|个|天|年|种|位|项|家|月)"
    "|哪|谁|多少(?:天|钱|个|次|人|元|年|月|块|小时)?|多长时间|多久|多(?:长|大|高|远|快|早|晚|重)"
    "|几(?:点|天|个|次|年|月|楼|层|号|位|种|份|小时|周)?(?:钟)?|何时|何地|是否|有没有|是不是|能不能|可不可以|要不要|会不会|该不该"
)
_LINKS: Final = (
    "那么|然后|还有|另外|所以|但是|不过|如果|要是|假如|的话|以及|并且|至于|对于|关于|换成|以后|之后|之前|期间|的时候"
)
_POINTING: Final = (
    "它们|他们|她们|牠们|它|他|她|牠|这么|那么|这样|那样|这些|那些|这种|那种|这个|那个|这项|那项|这里|那里|这边|那边"
    "|上述|以上|上面|前面|刚才|前述|前者|后者|我们|你们|咱们|大家|自己|我|你|您|这|那|该|其|此"
)
_HELPERS: Final = (
    "应该|应当|需要|必须|可以|能够|一般|通常|具体|分别|大概|大约|一共|总共|最多|最少|最晚|最早|至少|一次|还是|或者|没有"
    "|[是有在要会能可须得被把给让对向从到由于为以按用跟和与并而再也还又就都才了的地着过吗呢吧啊呀么不没别只很更最之里上下中内所请做]"
)
_EMPTY: Final = re.compile(f"{_POLITE}|{ASKING}|{_LINKS}|{_POINTING}|{_HELPERS}|[^\\w]|_")
# Words that say something of a topic, but are none: whoever asks with these alone means the topic of before.
_GENERIC: Final = re.compile(
    "批下来|申请|办理|办好|办|审批|批准|核准|核可|批|提交|上交|交|递交|准备|提供|材料|资料|文件|流程|步骤|手续|提前|时间|时限|期限"
    "|期间|截止日期|截止日|截止|日期|费用|价格|收费|手续费|金额|标准|条件|资格|要求|地点|地址|电话|联系人|联系方式|联系|负责人|负责"
    "|线上|网上|在线|到账|生效|有效期|有效|允许|计算|算|发放|支付|发|开始|结束|开门|关门|营业|开放|规定|限制|例外|注意事项|注意"
    "|原因|理由|意思|解释|说明|详细|详情|细节|区别|影响|后果|处理|解决|使用|修改|更改|取消|延长|延期|续签|续|证明|表格|表|部门"
    "|评分|评估|通知|上限|下限|频率|周期|范围|对象|方式|方法|内容|人|钱|早|晚|久|快|慢|贵|便宜|多|少|长|短|行|成|完成|完|出|收"
)
_SENTENCE_END: Final = "?!。；;！？…~. "
_CLAUSES: Final = re.compile(r"[,，。?!;；:：\n]+|(?<!\d)\.(?!\d)")
_ORDINAL: Final = re.compile("第([一二三四五六七八九十]|\\d{1,2})(?:个|点|条|项|步|种|部分|款|类|章|方面)+")
_FIGURES: Final = {figure: n for n, figure in enumerate("一二三四五六七八九十", start=1)}

# What points back. 其 is part of many words (其他, 尤其), 该 is "should" before a verb, 这个月 is this month.
_TIME: Final = "个?(?:月|周|星期|礼拜|季度|学期|学年|财年|年|天|两天|几天|阵子|次会)"
_POINTERS: Final = re.compile(
    "(?P<person>(?:(?<![其吉])他|她)们?)"
    "|(?P<thing>(?<!其)它们?|牠们?)"
    "|(?P<own>(?<![尤及极与何名])其(?![他她它实中余次间后一二三妙]))"
    "|(?P<said>上述|前述|(?:^|(?<=[,;。按照从]))[上前]面[说提讲的]|刚才|前者|后者|(?:^|(?<=[,;。]))以上(?=[的这几各两三]))"
    "|(?P<this>(?:^|(?<=[,;。对由在按从据]))该(?![不怎如何找去向做用交填联选写问走带买谁什])|此(?=[项类种事规流政情功方费期])"
    f"|(?:这|那(?=[些个种项样里边份类款台]))(?!{_TIME})(?!些[不没未已被需在从来有无]))"
)
# Between an antecedent and what stands for it in the same question.
_BOUNDARY: Final = re.compile("[,;。:]|后|时|前|如果|的话|但|而|并|就|期间|若|[^问]则")
_ABOUT: Final = re.compile(
    "^(?P<cue>那么?|还有|另外|至于|对于|关于|换成|换作|如果是?|要是|假如是?|而|和|跟)?(?P<what>.+?)(?:的话)?(?P<ending>呢|呐)?$"
)
_LEADING: Final = re.compile(
    f"^(?:{_POLITE}|那么|那|还有|另外|然后|关于|对于|至于|如果|要是|我们公司|我们|咱们|我|你们|你|您|公司里|[这那此该](?:个|些|种|项|台|款|份|家|位|类)?(?!{_TIME})"
    "|在|[ ,，])+"
)
# A character that leads on, but not as the end of a word: 费用, 年会, 纪要, 许可.
_TRAILING: Final = re.compile(
    "(?:应该|应当|需要|必须|可以|能够|一般|通常|具体|分别|大概|提前|经过|通过|(?<![费使信试通实作引应专采雇录租])用"
    "|(?<![年工社协大开机晚议])会|(?<![纪摘需重主概])要|(?<![许认])可|(?<![迟收签])到|(?<!理)由|(?<![行因])为|(?<![核面])对"
    "|(?<!目)的|(?<![所持])有|(?<!补)给|[是在能须被从按吗呢吧啊呀么也还都就又才做 ])$"
)
_NEEDS: Final = re.compile(
    "^(?:那么?|还|也|一共|总共|最少|至少|大概)*(?:需要|要|得)(?:提前|提供|提交|准备|带|交|经过|通过|花|付|等)?(?:多少|多久|多长|几|什么|哪|谁)"
)
_NEEDED_CHARS: Final = 4
# 怎么排除, 需要重启吗, 在哪儿买: what asks or helps stands first, then hardly more than a verb, of nobody and nothing.
_LEADS: Final = (
    "应该|应当|需要|必须|可以|能够|能|要|得|会|最多|最少|最长|最短|最大|最小|最高|最低|最晚|最早|至少|一共|总共"
)
_OPENING: Final = re.compile(
    f"^(?:{_LINKS}|还|也|又|再|都|在|去|到|从|由|给|一般|通常|大概|提前|直接|自己|那)*(?:{ASKING}|{_LEADS})+"
    "(?:提前|直接|自己|再|去|给|到)*"
)
_DEFINED: Final = re.compile("^(?:那么?)?(?:什么|谁|何)(?:是|叫|谓)")
_PARTICLES: Final = re.compile(f"{ASKING}|[了着过吗呢吧啊呀的得]|[^\\w]")
_UNABLE: Final = re.compile(f"^{_HAN}不[了上下到通开完动起出进来去]$")
_VERB_CHARS: Final = 2
_LONGEST_NAMED: Final = 16
# Places stand for each other: 北京的标准 … 上海呢.
PLACES: Final = re.compile(
    "北京|上海|天津|重庆|广州|深圳|杭州|南京|苏州|武汉|成都|西安|青岛|大连|厦门|长沙|郑州|济南|合肥|福州|宁波|无锡|沈阳|哈尔滨"
    "|昆明|贵阳|南宁|海口|太原|石家庄|兰州|乌鲁木齐|香港|澳门|台湾|台北|新北|桃园|台中|台南|高雄|新竹|河北|山西|辽宁|吉林|黑龙江"
    "|江苏|浙江|安徽|福建|江西|山东|河南|湖北|湖南|广东|广西|海南|四川|贵州|云南|西藏|陕西|甘肃|青海|宁夏|新疆|内蒙古"
    "|中国|大陆|美国|英国|法国|德国|日本|韩国|新加坡|马来西亚|泰国|越南|印度|加拿大|澳大利亚|欧洲|北美|东南亚|国内|国外|海外|境内|境外"
)


def cue(question: str) -> Cue | None:
    """How a question leans on the one before; None if it stands on its own."""
    folded = aligned(question).strip(_SENTENCE_END)
    found = _ordinal(folded) or _pointer(folded) or _named(question, folded)
    if found is None and (not _content(folded, generic=True) or _needs_something(folded) or _is_verb(folded)):
        found = Cue(Kind.BARE)
    return found


def topic(question: str) -> str:
    """A question without what asks, and without what could be asked of anything; "" if nothing is left."""
    folded = aligned(question)
    pieces: list[tuple[int, int]] = []
    at = 0
    for divider in [*re.finditer(f"{ASKING}|{_CLAUSES.pattern}", folded), None]:
        end = divider.start() if divider is not None else len(folded)
        start, end = _trimmed(folded, at, end)
        if start < end:
            pieces.append((start, end))
        at = divider.end() if divider is not None else at
    telling = [(start, end) for start, end in pieces if _content(folded[start:end], generic=True)]
    words = [question[start:end].strip() for start, end in telling]
    joined = ""
    for word in words:
        # Latin words need a space between them, and so does nothing else.
        joined += f" {word}" if joined and (joined[-1].isascii() or word[0].isascii()) else word
    return joined


def swapped(before: str, what: str) -> str | None:
    """The question `before`, asked of `what` instead; None where it cannot be told what that takes the place of."""
    old, new = aligned(before), aligned(what)
    places = list(PLACES.finditer(old))
    if PLACES.fullmatch(new) and len(places) == 1:
        return before[: places[0].start()] + what + before[places[0].end() :]
    for shared in range(len(new) - 1, 0, -1):
        rest = len(new) - shared
        # The same ending behind something else (年假, 病假), or the same beginning before it (产品A, 产品B).
        for part, first in ((new[-shared:], -rest), (new[:shared], 0)):
            for match in re.finditer(re.escape(part), old):
                start = match.start() + first
                span = old[max(0, start) : start + len(new)]
                if shared == 1 and _content(old[max(0, start - 1) : max(0, start)]):
                    continue  # the end of a longer word
                if start >= 0 and len(span) == len(new) and _may_be_swapped(span, new, part, first == 0):
                    return before[:start] + what + before[start + len(new) :]
    return None


def _may_be_swapped(span: str, new: str, part: str, is_beginning: bool) -> bool:
    """Whether two expressions that share a part can take each other's place: what differs is of one kind."""
    if len(part) == 1 and (is_beginning or len(new) > 3):
        return False  # one character in common says little of longer words, or at the beginning
    ours = new[len(part) :] if is_beginning else new[: -len(part)]
    theirs = span[len(part) :] if is_beginning else span[: -len(part)]
    if ours == theirs or _EMPTY.search(theirs) or _EMPTY.search(ours):
        return False
    return all(_kind(a) == _kind(b) for a, b in zip(ours, theirs, strict=True))


def _kind(character: str) -> str:
    return "digit" if character.isdigit() else "latin" if character.isascii() else "other"


def _content(folded: str, *, generic: bool = False) -> str:
    """What is left without words that ask, point, link or help; with `generic`, without those of any topic too."""
    left = _GENERIC.sub(" ", folded) if generic else folded
    return "".join(_EMPTY.sub(" ", left).split())


def _ordinal(folded: str) -> Cue | None:
    match = _ORDINAL.search(folded)
    if match is None or _content(folded[: match.start()] + " " + folded[match.end() :], generic=True):
        return None
    number = match[1]
    return Cue(Kind.ORDINAL, number=_FIGURES.get(number) or int(number))


def _pointer(folded: str) -> Cue | None:
    for match in _POINTERS.finditer(folded):
        before = folded[: match.start()]
        antecedent = len(_content(before)) >= 2
        owning = match.lastgroup == "own" or (
            match.lastgroup in ("person", "thing") and folded[match.end() : match.end() + 1] == "的"
        )
        if antecedent and (owning or _BOUNDARY.search(before)):
            continue  # it points back within the question
        if antecedent and match[0] == "这" and folded[match.end() : match.end() + 1] == "么":
            continue  # "so early", of what the question itself names
        return Cue(Kind.PERSON if match.lastgroup == "person" else Kind.POINTER)
    return None


def _named(question: str, folded: str) -> Cue | None:
    """病假呢, 那病假 or 换成病假: the question of before, of something else."""
    match = _ABOUT.match(folded)
    if match is None or not (match["ending"] or (match["cue"] and match["cue"] not in ("而", "和", "跟"))):
        return None
    what = match["what"].strip(" ,")
    if not match["ending"] and (len(what) > _LONGEST_NAMED // 2 or not re.search(_HAN, what)):
        return None
    if len(what) > _LONGEST_NAMED or re.search(ASKING, what) or re.search("吗$", what) or not _content(what):
        return None
    start = folded.index(what, match.start("what"))
    whole = aligned(question)
    leading = len(whole) - len(whole.lstrip(_SENTENCE_END))
    given = question[leading + start : leading + start + len(what)]
    return Cue(Kind.NAMED, what=given[:-1] if what.endswith("的") else given)


def _needs_something(folded: str) -> bool:
    """需要多少内存: what needs it was named before."""
    match = _NEEDS.match(folded)
    return match is not None and len(_content(folded[match.end() :], generic=True)) <= _NEEDED_CHARS


def _is_verb(folded: str) -> bool:
    """Whether a question is nothing but a verb that something is asked of."""
    opening = _OPENING.match(folded)
    if opening is None or _DEFINED.match(folded):
        return False
    rest = _PARTICLES.sub("", _GENERIC.sub("", folded[opening.end() :]))
    return bool(re.fullmatch(f"{_HAN}{{0,{_VERB_CHARS}}}", rest) or _UNABLE.match(rest))


def _trimmed(folded: str, start: int, end: int) -> tuple[int, int]:
    """A stretch without what only leads to it and away from it."""
    leading = _LEADING.match(folded[start:end])
    if leading is not None:
        start += leading.end()
    while True:
        trailing = _TRAILING.search(folded[start:end])
        if trailing is None or not trailing[0]:
            break
        end = start + trailing.start()
    while start < end and folded[start] in " ,的了":
        start += 1
    return start, end
