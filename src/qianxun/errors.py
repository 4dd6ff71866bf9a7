"""Every error that qianxun raises on purpose, named by who can mend it.

    QianxunError
    ├── SettingsError          the operator: a setting is unknown, malformed or contradicts another
    ├── InputError             the caller: a path, question or argument cannot be used
    │   ├── NotFound           ... because it does not exist (or the asker may not see it)
    │   └── UnreadableDocument ... because its bytes cannot be read as a document
    │       └── UncertainDocument ... because they can be, but perhaps wrongly
    ├── MissingExtra           the installer: an optional package is not installed
    ├── StorageError           the operator: disk or knowledge base
    │   ├── NewerVersion       ... made by a newer qianxun
    │   ├── DiskFull           ... no room left
    │   └── Damaged            ... truth or vectors cannot be read
    ├── StaleIndex             the operator: a derived index is missing, damaged or of another encoder
    ├── SourceError            the operator: a site, repository, bucket or mailbox cannot be read
    ├── Busy                   nobody: another process is writing; try again
    ├── AccessError            who asks
    │   ├── Unauthorized       ... has shown no key or token that holds
    │   ├── Forbidden          ... may not do this
    │   └── LimitReached       ... has asked as often, or for as much, as agreed; `retry_after` says until when
    ├── Overloaded             nobody: the service has all that it can do; `retry_after` says until when
    ├── ServiceUnavailable     the operator: a client's service cannot be reached, or is none
    ├── OutOfTime              the operator: a stage took longer than its budget
    └── ModelError             the model service
        ├── ModelUnavailable   ... cannot be reached
        ├── ModelTimeout       ... did not answer in time
        ├── ModelBusy          ... is overloaded or its quota is used up; try later
        ├── ModelRefused       ... refuses: wrong key, unknown model, a request it does not take
        ├── BadModelReply      ... answered something unusable
        └── UnfitModel         ... is not the model that the settings name, or is started wrongly

An error is made from a template and its values, so that a door can say it in the reader's language;
`str(error)` is English. `remedy` says what to do. Exit codes of the command line are here because
programs read them like an API.
"""

from typing import ClassVar

from qianxun.messages import say


class QianxunError(Exception):
    """An error whose message is meant for a person.

    Args: a `str.format` template that says what is wrong with the value seen, `remedy` (a template
    too) that says what to do, and the values of both.
    """

    exit_code: ClassVar[int] = 1
    # Seconds after which to come again, where that is known.
    retry_after: float | None = None
    # Of an error that a service told: what its log calls the request.
    request_id: str = ""

    def __init__(self, template: str, /, *, remedy: str = "", **values: object) -> None:
        self.template = template
        self.remedy = remedy
        self.values = values
        super().__init__(template, remedy, values)

    def __str__(self) -> str:
        return _joined(self.template.format(**self.values), self.remedy.format(**self.values))

    def in_words(self) -> str:
        """The message and its remedy in the reader's language, on one line."""
        return _joined(say(self.template, **self.values), say(self.remedy, **self.values) if self.remedy else "")

    def __reduce__(self) -> tuple[object, ...]:
        # Errors travel from parsing processes: exceptions pickle their positional arguments only.
        return _rebuild, (type(self), self.template, self.remedy, self.values)


def _rebuild(kind: type[QianxunError], template: str, remedy: str, values: dict[str, object]) -> QianxunError:
    return kind(template, remedy=remedy, **values)


def _joined(message: str, remedy: str) -> str:
    one_line = " ".join(f"{message} {remedy}".split())
    return one_line.replace("。 ", "。")


class SettingsError(QianxunError):
    """A setting is unknown, malformed, or contradicts another."""

    exit_code = 2


class InputError(QianxunError):
    """A path, question or argument cannot be used."""

    exit_code = 2


class NotFound(InputError):
    """The thing named does not exist, or the asker may not see it."""

    exit_code = 4


class UnreadableDocument(InputError):
    """The bytes of a file cannot be read as a document; `reason` in the journal."""

    exit_code = 3


class UncertainDocument(UnreadableDocument):
    """A file could be read, but perhaps wrongly: a person should look at it."""


class MissingExtra(QianxunError):
    """An optional package is needed; the remedy is the exact install line."""

    exit_code = 69


class StorageError(QianxunError):
    """The disk or the knowledge base cannot be used."""

    exit_code = 74


class NewerVersion(StorageError):
    """The knowledge base was made by a newer qianxun."""


class DiskFull(StorageError):
    """No room is left where the knowledge base lies."""


class Damaged(StorageError):
    """The truth or the vectors cannot be read."""


class StaleIndex(StorageError):
    """A derived index is missing, damaged, or was made with another encoder."""

    exit_code = 5


class SourceError(QianxunError):
    """A place that documents come from cannot be reached, refuses, or is none."""

    exit_code = 68


class Busy(QianxunError):
    """Another process is writing."""

    exit_code = 75


class OutOfTime(QianxunError):
    """A stage took longer than its budget; the search does without it."""


class ModelError(QianxunError):
    """A model service failed."""

    exit_code = 76


class ModelUnavailable(ModelError):
    """The model service cannot be reached."""


class ModelTimeout(ModelError):
    """The model service did not answer in time."""


class ModelBusy(ModelError):
    """The model service is overloaded, or its quota is used up."""


class ModelRefused(ModelError):
    """The model service refuses: wrong key, unknown model, a request it does not take."""


class BadModelReply(ModelError):
    """The model service answered something unusable. `reply` is what it said, where that is known."""

    reply: str = ""


class UnfitModel(ModelError):
    """A model failed its self-test: not the one that the settings name, or started wrongly."""


class AccessError(QianxunError):
    """Who asks may not."""

    exit_code = 77


class Unauthorized(AccessError):
    """No key or token was shown, or none that holds."""


class Forbidden(AccessError):
    """The key or token does not allow this."""


class LimitReached(AccessError):
    """As much was asked as was agreed. `retry_after` is in seconds."""

    retry_after: float | None = 1.0


class Overloaded(QianxunError):
    """All places are taken. `retry_after` is in seconds."""

    exit_code = 75
    retry_after: float | None = 1.0


class ServiceUnavailable(QianxunError):
    """The service that a client asks cannot be reached, or what answers there is no such service."""

    exit_code = 68
