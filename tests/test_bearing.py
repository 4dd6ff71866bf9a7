"""Figures are read with unit and limit; a source bears what it says, and a contradiction is found and named."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from qianxun.answering.checking.bearing import judge
from qianxun.answering.checking.figures import figures, spelled
from qianxun.answering.checking.statements import clauses

# -- figures ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text, expected",
    [
        ("满一年的员工每年有五天年假", [("number", "1", "year", "+"), ("number", "5", "day", "")]),
        ("市内交通费每天不超过 80 元", [("number", "80", "CNY", "-")]),
        ("金額８０元以上須審批", [("number", "80", "CNY", "+")]),
        ("未满18周岁者", [("number", "18", "age", "-")]),
        ("５個工作日內答覆", [("number", "5", "workday", "-")]),
        ("不早于9:00，不迟于下午六点半", [("time", "9:00", "", "+"), ("time", "18:30", "", "-")]),
        ("二〇二五年三月一日起施行", [("date", "2025-3-1", "", "+")]),
        ("2025/3/1, March 1, 2025, 1 Mar 2025", [("date", "2025-3-1", "", "")] * 3),
        ("3月15日前提交", [("date", "?-3-15", "", "-")]),
        ("就业1361万人，增长百分之三点五", [("number", "13610000", "person", ""), ("number", "3.5", "%", "")]),
        ("最高限额为人民币1,200元", [("number", "1200", "CNY", "-")]),
        ("Shipping costs US$1,200 or more", [("number", "1200", "USD", "+")]),
        (
            "at least fifteen minutes, up to two hundred users",
            [("number", "15", "minute", "+"), ("number", "200", "", "-")],
        ),
        ("a budget of $3.5m by 31 May", [("number", "3500000", "USD", ""), ("date", "?-5-31", "", "-")]),
        ("Error E-1042 in v4.2.1", [("code", "e-1042", "", ""), ("code", "4.2.1", "", "")]),
        (
            "第十二条，2019-2021",
            [("number", "12", "ordinal", ""), ("number", "2019", "", ""), ("number", "2021", "", "")],
        ),
        ("电话 010-88881234，降至-5%", [("code", "010-88881234", "", ""), ("number", "-5", "%", "")]),
        ("一个一般的三明治", []),
    ],
)
def test_a_figure_is_read_with_its_unit_and_its_limit(text: str, expected: list[tuple[str, str, str, str]]) -> None:
    assert [(f.kind, f.value, f.unit, f.limit) for f in figures(spelled(text))] == expected


# -- whether a source bears a statement ------------------------------------------------------------------------------

LEAVE = "工作满一年的员工每年有五天带薪年假，满十年的有十天。"
BORNE = [
    ("满十年的有十天", LEAVE),
    ("年假为五天", LEAVE),
    ("每年有 5 天帶薪年假", LEAVE),
    ("试用期内不得申请远程办公", "试用期内不得申请远程办公，逾期作废。"),
    ("市内交通费每天80元以内", "出差期间市内交通费每天不超过８０元"),
    ("金额80元以下免审批", "金额80元以上需审批，金额80元以下免审批"),
    ("报告由王伟审批", "王伟审批报告。"),
    ("B公司被A公司收购", "A公司收购B公司"),
    ("新制度从2025年3月1日起实行", "2025年3月1日起实行新制度。"),
    ("加班须事先申请", "加班須事先申請，經主管核准後方可報支加班費。"),
    ("每年可以休10天年假", "员工入职满一年后，每年享有 10 天带薪年休假。"),
    ("逾期无效", "逾期作废。"),
    ("Beta was acquired by Acme", "Acme acquired Beta."),
    ("X rose 5% in 2025", "In 2025, X rose 5%."),
    ("Chargers are covered", "Chargers are covered but batteries are not covered."),
    (
        "Refunds must be requested in writing within 30 days",
        "Refunds must be requested in writing within 30 days of purchase.",
    ),
    ("Claims must be filed within 30 days", "Employees must submit their claims within 30 days of the accident."),
    ("Release 2.3 于 2025-03-18 发布", "Release 2.3 于 2025年3月18日 发布，修复了 timeout 问题。"),
]
NOT_BORNE = [
    ("每年有十天带薪年假", LEAVE, "figure"),
    ("满一年的有十天", LEAVE, "figure"),
    ("每年有五个月带薪年假", LEAVE, "unit"),
    ("试用期内可以申请远程办公", "试用期内不得申请远程办公。", "negation"),
    ("试用期内得申请远程办公", "试用期内不得申请远程办公。", "negation"),
    ("加班不須事先申請", "加班须事先申请，经主管核准。", "negation"),
    ("市内交通费每天超过80元", "出差期间市内交通费每天不超过80元", "limit"),
    ("金额80元以下需审批", "金额80元以上需审批，金额80元以下免审批", "limit"),
    ("乙方应向甲方支付", "甲方应向乙方支付。", "order"),
    ("李娜向张伟汇报", "张伟向李娜汇报。", "order"),
    ("A公司收购B公司", "B公司收购A公司", "order"),
    ("乙方负责设计，甲方负责施工", "甲方负责设计，乙方负责施工。", "order"),
    ("王芳审批报告", "王伟审批报告。", "altered"),
    ("李娜负责项目验收", "张伟负责项目验收。", "altered"),
    ("2019年军运会在成都举办", "2019年军运会在武汉举办。", "altered"),
    ("小米發布了新的手機", "华为发布了新的手机。", "altered"),
    ("规定自2025年4月1日起施行", "本规定自2025年3月1日起施行。", "date"),
    ("月薪为28000美元", "工程师三级的月薪为２８０００元，由人事部每年四月调整。", "unit"),
    ("城镇新增就业161万人", "2018年，我国城镇新增就业1361万人，比上年多增10万人", "figure"),
    ("Employees may carry over leave", "Employees may not carry over leave.", "negation"),
    ("Employees can't carry over leave", "Employees can carry over leave.", "negation"),
    ("Batteries are covered", "Chargers are covered but batteries are not covered.", "negation"),
    ("A page is answered within 15 hours", "The primary engineer answers a page within 15 minutes.", "unit"),
    ("Orders of more than 50 units ship free", "Orders of less than 50 units ship free.", "limit"),
    ("Beta acquired Acme", "Acme acquired Beta.", "order"),
    ("Acme was acquired by Beta", "Acme acquired Beta.", "order"),
    ("The Broncos lost to the Panthers", "The Panthers lost to the Broncos.", "order"),
    (
        "Bob approves expenses over 500 dollars",
        "Alice approves expenses over 500 dollars. Bob orders supplies.",
        "altered",
    ),
    ("Expenses are approved by Carol Jones", "Expenses are approved by Alice Smith.", "name"),
    ("E-1043 means the coil is open", "Error E-1042 means the coil is open.", "figure"),
    ("Plan A costs 200 dollars", "Plan A costs 100 dollars. Plan B costs 200 dollars.", "figure"),
    ("Release 2.4 于 2025年3月18日 发布", "Release 2.3 于 2025年3月18日 发布，修复了 timeout 问题。", "figure"),
    ("食堂供应早餐", LEAVE, "words"),
]


@pytest.mark.parametrize("statement, source", BORNE)
def test_a_faithful_statement_is_borne(statement: str, source: str) -> None:
    assert judge(statement, source).problems == ()


@pytest.mark.parametrize("statement, source, problem", NOT_BORNE)
def test_a_contradiction_is_found_and_named(statement: str, source: str, problem: str) -> None:
    found = judge(statement, source)
    assert problem in found.problems
    assert not found.bears
    assert found.contradicts == (problem != "words")


def test_what_stands_around_a_quote_counts_but_is_no_quote() -> None:
    assert judge("4.1.0 (2025-02-18)：修复登录失败", "修复登录失败", context="4.1.0 (2025-02-18)").bears
    assert judge("4.2.0 (2025-02-18)：修复登录失败", "修复登录失败", context="4.1.0 (2025-02-18)").problems == (
        "figure",
    )
    assert judge("年假为五天", "有五天。", context="年假").bears
    assert not judge("年假为五天", "以人事部答复为准。", context="年假五天").bears


def test_across_languages_figures_and_names_decide() -> None:
    source = "The stipend is 600 yuan for each week on call."
    assert judge("值班津贴为每周600元", source).bears
    assert judge("值班津贴为每周700元", source).problems == ("figure",)
    assert judge("值班有津贴", source).problems == ("words",)


PARTS = [
    "年假", "不得", "未", "王伟", "由", "被", "向", "甲方", "乙方", "超过", "以上", "80元", "８０ 元", "三天",
    "2025年3月1日", "的", "加班費", "核准", "not", "never", "neither", "nor", "by", "was acquired", "Acme", "Beta",
    "more than", "at least", "E-1042", "v4.2", "5%", "6 pm", "Mr. Smith", "the", "“试用”", "《手册》", "is", "can't",
    "，", "。", "；", ". ", ", ", "\n", " | ", "：", "?", "!",
]  # fmt: skip
TEXTS = st.builds(
    str.join, st.sampled_from(["", " "]), st.lists(st.sampled_from(PARTS) | st.text(max_size=4), max_size=12)
)


@given(TEXTS, st.lists(TEXTS, max_size=2))
def test_whatever_is_copied_is_borne(text: str, others: list[str]) -> None:
    assume(any(token.says_something for clause in clauses(text) for token in clause))
    assert judge(text, text).bears
    # What stands beside it, even if it says the opposite, takes nothing away.
    assert judge(text, "\n".join([*others, text])).problems == ()


# -- sentences that were written without the rules in mind ------------------------------------------------------------

# Each against its whole document, where much else is said: harder than against a quote. Several led to rules later
# (who a thing is done by, primary and secondary, another word in what is otherwise a copy), so they prove little.

HANDBOOK_ZH = """\
# 员工手册
## 第一章 假期
### 1.1 年假
工作满一年的员工每年有五天带薪年假，满十年的有十天。年假须在次年3月31日前休完，逾期作废，不折算工资。
年假申请应提前三个工作日在系统中提交，由直属主管审批。
### 1.2 病假
员工连续病假超过两天的，须提供二级以上医院的诊断证明。病假期间工资按80%发放。
## 第二章 考勤
上班时间为9:00至18:00，午休一小时。每月迟到不超过三次、每次不超过15分钟的，不扣工资。
试用期内不得申请远程办公。试用期满后，每周可以远程办公两天。
## 第三章 离职
员工离职应提前三十天书面通知公司，试用期内提前三天通知。离职时须归还门禁卡、笔记本电脑和工牌。
竞业限制期限最长不超过24个月，补偿金为离职前月平均工资的30%。
"""
TRAVEL_ZH = """\
# 差旅费管理办法
第一条 为规范差旅费管理，制定本办法。
第二条 本办法所称差旅费，是指员工因公出差发生的交通费、住宿费和补助。
第三条 住宿费标准：一线城市每晚不超过500元，其他城市每晚不超过350元。
第四条 出差补助为每天120元，按自然日计算。
第五条 员工应在出差结束后十个工作日内提交报销单，逾期须由财务总监签字。
第六条 单笔金额5000元以上的报销，由财务总监陈静审批。
第七条 本办法自2025年1月1日起施行，由财务部负责解释。
"""
OVERTIME_ZH = """\
加班規定
加班須事先申請，經部門主管核准後方可報支加班費。平日加班每小時以平日工資1.5倍計算，休息日為2倍。
每月加班時數不得超過46小時。未經核准之加班不予計算。
加班費於次月10日隨薪資發放，由人事部負責核算。
問：加班可以換補休嗎？
答：可以，補休應於三個月內休畢。
"""
HANDBOOK_EN = """\
# Engineering Handbook
## On-call
The primary engineer answers a page within 15 minutes.
If there is no answer, the page goes to the secondary engineer after 20 minutes.
The on-call stipend is 600 dollars for each week. Rotations start on Monday at 10:00 am.
## Releases
Releases are approved by the release manager. A release must not be deployed on Fridays.
Version 4.2 was released on March 1, 2025. It supports Python 3.11 and later.
Hotfixes require two reviewers.
## Security
Laptops must be encrypted. Passwords expire after 90 days and must have at least 14 characters.
Access to production is reviewed every quarter by the security team.
"""
MANUAL = """\
# LF-200 激光打标机说明书
LF-200 的额定功率为20W，工作电压为AC 220V，整机重量25公斤。
保修期自购机之日起24个月，耗材不在保修范围内。
错误代码 E-1042 表示振镜过热，应立即停机冷却30分钟。
错误代码 E-1050 表示激光器未就绪。
The warranty does not cover damage caused by water.
售后电话：400-820-1234
"""
OTHERWISE = [
    (HANDBOOK_ZH, "年假须在次年4月30日前休完，逾期作废。"),
    (HANDBOOK_ZH, "年假逾期不作废，可以折算工资。"),
    (HANDBOOK_ZH, "年假申请由人事总监审批。"),
    (HANDBOOK_ZH, "员工连续病假超过三天的，须提供诊断证明。"),
    (HANDBOOK_ZH, "病假期间工资按60%发放。"),
    (HANDBOOK_ZH, "试用期内可申请远程办公。"),
    (HANDBOOK_ZH, "试用期满后，每周可以远程办公三天。"),
    (HANDBOOK_ZH, "试用期内每周可以远程办公两天。"),
    (HANDBOOK_ZH, "离职时无须归还门禁卡。"),
    (HANDBOOK_ZH, "竞业限制期限最短不少于24个月。"),
    (HANDBOOK_ZH, "补偿金为离职前月平均工资的24%。"),
    (HANDBOOK_ZH, "试用期内提前三十天通知公司。"),
    (HANDBOOK_ZH, "满一年的员工有十天年假。"),
    (HANDBOOK_ZH, "每月迟到超过三次的，不扣工资。"),
    (HANDBOOK_ZH, "上班时间为9:30至18:00。"),
    (HANDBOOK_ZH, "年假須在次年３月３１日前休完，逾期不作廢。"),
    (HANDBOOK_ZH, "病假期間工資按８％發放"),
    (TRAVEL_ZH, "一线城市住宿费每晚不超过350元。"),
    (TRAVEL_ZH, "出差补助为每天120美元。"),
    (TRAVEL_ZH, "出差补助按工作日计算。"),
    (TRAVEL_ZH, "单笔金额5000元以下的报销，由财务总监陈静审批。"),
    (TRAVEL_ZH, "单笔金额5000元以上的报销，由财务总监陈伟审批。"),
    (TRAVEL_ZH, "单笔金额5000元以上的报销，由人事总监陈静审批。"),
    (TRAVEL_ZH, "本办法由人事部负责解释。"),
    (TRAVEL_ZH, "本办法自2025年1月1日起废止。"),
    (TRAVEL_ZH, "逾期无须财务总监签字。"),
    (OVERTIME_ZH, "加班不须事先申请。"),
    (OVERTIME_ZH, "平日加班每小时以平日工资2倍计算。"),
    (OVERTIME_ZH, "休息日为1.5倍。"),
    (OVERTIME_ZH, "每月加班时数不得少于46小时。"),
    (OVERTIME_ZH, "未經核准之加班予以計算。"),
    (OVERTIME_ZH, "加班費於當月10日發放。"),
    (OVERTIME_ZH, "加班不可以換補休。"),
    (HANDBOOK_EN, "The secondary engineer answers a page within 15 minutes."),
    (HANDBOOK_EN, "The primary engineer answers a page within 20 minutes."),
    (HANDBOOK_EN, "The stipend is 600 euros per week."),
    (HANDBOOK_EN, "Rotations start on Friday at 10:00 am."),
    (HANDBOOK_EN, "Rotations start on Monday at 10:00 pm."),
    (HANDBOOK_EN, "Releases are approved by the security team."),
    (HANDBOOK_EN, "A release may be deployed on Fridays."),
    (HANDBOOK_EN, "Version 4.2 was released on March 11, 2025."),
    (HANDBOOK_EN, "Version 4.3 was released on March 1, 2025."),
    (HANDBOOK_EN, "It supports Python 3.12 and later."),
    (HANDBOOK_EN, "It supports Python 3.11 and earlier."),
    (HANDBOOK_EN, "Hotfixes require three reviewers."),
    (HANDBOOK_EN, "Laptops need not be encrypted."),
    (HANDBOOK_EN, "Passwords never expire."),
    (HANDBOOK_EN, "Passwords must have at most 14 characters."),
    (HANDBOOK_EN, "Passwords expire after 14 days and must have at least 90 characters."),
    (MANUAL, "错误代码 E-1050 表示振镜过热。"),
    (MANUAL, "LF-300 的额定功率为20W。"),
    (MANUAL, "保修期24个月，耗材也在保修范围内。"),
    (MANUAL, "The warranty covers damage caused by water."),
    (MANUAL, "The warranty does not cover damage caused by fire."),
    (MANUAL, "LF-200 的额定功率为20kW。"),
    (MANUAL, "应立即停机冷却30秒。"),
]
REWORDED = [
    (HANDBOOK_ZH, "逾期未休的年假作废，并且不折算工资。"),
    (HANDBOOK_ZH, "年假由直属主管审批，须提前3个工作日提交。"),
    (HANDBOOK_ZH, "连续病假两天以上需要提供二级以上医院的诊断证明。"),
    (HANDBOOK_ZH, "病假工资按百分之八十发放。"),
    (HANDBOOK_ZH, "试用期员工不能申请远程办公。"),
    (HANDBOOK_ZH, "試用期滿後每週可以遠端辦公２天"),
    (HANDBOOK_ZH, "离职要提前30天书面通知，试用期内提前3天。"),
    (HANDBOOK_ZH, "竞业限制最长24个月。"),
    (HANDBOOK_ZH, "上班时间是9点到18点。"),
    (TRAVEL_ZH, "一线城市的住宿标准为每晚500元以内。"),
    (TRAVEL_ZH, "每天补助120元，按自然日算。"),
    (TRAVEL_ZH, "5000元以上的单笔报销须经财务总监陈静审批。"),
    (TRAVEL_ZH, "该办法2025年1月1日起施行，财务部负责解释。"),
    (OVERTIME_ZH, "加班须事先申请，并经部门主管核准。"),
    (OVERTIME_ZH, "休息日加班按2倍计算。"),
    (OVERTIME_ZH, "每月加班不得超过46小时。"),
    (OVERTIME_ZH, "加班费在次月10日随薪资发放。"),
    (OVERTIME_ZH, "加班可以换补休，三个月内休完。"),
    (HANDBOOK_EN, "A page is answered by the primary engineer within 15 minutes."),
    (HANDBOOK_EN, "After 20 minutes, the page goes to the secondary engineer."),
    (HANDBOOK_EN, "The weekly on-call stipend is $600."),
    (HANDBOOK_EN, "Releases need the approval of the release manager."),
    (HANDBOOK_EN, "You must not deploy a release on Fridays."),
    (HANDBOOK_EN, "Version 4.2 came out on 1 March 2025."),
    (HANDBOOK_EN, "Two reviewers are required for hotfixes."),
    (HANDBOOK_EN, "Passwords must be at least 14 characters long."),
    (HANDBOOK_EN, "Production access is reviewed quarterly by the security team."),
    (MANUAL, "E-1042 表示振镜过热，需停机冷却30分钟。"),
    (MANUAL, "保修期为24个月，不包括耗材。"),
    (MANUAL, "Damage caused by water is not covered by the warranty."),
]
# What is known to be missed, and what is wrongly held against a faithful statement. No more than this.
MISSED = {"试用期内每周可以远程办公两天。"}
FALSE_ALARMS = {"逾期未休的年假作废，并且不折算工资。"}


def test_nearly_all_contradictions_of_a_document_are_found() -> None:
    assert {statement for document, statement in OTHERWISE if judge(statement, document).bears} <= MISSED


def test_nearly_all_that_is_said_in_other_words_is_borne() -> None:
    assert {statement for document, statement in REWORDED if not judge(statement, document).bears} <= FALSE_ALARMS
