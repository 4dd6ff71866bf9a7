"""The words with which questions ask for figures, in Chinese (folded: simplified) and English. Knows no table.

Each pattern is for folded text. `CUES` say which operation is asked for, `ELSEWHERE` that a clause asks for something
that is not computed from a table: why, how to do it, a chart, a forecast.
"""

# ruff: noqa: E501 (a Chinese character counts as two)

import re
from collections.abc import Mapping
from typing import Final

NUMBERS: Final = {
    word: n
    for n, words in enumerate(
        (
            "一 one",
            "二 两 two",
            "三 three",
            "四 four",
            "五 five",
            "六 six",
            "七 seven",
            "八 eight",
            "九 nine",
            "十 ten",
        ),
        1,
    )
    for word in words.split()
}
N: Final = r"(?:\d{1,2}|[一二两三四五六七八九十]|one|two|three|four|five|six|seven|eight|nine|ten)"
_HIGH: Final = r"(?:最[高大多好长贵强快重热]|highest|largest|biggest|greatest|best|most|longest|strongest)"
_LOW: Final = r"(?:最[低小少差短弱慢轻冷]|最便宜|lowest|smallest|least|fewest|worst|cheapest|shortest|weakest)"
_COUNTER: Final = r"[个名位家种项款条天月年季周次件人笔单门所座城户]"
_NEAR: Final = r"[^，。,.;；?？]{0,12}"
_APART: Final = r"(?:相差|差多少|差额|差值|之差|的差|差距)"
_SPAN: Final = r"(?:month|quarter|year|week)"
_CHINESE_SPAN: Final = r"个?(?:年|月|季度?|周|期)"
_WHO: Final = r"\b(?:which|who|what|when|where|whose)\b.{0,60}"

# Concepts that columns and questions name in different words. Measures are what is counted, dimensions what by.
MEASURES: Final[Mapping[str, "re.Pattern[str]"]] = {
    name: re.compile(pattern)
    for name, pattern in {
        "sales": r"销售金?额|销售收入|营业额|营业收入|营收|收入|流水|\b(?:net |gross )?(?:sales|revenues?|turnover|income)\b",
        "profit": r"利润|净利|毛利(?!率)|盈利|\b(?:net |gross )?profits?\b|\bearnings\b",
        "cost": r"成本|费用|支出|开销|开支|花费|\b(?:costs?|expenses?|spend(?:ing)?|spent|expenditures?)\b",
        "quantity": r"销量|销售量|出货量|数量|件数|\b(?:quantit(?:y|ies)|units?|qty|volumes?)\b",
        "price": r"单价|价格|售价|均价|\bprices?\b",
        "headcount": r"人数|员工数|\b(?:headcount|employees|staff)\b",
        "score": r"分数|成绩|得分|总分|\b(?:scores?|grades?|marks)\b",
        "stock": r"库存|存货|\b(?:stock|inventory)\b",
        "orders": r"订单(?:数|量)?|\borders?\b",
        "salary": r"工资|薪资|薪水|薪酬|\b(?:salary|salaries|wages?|pay)\b",
        "budget": r"预算|\bbudgets?\b",
        "visits": r"访问量|浏览量|流量|访客|\b(?:visits?|traffic|page ?views?|visitors?)\b",
        "age": r"年龄|\bages?\b",
        "temperature": r"气温|温度|\btemperatures?\b",
        "rain": r"降雨量|降水量|雨量|\b(?:rainfall|precipitation)\b",
        "population": r"人口|\bpopulations?\b",
        "output": r"产量|产值|\b(?:output|production)\b",
        "amount": r"金额|\bamounts?\b",
        "users": r"用户数?|活跃用户|\busers?\b",
        "margin": r"毛利率|利润率|净利率|\bmargins?\b",
        "defects": r"缺陷数?|故障数?|\b(?:defects?|bugs?|incidents?)\b",
    }.items()
}
DIMENSIONS: Final[Mapping[str, "re.Pattern[str]"]] = {
    name: re.compile(pattern)
    for name, pattern in {
        "month": r"月份?|\bmonth(?:s|ly)?\b",
        "quarter": r"季度?|\bquarter(?:s|ly)?\b",
        "year": r"年份?|年度|\byear(?:s|ly)?\b",
        "week": r"周|星期|\bweek(?:s|ly)?\b",
        "day": r"日期|天|日|\b(?:days?|dates?|daily|weekdays?)\b",
        "half": r"半年",
        "region": r"地区|区域|大区|省份?|\b(?:regions?|areas?|provinces?|territor(?:y|ies))\b",
        "city": r"城市|市|\b(?:city|cities|towns?)\b",
        "country": r"国家|国|\bcountr(?:y|ies)\b",
        "product": r"产品|商品|货品|\b(?:products?|items?|goods|skus?)\b",
        "department": r"部门|\b(?:departments?|teams?|divisions?)\b",
        "person": r"姓名|名字|员工|学生|同学|销售员|业务员|人员|人|谁|位|"
        r"\b(?:names?|employees?|students?|persons?|people|reps?|salespersons?|who)\b",
        "store": r"门店|店铺|店|\b(?:stores?|shops?|branch(?:es)?|outlets?)\b",
        "customer": r"客户|顾客|\b(?:customers?|clients?)\b",
        "category": r"类别|品类|分类|类型|种类|科目|\b(?:categor(?:y|ies)|types?|kinds?)\b",
        "channel": r"渠道|\bchannels?\b",
        "project": r"项目|\bprojects?\b",
        "supplier": r"供应商|\b(?:suppliers?|vendors?)\b",
        "class": r"班级|班|\bclass(?:es)?\b",
        "brand": r"品牌|\bbrands?\b",
        "subject": r"学科|课程|\b(?:subjects?|courses?)\b",
        "gender": r"性别|\b(?:gender|sex)\b",
        "status": r"状态|\bstatus(?:es)?\b",
        "sector": r"行业|\b(?:sectors?|industr(?:y|ies))\b",
    }.items()
}
PERIOD_KINDS: Final = ("day", "week", "month", "quarter", "half", "year")
# Measures that people call by each other's names.
ALIKE: Final = frozenset({"cost", "price", "amount", "budget"})


