"""Credentials never reach a log, a message, a tag or a file."""

import re
from urllib.parse import unquote, urlsplit

_USERINFO = re.compile(r"(?P<scheme>\b[a-zA-Z][a-zA-Z0-9+.-]*://)[^\s/?#'\"]*@")
_SECRET = re.compile(r"(?P<key>\b[\w-]*(?:password|passwd|token|secret|api_key)[\w-]*=)[^&\s'\"]+", re.IGNORECASE)


def redact(text: str, *uris: str) -> str:
    """`text` without the user information and secret query values of any URI in it.

    uris: the ones in use here. Their passwords are also removed where they stand alone or hold a `/`, which the
    general pattern cannot tell from a path.
    """
    for uri in uris:
        userinfo, at, _ = uri.partition("://")[2].rpartition("@")
        if at and not userinfo.startswith("/"):  # a file, of which a folder has an @ in its name
            password = userinfo.partition(":")[2]
            for secret in sorted({userinfo, password, unquote(password)} - {""}, key=len, reverse=True):
                text = text.replace(secret, "***")
    return _SECRET.sub(r"\g<key>***", _USERINFO.sub(r"\g<scheme>***@", text))


def has_credentials(uri: str) -> bool:
    return "@" in urlsplit(uri).netloc or redact(uri, uri) != uri
