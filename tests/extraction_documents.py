"""Résumés, invoices and contracts that were never written by anybody: a text, what it says, and what it does not.

Chinese (simplified, traditional), English and mixed; dates, numbers and names in the spellings that such documents
have. The same seed, the same documents.
"""

import json
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from opencc import OpenCC

SCHEMAS = {
    kind: json.loads((Path(__file__).parents[1] / "docs" / "schemas" / f"{kind}.schema.json").read_text("utf-8"))
    for kind in ("resume", "invoice", "contract")
}
LANGUAGES = ("zh", "zht", "en", "mixed")
_WIDE = {ord(c): ord(c) + 0xFEE0 for c in "0123456789,.-"}
_TRADITIONAL = OpenCC("s2t")

_SURNAMES = "王李张刘陈杨黄赵吴周徐孙马朱胡林郭何高罗"
_GIVEN = "伟芳娜秀英敏静强磊洋艳勇军杰娟涛明超兰霞平刚桂"
_FIRST = "James Mary Robert Linda Wei Anna Thomas Laura Kevin Nina Oscar Grace".split()
_LAST = "Smith Johnson Chen Brown Miller Novak Garcia Walker Young Lopez Harris Stone".split()
_PLACES = "北辰 海川 云帆 青石 远山 明湖 鸿图 星野 锦江 瑞丰".split()
_TRADES = "数据科技 精密机械 生物医药 供应链管理 新能源 软件".split()
_BRANDS = "Northwind Bluefield Cascade Harbor Juniper Keystone Lumen Meridian".split()
_BRANCHES = "Trading Software Logistics Analytics Foods Robotics".split()
_TITLES = {"zh": "软件工程师 产品经理 数据分析师 采购主管 会计 测试工程师".split()} | {
    "en": ["Software Engineer", "Product Manager", "Data Analyst", "Accountant", "Buyer", "Test Engineer"]
}
_GOODS = {"zh": "办公椅 显示器 投影仪 打印纸 服务器 键盘".split()} | {
    "en": ["Office chair", "Monitor", "Projector", "Server rack", "Keyboard", "Desk lamp"]
}
_SKILLS = "Python SQL Excel Java Docker Tableau Kubernetes Photoshop SAP".split()
_MONTHS = "January February March April May June July August September October November December".split()


@dataclass(frozen=True)
class Written:
    """A document: `value` is what it says, in the form that the schema of its kind wants."""

    name: str
    kind: str
    language: str
    text: str
    value: dict[str, Any]


