"""What can be set: a frozen tree of dataclasses, and nothing that reads or checks it.

Each field's metadata holds what it means, which is also what `qianxun init` writes as comments and what
`docs/settings.md` is made from.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal


def _is(default: Any, about: str, *, at_least: float | None = None, at_most: float | None = None) -> Any:
    metadata = {"about": about, "at_least": at_least, "at_most": at_most}
    if isinstance(default, list):
        return field(default_factory=lambda: tuple(default), metadata=metadata)
    return field(default=default, metadata=metadata)


@dataclass(frozen=True, slots=True)
class ReadingSettings:
    """How files are read."""

    workers: int = _is(0, "parsing processes; 0 is one per processor", at_least=0, at_most=256)
    max_seconds: float = _is(
        300.0,
        "time one file may take to parse before it is set aside; up to 30 s for each page whose text is recognised "
        "are not counted",
        at_least=0.1,
    )
    max_memory_mb: int = _is(2048, "memory one parsing process may use", at_least=128)
    max_file_mb: int = _is(2048, "largest file that is read", at_least=1)
    max_unpacked_mb: int = _is(8192, "most that the files inside one archive or mailbox may be together", at_least=1)
    ignore: tuple[str, ...] = _is(
        [".*", "~$*", "*.tmp", "__pycache__", "node_modules"], "file and folder names that `add` skips in folders"
    )
    encodings: tuple[str, ...] = _is(
        [], "encodings of text files by pattern of their path or name, for example `*.log=gb18030`; the first counts"
    )
    json_text_fields: tuple[str, ...] = _is(
        [], "names or dotted paths of the fields of JSON that are read, such as body or message.text; empty: all words"
    )
    json_title_field: str = _is("", "field of JSON that a record is headed by; empty: none")
    passwords_file: str = _is(
        "", "text file with a password on each line, which are tried on encrypted PDF files; empty: none"
    )
    include: tuple[str, ...] = _is(
        [], "patterns of names or paths that files below a folder must match one of, such as *.pdf; empty: all files"
    )
    follow_links: Literal["none", "files", "all"] = _is(
        "files", "symbolic links that are followed: none, those to files, or those to folders too"
    )
    ocr: Literal["auto", "off"] = _is(
        "auto", "text in pictures and on scanned pages is read: auto (where the extra `ocr` is installed) or off"
    )
    ocr_min_score: float = _is(
        0.85,
        "least mean probability of a page's characters; a page that is read less surely is not indexed",
        at_least=0.0,
        at_most=1.0,
    )
    ocr_max_pages: int = _is(200, "pictures and scanned pages of one document that are read", at_least=1)
    permission_labels: bool = _is(
        False,
        "label files by who may read them on the disk: `public`, `group:NAME` or `user:NAME`, anew at every `add`",
    )


@dataclass(frozen=True, slots=True)
class SplittingSettings:
    """How text is cut into chunks."""

    strategy: Literal["structure", "paragraphs", "sentences", "fixed"] = _is(
        "structure",
        "what stays together: sections by headings, articles, questions and records; paragraphs; sentences; or nothing",
    )
    max_tokens: int = _is(300, "largest chunk, in tokens, as `counted_by` counts them", at_least=32, at_most=8192)
    counted_by: Literal["auto", "encoder", "estimate"] = _is(
        "auto",
        "what counts tokens: the encoder's own tokenizer; an estimate (a CJK character is one, an English word about "
        "1.3); auto: the tokenizer where it is on this machine",
    )
    overlap_sentences: int = _is(
        0,
        "sentences repeated from the previous chunk where one paragraph must be cut, or wherever `sentences` cuts",
        at_least=0,
        at_most=5,
    )
    overlap_tokens: int = _is(
        0, "tokens repeated from the previous chunk by the strategy `fixed`", at_least=0, at_most=1024
    )


@dataclass(frozen=True, slots=True)
class EncoderSettings:
    """What turns text into vectors."""

    name: str = _is(
        "",
        "engine: `builtin`, `transformers` (in process), `http` (a server), or an installed plugin; empty: `http` if "
        "`url` is set, `transformers` if `model` is, else `builtin`",
    )
    model: str = _is("", "model: its name on a hub, the folder of a checkpoint, or the URL of a server that serves one")
    revision: str = _is("", "revision of the model on its hub; empty: the newest there is")
    url: str = _is("", "address of the server, for example http://127.0.0.1:8101/v1")
    served_as: str = _is("", "name that the server knows the model by; empty: `model`, or the one model it serves")
    api: Literal["auto", "vllm", "openai", "dashscope"] = _is("auto", "dialect of the server; auto: asked of it")
    api_key_env: str = _is("", "environment variable that holds the server's key; the key itself is never written down")
    dimension: int = _is(0, "numbers in a vector; 0: all that the model gives", at_least=0, at_most=16384)
    instruction: str = _is("auto", "task that a question is encoded for; auto: the model's own; empty: none")
    pooling: Literal["auto", "last", "mean", "cls"] = _is(
        "auto", "what of the last layer becomes the vector; auto: what the model's authors say"
    )
    max_tokens: int = _is(0, "longest text in tokens; 0: the model's own limit, 8192 at most", at_least=0)
    overlong: Literal["split", "cut"] = _is(
        "split", "a longer text is split and its parts' vectors averaged, or cut at the end"
    )
    precision: Literal["auto", "float32", "bfloat16", "float16"] = _is(
        "auto", "numbers that the model computes with; auto: by the device, with the reason in the log"
    )
    device: str = _is("auto", "device that the model runs on: auto, cpu, cuda, cuda:1, mps")
    batch: int = _is(
        0, "texts handed to the engine at a time while adding; 0: what suits it", at_least=0, at_most=65536
    )


@dataclass(frozen=True, slots=True)
class RerankerSettings:
    """What judges how well passages answer a question."""

    name: str = _is(
        "",
        "engine: `none`, `transformers`, `http`, or an installed plugin; empty: `http` if `url` is set, `transformers` "
        "if `model` is, else `none`",
    )
    model: str = _is("", "model: its name on a hub, the folder of a checkpoint, or the URL of a server that serves one")
    revision: str = _is("", "revision of the model on its hub; empty: the newest there is")
    url: str = _is("", "address of the server, for example http://127.0.0.1:8102/v1")
    served_as: str = _is("", "name that the server knows the model by; empty: `model`, or the one model it serves")
    api: Literal["auto", "vllm", "jina", "tei", "dashscope"] = _is("auto", "dialect of the server; auto: asked of it")
    api_key_env: str = _is("", "environment variable that holds the server's key; the key itself is never written down")
    instruction: str = _is("auto", "task that passages are judged for; auto: the model's own")
    max_tokens: int = _is(
        0, "longest question and passage together in tokens; 0: 8192, or the model's limit", at_least=0
    )
    precision: Literal["auto", "float32", "bfloat16", "float16"] = _is(
        "auto", "numbers that the model computes with; auto: by the device, with the reason in the log"
    )
    device: str = _is("auto", "device that the model runs on: auto, cpu, cuda, cuda:1, mps")
    batch: int = _is(0, "passages judged at a time; 0: what suits the engine", at_least=0, at_most=4096)
    candidates: int = _is(20, "passages that are judged, best first", at_least=1, at_most=1000)
    slope: float = _is(
        1.0,
        "calibration: what the log odds of the model's probability are multiplied by (`qianxun tune --only reranker`)",
        at_least=0.01,
        at_most=10.0,
    )
    offset: float = _is(0.0, "calibration: what is then added to them", at_least=-20.0, at_most=20.0)
    threshold: float = _is(
        0.5,
        "probability from which a passage is labelled relevant; where none is, the search says that there is no good "
        "result",
        at_least=0.0,
        at_most=1.0,
    )


@dataclass(frozen=True, slots=True)
class GeneratorSettings:
    """What writes answers."""

    name: str = _is(
        "",
        "engine: `none` (answers quote the documents), `transformers`, `http`, or an installed plugin; empty: `http` "
        "if `url` is set, `transformers` if `model` is, else `none`",
    )
    model: str = _is("", "model: its name on a hub, the folder of a checkpoint, or the URL of a server that serves one")
    revision: str = _is("", "revision of the model on its hub; empty: the newest there is")
    url: str = _is("", "address of the server, for example http://127.0.0.1:8103/v1")
    served_as: str = _is("", "name that the server knows the model by; empty: `model`, or the one model it serves")
    api_key_env: str = _is("", "environment variable that holds the server's key; the key itself is never written down")
    context_tokens: int = _is(0, "longest prompt and answer together in tokens; 0: the model's limit", at_least=0)
    max_tokens: int = _is(1024, "longest answer in tokens", at_least=1)
    temperature: float = _is(0.0, "0 takes the likeliest token each time, higher varies", at_least=0.0, at_most=2.0)
    top_p: float = _is(1.0, "share of probability that tokens are drawn from", at_least=0.0, at_most=1.0)
    structured: Literal["auto", "json_schema", "json_object", "prompt"] = _is(
        "auto", "how JSON is asked of the server; auto: json_schema, and json_object where it is refused"
    )
    precision: Literal["auto", "float32", "bfloat16", "float16"] = _is(
        "auto", "numbers that the model computes with; auto: by the device, with the reason in the log"
    )
    device: str = _is("auto", "device that the model runs on: auto, cpu, cuda, cuda:1, mps")


@dataclass(frozen=True, slots=True)
class EnrichmentSettings:
    """What a generator writes about chunks, to be searched with them."""

    enabled: bool = _is(
        False,
        "have the generator write a line of context and some questions for each chunk, which are searched with it and "
        "never shown; a knowledge base that is there goes over to it with `qianxun reindex --enrich`",
    )
    context: bool = _is(True, "write a line that says what the chunk is about")
    questions: int = _is(3, "questions that the chunk answers, at most", at_least=0, at_most=10)
    max_tokens: int = _is(512, "longest answer of the generator about one chunk in tokens", at_least=64, at_most=4096)
    model: str = _is("", "generator that wrote them, kept with the knowledge base; empty: that of [generator]")
    prompt: int = _is(0, "version of the prompt, kept with the knowledge base; 0: the newest", at_least=0)


@dataclass(frozen=True, slots=True)
class RemoteSettings:
    """How model servers are called."""

    concurrency: int = _is(
        4, "requests for vectors and scores that one engine has under way at a time", at_least=1, at_most=256
    )
    texts_per_request: int = _is(32, "texts sent in one request; fewer where a server takes fewer", at_least=1)
    connect_seconds: float = _is(5.0, "time to connect", at_least=0.1)
    read_seconds: float = _is(120.0, "time a server may be silent", at_least=0.1)
    retries: int = _is(4, "further tries after 429, 5xx or no connection, ever longer apart", at_least=0, at_most=20)
    max_wait_seconds: float = _is(60.0, "longest wait between two tries, whatever the server asks for", at_least=0.0)


@dataclass(frozen=True, slots=True)
class ModelsSettings:
    """Where models lie and where they come from."""

    folder: str = _is("", "folder of models; empty: `models` in the home folder")
    source: Literal["auto", "modelscope", "huggingface"] = _is(
        "auto", "hub that `models pull` asks; auto: the first that can be reached"
    )
    endpoint: str = _is("", "address of a mirror of the hub; empty: the hub itself")
    waive_meaning_checks: bool = _is(
        False, "use a model that fails the checks of meaning (random weights, tests); kept with the knowledge base"
    )
    merge_milliseconds: float = _is(
        3.0,
        "time a call to an engine in process waits for others to share its batch; 0: none",
        at_least=0.0,
        at_most=1000.0,
    )
    query_cache: int = _is(1024, "vectors of questions kept in memory", at_least=0)
    query_cache_redis: str = _is("", "Redis that keeps vectors of questions for all processes, as redis://HOST:6379/0")
    query_cache_seconds: int = _is(86400, "time a vector of a question is kept", at_least=1)


@dataclass(frozen=True, slots=True)
class ServeSettings:
    """How `qianxun models serve` runs vLLM."""

    vllm_command: str = _is("vllm", "the vLLM executable, in an environment of its own")
    host: str = _is("127.0.0.1", "address that the model servers listen on")
    max_model_len: int = _is(
        8192, "longest conversation of the generator in tokens, where generator.context_tokens is 0", at_least=1
    )
    max_num_seqs: int = _is(64, "sequences that a server works on at a time", at_least=1)
    gpu_memory_utilization: float = _is(
        0.9, "share of the GPU's memory for all servers together", at_least=0.05, at_most=1.0
    )
    tensor_parallel_size: int = _is(1, "GPUs that share the generator", at_least=1)
    quantization: str = _is("", "quantisation of the generator's weights (awq, gptq, …); empty: as the checkpoint says")
    dtype: str = _is("auto", "numbers that the servers compute with: auto, bfloat16, float16, float32")
    extra: tuple[str, ...] = _is([], "further arguments for every vLLM server")
    start_seconds: float = _is(900.0, "time a server may take until it is healthy", at_least=1.0)


@dataclass(frozen=True, slots=True)
class IndexSettings:
    """The derived indexes."""

    dense: str = _is("faiss", "dense index: `faiss`, `exact`, or the name of an installed plugin")
    lexical: str = _is("tantivy", "lexical index: `tantivy`, `exact-lexical`, or the name of an installed plugin")
    exact_up_to: int = _is(20_000, "chunks up to which dense search is exact", at_least=0)


@dataclass(frozen=True, slots=True)
class SearchSettings:
    """Finding passages."""

    k: int = _is(10, "passages returned", at_least=1, at_most=10_000)
    candidates: int = _is(50, "chunks each index is asked for before fusion", at_least=10, at_most=5000)
    mode: Literal["hybrid", "lexical", "dense"] = _is("hybrid", "which indexes are asked")
    dense_weight: float = _is(
        0.3, "share of the dense score in the fused one; the rest is lexical", at_least=0.0, at_most=1.0
    )
    fusion: Literal["adaptive", "rrf", "weighted", "weighted-minmax", "weighted-zscore", "weighted-best"] = _is(
        "adaptive",
        "how the indexes' hits become one ranking: adaptive (words count as far as the question's can be believed), "
        "rrf (reciprocal ranks), or sums of scores: weighted (as they are), weighted-minmax, weighted-zscore, "
        "weighted-best",
    )
    rrf_k: int = _is(
        60, "constant of reciprocal ranks: the larger, the less the first ranks stand out", at_least=1, at_most=1000
    )
    operators: bool = _is(
        True, 'understand "phrases", -words and fields such as source: title: after: within a question'
    )
    synonyms_file: str = _is(
        "",
        "text file of what means the same, a line each: `年假, 带薪休假, annual leave`, or one way only: "
        "`k8s => kubernetes`; empty: none",
    )
    alternatives: bool = _is(
        True, "also look for other ways to write identifiers, numbers and dates: LF2301, 1,200, 五天, 3 January 2025"
    )
    spelling: bool = _is(True, "also look for words that are nearly those of the question which no document holds")
    follow_up: Literal["auto", "rules", "off"] = _is(
        "auto",
        "a question that leans on the conversation is completed by rules; auto: by the generator where there is one",
    )
    wordings: int = _is(
        0, "other wordings of the question that the generator writes and that are searched too", at_least=0, at_most=8
    )
    hypothetical_answer: bool = _is(
        False, "have the generator write what an answer might look like, and search by its meaning too"
    )
    mmr_lambda: float = _is(
        1.0,
        "share of relevance, against likeness to what is shown above, in choosing the next passage; 1: relevance alone",
        at_least=0.0,
        at_most=1.0,
    )
    max_per_document: int = _is(
        0, "passages of one document that are returned at most; 0: any number", at_least=0, at_most=1000
    )
    widen: Literal["none", "neighbours", "section"] = _is(
        "none", "what a passage is shown with: itself, the chunks beside it, or the section that it stands in"
    )
    neighbours: int = _is(1, "chunks on either side of a passage where `widen` is neighbours", at_least=1, at_most=20)
    max_widened_chars: int = _is(
        4000, "longest widened passage; where it would be longer, less is added", at_least=200, at_most=100_000
    )
    group_duplicates: bool = _is(True, "show passages that say the same once, naming every source")
    group_near_duplicates: bool = _is(
        True, "show passages of several documents that say nearly the same, numbers included, once, naming the rest"
    )
    max_question_chars: int = _is(4096, "longer questions are cut to this, and the result says so", at_least=16)


@dataclass(frozen=True, slots=True)
class BudgetSettings:
    """Time that stages of a search may take, in seconds; 0: any. What takes longer is done without, and named."""

    encode: float = _is(0.0, "vector of the question; without it, words alone find passages", at_least=0.0)
    dense: float = _is(0.0, "search by meaning", at_least=0.0)
    lexical: float = _is(0.0, "search by words", at_least=0.0)
    rerank: float = _is(0.0, "reranker; without it, the order is that of the indexes", at_least=0.0)
    expand: float = _is(
        10.0, "what the generator writes about the question; without it, the question is searched", at_least=0.0
    )


@dataclass(frozen=True, slots=True)
class SignalsSettings:
    """What counts beside relevance, in log odds. `qianxun search --explain` shows what each did."""

    freshness: float = _is(
        0.0,
        "weight of a document's age: doubles or halves the odds of relevance about every 0.7; 0: none",
        at_least=0.0,
        at_most=5.0,
    )
    half_life_days: float = _is(
        365.0, "age in days at which a document is neither preferred nor held back", at_least=1.0, at_most=36500.0
    )
    authority: float = _is(1.0, "weight of the factors in `sources` and `labels`", at_least=0.0, at_most=5.0)
    sources: tuple[str, ...] = _is(
        [],
        "factors from 0.1 to 10 by what a source begins with, as in /docs/rules/=1.5; the longest counts",
    )
    labels: tuple[str, ...] = _is([], "factors from 0.1 to 10 of documents with a label, as in official=1.5")
    clicks: float = _is(
        0.5, "weight of clicks on a passage against those that passed it over", at_least=0.0, at_most=5.0
    )
    feedback: float = _is(1.0, "weight of thumbs and accepted citations", at_least=0.0, at_most=5.0)
    prior: float = _is(
        10.0, "clicks or judgements that it takes until they count by half", at_least=1.0, at_most=1000.0
    )
    document_share: float = _is(
        0.2,
        "share at which what was made known of the rest of a document counts for each passage of it",
        at_least=0.0,
        at_most=1.0,
    )
    exact: float = _is(
        0.0,
        "weight of passages that hold the whole question, its quoted phrases or its identifiers literally",
        at_least=0.0,
        at_most=5.0,
    )


@dataclass(frozen=True, slots=True)
class FeedbackSettings:
    """What people make known of passages: clicks, thumbs, accepted citations."""

    enabled: bool = _is(True, "keep clicks, thumbs and accepted citations")
    keep_questions: bool = _is(
        False, "keep the text of questions with them, which `adapt` and `tune` learn from; else only a hash"
    )
    keep_people: bool = _is(False, "keep a hash of who gave them, so that each person counts once; else once a day")
    retention_days: int = _is(365, "days after which they are erased; 0: never", at_least=0, at_most=36500)


@dataclass(frozen=True, slots=True)
class AnswerSettings:
    """Answering questions."""

    passages: int = _is(8, "passages an answer may quote", at_least=1, at_most=100)
    max_sentences: int = _is(3, "sentences an extractive answer quotes at most", at_least=1, at_most=20)
    min_support: float = _is(
        0.25,
        "probability that the passages hold the answer, below which `ask` finds none (0 never, 1 always)",
        at_least=0.0,
        at_most=1.0,
    )
    hopeless: float = _is(
        0.1,
        "probability that the passages hold the answer, below which no model is asked and the answer says that there "
        "is no evidence; 0: it always is",
        at_least=0.0,
        at_most=1.0,
    )
    max_seconds: float = _is(0.0, "time a model may take for an answer; 0: any", at_least=0.0)
    max_calls: int = _is(
        100,
        "calls of a model that one answer may take where whole documents are read or a question is divided; what that "
        "does not suffice for is left out, and the answer says so",
        at_least=2,
        at_most=10_000,
    )
    cache: int = _is(256, "answers of a model kept in memory for the same question; 0: none", at_least=0)
    cache_seconds: int = _is(3600, "time that an answer is kept", at_least=1)
    cache_redis: str = _is(
        "",
        "Redis that keeps a model's answers for all processes, as redis://HOST:6379/0; sealed, and lost to everybody "
        "as soon as a document is removed",
    )
    judge: bool = _is(True, "let the reranker, where there is one, judge what passages say in other words")
    persona: str = _is("", "section [personas.NAME] that questions are answered by unless another is asked for")
    unsupported: Literal["mark", "remove", "refuse"] = _is(
        "mark",
        "sentences of a model that no passage bears: mark (they are shown as such), remove, or refuse (the whole "
        "answer is not shown)",
    )
    context_tokens: int = _is(
        0,
        "tokens of passages that a model is shown at a time, at most; 0: as many as it can read",
        at_least=0,
        at_most=1_000_000,
    )
    own_instructions: int = _is(
        2000,
        "characters of instructions of their own that askers may give a model with a question, below the rules and the "
        "persona's; 0: none",
        at_least=0,
        at_most=20_000,
    )
    clarify: bool = _is(
        True, "ask back where a question may be about several things that the documents answer differently for"
    )


@dataclass(frozen=True, slots=True)
class PersonaSettings:
    """A way of answering under a name, chosen with `answer.persona` or when asking."""

    instructions: str = _is("", "what the model is told beside the rules: tone, form, caution, for whom it writes")
    language: Literal["", "en", "zh"] = _is("", "language of answers: `en` or `zh`; empty: the question's")
    grounding: Literal["required", "preferred", "off"] = _is(
        "required",
        "required: every sentence stands on a passage; preferred: others are allowed and shown as the model's own; "
        "off: no passage is looked for",
    )
    unsupported: Literal["", "mark", "remove", "refuse"] = _is(
        "", "as `answer.unsupported`, for this persona; empty: the same"
    )
    where: str = _is("", "filter of the documents that it may use, as in `qianxun search --where`; empty: all")
    max_tokens: int = _is(0, "longest answer in tokens; 0: `generator.max_tokens`", at_least=0)


@dataclass(frozen=True, slots=True)
class GuardSettings:
    """Words that may not be asked, shown or said, and personal data in logs."""

    words: tuple[str, ...] = _is(
        [], "files of word lists, beside the file that names them: a word in each line, with what is done where it is"
    )
    places: tuple[str, ...] = _is(
        ["questions", "passages", "answers"], "what they are held over: questions, passages, answers"
    )
    mask_logs: bool = _is(True, "mask phone numbers, addresses, keys and the like in what is logged")


@dataclass(frozen=True, slots=True)
class ConversationSettings:
    """Conversations: what is kept of them, and what a model is told of what was said before."""

    keep: bool = _is(True, "keep conversations: questions, and of answers what is not the documents' own text")
    retention_days: int = _is(
        365, "days after the last question when a conversation is erased; 0: never", at_least=0, at_most=36500
    )
    history_tokens: int = _is(
        2000,
        "tokens of what was said before that a model reads with a question, at most, and no more than a quarter of its "
        "context; 0: none",
        at_least=0,
    )
    summary: bool = _is(True, "have the model sum up what was said before that")


@dataclass(frozen=True, slots=True)
class AccessSettings:
    """Who may see what."""

    default_labels: tuple[str, ...] = _is(
        ["public"], "labels of documents added without any; empty: such documents are for administrators only"
    )


@dataclass(frozen=True, slots=True)
class ServiceSettings:
    """What `qianxun serve` does: where it listens, whom it answers, how much it takes on."""

    host: str = _is("127.0.0.1", "address to listen on")
    port: int = _is(8000, "port to listen on", at_least=0, at_most=65535)
    workers: int = _is(1, "processes that answer; more than 1 only where no model runs in process", at_least=1)
    knowledge_bases: tuple[str, ...] = _is(
        [], "knowledge bases that are served: names under `home`, folders, or NAME=FOLDER; empty: all under `home`"
    )
    anonymous: Literal["loopback", "off", "everywhere"] = _is(
        "loopback",
        "who shows no key reads what is labelled `public`: on this machine only, nowhere, or wherever the service is "
        "reached",
    )
    hosts: tuple[str, ...] = _is(
        [],
        "names that the service goes by; others are refused. Empty: any with a key, without one this machine's, "
        "and addresses where everybody may read",
    )
    cors_origins: tuple[str, ...] = _is([], "web pages of other origins that may call it, such as https://wiki.example")
    trusted_proxies: tuple[str, ...] = _is(
        [], "addresses or networks of proxies whose X-Forwarded headers are believed"
    )
    max_body_mb: float = _is(4.0, "largest request but uploads", at_least=0.001)
    max_upload_mb: int = _is(1024, "largest upload, all its files together", at_least=1)
    search_threads: int = _is(0, "searches at a time in one process; 0: one more than processors", at_least=0)
    search_queue: int = _is(256, "searches that wait for their turn; more are refused with 503", at_least=0)
    streams: int = _is(64, "answers at a time in one process; more are refused with 503", at_least=1)
    model_calls: int = _is(16, "bare embeddings, judgements and completions at a time in one process", at_least=1)
    requests_per_minute: int = _is(
        0, "requests of one caller in a minute, where the key says nothing; 0: any", at_least=0
    )
    tokens_per_day: int = _is(0, "tokens of one caller in a day, where the key says nothing; 0: any", at_least=0)
    streams_per_caller: int = _is(0, "answers of one caller at a time, where the key says nothing; 0: any", at_least=0)
    anonymous_requests_per_minute: int = _is(600, "requests in a minute of all who show no key; 0: any", at_least=0)
    limits_redis: str = _is("", "Redis in which limits are counted for all processes, as redis://HOST:6379/0")
    stop_seconds: float = _is(30.0, "time that answers have to finish when the service is stopped", at_least=0.0)
    files_days: int = _is(7, "days that the files of a conversation are kept", at_least=1)


@dataclass(frozen=True, slots=True)
class SourcesSettings:
    """Places that documents come from: repositories, buckets, servers, mailboxes."""

    password_env: str = _is(
        "QIANXUN_SOURCE_PASSWORD",
        "environment variable that holds the password of the user in an address; a netrc entry for the host goes first",
    )
    connect_seconds: float = _is(10.0, "time to connect to a source", at_least=0.1)
    read_seconds: float = _is(60.0, "time a source may be silent", at_least=0.1)
    fetch_seconds: float = _is(
        900.0, "time that fetching one document, or listing a repository, may take", at_least=0.1
    )
    retries: int = _is(3, "further tries after 429, 5xx or no connection, ever longer apart", at_least=0, at_most=20)
    s3_endpoint: str = _is("", "address of an S3-compatible server, as http://127.0.0.1:9000; empty: Amazon's")
    s3_region: str = _is("", "region of the buckets; empty: that of the AWS environment and configuration")
    s3_addressing: Literal["auto", "path", "virtual"] = _is(
        "auto", "where a request names the bucket: in the path or in the host; auto: what suits the endpoint"
    )
    s3_labels: bool = _is(
        False, "labels of objects are those in their tag `qianxun-labels`; without it they are for administrators only"
    )
    allow_plain_imap: bool = _is(False, "read mail, and send the password, without encryption beyond this machine")
    concurrency: int = _is(4, "documents fetched at a time from one place", at_least=1, at_most=64)
    max_pages: int = _is(1000, "pages of a web site or sitemap that are listed", at_least=1)
    max_page_mb: int = _is(32, "largest page or file that is fetched from the web, unpacked", at_least=1)
    delay_seconds: float = _is(
        0.2, "time between two requests to a web site; its robots.txt may ask for more", at_least=0.0, at_most=60.0
    )
    obey_robots: bool = _is(True, "leave out what the robots.txt of a web site forbids")
    allow_networks: tuple[str, ...] = _is(
        [],
        "networks (10.0.0.0/8) and host names inside your own network that web pages may be fetched from, on any port; "
        "without it only public addresses are, on ports 80 and 443",
    )
    poll_seconds: float = _is(900.0, "time between two looks of `watch` at an address", at_least=1.0)


@dataclass(frozen=True, slots=True)
class ExtractionSettings:
    """How values are drawn out of documents by a schema."""

    attempts: int = _is(
        3, "answers asked for about one text until one fits the schema; what was wrong is told", at_least=1, at_most=10
    )
    max_tokens: int = _is(2048, "longest answer of the generator about one text in tokens", at_least=64)
    max_seconds: float = _is(300.0, "time one answer of the generator may take; 0: any", at_least=0.0)
    concurrency: int = _is(4, "documents that the generator is asked about at a time", at_least=1, at_most=256)


@dataclass(frozen=True, slots=True)
class OpenAISettings:
    """What clients made for OpenAI, and for rerankers, are told."""

    citations: Literal["text", "field"] = _is(
        "text", "sources and notes: below the text of an answer, or in its field `qianxun` alone (field)"
    )
    stream: Literal["sentences", "answer", "pieces"] = _is(
        "sentences",
        "what a streamed answer waits for: sentences (each is sent once it is checked), answer (nothing is sent before "
        "all of it is checked), pieces (nothing; what turns out to be void is said to be)",
    )
    system_messages: Literal["ignore", "follow"] = _is(
        "ignore", "system messages of callers: not told to the model, or told below the persona's instructions (follow)"
    )
    max_texts: int = _is(2048, "texts of one request for vectors or judgements", at_least=1, at_most=100_000)
    max_chars: int = _is(2_000_000, "characters of such a request together", at_least=1)


@dataclass(frozen=True, slots=True)
class TokensSettings:
    """Bearer tokens of an identity provider (OpenID Connect): whose are taken, and what their claims let people do."""

    issuer: str = _is("", "issuer of tokens, exactly as it writes itself in them; empty: no tokens are taken")
    audience: tuple[str, ...] = _is([], "whom tokens must be for: what the issuer knows this service by")
    jwks_url: str = _is("", "address of the issuer's keys; empty: what the issuer says, at its well-known address")
    algorithms: tuple[str, ...] = _is(
        ["RS256", "PS256", "ES256", "EdDSA"], "signatures that are taken; only such with a public key"
    )
    leeway_seconds: float = _is(
        30.0, "by how much the clocks of issuer and service may differ", at_least=0.0, at_most=600.0
    )
    keys_minutes: float = _is(10.0, "time after which the issuer's keys are looked for again", at_least=1.0)
    keys_hours_unreachable: float = _is(
        24.0, "time for which its last keys hold while the issuer cannot be reached", at_least=0.0, at_most=720.0
    )
    subject_claim: str = _is("sub", "claim that says who it is; limits and conversations are kept under it")
    name_claim: str = _is("name", "claim with the name that people are shown")
    labels_claim: str = _is(
        "groups", "claim whose values become labels; a dot leads into a claim, as in realm_access.roles; empty: none"
    )
    labels_prefix: str = _is("", "put before a value to make a label, such as `group:`")
    label_of: tuple[str, ...] = _is(
        [], "labels of values, as `VALUE=LABEL`; where there are any, other values give no label"
    )
    labels: tuple[str, ...] = _is(["public"], "labels that everybody with a token has")
    bases_claim: str = _is("", "claim with the names of the knowledge bases that somebody may use; empty: every one")
    actions: tuple[str, ...] = _is(
        ["search", "ask", "read", "feedback"],
        "what somebody with a token may do at most: search, ask, read, write, feedback, evaluate, models",
    )
    actions_claim: str = _is("", "claim that says which of these, as `search` or `qianxun:search`; empty: all of them")
    admin_values: tuple[str, ...] = _is(
        [], "values of the claim of labels that make an administrator, who may do and see everything"
    )


@dataclass(frozen=True, slots=True)
class JobSettings:
    """Work behind the service: uploads, upkeep, evaluations."""

    retention_days: int = _is(
        30, "days that a job that has ended is kept, with what it found; 0: for ever", at_least=0, at_most=36500
    )
    time_zone: str = _is("", "time zone of schedules, as Asia/Shanghai; empty: this machine's")
    nice: int = _is(10, "how far the process that runs jobs steps back for others", at_least=0, at_most=19)


@dataclass(frozen=True, slots=True)
class ScheduleSettings:
    """A job that runs by the clock, under a name."""

    job: str = _is("", "what is done: sync, check, compact, rebuild, reindex, evaluate, audit or expire")
    knowledge_base: str = _is("", "the knowledge base that it is about; empty for audit and expire")
    cron: str = _is("", 'when: minute, hour, day, month, weekday, as "0 2 * * *" for every night at two')
    arguments: tuple[str, ...] = _is([], "what else it is told, as KEY=VALUE: retry=true")


@dataclass(frozen=True, slots=True)
class AuditSettings:
    """The record of who asked or changed what through the service."""

    enabled: bool = _is(True, "keep a record of who asked or changed what through the service")
    questions: Literal["hash", "text", "none"] = _is(
        "hash", "what is kept of questions: a keyed hash, by which equal ones can be told; also their text; or nothing"
    )
    people: Literal["id", "hash"] = _is("id", "what is kept of callers: their id, or only a keyed hash of it")
    required: bool = _is(False, "refuse requests while the record cannot be written; else they are served, and logged")
    retention_days: int = _is(
        365, "days after which rows are taken out; the record says so, and still verifies; 0: never", at_least=0,
        at_most=36500,
    )  # fmt: skip
    key_env: str = _is(
        "",
        "environment variable that holds the key that signs the record; after a space, keys of before; empty: unsigned",
    )


@dataclass(frozen=True, slots=True)
class TelemetrySettings:
    """What the service tells of itself: metrics, logs, traces."""

    metrics: Literal["loopback", "key", "off"] = _is(
        "loopback",
        "who may read /metrics: whoever is on this machine, and administrators' keys; only these keys; or nobody",
    )
    logs: Literal["text", "json"] = _is("text", "form of the service's log lines")
    traces: str = _is(
        "", "address that OpenTelemetry traces go to, as http://127.0.0.1:4318/v1/traces (extra `otel`); empty: none"
    )
    trace_share: float = _is(1.0, "share of requests traced, unless the caller says", at_least=0.0, at_most=1.0)


@dataclass(frozen=True, slots=True)
class WebSettings:
    """The pages."""

    pages: bool = _is(True, "whether `qianxun serve` also serves pages for people: search, library, quality")
    chat: bool = _is(True, "whether `qianxun serve` with one worker has the chat at /chat, where it is installed")
    session_hours: float = _is(168.0, "how long somebody who signed in stays signed in", at_least=0.1)
    address: str = _is(
        "", "address that people reach the pages by, as https://search.example.com; empty: that of each request"
    )


@dataclass(frozen=True, slots=True)
class OidcSettings:
    """Signing in at the pages with the identity provider of `tokens` (OpenID Connect)."""

    client_id: str = _is("", "what the issuer of `tokens` knows the pages by; empty: one signs in with a key only")
    secret_env: str = _is("", "environment variable that holds the client's secret; empty: a client without one")
    scopes: tuple[str, ...] = _is(
        ["openid", "profile"], "what the issuer is asked for; some renew tokens only with offline_access"
    )
    name: str = _is("", "what the issuer is called on the button; empty: its host")


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that can be set."""

    home: str = _is("", "folder of knowledge bases and the service's data; empty: the platform's data folder")
    kb: str = _is("default", "knowledge base used when a command names none: a name under `home`, or a folder")
    profile: Literal["builtin", "qwen-local", "qwen-vllm", "dashscope"] = _is(
        "builtin", "set of models to start from; the sections below go over it"
    )
    documents: str = _is("", "folder that `qianxun add` reads when no path is given")
    language: Literal["", "en", "zh"] = _is("", "language of messages: `en` or `zh`; empty: the locale's")
    reading: ReadingSettings = field(default_factory=ReadingSettings)
    sources: SourcesSettings = field(default_factory=SourcesSettings)
    splitting: SplittingSettings = field(default_factory=SplittingSettings)
    encoder: EncoderSettings = field(default_factory=EncoderSettings)
    reranker: RerankerSettings = field(default_factory=RerankerSettings)
    generator: GeneratorSettings = field(default_factory=GeneratorSettings)
    enrichment: EnrichmentSettings = field(default_factory=EnrichmentSettings)
    remote: RemoteSettings = field(default_factory=RemoteSettings)
    models: ModelsSettings = field(default_factory=ModelsSettings)
    serve: ServeSettings = field(default_factory=ServeSettings)
    index: IndexSettings = field(default_factory=IndexSettings)
    search: SearchSettings = field(default_factory=SearchSettings)
    budget: BudgetSettings = field(default_factory=BudgetSettings)
    signals: SignalsSettings = field(default_factory=SignalsSettings)
    feedback: FeedbackSettings = field(default_factory=FeedbackSettings)
    answer: AnswerSettings = field(default_factory=AnswerSettings)
    personas: Mapping[str, PersonaSettings] = field(default_factory=dict)
    guard: GuardSettings = field(default_factory=GuardSettings)
    conversation: ConversationSettings = field(default_factory=ConversationSettings)
    access: AccessSettings = field(default_factory=AccessSettings)
    service: ServiceSettings = field(default_factory=ServiceSettings)
    extraction: ExtractionSettings = field(default_factory=ExtractionSettings)
    openai: OpenAISettings = field(default_factory=OpenAISettings)
    tokens: TokensSettings = field(default_factory=TokensSettings)
    jobs: JobSettings = field(default_factory=JobSettings)
    schedules: Mapping[str, ScheduleSettings] = field(default_factory=dict)
    audit: AuditSettings = field(default_factory=AuditSettings)
    telemetry: TelemetrySettings = field(default_factory=TelemetrySettings)
    web: WebSettings = field(default_factory=WebSettings)
    oidc: OidcSettings = field(default_factory=OidcSettings)
