"""OAuth 1.0a signatures of requests (RFC 5849), HMAC-SHA1, for a body that is not a form.

Owns the signature base string (section 3.4.1) and the Authorization header
(section 3.5.1). Keeps nothing.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from urllib.parse import parse_qsl, quote, urlsplit

METHOD = "HMAC-SHA1"


def oauth1_header(
    method: str,
    url: str,
    keys: Mapping[str, str],
    *,
    nonce: str,
    timestamp: int,
) -> str:
    """The Authorization header. `keys`: consumer_key, consumer_secret, token, token_secret."""
    oauth = {
        "oauth_consumer_key": keys["consumer_key"],
        "oauth_nonce": nonce,
        "oauth_signature_method": METHOD,
        "oauth_timestamp": str(timestamp),
        "oauth_token": keys["token"],
    }
    parts = urlsplit(url)
    pairs = [*oauth.items(), *parse_qsl(parts.query, keep_blank_values=True)]
    encoded = sorted((_escape(name), _escape(value)) for name, value in pairs)
    base = "&".join(
        [
            method.upper(),
            _escape(f"{parts.scheme}://{parts.netloc.lower()}{parts.path}"),
            _escape("&".join(f"{name}={value}" for name, value in encoded)),
        ]
    )
    key = f"{_escape(keys['consumer_secret'])}&{_escape(keys['token_secret'])}"
    digest = hmac.new(key.encode(), base.encode(), hashlib.sha1).digest()
    oauth["oauth_signature"] = base64.b64encode(digest).decode()
    return "OAuth " + ", ".join(
        f'{name}="{_escape(value)}"' for name, value in sorted(oauth.items())
    )


def _escape(text: str) -> str:
    return quote(text, safe="~-._")
