"""Redirections of the console, and the cookie that goes with them."""

from starlette.responses import RedirectResponse, Response

from server.console.session import COOKIE


def redirect(path: str) -> Response:
    """After a form: look at what became of it."""
    return RedirectResponse(path, 303)


def inside(path: str) -> str:
    """A path of this console, and nothing else: no other host, no scheme."""
    plain = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isascii() and path.isprintable()
    return path if plain else "/"


def cookie(secret: str, seconds: int) -> str:
    """The `Set-Cookie` value of a session; zero seconds takes it away."""
    return f"{COOKIE}={secret}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age={seconds}"
