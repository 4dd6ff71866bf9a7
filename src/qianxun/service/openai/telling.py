"""An answer's events as the text of a chat, to which a client can only append. Pure.

`waits` says what the text waits for. "sentences": each is sent once it was checked, with the marks that checking added.
"answer": all of it at the end. "pieces": nothing; marks that come late are in the list of sources alone.

With the sources in the text, a sign stands behind each sentence that what it cites does not bear, unless text goes out
in pieces: then it is gone when that is known.

What was sent and is void cannot be taken back: it is said so, and the answer that takes its place follows. Unless text
goes out in pieces, no image and no link leaves here whose address does not stand in the passages.
"""

from collections.abc import Collection
from typing import assert_never

from qianxun.answering import cite
from qianxun.answering.events import AnswerEvent, Checked, Done, Mark, Shown, Text, Withdrawn
from qianxun.guarding import addresses, safe_links
from qianxun.records import Answer
from qianxun.service.openai.requests import Citing, Waits
from qianxun.service.openai.trailer import SIGN, is_doubtful, trailer, withdrawal


class Teller:
    """What to send for each event of one answer; `answer` is the answer once it is there.

    `language` is the one that the answer is expected in.
    """

    def __init__(self, waits: Waits, citing: Citing, language: str) -> None:
        self.answer: Answer | None = None
        self._waits = waits
        self._citing = citing
        self._language = language
        self._held = ""  # not sent yet
        self._passed = 0  # characters of the model's text before that
        self._sent = ""  # of the answer, before it was made safe
        self._allowed: Collection[str] = ()

    @property
    def _signs(self) -> bool:
        return self._citing == "text" and self._waits != "pieces"

    def tell(self, event: AnswerEvent) -> str:
        """What the client's text goes on with; "" if with nothing."""
        match event:
            case Shown():
                self._allowed = addresses(passage.text for passage in event.passages)
                return ""
            case Text() | Mark():
                self._held += event.text
                return self._let_go(len(self._held)) if self._waits == "pieces" else ""
            case Checked():
                return self._checked(event) if self._waits == "sentences" else ""
            case Withdrawn():
                return self._withdrawn()
            case Done():
                self.answer = event.answer
                below = trailer(event.answer, signs=self._signs) if self._citing == "text" else ""
                return self._rest(event.answer) + below
            case _:
                assert_never(event)

    def _checked(self, event: Checked) -> str:
        """The sentence, with what stood before it. Where sentences are left out, what is held ends with this one."""
        end = min(max(event.statement.span.end - self._passed, 0), len(self._held))
        text = self._let_go(end, "".join(map(cite.mark, event.added)))
        return text + SIGN if self._signs and is_doubtful(event.statement) else text

    def _let_go(self, end: int, added: str = "") -> str:
        piece, self._held = self._held[:end], self._held[end:]
        self._passed += len(piece)
        self._sent += piece + added
        return self._safe(piece + added)

    def _withdrawn(self) -> str:
        was_sent = bool(self._sent.strip())
        self._held, self._passed, self._sent = "", 0, ""
        return withdrawal(self._language) if was_sent else ""

    def _rest(self, answer: Answer) -> str:
        """What of the whole answer was not sent yet; all of it, if something was sent that is not in it."""
        text = answer.text
        sent = self._sent if text.startswith(self._sent) else self._sent.rstrip()
        if text.startswith(sent):
            return self._signed(answer, len(sent))
        known = _without_marks(sent)
        if _without_marks(text).startswith(known):  # marks were added to what was sent
            return self._signed(answer, _place_in_marked(text, len(known)))
        return self._withdrawn() + self._signed(answer, 0)

    def _signed(self, answer: Answer, start: int) -> str:
        """The answer from a place on, with a sign behind the sentences that nothing bears."""
        ends = [one.span.end for one in answer.statements if self._signs and is_doubtful(one)]
        parts = []
        for end in (*(end for end in ends if end > start), len(answer.text)):
            parts.append(self._safe(answer.text[start:end]))
            start = end
        return SIGN.join(parts)

    def _safe(self, piece: str) -> str:
        return piece if self._waits == "pieces" else safe_links(piece, self._allowed)


def _without_marks(text: str) -> str:
    parts, last = [], 0
    for start, end in cite.mark_places(text):
        parts.append(text[last:start])
        last = end
    return "".join((*parts, text[last:])).rstrip()


def _place_in_marked(text: str, n_unmarked: int) -> int:
    """Where a text goes on behind so many characters that are of no mark, and behind the marks that follow them."""
    for start, end in cite.mark_places(text):
        if n_unmarked < start:
            return n_unmarked
        n_unmarked += end - start
    return n_unmarked
