"""Splitting strategies and sizes: how much of the answer is in what is found, at the same number of tokens.

    python -m bench.splitting [--set NAME]… [--only STRATEGY:TOKENS[:OVERLAP]]… [--limit N] [--json FILE]

Whole documents with known answer spans, read, cut, indexed and searched (hybrid) as everybody's are. Development sets
whose passages belong to one article are put together to that article again; those of cmrc2018-zh are sections of one
document, those of cmed-zh pairs in lists of questions (asked with the asker's own words, not with the title that stands
in the list). `rules-zh` and `rules-en` are generated (seed 1): articles of regulations, which the sets lack.

answer@300, @800, @2000: the share of the answer's characters in the first chunks, context counted, until that many
tokens are spent; the last chunk is cut off there, so that larger chunks earn nothing by being large. recall@5: the
answer is whole in one of the first five chunks. nDCG@10: by the place of the first chunk that holds it whole. The
interval is the 95 % bootstrap interval of the difference to the default in the mean of answer@300 and answer@800,
paired by question, sets weighted alike. The documents are few, so only the smaller budgets tell ways apart.
"""

import argparse
import json
import math
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.corpus import shared
from qianxun import assemble
from qianxun.documents.clean import clean_block
from qianxun.documents.registry import loader_for
from qianxun.documents.split import indexed_text, measure_of, split, tokens
from qianxun.evaluation.datasets import lines_of, read_dataset
from qianxun.evaluation.measures import bootstrap_interval
from qianxun.files import RawFile
from qianxun.knowledge_base import open as open_knowledge_base
from qianxun.records import Asker, Block, Part, Passage, RawDocument, Span
from qianxun.settings import Settings, load_settings

BUDGETS = (300, 800, 2000)
COMPARED = ("answer@300", "answer@800")
N_QUESTIONS = 80
_FOUND = 60  # chunks asked for; 2,000 tokens are never more
_SEED = 1
MEASURES = ("answer@300", "answer@800", "answer@2000", "recall@5", "nDCG@10")


@dataclass(frozen=True)
class Way:
    """A way of cutting: strategy, size, and sentences (`fixed`: tokens) repeated."""

    strategy: str
    max_tokens: int
    overlap: int = 0

    def __str__(self) -> str:
        return f"{self.strategy}:{self.max_tokens}" + (f":{self.overlap}" if self.overlap else "")

    @classmethod
    def parse(cls, text: str) -> "Way":
        """What `str` prints."""
        strategy, max_tokens, *overlap = text.split(":")
        return cls(strategy, int(max_tokens), int(overlap[0]) if overlap else 0)

    def settings(self) -> Settings:
        """The settings that cut so, everything else as it comes."""
        which = "overlap_tokens" if self.strategy == "fixed" else "overlap_sentences"
        return load_settings(
            overrides=[
                f"splitting.strategy={self.strategy}",
                f"splitting.max_tokens={self.max_tokens}",
                f"splitting.{which}={self.overlap}",
                "search.group_duplicates=false",
                f"search.candidates={_FOUND}",
            ]
        )


WAYS = (
    *(Way("structure", size) for size in (300, 100, 200, 400, 600, 800)),
    Way("structure", 300, 1),
    Way("paragraphs", 300),
    Way("sentences", 300),
    Way("sentences", 300, 1),
    Way("fixed", 300),
    Way("fixed", 300, 40),
)


@dataclass(frozen=True)
class Question:
    """A question whose answer stands in the paragraph of this number of a document."""

    text: str
    document: int
    paragraph: int
    answers: tuple[str, ...]


@dataclass(frozen=True)
class WholeDocuments:
    """Documents as lists of paragraphs, and questions to them."""

    name: str
    documents: tuple[tuple[str, ...], ...]
    questions: tuple[Question, ...]


# Sets


