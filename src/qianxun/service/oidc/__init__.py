"""Signing in with an identity provider (OpenID Connect Core 1.0: the authorization code flow, with PKCE).

`provider` asks the issuer over HTTP, `signing` leads somebody there and back, `renewing` replaces tokens that run out
while a session lives. None of them knows a page.
"""

from qianxun.service.oidc.signing import Oidc, SignedIn, oidc_of

__all__ = ["Oidc", "SignedIn", "oidc_of"]
