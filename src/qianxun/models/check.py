"""The self-test of a model: is it the one that the settings name, asked the way its authors say?

Wrong pooling, a missing instruction, a prompt template applied twice or not at all: all of these answer, and with
wrong numbers. Each check here looks at one such mistake and says how to mend it. Checks of meaning (does a fitting
text come before an unfitting one?) fail on random weights and can be waived by `models.waive_meaning_checks`; the
others cannot. The texts are fixed: their vectors are kept as probes, by which the same model behind another engine
is known again (cosine at least 0.999), and a hosted one that was changed is noticed.
"""

import base64
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias, cast

import numpy as np

from qianxun.errors import ModelError, UnfitModel
from qianxun.messages import say
from qianxun.protocols import Delta, Encoder, Generator, Message, Reranker, Sampling, Vectors

Role: TypeAlias = Literal["encoder", "reranker", "generator"]

PROBES: Final = (
    "千寻是一个部署在自己机器上的语义检索与问答系统。",
    "Annual leave is ten days a year; it must be agreed with the team lead, e.g. by e-mail.",
    "Release 2.3 於 2025年3月18日 發布，修復了 connection timeout 的問題（E-1042）。",
)
SAME_MODEL: Final = 0.999
# Numbers of half precision differ by this with the company that a text is encoded in.
_REPEATS: Final = 0.999
_ASYMMETRIC: Final = 0.9999
_UNIT: Final = 1e-3

# Question, the passage that answers it, and one that does not.
_TRIPLES: Final = (
    (
        "中国的首都是哪座城市？",
        "北京是中华人民共和国的首都，也是全国的政治与文化中心。",
        "把面粉、酵母和温水揉成面团，发酵一小时后再擀开。",
    ),
    (
        "What makes things fall to the ground?",
        "Gravity is the force by which masses attract one another; it pulls objects towards the earth.",
        "The invoice is payable within thirty days of receipt by bank transfer.",
    ),
    (
        "數據庫連接超時應該怎樣排查？",
        "資料庫連線逾時的時候，先檢查網路與防火牆，再看連線池是否已滿。",
        "這家餐廳的招牌菜是清蒸石斑魚，週末需要預訂。",
    ),
)
# The example on the model card of Qwen3-Embedding-0.6B and its scores.
_CARD_QUESTIONS: Final = ("What is the capital of China?", "Explain gravity")
_CARD_PASSAGES: Final = (
    "The capital of China is Beijing.",
    "Gravity is a force that attracts two bodies towards each other. It gives weight to physical objects and is "
    "responsible for the movement of planets around the sun.",
)
_CARD_SCORES: Final = ((0.7646, 0.1414), (0.1355, 0.6000))
_CARD_ROUNDING: Final = 0.02
# A reranker that was given its prompt is sure of such pairs; without it, scores lie close together.
_GAP: Final = 0.3
_SCORE_REPEATS: Final = 0.01
_SHOWN: Final = 20


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: a template that says what was seen with its values, and what to do when it did not pass."""

    check: str
    passed: bool
    template: str
    remedy: str
    values: Mapping[str, object]
    of_meaning: bool = False

    @property
    def seen(self) -> str:
        """What was seen, in English."""
        return self.template.format(**self.values)

    def in_words(self) -> str:
        """What was seen, in the reader's language."""
        return say(self.template, **self.values)


def finding(
    check: str, passed: bool, template: str, remedy: str, *, of_meaning: bool = False, **values: object
) -> Finding:
    """A finding; its template and remedy are translated like those of errors."""
    return Finding(check, passed, template, remedy, values, of_meaning)


@dataclass(slots=True)
class ModelReport:
    """What the self-test of an engine found. `waived`: checks of meaning do not count."""

    role: Role
    served_by: str
    identity: str
    findings: list[Finding] = field(default_factory=list)
    probes: Vectors | None = None
    waived: bool = False
    seconds: float = 0.0

    @property
    def failed(self) -> list[Finding]:
        """The checks that count and did not pass."""
        return [f for f in self.findings if not f.passed and not (f.of_meaning and self.waived)]

    @property
    def ok(self) -> bool:
        return not self.failed

    def require(self) -> None:
        """Raises UnfitModel for the first check that counts and did not pass."""
        for failed in self.failed:
            raise UnfitModel(
                "The {role} ({served_by}) fails its self-test ({check}): {seen}.",
                remedy="{hint}",
                role=self.role,
                served_by=self.served_by,
                check=failed.check,
                seen=failed.in_words(),
                hint=say(failed.remedy),
            )


