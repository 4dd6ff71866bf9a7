"""Words that can stand for each other without changing what is said. Tables of everyday office language.

Not complete, and not meant to be: with a synonym that is not here, a sentence that is otherwise a copy seems altered.
"""

import functools
from collections.abc import Iterable
from typing import Final

from qianxun.text import fold, words

# Groups, one or more in a line; a word may be in several.
_ENGLISH: Final = """
employee staff worker personnel colleague | firm company business enterprise | customer client
person people individual | receive get obtain gain entitle | buy purchase acquire procure | begin start commence launch
complete finish | end finish conclude terminate expire cancel | give provide supply offer grant furnish
need require necessary | allow permit let authorise authorize entitle may can able eligible
forbid prohibit ban disallow | submit file hand present lodge turn | send dispatch ship mail | deliver supply bring
also too additionally | show display indicate mean signify denote stand | check verify inspect examine test review
say state mention write note | repair fix mend service maintain | replace change exchange substitute swap
cost price fee charge rate | rent lease hire | pay reimburse settle refund repay return back | remain stay
decrease fall drop decline reduce lower sink down cut shrink | increase rise grow raise climb up gain rose grew
keep retain store hold preserve save | apply request ask demand | use utilise utilize employ apply operate
make produce manufacture create build construct output deliver capacity | big large great huge | small little minor
old former previous earlier | about approximately around roughly nearly almost | trip journey travel
telephone phone call ring | fast quick rapid swift | stop halt cease quit | choose select pick
error fault failure malfunction defect code | holiday vacation leave | car vehicle automobile | doctor physician
illness sickness disease sick ill | paper document file | rule regulation policy provision | meeting session
decide settle resolve determine | approve authorise authorize confirm sanction consent permission
cancel revoke withdraw | close shut | contain include comprise cover | exclude omit | happen occur
whole entire complete total full all | part portion share section | several many numerous | train teach instruct
help assist support aid | wear put | clean wash | place location site spot venue | country nation | money fund cash
earn gain win | lose forfeit | job work position post | under below beneath | over above beyond exceed
before prior ahead advance beforehand | after following | most maximum | appoint name elect become
join enter become | leave depart | result outcome | publish release issue | cause lead result
since because due owing | each every per | must shall should ought obligate oblige have | only solely just
amount sum | quit resign | notice notification notify inform tell | goods merchandise product item
broken defective faulty damaged | immediately once straightaway | via through | again anew | annual yearly annually
remaining rest | until till | inside within in | outside beyond | reach arrive
obligatory compulsory mandatory required | valid effective force | void invalid lapse expire forfeit | party side
both either | answer reply respond response acknowledge | accept take | move shift | correct right | wrong incorrect
participant attendee | course class lesson | pupil student | hot overheat | sufficient enough adequate
additional extra further more another beyond | usual normal typical regular | accommodation hotel | licence license
accident incident | assess evaluate | gather collect | delete remove erase | protect guard | task duty
responsible charge | handle deal treat process | purpose aim goal | recommend advise
transport transportation freight shipping carriage | salary wage pay | boss manager supervisor superior
bill invoice | contract agreement | begin open | guarantee warranty | payable due owed | own belong
"""
_CHINESE: Final = """
员工 职工 雇员 同事 同仁 人员 工作人员 | 提交 递交 上交 交 报送 提出 | 办理 处理 办
批准 审批 核准 同意 许可 审核 准许 | 付款 支付 缴纳 付 交 缴 付清 | 费用 费 钱 款 花费 | 发放 发 支付 给 给予 发给
享有 享受 拥有 有 | 可以 能 能够 可 得以 得 | 须 需 必须 应 应当 要 需要 得 应该
不得 不能 不可 不准 禁止 严禁 不允许 不许 | 超过 超出 多于 大于 高于 以上 | 低于 少于 小于 不足 不到 不满 未满 以下
增长 上升 提高 增加 上涨 升 涨 提升 升高 | 使用 采用 用 利用 采取 | 下降 降低 减少 下滑 下跌 降 跌 减 降至 降到
立即 马上 立刻 即刻 | 开始 启动 起 开 起算 | 结束 终止 完成 终了 届满 期满 到期 | 更换 替换 换 调换
检查 查看 检测 检验 查 | 维修 修理 维护 修 | 通知 告知 知会 | 负责 承担 | 规定 要求 规则 | 期限 时限 时间 期间
地点 地方 位置 场所 | 公司 企业 单位 | 因 因为 由于 | 若 如 如果 倘若 假如 要是 | 逾期 过期 超期 逾时
作废 无效 失效 | 全部 所有 一切 全体 | 次日 第二天 翌日 | 次年 第二年 下一年 翌年 | 次月 下月 下个月
当年 同年 本年 | 携带 带 带上 随身 | 购买 采购 买 购置 | 出售 销售 卖 | 租 租赁 承租 租用
获得 取得 得到 拿到 领取 收到 | 返还 退还 退回 归还 还 退 | 关闭 关 停用 | 打开 开启 开 | 运行 运转 开机 开动 启动
过 太 很 极 | 显示 表示 说明 意味着 代表 表明 | 大约 约 左右 大概 约为 | 或 或者 | 与 和 及 跟 以及 并
内 之内 以内 里 中 | 前 之前 以前 事先 | 后 之后 以后 | 工资 薪资 薪水 薪酬 薪金 | 领导 上级 | 本人 自己 自行 亲自
删除 去掉 清除 | 保存 保留 留存 存 存放 | 修改 更改 变更 改 | 增加 新增 添加 加 | 首次 第一次 初次
剩余 剩下 余下 其余 余 余款 | 一起 一并 一同 随同 | 遗失 丢失 丢 遗落 | 乘坐 坐 搭乘 乘 | 报告 汇报
通过 经 经过 经由 | 位于 在 地处 | 自 从 由 | 至 到 止 | 为 是 系 | 均 都 皆 | 仅 只 只有 仅仅 | 没有 无 未
包括 包含 含 涵盖 | 另外 此外 另 | 拒绝 不予 | 提前 事先 预先 | 发生 出现 | 导致 造成 引起 | 休息 休 | 请假 休假
转让 转 转给 转移 | 停止 不再 停 暂停 中止 停机 关机 | 接受 受理 接收 | 收到 接到 | 成年人 成人 大人 | 佩戴 戴 穿戴
合同 协议 契约 | 寄送 寄 寄出 邮寄 送 | 电子邮件 邮件 电邮 | 送达 送到 送 运到 交付 | 协助 帮助
最多 至多 最高 最长 不超过 | 比 较 相比 | 至少 最少 最低 不少于 不低于 | 上年 去年 上一年 | 处罚 惩罚 | 违反 违背
计算 算 核算 统计 | 毁损 损坏 损毁 | 灭失 丢失 | 解除 终止 取消 | 有权 可以 可 | 审计 审核 | 选举 选出 当选 选
资助 支持 | 支出 花费 开支 | 手册 说明书 | 步骤 流程 | 远程 远端 | 软件 软体 | 硬盘 硬碟 | 网络 网路 | 质量 品质
信息 资讯 讯息 | 屏幕 荧幕 萤幕 | 打印 列印 | 程序 程式 | 默认 预设 | 服务器 伺服器 | 数据 资料 | 出租车 计程车
视频 视讯 影片 | 控制 保持 维持 | 物品 东西 物件 | 儿童 小孩 孩子 | 当日 当天 | 日 天 | 堆垛 堆放 | 聘请 请 雇
登记 注册 | 取消 撤销 | 按照 根据 依据 依 按 | 参加 出席 参与 | 提供 供应 给 | 公布 发布 公告
在职员工 员工人数 员工
"""


@functools.cache
def _groups() -> dict[str, frozenset[int]]:
    """Word → the numbers of its groups."""
    found: dict[str, set[int]] = {}
    groups = [group for line in (_ENGLISH + _CHINESE).splitlines() for group in line.split("|")]
    for number, group in enumerate(groups):
        for word in group.split():
            stems = words(fold(word)) if word.isascii() else [fold(word)]
            for stem in stems or [word]:
                found.setdefault(stem, set()).add(number)
    return {word: frozenset(numbers) for word, numbers in found.items()}


def meanings(of: Iterable[str]) -> frozenset[int]:
    """The groups that the words are in, by number."""
    groups = _groups()
    return frozenset(number for word in of for number in groups.get(word, ()))


def are_synonyms(one: str, other: str) -> bool:
    """True if the two (stems of English, or Chinese words) are the same or in one group."""
    groups = _groups()
    return one == other or bool(groups.get(one, frozenset()) & groups.get(other, frozenset()))
