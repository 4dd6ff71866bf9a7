"""Which source an address means: those of the package, then plugins. The name is the address's scheme."""

import importlib
from collections.abc import Mapping
from typing import Final, cast

from qianxun.errors import InputError
from qianxun.protocols import Source
from qianxun.settings import Settings

# What comes with the package, so that no metadata of installed packages is scanned for a common address.
BUILT_IN: Final[Mapping[str, str]] = {
    "http": "qianxun.sources.web:open_source",
    "https": "qianxun.sources.web:open_source",
    "site+http": "qianxun.sources.site:open_source",
    "site+https": "qianxun.sources.site:open_source",
    "sitemap+http": "qianxun.sources.sitemap:open_source",
    "sitemap+https": "qianxun.sources.sitemap:open_source",
    "git+https": "qianxun.sources.git:open_source",
    "git+http": "qianxun.sources.git:open_source",
    "git+ssh": "qianxun.sources.git:open_source",
    "git+file": "qianxun.sources.git:open_source",
    "s3": "qianxun.sources.s3:open_source",
    "webdav+https": "qianxun.sources.webdav:open_source",
    "webdav+http": "qianxun.sources.webdav:open_source",
    "imap": "qianxun.sources.imap:open_source",
    "imaps": "qianxun.sources.imap:open_source",
}


def open_source(address: str, settings: Settings) -> Source:
    """The source at an address. Raises InputError if no source knows its scheme, and what the source itself raises."""
    from qianxun.sources.addresses import scheme_of

    scheme = scheme_of(address)
    target = BUILT_IN.get(scheme)
    if target is not None:
        module, _, factory = target.partition(":")
        return cast(Source, getattr(importlib.import_module(module), factory)(address, settings))
    from importlib.metadata import entry_points

    plugins = {point.name: point for point in entry_points(group="qianxun.sources")}
    if scheme not in plugins:
        raise InputError(
            "{address}: nothing reads addresses that begin with {scheme}://.",
            remedy="Known: {known}. A plugin must be installed in the same environment.",
            address=address,
            scheme=scheme,
            known=", ".join(sorted({*BUILT_IN, *plugins})),
        )
    return cast(Source, plugins[scheme].load()(address, settings))