def concepts_in(folded: str, concepts: Mapping[str, "re.Pattern[str]"]) -> dict[str, tuple[int, int]]:
    """The concepts that a folded text names, each with its first place."""
    found = {name: pattern.search(folded) for name, pattern in concepts.items()}
    return {name: match.span() for name, match in found.items() if match is not None}


# Operation → what asks for it; those that hold other's words before these.
_CUES: Final[Mapping[str, tuple[str, ...]]] = {
    "cagr": (r"复合(?:年)?(?:均)?增长率?|年均(?:复合)?增(?:长率?|速)", r"\bcagr\b|compound(?:ed)? annual|annuali[sz]ed growth"),
    "range": (
        rf"{_HIGH}{_NEAR}(?:和|与|跟){_NEAR}{_LOW}{_NEAR}{_APART}|{_HIGH}{_NEAR}比{_NEAR}{_LOW}{_NEAR}[多高](?:多少|几)|极差",
        r"(?:difference|gap|spread)\s+between\s+(?:the\s+)?(?:highest|largest|maximum|max|best)\b.{0,20}"
        r"\b(?:lowest|smallest|minimum|min|worst)",
    ),
    "growth each": (
        rf"[各每逐]{_CHINESE_SPAN}的?(?:环比|同比)?(?:增长率?|增速|增幅|变化率|涨幅)|[各每逐]{_CHINESE_SPAN}.{{0,6}}环比",
        rf"{_SPAN}[- ](?:over|on)[- ]{_SPAN}\s+(?:growth|change|increase)s?\s+(?:for|in|of)\s+(?:each|every)",
        rf"(?:each|every)\s+{_SPAN}['’]?s?\s+(?:growth|change)",
        rf"(?:growth|change)\s+(?:rates?\s+)?(?:for|in|of)\s+(?:each|every)\s+{_SPAN}",
    ),
    "same period": (r"同比|year[- ](?:over|on)[- ]year|\byoy\b|\by/y\b",),
    "previous period": (
        r"环比|比上(?:个?月|季度?|年|周)|(?:month|quarter|week)[- ](?:over|on)[- ](?:month|quarter|week)|\b(?:mom|qoq|wow)\b",
        rf"(?:from|over|than|to|with)\s+the\s+(?:previous|prior)\s+{_SPAN}",
    ),
    "ratio": (r"几倍|多少倍|倍数|\bratio of\b|\bhow many times\b",),
    "share": (
        r"占比|占(?:了|到)?(?:总|全|整)?[^，。,;；?？]{0,10}?(?:百分之几|多少|几成|比例|比重|百分比)|份额|比重|所占的?(?:比例|百分比)",
        r"(?<!by )(?:what|which) (?:percent(?:age)?|share|proportion|fraction)|\b(?:shares?|proportions?) (?:of|by|for)\b|'s share\b",
        r"\b(?:share|percent(?:age)?|fraction|proportion) of (?:the )?(?:\w+ ){0,3}(?:total|overall|whole|all)",
        r"\bas a percent(?:age)? of\b|\baccounts? for\b",
    ),
    "difference": (
        r"相差|差了?多少|差额|差值|差距|之差|[多少高低]出?了?(?:多少|几[^个])|(?:贵|便宜)了?多少|相比|对比|比较",
        r"\b(?:differences?|gap)\b.{0,40}\bbetween\b|\bcompare\b|\bcomparison (?:of|between)\b",
        r"\bhow (?:much|many) (?:more|less|fewer|higher|lower|larger|smaller|greater|better|worse)\b",
    ),
    "growth": (
        r"增长率|增长了?(?:多少|百分之|几)|增长幅度|增幅|涨幅|降幅|跌幅|增速|变化率|涨了?(?:多少|百分之)",
        r"(?:下降|下跌|减少|下滑|增加|提高|升高|变化|上升|提升|降低)了?(?:多少|百分之|几个百分点)",
        r"growth rate|\brate of growth\b|(?:percent(?:age)?|%) (?:change|growth|increase|decrease|decline|drop)",
        r"\b(?:growth|change|increase|decrease|decline|drop) (?:in|of|from|between)\b.{0,40}\b(?:from|between|to|and)\b",
        r"(?:how much|by what percent(?:age)?|how many percent)\b.{0,50}\b(?:grow|grew|grown|increased?|decreased?|declined?|"
        r"dropp?(?:ed)?|fell|fall|rose|rise|risen|changed?|gone (?:up|down)|go (?:up|down))\b",
    ),
    "trend": (
        r"趋势|走势|走向|变化情况|(?:如何|怎么|怎样|怎么样)(?:变化|变动|发展)|变动情况|波动情况|起伏|怎么变的?",
        r"\btrends?\b|\btrajector(?:y|ies)\b|\bover time\b|\bevol(?:ve|ved|ution)\b",
        r"\bhow .{1,30} (?:has|have|had) (?:changed|developed|evolved|moved)\b",
        r"\bhow (?:has|have|did|do|does|is|are|was|were) .{0,40}\b(?:chang(?:e|ed|es|ing)|develop(?:ed|ing|s)?|trending|moved?)\b",
    ),
    "top": (
        rf"前\s*{N}\s*(?:名|强|位|大|高|的|(?!\s*个?(?:月|季|年|天|周|行|期|列|\d)))|{_HIGH}的?\s*(?:前\s*)?{N}\s*{_COUNTER}",
        rf"\btop[\s-]+{N}\b|\b{N}\s+(?:\w+\s+)?{_HIGH}|{_HIGH}\s+{N}\b",
    ),
    "bottom": (
        rf"(?:倒数|后|末)\s*{N}\s*(?:名|位|个(?!月|季))|{_LOW}的?\s*{N}\s*{_COUNTER}",
        rf"\bbottom[\s-]+{N}\b|\b{N}\s+(?:\w+\s+)?{_LOW}|{_LOW}\s+{N}\b",
    ),
    "rank": (
        r"排名|排序|排个序|从[高大多]到[低小少]|从[低小少]到[高大多]",
        r"\b(?:highest|lowest|largest|smallest|best|worst) first\b|\brank(?:ed|ing)?\b|\bsort(?:ed)?\b|in (?:de|a)scending order",
    ),
    "median": (r"中位数|中间值|\bmedian\b",),
    "mean": (r"平均|均值|[月日年周]均(?!衡)|季均|\baverages?\b|\bavg\b|\bthe mean\b|\bmean\b(?=\s*(?:▢|(?:\w+\s*){1,2}(?:\?|$|for|in|of|per|by)))",),
    "max": (
        r"最[高大多贵长强重热快](?!化)|(?:哪|谁|什么时候|何时).{0,20}最好|峰值|高峰|最高点|第一名|冠军",
        r"\b(?:highest|largest|biggest|greatest|maximum|max|peak(?:ed)?|longest|strongest|hottest)\b|\bmost expensive\b",
        rf"{_WHO}\b(?:most|best)\b|\b(?:top|best)[- ](?:selling|performing|performer|seller|earner|scorer|month|region|product)\b",
    ),
    "min": (
        r"最[低小少短弱轻冷慢](?!化)|最便宜|(?:哪|谁|什么时候|何时).{0,20}最差|谷底|最低点|垫底",
        r"\b(?:lowest|smallest|fewest|minimum|min|cheapest|shortest|weakest|coldest)\b",
        rf"{_WHO}\b(?:least|worst)\b|\bworst[- ](?:selling|performing|month|region|product)\b",
    ),
    "count": (rf"(?:多少|几)\s*(?:{_COUNTER}|行|城市|地区|产品|部门|客户|员工|学生)|个数|\bhow many\b|\b(?:number|count) of\b|\bcount (?:the|how)\b",),
    "sum": (
        r"合计|总计|总和|总额|总量|总数|总共|一共|共计|累计|加起来|加总|求和|之和|的和(?!谐)|总的(?!来说|来看|来讲|而言)",
        r"共(?:▢|卖|有|花|售|收|是|多少|销售|支出)|总(?=▢|销|收|营|利|成|费|支|产|订|库|访|人|金|工|预|花|分|投|降|用)",
        r"\btotals?\b|\bsum(?:med)?\b(?! up\b)|\baltogether\b|\bin all\b|\badd(?:ed)?\s+(?:\w+\s+)?up\b|\bcombined\b",
        r"\boverall (?:sales|revenue|amount|cost|profit)\b",
    ),
}  # fmt: skip
CUES: Final = {name: re.compile("|".join(patterns)) for name, patterns in _CUES.items()}

