"""The verifier as one HTML file, which verifies proofs and bundles in any browser, without a gateway and a network.

Its scripts are those of the console. The page's own policy allows exactly these, by their digests, and no request at
all (https://www.w3.org/TR/CSP3/): what is dropped on it cannot leave it.
"""

import base64
import hashlib
from importlib.resources import files
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from contracts.errors import AilyusError

_SCRIPTS: Final = ("encoding.js", "verify.js", "verifier.js")


def verifier_page(version: str) -> str:
    """The page; `version` is that of the gateway which writes it."""
    script = "\n".join(_text(name) for name in _SCRIPTS)
    style = _text("verifier.css")
    # in a script element only this would end it early
    if "</script" in script.lower() or "</style" in style.lower():
        raise AilyusError("internal", "a script of the verifier cannot stand in a page", hint="report it")
    policy = (
        f"default-src 'none'; script-src '{_digest(script)}'; style-src '{_digest(style)}';"
        " base-uri 'none'; form-action 'none'"
    )
    pages = Environment(loader=PackageLoader("server.console"), autoescape=True, undefined=StrictUndefined)
    template = pages.get_template("verifier.html")
    # `Markup`: our own files, whose digests stand in the policy, so that they must stay as they are
    return template.render(policy=policy, style=Markup(style), script=Markup(script), version=version)  # noqa: S704


def _text(name: str) -> str:
    return files("server.console").joinpath("static", name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