def served_by(engine: Any) -> str:
    """Where and how an engine runs, in one line."""
    return str(getattr(engine, "served_by", "") or engine.name)


def check_encoder(encoder: Encoder, *, waive_meaning: bool = False, known: Vectors | None = None) -> ModelReport:
    """Tests an encoder. `known` are the probes' vectors as the knowledge base has them, (3, dim)."""
    started = time.monotonic()
    report = ModelReport("encoder", served_by(encoder), encoder.fingerprint, waived=waive_meaning)
    report.probes = encoder.encode_passages(PROBES)
    report.served_by = served_by(encoder)  # an engine may know it only now
    report.findings += _vectors(encoder, report.probes)
    if report.ok:
        report.findings += _same(report.probes, known)
        report.findings += _repeatable(encoder, report.probes)
        report.findings += _asymmetry(encoder)
        report.findings += _tokens(encoder)
        report.findings += _meaning(encoder)
        report.findings += _published(encoder)
    report.seconds = time.monotonic() - started
    return report


def _vectors(encoder: Encoder, rows: Vectors) -> Iterator[Finding]:
    right = rows.shape == (len(PROBES), encoder.dim)
    yield finding(
        "dimension",
        right,
        "vectors of {seen} numbers, expected {expected}",
        "Set encoder.dimension to what the model gives, or to 0.",
        seen=rows.shape[-1],
        expected=encoder.dim,
    )
    lengths = np.linalg.norm(rows.astype(np.float64), axis=1)
    unit = bool(np.isfinite(rows).all() and np.abs(lengths - 1).max() < _UNIT)
    yield finding(
        "norm",
        unit,
        "length {low} to {high}",
        "The model gives no unit vectors.",
        low=f"{lengths.min():.4f}",
        high=f"{lengths.max():.4f}",
    )


def _same(rows: Vectors, known: Vectors | None) -> Iterator[Finding]:
    if known is not None:
        same = known.shape == rows.shape
        least = float(np.einsum("ij,ij->i", rows, known).min()) if same else 0.0
        yield finding(
            "same model",
            same and least >= SAME_MODEL,
            "cosine {least} to the vectors that the knowledge base was made with",
            "Serve the model, revision and pooling it was made with, or change the model with `qianxun reindex`.",
            least=f"{least:.4f}",
        )


def _repeatable(encoder: Encoder, rows: Vectors) -> Iterator[Finding]:
    alone = np.concatenate([encoder.encode_passages([text]) for text in reversed(PROBES)])[::-1]
    least = float(np.einsum("ij,ij->i", rows, alone).min())
    yield finding(
        "repeatable",
        least >= _REPEATS,
        "cosine {least} between a text alone and among others",
        "A text's vector depends on its batch: padding or pooling is wrong.",
        least=f"{least:.5f}",
    )


def _asymmetry(encoder: Encoder) -> Iterator[Finding]:
    form = getattr(encoder, "format", None)
    if form is None or form.query_prefix == form.passage_prefix:
        return
    questions = [question for question, _, _ in _TRIPLES]
    as_questions, as_passages = encoder.encode_queries(questions), encoder.encode_passages(questions)
    most = float(np.einsum("ij,ij->i", as_questions, as_passages).max())
    yield finding(
        "question and passage differ",
        most < _ASYMMETRIC,
        "cosine {most} between a text as a question and as a passage",
        "The instruction of questions has no effect: the server drops or replaces it.",
        most=f"{most:.4f}",
    )
    if not form.passage_prefix:
        by_hand = encoder.encode_passages([form.query_prefix + question for question in questions])
        least = float(np.einsum("ij,ij->i", as_questions, by_hand).min())
        yield finding(
            "instruction",
            least >= SAME_MODEL,
            "cosine {least} between a question and its instruction written out",
            "Something rewrites the texts on their way: no prompt or template may be set at the server.",
            least=f"{least:.4f}",
        )