def sets(limit: int) -> Iterator[WholeDocuments]:
    """Every set that can be made here, with at most so many questions, evenly drawn."""
    for name, make in SETS.items():
        whole = make(name)
        if whole is None:
            print(f"{name}: skipped, {shared() / 'data' / 'dev'} does not have it", file=sys.stderr)
            continue
        kept = [question for question in whole.questions if _stands(whole, question)]
        step = max(1, len(kept) / limit)
        yield WholeDocuments(name, whole.documents, tuple(kept[int(i * step)] for i in range(min(limit, len(kept)))))


def _stands(whole: WholeDocuments, question: Question) -> bool:
    paragraph = _cleaned(whole.documents[question.document][question.paragraph])
    return any(answer in paragraph for answer in question.answers)


def _cleaned(paragraph: str) -> str:
    block = clean_block(Block("paragraph", paragraph))
    return block.text if block is not None else ""


def _dataset(name: str) -> tuple[list[Any], list[tuple[str, str, tuple[str, ...]]]] | None:
    """The passages of a development set, and (question, passage's id, answers)."""
    path = shared() / "data" / "dev" / name
    if not path.is_dir():
        return None
    judged = read_dataset(path)
    answers = {
        record["_id"]: (record.get("metadata") or {})
        for _, line in lines_of(path / "queries.jsonl.gz")
        for record in [json.loads(line)]
    }
    asked = []
    for id, text in judged.questions.items():
        relevant = next(document for document, grade in judged.judgements[id].items() if grade > 0)
        about = answers.get(id, {})
        asked.append((about.get("ask") or text, relevant, tuple(about.get("answers") or ())))
    return list(judged.documents()), asked


def _grouped(name: str, key: Callable[[Any, int], str], most: int, headed: bool = False) -> WholeDocuments | None:
    """Passages of the same key, one after the other, as one document; the first `most` documents."""
    found = _dataset(name)
    if found is None:
        return None
    passages, asked = found
    documents: dict[str, list[str]] = {}
    place: dict[str, tuple[str, int]] = {}
    for n, passage in enumerate(passages):
        whole = key(passage, n)
        if whole not in documents and len(documents) >= most:
            continue
        paragraphs = documents.setdefault(whole, [])
        if headed:
            paragraphs.append(f"# {passage.title}")
        place[passage.id] = whole, len(paragraphs)
        paragraphs.append(passage.text.replace("\n\n", "\n"))
    numbers = {whole: n for n, whole in enumerate(documents)}
    questions = [
        Question(text, numbers[place[id][0]], place[id][1], tuple(map(_cleaned, answers)))
        for text, id, answers in asked
        if id in place
    ]
    return WholeDocuments(name, tuple(map(tuple, documents.values())), tuple(questions))


