"""The panel behind the gear: what may be chosen for the answers to come, and no more than the service allows."""

from collections.abc import Mapping
from typing import Any, Final

from qianxun.chat.talk import AS_SET, NOBODY
from qianxun.client.records import BaseSummary
from qianxun.messages import say
from qianxun.records import LEAST_CONTEXT_TOKENS, MOST_CONTEXT_TOKENS, MOST_PASSAGES, Policy

_MOST_PARTS: Final = 10
# The fields, by what they hold.
_WORDS: Final = ("persona", "filter", "unsupported", "instructions")
_NUMBERS: Final = ("deep", "passages", "context_tokens")


def policies(base: BaseSummary, settings: Mapping[str, Any]) -> tuple[Policy, ...]:
    """What may become of sentences without support, with the persona that is chosen; the mildest first."""
    persona = settings.get("persona") or AS_SET
    name = {AS_SET: base.persona, NOBODY: ""}.get(persona, persona)
    return base.unsupported.get(name, ())


def chosen(given: object) -> dict[str, Any]:
    """What of settings, from a page or from the service, is known here, of its kind, and not as set for everybody."""
    all_of_it = given if isinstance(given, Mapping) else {}
    found: dict[str, Any] = {}
    for name in _WORDS:
        words = all_of_it.get(name)
        if isinstance(words, str) and words.strip() and words != AS_SET:
            found[name] = words
    for name in _NUMBERS:
        if number := _number(all_of_it.get(name)):
            found[name] = number
    return found


def usable(base: BaseSummary, kept: object) -> dict[str, Any]:
    """What was kept of settings, as far as it may be set today.

    A persona may be gone, bounds may have moved, and it may be another client that wrote it.
    """
    found = chosen(kept)
    if found.get("persona") not in (None, NOBODY, *base.personas):
        del found["persona"]
    if found.get("unsupported") not in (None, *policies(base, found)):
        del found["unsupported"]
    if len(found.get("instructions", "").strip()) > base.own_instructions:
        del found["instructions"]
    bounds = {
        "deep": (0, _MOST_PARTS),
        "passages": (0, MOST_PASSAGES),
        "context_tokens": (LEAST_CONTEXT_TOKENS, MOST_CONTEXT_TOKENS),
    }
    for name, (least, most) in bounds.items():
        if name in found and not least <= found[name] <= most:
            del found[name]
    return found


def lost(kept: object, settings: Mapping[str, Any]) -> list[str]:
    """What was kept and is not among these settings, as the panel calls it."""
    labels = {
        "persona": say("Persona"),
        "filter": say("Which documents"),
        "unsupported": say("Sentences without support"),
        "instructions": say("Instructions of your own"),
        "deep": say("Divide the question"),
        "passages": say("Number of passages"),
        "context_tokens": say("Context length"),
    }
    return [labels[name] for name in chosen(kept) if name not in settings]


def _number(value: object) -> int:
    """A whole number as a page sends it, perhaps as a text; 0 for anything else."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return 0
    try:
        return int(float(value))
    except (ValueError, OverflowError):
        return 0


def moved(base: BaseSummary, shown: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    """Whether another persona than the one that is shown leaves something else to choose."""
    return policies(base, shown) != policies(base, now)


def filter_in_words() -> str:
    """What may be written of the documents that are meant."""
    return say(
        "For instance {example}. Fields: source, title, format, label, modified. Signs: = != ^= (begins with) "
        "~ (contains) < > in; conditions are joined by and, or, not. Empty: all.",
        example=say("label = hr and modified >= 2025-01-01"),
    )


def widgets(base: BaseSummary, settings: Mapping[str, Any]) -> list[Any]:
    """The fields, with what is set so far."""
    from chainlit.input_widget import NumberInput, Select, Slider, TextInput

    fields: list[Any] = []
    if base.personas:
        usual = {say("as set for everybody"): AS_SET, say("none"): NOBODY}
        personas = {**usual, **{name: name for name in base.personas}}
        chosen = settings.get("persona") or AS_SET
        fields.append(Select(id="persona", label=say("Persona"), items=personas, initial_value=chosen))
    fields += [
        TextInput(
            id="filter",
            label=say("Which documents"),
            initial=settings.get("filter") or "",
            placeholder=say("label = hr and modified >= 2025-01-01"),
            description=filter_in_words(),
        ),
        Slider(
            id="deep",
            label=say("Divide the question"),
            initial=settings.get("deep") or 0,
            min=0,
            max=_MOST_PARTS,
            step=1,
            description=say("Into so many sub-questions at most, each searched by itself. 0: not at all."),
        ),
    ]
    allowed = policies(base, settings)
    # One that may be chosen is the one that is set.
    if len(allowed) > 1:
        words: dict[Policy, str] = {
            "mark": say("show them, marked"),
            "remove": say("leave them out"),
            "refuse": say("rather no answer than one with such"),
        }
        chosen = settings.get("unsupported")
        fields.append(
            Select(
                id="unsupported",
                label=say("Sentences without support"),
                items={say("as set for everybody"): AS_SET, **{words[one]: one for one in allowed}},
                initial_value=chosen if chosen in allowed else AS_SET,
                description=say("What becomes of what no passage bears."),
            )
        )
    fields += [
        Slider(
            id="passages",
            label=say("Number of passages"),
            initial=settings.get("passages") or 0,
            min=0,
            max=MOST_PASSAGES,
            step=1,
            description=say("From how many an answer is made at most. 0: as the settings say."),
        ),
        NumberInput(
            id="context_tokens",
            label=say("Context length"),
            initial=settings.get("context_tokens") or 0,
            description=say(
                "Tokens of passages that the model reads at a time, {least} to {most}. 0: as the settings say.",
                least=LEAST_CONTEXT_TOKENS,
                most=f"{MOST_CONTEXT_TOKENS:,}",
            ),
        ),
    ]
    if base.own_instructions:
        fields.append(
            TextInput(
                id="instructions",
                label=say("Instructions of your own"),
                initial=settings.get("instructions") or "",
                multiline=True,
                placeholder=say("Answer in three points, for somebody who is new here."),
                description=say(
                    "Tone and form, in at most {n} characters. Every sentence must rest on passages all the same.",
                    n=base.own_instructions,
                ),
            )
        )
    return fields