def _tokens(encoder: Encoder) -> Iterator[Finding]:
    counts = getattr(encoder, "token_counts", None)
    found = counts(PROBES) if counts is not None else None
    if found is not None:
        read, official = found
        yield finding(
            "end token",
            list(read) == list(official),
            "the model read {read} tokens, its tokenizer makes {official}",
            "The end-of-text token is missing or doubled: use the tokenizer files of the model's newest revision.",
            read=_listed(read),
            official=_listed(official),
        )


def _meaning(encoder: Encoder) -> Iterator[Finding]:
    questions = encoder.encode_queries([q for q, _, _ in _TRIPLES])
    passages = encoder.encode_passages([p for _, right, wrong in _TRIPLES for p in (right, wrong)])
    scores = questions @ passages.T
    right = all(int(row.argmax()) == 2 * i for i, row in enumerate(scores))
    margins = [float(row[2 * i] - np.delete(row, 2 * i).max()) for i, row in enumerate(scores)]
    yield finding(
        "meaning",
        right,
        "a fitting passage leads the best other one by {margin} at least",
        "These are not the model's weights, or not its pooling. On purpose? Set models.waive_meaning_checks.",
        of_meaning=True,
        margin=f"{min(margins):+.3f}",
    )


def _published(encoder: Encoder) -> Iterator[Finding]:
    form = getattr(encoder, "format", None)
    if form is None or not form.identity.startswith("qwen3-embedding-0.6b") or form.dimension != form.full_dimension:
        return
    scores = encoder.encode_queries(_CARD_QUESTIONS) @ encoder.encode_passages(_CARD_PASSAGES).T
    off = float(np.abs(scores - np.array(_CARD_SCORES)).max())
    yield finding(
        "published scores",
        off <= _CARD_ROUNDING,
        "{scores}; the model card has {published}",
        "These are not the weights of Qwen3-Embedding-0.6B. On purpose? Set models.waive_meaning_checks.",
        of_meaning=True,
        scores=", ".join(f"{score:.4f}" for score in scores.ravel()),
        published=", ".join(f"{score:.4f}" for row in _CARD_SCORES for score in row),
    )


def check_reranker(reranker: Reranker, *, waive_meaning: bool = False) -> ModelReport:
    """Tests a reranker."""
    started = time.monotonic()
    report = ModelReport("reranker", served_by(reranker), reranker.name, waived=waive_meaning)
    rows = [reranker.score(question, [right, wrong]) for question, right, wrong in _TRIPLES]
    report.served_by = served_by(reranker)
    report.findings += _prompt(reranker)
    scores = np.array(rows)
    inside = bool(np.isfinite(scores).all() and scores.min() >= 0 and scores.max() <= 1)
    question, right, wrong = _TRIPLES[0]
    again = reranker.score(question, [wrong, *(p for _, p, _ in _TRIPLES[1:]), right])
    off = float(max(abs(again[0] - scores[0, 1]), abs(again[-1] - scores[0, 0])))
    gap = float((scores[:, 0] - scores[:, 1]).min())
    report.findings += [
        finding(
            "probability",
            inside,
            "scores from {low} to {high}",
            "These are no probabilities: this is no reranker, or its scores are raw.",
            low=f"{scores.min():.4f}",
            high=f"{scores.max():.4f}",
        ),
        finding(
            "repeatable",
            off <= _SCORE_REPEATS,
            "a score differs by {off} in other company",
            "A passage's score depends on its batch: padding is wrong.",
            off=f"{off:.4f}",
        ),
        finding(
            "meaning",
            gap >= _GAP if reranker_has_prompt(reranker) else gap > 0,
            "a fitting passage scores {gap} above an unfitting one at least",
            "These are not the model's weights, or its prompt is not the official one to the last newline. On purpose? "
            "Set models.waive_meaning_checks.",
            of_meaning=True,
            gap=f"{gap:+.3f}",
        ),
    ]
    report.seconds = time.monotonic() - started
    return report