def _listed_questions(name: str) -> WholeDocuments | None:
    """Titles and answers as lists of 40 questions, asked in other words."""
    found = _dataset(name)
    if found is None:
        return None
    passages, asked = found
    titles = {
        record["_id"]: record["text"] for _, line in lines_of(shared() / "data" / "dev" / name / "queries.jsonl.gz")
        for record in [json.loads(line)]
    }  # fmt: skip
    judged = read_dataset(shared() / "data" / "dev" / name)
    title_of = {next(iter(judged.judgements[id])): titles[id] for id in judged.questions}
    texts = {passage.id: _cleaned(passage.text) for passage in passages}
    pairs = [(id, title_of[id], texts[id]) for _, id, _ in asked if texts[id]]
    pairs = list({id: (id, title, text) for id, title, text in pairs}.values())[:600]
    place = {id: (n // 40, n % 40) for n, (id, _, _) in enumerate(pairs)}
    documents = [
        tuple(f"问：{title}\n答：{text}" for _, title, text in pairs[first : first + 40])
        for first in range(0, len(pairs), 40)
    ]
    questions = [Question(text, *place[id], (texts[id],)) for text, id, _ in asked if id in place]
    return WholeDocuments(name, tuple(documents), tuple(questions))


_ZH_MATTERS = (
    "临时占道 夜间施工 户外广告 渣土运输 犬只饲养 烟花燃放 地下停车 河道采砂 树木移植 危险品仓储 小型餐饮 露天演出 "
    "网约客运 校车运营 电梯改造 幕墙清洗 管线迁改 房屋拆除 二手车交易 旧书市场 宠物诊疗 冷链配送 无人机航拍 "
    "共享单车投放 民宿经营 家庭托育 助餐服务 体育赛事 水产养殖 种子销售 农药经营 古树保护 井盖管理 路灯接电 "
    "充电桩建设 屋顶光伏"
).split()
_ZH_OFFICES = "市容局 住建局 交通局 水务局 林业局 应急局 文旅局 卫健局 市场监管局 农业农村局".split()
_ZH_PAPERS = "安全评估报告 场地平面图 授权委托书 营业执照副本 人员名册 应急预案 检测报告 承诺书".split()
_EN_MATTERS = (
    "street vending|night construction|outdoor advertising|waste haulage|dog keeping|fireworks|underground parking|"
    "gravel extraction|tree removal|chemical storage|food trucks|open-air concerts|ride hailing|school transport|"
    "lift refurbishment|facade cleaning|pipe relocation|demolition|used car sales|veterinary care|cold storage|"
    "drone photography|bicycle sharing|guest houses|day nurseries|meal services|fish farming|seed trading"
).split("|")
_EN_OFFICES = (
    "the Roads Office|the Housing Office|the Water Board|the Parks Office|the Safety Office|the Health Office".split(
        "|"
    )
)
_EN_PAPERS = "a safety report|a site plan|a power of attorney|a staff list|an emergency plan|a test certificate".split(
    "|"
)
_NUMERALS = "零一二三四五六七八九"


def _rules_zh(name: str) -> WholeDocuments:
    draw = random.Random(_SEED)
    offices, papers = _ZH_OFFICES, _ZH_PAPERS

    def articles(matter: str) -> Iterator[tuple[str, str, str]]:
        office, a = draw.choice(offices), draw.randint(2, 9)
        n, m, y = draw.randint(3, 45), draw.randint(2, 48), draw.randint(2, 15)
        yield (
            f"申请{matter}许可的，应当在{n}个工作日前向{office}提交{draw.choice(papers)}和{draw.choice(papers)}。"
            f"材料不齐的，{office}应当一次告知需要补正的内容；逾期不告知的，自收到材料之日起即为受理。",
            f"{matter}要办许可的话，提前几个工作日交材料？",
            f"{n}个工作日前",
        )
        yield (
            f"{matter}许可的有效期为{m}个月。需要延续的，应当在有效期届满{n}日前提出。",
            f"{matter}许可证能用多久？",
            f"{m}个月",
        )
        yield (
            f"未经许可从事{matter}的，由{office}责令改正，处{a}千元以上{a * 10}千元以下罚款；情节严重的，责令停业整顿，"
            f"并将有关情况记入信用档案。",
            f"没有许可擅自从事{matter}，最少罚多少、最多罚多少？",
            f"{a}千元以上{a * 10}千元以下罚款",
        )
        yield (
            f"{office}应当建立{matter}档案，保存期限不少于{y}年。任何单位和个人不得涂改、毁损档案。",
            f"{matter}的档案要存几年？",
            f"不少于{y}年",
        )
        yield (
            f"从事{matter}的单位应当每{m + 1}日至少自查一次，并如实记录。发现隐患的，应当立即采取措施；不能立即消除的，"
            f"应当暂停使用，并在{a}小时内报告{office}。",
            f"{matter}中发现一时消除不了的隐患，多少小时内要上报？",
            f"{a}小时内报告",
        )

    documents, questions = [], []
    for n_document in range(20):
        chapters: list[str] = []
        number = 0
        for chapter, matter in enumerate(draw.sample(_ZH_MATTERS, 6)):
            kinds = list(articles(f"{'甲乙丙丁戊己'[n_document % 6]}类{matter}"))
            draw.shuffle(kinds)
            lines = [f"第{_numeral(chapter + 1)}章　{matter}"]
            for text, question, answer in kinds:
                number += 1
                lines.append(f"第{_numeral(number)}条　{text}")
                place = f"按{_city(n_document)}的规定，"
                questions.append(Question(place + question, n_document, chapter + 1, (answer,)))
            chapters.append("\n".join(lines))
        documents.append((f"# {_city(n_document)}专项许可管理办法", *chapters))
    return WholeDocuments(name, tuple(documents), tuple(_unique(questions, documents)))


def _rules_en(name: str) -> WholeDocuments:
    draw = random.Random(_SEED)
    documents, questions = [], []
    for n_document in range(12):
        city = (
            f"{'North South East West'.split()[n_document % 4]} {'Arden Breck Colne Dunmore'.split()[n_document // 4]}"
        )
        paragraphs = [f"# By-laws of {city}"]
        number = 0
        for matter in draw.sample(_EN_MATTERS, 7):
            office, n, m, y = draw.choice(_EN_OFFICES), draw.randint(3, 60), draw.randint(2, 48), draw.randint(2, 9)
            kinds = [
                (
                    f"Whoever applies for a licence for {matter} shall submit {draw.choice(_EN_PAPERS)} and "
                    f"{draw.choice(_EN_PAPERS)} to {office} at least {n} working days in advance. Where papers are "
                    f"missing, {office} shall name all of them in one notice.",
                    f"How early do papers for a {matter} licence have to be handed in at {city}?",
                    f"{n} working days in advance",
                ),
                (
                    f"A licence for {matter} is valid for {m} months. It is renewed on request.",
                    f"In {city}, how long can a {matter} licence be used?",
                    f"valid for {m} months",
                ),
                (
                    f"Whoever engages in {matter} without a licence is liable to a fine of up to {y}00 crowns; "
                    f"{office} may also order that the work be stopped until a licence has been granted.",
                    f"What does {matter} without permission cost in {city} at most?",
                    f"{y}00 crowns",
                ),
                (
                    f"Records of {matter} shall be kept for {y} years. Nobody may alter or destroy them before.",
                    f"For how many years must {city} businesses store their {matter} records?",
                    f"kept for {y} years",
                ),
            ]
            draw.shuffle(kinds)
            for text, question, answer in kinds:
                number += 1
                questions.append(Question(question, n_document, len(paragraphs), (answer,)))
                paragraphs.append(f"Article {number}. {text}")
        documents.append(tuple(paragraphs))
    return WholeDocuments(name, tuple(documents), tuple(_unique(questions, documents)))


def _unique(questions: Iterable[Question], documents: Sequence[Sequence[str]]) -> Iterator[Question]:
    """Those whose answer stands once in its paragraph."""
    for question in questions:
        if documents[question.document][question.paragraph].count(question.answers[0]) == 1:
            yield question


def _numeral(n: int) -> str:
    tens, ones = divmod(n, 10)
    head = "" if tens == 0 else "十" if tens == 1 else f"{_NUMERALS[tens]}十"
    return head + (_NUMERALS[ones] if ones or not tens else "")


def _city(n: int) -> str:
    return f"{'东西南北中新'[n % 6]}{'安宁和平兴昌'[n // 6]}市"


SETS: dict[str, Callable[[str], WholeDocuments | None]] = {
    "drcd-zht": lambda name: _grouped(name, lambda passage, n: passage.title, 40),
    "cmrc2018-zh": lambda name: _grouped(name, lambda passage, n: str(n // 6), 24, headed=True),
    "xquad-en-to-en": lambda name: _grouped(name, lambda passage, n: passage.id.rpartition("-")[0], 24),
    "xquad-zh-to-zh": lambda name: _grouped(name, lambda passage, n: passage.id.rpartition("-")[0], 24),
    "cmed-zh": _listed_questions,
    "rules-zh": _rules_zh,
    "rules-en": _rules_en,
}


# Measuring


@dataclass(frozen=True)
class Measured:
    """A set cut in one way: values by measure and question, and what the chunks are like."""

    values: dict[str, tuple[float, ...]]
    n_chunks: int
    chunk_tokens: float
    seconds: float


def measured(whole: WholeDocuments, way: Way) -> Measured:
    """The measures of one set, cut in one way."""
    settings = way.settings()
    start = time.perf_counter()
    values: dict[str, list[float]] = {name: [] for name in MEASURES}
    with tempfile.TemporaryDirectory(prefix="qianxun-bench-") as place:
        paths = _written(Path(place) / "documents", whole)
        cut = [_parts(path, settings) for path in paths]
        texts = ["".join(part.text for part in parts) for parts in cut]
        sizes = [tokens(p.text_of(i)) for parts in cut for p in parts for i in range(len(p.chunks))]
        with open_knowledge_base(Path(place) / "kb", settings=settings) as base:
            base.add([Path(place) / "documents"])
            for question in whole.questions:
                gold = _spans(texts[question.document], whole.documents[question.document], question)
                found = base.search(question.text, k=_FOUND, asker=Asker.admin()).passages
                for name, value in _values(found, f"/{question.document}.md", gold):
                    values[name].append(value)
    return Measured(
        {name: tuple(found) for name, found in values.items()},
        len(sizes),
        sum(sizes) / max(len(sizes), 1),
        time.perf_counter() - start,
    )


def _written(folder: Path, whole: WholeDocuments) -> list[Path]:
    """The documents as files: paragraphs with a blank line between, `# ` before headings."""
    folder.mkdir()
    paths = [folder / f"{n}.md" for n in range(len(whole.documents))]
    for path, paragraphs in zip(paths, whole.documents, strict=True):
        path.write_text("\n\n".join(paragraphs) + "\n", encoding="utf-8")
    return paths


def _parts(path: Path, settings: Settings) -> list[Part]:
    file = RawFile.on_disk(path)
    loaded = loader_for(file).load(file, settings.reading)
    measure = measure_of(assemble.tokenizer(settings))
    return [
        part
        for raw in loaded
        if isinstance(raw, RawDocument)
        for part in split(raw.blocks, settings.splitting, measure=measure)
    ]


def _spans(text: str, paragraphs: Sequence[str], question: Question) -> list[Span]:
    """Where the answers stand in the document's cleaned text, within their paragraph."""
    at = 0
    for n, paragraph in enumerate(paragraphs[: question.paragraph + 1]):
        beginning = _cleaned(paragraph.removeprefix("# ")).split("\n")[0][:16]
        begin = text.index(beginning, at)
        at = begin + len(beginning) if n < question.paragraph else begin
    found = []
    for answer in question.answers:
        begin = text.find(answer, at)
        if 0 <= begin <= at + 2 * len(paragraphs[question.paragraph]) + 100:
            found.append(Span(begin, begin + len(answer)))
    if not found:
        raise SystemExit(f"The answer to {question.text!r} is not in the text of its document.")
    return found


def _values(found: Sequence[Passage], source: str, gold: Sequence[Span]) -> Iterator[tuple[str, float]]:
    best = dict.fromkeys(MEASURES, 0.0)
    for span in gold:
        for name, value in _of_span(found, source, span):
            best[name] = max(best[name], value)
    yield from best.items()


def _of_span(found: Sequence[Passage], source: str, span: Span) -> Iterator[tuple[str, float]]:
    rank = next(
        (
            n
            for n, p in enumerate(found)
            if p.source.endswith(source) and p.span.start <= span.start and span.end <= p.span.end
        ),
        None,
    )
    yield "recall@5", float(rank is not None and rank < 5)
    yield "nDCG@10", 1 / math.log2(rank + 2) if rank is not None and rank < 10 else 0.0
    for budget in BUDGETS:
        covered: set[int] = set()
        left = float(budget)
        for passage in found:
            cost = tokens(indexed_text(passage.context, passage.text))
            end = passage.span.end
            if cost > left:  # the last one is cut off: its context first, then as much of its text as there is room for
                room = max(left - (cost - tokens(passage.text)), 0.0)
                end = passage.span.start + int(len(passage.text) * room / max(tokens(passage.text), 1.0))
            if passage.source.endswith(source):
                covered.update(range(max(passage.span.start, span.start), min(end, span.end)))
            left -= cost
            if left <= 0:
                break
        yield f"answer@{budget}", len(covered) / (span.end - span.start)


# The table


def main() -> int:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--set", action="append", choices=list(SETS), help="only these sets")
    parser.add_argument("--only", action="append", type=Way.parse, metavar="STRATEGY:TOKENS[:OVERLAP]")
    parser.add_argument("--limit", type=int, default=N_QUESTIONS, help="questions of each set")
    parser.add_argument("--json", type=Path, help="file for all figures")
    arguments = parser.parse_args()
    chosen = load_settings(overrides=[]).splitting
    default = Way(chosen.strategy, chosen.max_tokens, chosen.overlap_sentences)
    ways = arguments.only or WAYS
    wholes = [whole for whole in sets(arguments.limit) if not arguments.set or whole.name in arguments.set]
    print("questions: " + ", ".join(f"{whole.name} {len(whole.questions)}" for whole in wholes), flush=True)
    results: dict[Way, list[Measured]] = {}
    for way in dict.fromkeys((default, *ways)):
        results[way] = [measured(whole, way) for whole in wholes]
        print(_line(way, results[way], results[default], wholes, default), flush=True)
    if arguments.json:
        arguments.json.write_text(
            json.dumps({str(way): {w.name: m.values for w, m in zip(wholes, found, strict=True)}
                        for way, found in results.items()})
        )  # fmt: skip
    return 0


def _line(way: Way, found: list[Measured], base: list[Measured], wholes: list[WholeDocuments], default: Way) -> str:
    means = [_mean(name, found) for name in MEASURES]
    chunk_tokens = sum(m.chunk_tokens * m.n_chunks for m in found) / max(sum(m.n_chunks for m in found), 1)
    cells = [str(way), f"{sum(m.n_chunks for m in found):,}", f"{chunk_tokens:.0f}"]
    cells += [f"{value:.3f}" for value in means]
    mine, theirs = _compared(found), _compared(base)
    low, high = bootstrap_interval([one - other for one, other in zip(mine, theirs, strict=True)])
    gain = (sum(mine) - sum(theirs)) / len(mine)
    cells.append(f"{gain:+.3f} ({low:+.3f} … {high:+.3f})" if way != default else "")
    cells += [f"{_of(m, 'answer@300'):.2f}/{_of(m, 'answer@800'):.2f}" for m in found]
    cells.append(f"{sum(m.seconds for m in found):.0f} s")
    header = ""
    if way == default:
        names = ["way", "chunks", "tokens", *MEASURES, "less the default", *(w.name for w in wholes), ""]
        header = f"| {' | '.join(names)} |\n|{'---|' * len(names)}\n"
    return f"{header}| {' | '.join(cells)} |"


def _compared(found: list[Measured]) -> list[float]:
    """What is compared, by question; their mean weights sets alike."""
    n = sum(len(m.values[COMPARED[0]]) for m in found)
    return [
        sum(values) / len(COMPARED) * n / len(found) / len(m.values[COMPARED[0]])
        for m in found
        for values in zip(*(m.values[name] for name in COMPARED), strict=True)
    ]


def _of(found: Measured, name: str) -> float:
    return sum(found.values[name]) / max(len(found.values[name]), 1)


def _mean(name: str, found: list[Measured]) -> float:
    return sum(_of(m, name) for m in found) / len(found)


if __name__ == "__main__":
    sys.exit(main())