SUPERLATIVES: Final = frozenset({"max", "min", "top", "bottom", "rank"})
# A superlative of a change: which month grew fastest, 增幅最大的地区.
OF_CHANGE: Final = re.compile(
    r"(?:增长|增幅|涨|增加|增速|下降|下跌|降幅|跌|减少|变化|变动|波动)[^,。;?!]{0,6}最|最[大快多高低小][^,。;?!]{0,4}(?:增长|增幅|涨|降|跌|增速|变化|波动)"
    r"|\b(?:grew|grow|grown|growth|increased?|dropp?(?:ed)?|declined?|fell|rose|changed?|decreased?|improved?)\b.{0,25}\b(?:most|least|fastest|slowest)\b"
    r"|\b(?:most|fastest|slowest|biggest|largest|greatest|smallest|highest|lowest)\s+(?:\w+\s+)?(?:growth|increase|drop|decline|change|decrease|rise|fall|jump|gain)\b"
)

# A clause with one of these asks for something else, or for something that these operations are not.
ELSEWHERE: Final = re.compile(
    "|".join(
        (
            # why, what for, what is meant
            r"为什么|为何|为啥|原因|怎么回事|解释|意味|说明了?什么|什么意思|含义|定义|什么叫|什么是|是指|怎么理解|如何(?:理解|看待)",
            r"\bwhy\b|\breasons?\b|\bexplain\b|\bhow come\b|\bcaused?\b|\bcauses\b|\bdefin(?:e|ition)\b",
            r"what does .{0,60}\bmean\b|\bmeaning of\b|what is meant|what do you mean|\bwhat (?:is|are) an?\b",
            # how it is done
            r"(?:怎么|如何|怎样)(?:去|来|用|才能)?(?:计算|算|求|用|写|做|画|制作|得到|得出|统计|提高|提升|改进|改善|降低|减少|增加|使用)",
            r"公式|函数|代码|编程|脚本|数据透视|\bformulas?\b|\bexcel\b|\bsql\b|\bpython\b|\bpandas\b|\bcode\b|\bscripts?\b",
            r"\bvlookup\b|\bpivot\b|\bmacro\b|\bhow (?:do|can|should|would|could|to|is|are|was|were)\b.{0,30}\b(?:calculat|comput|"
            r"sum|add|averag|get|determin|measur|improv|increas\w* (?:our|the)|reduc|rais|lower|write|mak|creat|format|sort)",
            # another form of it
            r"翻译|译成|转换?[成为]|转成|改写|改成|润色|格式|画|绘制|作图|图表|柱状图|折线图|饼图|导出|删除|删掉|去掉.{0,4}[行列]|添加|插入",
            r"填充|重命名|合计行|合计列|总计行|总计列|平均[行列]|表头|列名|\btranslat|\bconvert\b|\breformat|\brewrite\b|\bjson\b|\bxml\b",
            r"\blatex\b|\bhtml\b|\byaml\b|\bcsv\b|\bplot\b|\bcharts?\b|\bgraphs?\b|\bdraw\b|\bvisuali[sz]|\bdelete\b|\bremove the\b",
            r"\binsert\b|\brename\b|\badd an?\b|\bhighlight\b|\btotal (?:row|column|line)\b|\b(?:row|column) (?:names?|headers?)\b",
            # what is not in it
            r"预测|预计|预估|预期|明年|下个?(?:月|季度?|年|周)|未来|今后|接下来|建议|应该|应当|合理|可靠|来源|出处|谁(?:制作|统计|写|提供)",
            r"行业平均|市场平均|全国平均|行业均值|市场份额|市占率|\bforecast|\bpredict|\bprojection|\bnext (?:month|year|quarter|week)\b",
            r"\bfuture\b|\bwill\b|\bexpect|\brecommend|\badvi[cs]e\b|\bsuggest|\bshould\b|\bstrateg|\breliable\b|\bsources?\b",
            r"\bwho (?:made|wrote|compiled|collected)\b|\b(?:industry|national|market|global) (?:average|mean|median|share)\b",
            # other arithmetic
            r"人均|每人|加权|标准差|方差|相关性|相关系数|分位|四分位|众数|回归|移动平均|滑动平均|(?:高于|超过|低于|大于|小于|超出)了?平均|平均[值数水平]{0,2}(?:以上|以下|之上|之下)",
            r"\bper capita\b|\bper (?:person|employee|head)\b|\bweighted\b|\bstandard deviation\b|\bvariance\b|\bcorrelat",
            r"\bpercentiles?\b|\bquartiles?\b|\bmode\b|\bregress|\bmoving average\b|\brolling\b|\brunning total\b|\bcumulative\b",
            r"(?:above|below|than|over|under|exceed(?:s|ed)?) (?:the )?(?:average|mean|median)",
        )
    )
)
# Where a clause ends. What is named in one goes on to the next where they are only strung together (weak).
CLAUSE: Final = re.compile(
    r"(?P<weak>、|以及|还有|和|与|及|跟|\b(?:and|as well as|plus)\b)|[。？！?!；;\n]|[，,](?!\d{3})|(?<=[a-z)▢])\.(?=\s|$)|并且|并|然后|再|\b(?:then|also)\b"
)
# A clause that asks anew: what kept the one before it from being computed does not hold for it.
ANEW: Final = re.compile(
    r"请|计算|算|求|给出|列出|统计|告诉|总结|多少|什么|哪|几|\b(?:compute|calculate|give|tell|what|which|who|find|show|list|how|report|state|summari[sz]e)\b"
)
PER_PERIOD: Final = re.compile(
    r"平均每|[月日年周季]均|\baverage (?:monthly|quarterly|yearly|annual|weekly|daily)|\b(?:monthly|quarterly|yearly|annual|weekly|daily) average|\bper (?:month|quarter|year|week|day)\b"
)
ADJECTIVES: Final = re.compile(r"\b(?:monthly|quarterly|yearly|weekly|daily)\b")
EXCEPT: Final = re.compile(
    r"(?:除了|除去|除开|除|不含|不包括|不算|排除|剔除|去掉|扣除|\bexcluding|\bexcept(?: for)?|\bwithout|\bother than|"
    r"\bnot including|\bexclude|\bleaving out|\bapart from)\s*(?:the\s+)?$"
)
EACH: Final = re.compile(r"各个?|每一?个?|按照?|\b(?:for each|in each|each|every|per|by)\b\s*(?:the\s+)?")
ASKED: Final = re.compile(
    r"哪一?[些几]?(?:个|家|种|款|位|名|项|条|门|座|所)?|什么|谁|\b(?:which|what|who|whose|when)\b"
)
GENERIC: Final = re.compile(r"\s*(?:行|条|记录|数据|rows?|entries|records?|lines?|data points?|observations?)")
NOT_A_BOUND: Final = re.compile(r"\s*(?:句|字|段|要点|words?|sentences?|lines?|bullet|paragraphs?|characters?)")
