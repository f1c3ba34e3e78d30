"""Secrets that the environment of a job names, kept out of everything that is shown of it.

Nothing that wasmbuild writes has one in it on purpose; this is for what others write: a compiler's message, a
registry's answer, a tag. ``::add-mask::`` is not printed for a token that we fetch: the line would have it in
it, and whoever reads the stream before the runner, such as ``tee``, would have it, too.
"""

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from wasmbuild.events import Event, Note, Step, ToolOutput, Transfer

__all__ = ["Masks"]

_SECRET = re.compile(
    r"PASSW|PASSPHRASE|SECRET|TOKEN|CREDENTIAL|PRIVATE_KEY|ACCESS_KEY|API_?KEY|JWT|(?:^|_)PASS$|_PWD$|_PAT$"
)
_PLACE = re.compile(r"_(FILE|PATH|DIR|URL|URI|HOST|ENDPOINT|USER|USERNAME|NAME|ID|EXPIRES_IN|TYPE)$")
"""Names that end so name where a secret is, and not the secret."""
_LOGIN = re.compile(r"://[^/@\s:]*:([^/@\s]+)@")
_DOCUMENT = re.compile(r'"(?:auth|password|secret|identitytoken|registrytoken)"\s*:\s*"([^"]+)"')
"""As in a configuration of Docker, which GitLab takes from DOCKER_AUTH_CONFIG."""
_PEM = "PRIVATE KEY-----"
_SHORTEST = 6
"""Characters; what is shorter is in many words by chance, and is left as it is."""
_SHOWN = "***"


@dataclass(frozen=True, slots=True, repr=False)
class Masks:
    """The secrets of one environment, also as JSON writes them, the longest first."""

    secrets: tuple[str, ...] = ()

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> "Masks":
        """Find them: by the names of variables, and in addresses and documents; each line of several is one."""
        found: set[str] = set()
        for name, value in environment.items():
            named = _SECRET.search(name.upper()) and not _PLACE.search(name.upper())
            if named or _PEM in value:
                found.update(line.strip() for line in value.splitlines())
            found.update((*_LOGIN.findall(value), *(each for text in _DOCUMENT.findall(value) for each in _both(text))))
        kept = {each for each in found if len(each) >= _SHORTEST and not each.startswith("-----")}
        quoted = {json.dumps(each)[1:-1] for each in kept}
        return cls(tuple(sorted(kept | quoted, key=lambda each: (-len(each), each))))

    def hide(self, text: str) -> str:
        """The text with stars where a secret was."""
        for secret in self.secrets:
            text = text.replace(secret, _SHOWN)
        return text

    def event(self, event: Event) -> Event:
        """The event with stars in its words, before anything is cut off from them."""
        match event:
            case Step():
                return replace(event, subject=self.hide(event.subject))
            case ToolOutput():
                return replace(event, line=self.hide(event.line))
            case Transfer():
                return replace(event, name=self.hide(event.name))
            case Note():
                return replace(event, text=self.hide(event.text))


def _both(text: str) -> tuple[str, ...]:
    """A secret of a document, and the password in it where it is Docker's ``auth``: base64 of ``USER:PASSWORD``."""
    try:
        return text, base64.b64decode(text, validate=True).decode().partition(":")[2]
    except ValueError:
        return (text,)