def documents(n: int, seed: int = 7) -> list[Written]:
    """So many documents of all kinds and languages, in turn."""
    found = []
    for number in range(n):
        kind = ("resume", "invoice", "contract")[number % 3]
        language = LANGUAGES[number // 3 % 4]
        made = _Maker(random.Random(f"{seed} {number}"), language)
        text, value = getattr(made, kind)(number)
        found.append(Written(f"{kind}-{number:03}-{language}.txt", kind, language, text, value))
    return found


def invented(written: Written, chance: random.Random) -> tuple[dict[str, Any], str]:
    """The value with one field that the document does not say, and the pointer of that."""
    value = json.loads(json.dumps(written.value))
    field, made_up = chance.choice(
        {
            "resume": [
                ("email", "nobody.here@invented.example"),
                ("expected_salary", 987_654.0),
                ("phone", "19900001111"),
            ],
            "invoice": [("total", 7_654_321.5), ("number", "ZZ-99887766"), ("date", "1987-11-23")],
            "contract": [("amount", 31_415_926), ("number", "QX-1234567-Z"), ("signed", "1979-12-24")],
        }[written.kind]
    )
    value[field] = made_up
    return value, f"/{field}"


def nearly(written: Written, chance: random.Random) -> tuple[dict[str, Any], str]:
    """The value with one field that differs from the document by one digit or character, and the pointer of that."""
    value = json.loads(json.dumps(written.value))
    fields = {
        "resume": ("phone", "born", "name"),
        "invoice": ("number", "date", "total"),
        "contract": ("number", "signed"),
    }
    field = chance.choice(fields[written.kind])
    if field in ("born", "date", "signed"):
        value[field] = f"{value[field][:8]}{int(value[field][8:]) % 28 + 1:02}"
    elif field == "total":
        value[field] = round(value[field] + 0.01, 2)
    elif field == "name":
        value[field] = value[field][:-1] + ("x" if written.language == "en" else "鑫")
    else:
        value[field] = value[field][:-1] + str((int(value[field][-1]) + 1) % 10)
    return value, f"/{field}"


class _Maker:
    def __init__(self, chance: random.Random, language: str) -> None:
        self.chance = chance
        self.language = language
        self.english = language == "en"

    def script(self, text: str) -> str:
        """As it is written where traditional characters are."""
        return _TRADITIONAL.convert(text) if self.language == "zht" else text

    def person(self) -> str:
        if self.english:
            return f"{self.chance.choice(_FIRST)} {self.chance.choice(_LAST)}"
        return self.chance.choice(_SURNAMES) + "".join(self.chance.sample(_GIVEN, 2))

    def company(self) -> str:
        if self.english or (self.language == "mixed" and self.chance.random() < 0.5):
            return f"{self.chance.choice(_BRANDS)} {self.chance.choice(_BRANCHES)} {self.chance.choice(['Ltd', 'Inc'])}"
        return f"{self.chance.choice(_PLACES)}{self.chance.choice(_TRADES)}有限公司"

    def date(self, first: int, last: int) -> tuple[str, str]:
        """A day as it is written, and in ISO 8601."""
        year, month, day = self.chance.randint(first, last), self.chance.randint(1, 12), self.chance.randint(1, 28)
        if self.english:
            written = self.chance.choice([f"{_MONTHS[month - 1]} {day}, {year}", f"{day} {_MONTHS[month - 1]} {year}"])
        elif self.language == "zht":
            written = f"民國{year - 1911}年{month}月{day}日"
        else:
            written = self.chance.choice([f"{year}年{month}月{day}日", f"{year}.{month:02}.{day:02}"])
        return self.wide(written), f"{year}-{month:02}-{day:02}"

    def month(self, year: int) -> tuple[str, str]:
        month = self.chance.randint(1, 12)
        if self.english:
            return f"{_MONTHS[month - 1]} {year}", f"{year}-{month:02}"
        return self.wide(self.chance.choice([f"{year}.{month:02}", f"{year}年{month}月"])), f"{year}-{month:02}"

    def wide(self, text: str) -> str:
        """Full-width digits in some documents of mixed width."""
        return text.translate(_WIDE) if self.language == "mixed" and self.chance.random() < 0.6 else text

    def money(self, amount: float) -> str:
        return self.wide(
            self.chance.choice([f"{amount:,.2f}", f"{amount:,.0f}" if amount == int(amount) else f"{amount:.2f}"])
        )

    def of(self, table: dict[str, list[str]]) -> str:
        return self.script(self.chance.choice(table["en" if self.english else "zh"]))

    def label(self, zh: str, en: str) -> str:
        both = f"{zh} ({en})" if self.language == "mixed" and self.chance.random() < 0.3 else zh
        return f"{en}: " if self.english else f"{self.script(both)}："

    def resume(self, number: int) -> tuple[str, dict[str, Any]]:
        name, (born, born_iso) = self.script(self.person()), self.date(1975, 2000)
        phone = f"13{self.chance.randint(100000000, 999999999)}"
        shown_phone = self.wide(
            self.chance.choice(
                [phone, f"{phone[:3]}-{phone[3:7]}-{phone[7:]}", f"{phone[:3]} {phone[3:7]} {phone[7:]}"]
            )
        )
        salary = float(self.chance.randrange(6000, 60000, 500))
        jobs, lines, year = [], [], 2008
        for _ in range(self.chance.randint(1, 3)):
            start, start_iso = self.month(year)
            end, end_iso = self.month(year + 2)
            company, title = self.script(self.company()), self.of(_TITLES)
            jobs.append({"company": company, "title": title, "from": start_iso, "to": end_iso})
            lines.append(f"{start} – {end}  {company}  {title}")
            year += 4
        skills = self.chance.sample(_SKILLS, 3)
        text = "\n".join(
            [
                "RÉSUMÉ" if self.english else self.script("个人简历"),
                self.label("姓名", "Name") + name,
                self.label("出生日期", "Date of birth") + born,
                self.label("电话", "Phone") + shown_phone,
                self.label("邮箱", "Email") + f"user{number}@mail.example",
                self.label("期望月薪", "Expected salary") + self.money(salary) + ("" if self.english else " 元"),
                "",
                "Experience" if self.english else self.script("工作经历"),
                *lines,
                "",
                self.label("技能", "Skills") + ("、" if not self.english else ", ").join(skills),
            ]
        )
        value = {
            "name": name, "born": born_iso, "phone": phone, "email": f"user{number}@mail.example",
            "expected_salary": salary, "jobs": jobs, "skills": skills,
        }  # fmt: skip
        return text, value

    def invoice(self, number: int) -> tuple[str, dict[str, Any]]:
        (date, iso), seller, buyer = self.date(2021, 2025), self.script(self.company()), self.script(self.company())
        tax = f"9131{self.chance.randint(10**13, 10**14 - 1)}"
        items, rows, total = [], [], 0.0
        for good in self.chance.sample(_GOODS["en" if self.english else "zh"], 3):
            quantity, price = self.chance.randint(2, 40), self.chance.randrange(1500, 90000, 25) / 100
            amount = round(quantity * price, 2)
            total = round(total + amount, 2)
            name = self.script(good)
            items.append({"name": name, "quantity": quantity, "unit_price": price, "amount": amount})
            rows.append(f"{name}\t{self.wide(str(quantity))}\t{self.money(price)}\t{self.money(amount)}")
        code = f"INV-{self.chance.randint(100000, 999999)}"
        head = "Item\tQuantity\tUnit price\tAmount" if self.english else self.script("名称\t数量\t单价\t金额")
        currency = "USD" if self.english else "CNY"
        text = "\n".join(
            [
                "INVOICE" if self.english else self.script("增值税发票"),
                self.label("发票号码", "Invoice number") + code,
                self.label("开票日期", "Date") + date,
                self.label("销售方", "Seller") + seller,
                self.label("税号", "Tax number") + tax,
                self.label("购买方", "Buyer") + buyer,
                self.label("币种", "Currency") + currency,
                head,
                *rows,
                self.label("合计", "Total") + self.money(total),
            ]
        )
        value = {
            "number": code, "date": iso, "seller": {"name": seller, "tax_id": tax}, "buyer": {"name": buyer},
            "currency": currency, "items": items, "total": total,
        }  # fmt: skip
        return text, value

    def contract(self, number: int) -> tuple[str, dict[str, Any]]:
        (date, iso), one, two = self.date(2018, 2025), self.script(self.company()), self.script(self.company())
        code = f"HT-{self.chance.randint(2018, 2025)}-{number:03}{self.chance.randint(0, 9)}"
        amount = self.chance.randrange(50_000, 5_000_000, 5_000)
        months, days, penalty = (
            self.chance.choice([12, 24, 36]),
            self.chance.choice([15, 30, 60]),
            self.chance.choice([5, 10, 20]),
        )
        renewal = self.chance.random() < 0.5
        if self.english:
            text = (
                f"SERVICE AGREEMENT\nContract number: {code}\n\nThis agreement is made between {one} (Party A) and "
                f"{two} (Party B).\n\n1. Fee\nThe contract amount is USD {self.money(amount)}.\n\n2. Term\nThe term of "
                f"this agreement is {months} months.\n\n3. Termination\nEither party may end it with {days} days of "
                f"notice. The penalty for breach is {penalty}% of the contract amount.\nAutomatic renewal: "
                f"{'yes' if renewal else 'no'}\n\nSigned on {date}."
            )
            title = "SERVICE AGREEMENT"
        else:
            term = {12: "一年", 24: "两年", 36: "36个月"}[months]
            told = {15: "十五", 30: "30", 60: "六十"}[days]
            text = self.script(
                f"技术服务合同\n合同编号：{code}\n\n甲方：{one}\n乙方：{two}\n\n第一条　合同金额\n合同总金额为人民币"
                f"{self.money(amount)}元。\n\n第二条　期限\n本合同期限为{term}。\n\n第三条　终止\n任何一方可提前"
                f"{told}天书面通知对方终止本合同。违约方应支付合同金额百分之{penalty}的违约金。\n"
                f"自动续约：{'是' if renewal else '否'}\n\n签订日期：{date}"
            )
            title = self.script("技术服务合同")
        value = {
            "title": title, "number": code, "parties": [one, two], "signed": iso, "amount": amount,
            "term_months": months, "notice_days": days, "penalty_percent": penalty, "auto_renewal": renewal,
        }  # fmt: skip
        return text, value