def reranker_has_prompt(reranker: Reranker) -> bool:
    """Whether its prompt is known here, so that what the model read can be compared with it."""
    counts = getattr(reranker, "token_counts", None)
    return counts is not None and counts(*_TRIPLES[1][:2]) is not None


def _prompt(reranker: Reranker) -> Iterator[Finding]:
    counts = getattr(reranker, "token_counts", None)
    if counts is None:
        return
    for question, passage, _ in _TRIPLES:
        found = counts(question, passage)
        if found is not None:
            read, official = found
            yield finding(
                "prompt",
                read == official,
                "the model read {read} tokens, the official prompt has {official}",
                "The server applies no prompt, or another one: start vLLM with the reranker's --chat-template, as "
                "`qianxun models serve` does.",
                read=read,
                official=official,
            )
            if read != official:
                return


async def check_generator(generator: Generator, *, waive_meaning: bool = False) -> ModelReport:
    """Tests a generator."""
    started = time.monotonic()
    report = ModelReport("generator", served_by(generator), generator.name, waived=waive_meaning)
    texts, last = [], Delta()
    for _ in range(2):
        parts = []
        turns = [Message("user", "2 + 3 = ? Answer with the number alone.")]
        async for delta in generator.stream(turns, sampling=Sampling(max_tokens=8)):
            parts.append(delta.text)
            last = delta
        texts.append("".join(parts))
    report.served_by = served_by(generator)
    read, written = last.usage or (0, 0)
    same = texts[0] == texts[1]
    report.findings += [
        finding(
            "ending",
            last.finish_reason in ("stop", "length"),
            "it ended by {reason}",
            "The stream breaks off: look at the server's log.",
            reason=last.finish_reason,
        ),
        finding(
            "usage",
            read > 0 and written > 0,
            "{read} tokens read, {written} written",
            "Tokens are not counted: look at the server's log.",
            read=read,
            written=written,
        ),
        finding(
            "repeatable",
            same,
            "{n} answer(s) to one question at temperature 0",
            "The server ignores temperature 0.",
            n=1 if same else 2,
        ),
        finding(
            "meaning",
            "5" in texts[0],
            "2 + 3 is {answer!r}",
            "These are not the model's weights, or not its chat template. On purpose? Set models.waive_meaning_checks.",
            of_meaning=True,
            answer=texts[0][:_SHOWN],
        ),
    ]
    report.seconds = time.monotonic() - started
    return report


def no_answer(role: str, served_by: str, error: ModelError) -> ModelReport:
    """The report of a model that does not answer."""
    words = error.in_words()
    answers = finding("answers", False, "{problem}", "Mend that first; no further check was made.", problem=words)
    return ModelReport(cast("Role", role), served_by, "", [answers])


# -- what a knowledge base keeps ---------------------------------------------------------------------


def record_of(report: ModelReport, when: str) -> dict[str, Any]:
    """A passed report as JSON, to be kept and found again by `served_by`."""
    return {
        "role": report.role,
        "served_by": report.served_by,
        "when": when,
        "waived": report.waived and any(f.of_meaning and not f.passed for f in report.findings),
        "findings": [{"check": f.check, "passed": f.passed, "seen": f.seen} for f in report.findings],
    }


def packed(probes: Vectors) -> str:
    """Probes as text: half precision suffices to know a model again."""
    return base64.b85encode(np.ascontiguousarray(probes, dtype="<f2").tobytes()).decode()


def unpacked(text: str, dim: int) -> Vectors | None:
    """Probes as `(3, dim) float32`; None if they are of another size."""
    rows = np.frombuffer(base64.b85decode(text), dtype="<f2").astype(np.float32)
    return rows.reshape(len(PROBES), dim) if rows.size == len(PROBES) * dim else None


def still_the_same(encoder: Encoder, known: Vectors) -> ModelReport:
    """The shortest test: the probes alone, for a server whose weights nobody sees."""
    report = ModelReport("encoder", served_by(encoder), encoder.fingerprint)
    report.findings += _same(encoder.encode_passages(PROBES), known)
    return report


def _listed(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers))
