"""What the identity provider that people sign in with is called."""

from urllib.parse import urlsplit

from qianxun.settings.sections import Settings


def issuer_name(settings: Settings) -> str:
    """Its name as people are shown it; "" where nobody signs in with one."""
    if not settings.oidc.client_id:
        return ""
    return settings.oidc.name or urlsplit(settings.tokens.issuer).hostname or ""
