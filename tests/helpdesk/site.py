"""django-helpdesk with Django's admin, as a process of its own: `python -m tests.helpdesk.site PORT FILE`.

The tables of its application take seconds to make, so they are made once for an environment and kept beside it, with
what `seed` puts there. A site begins with a copy, and gets another one at `/_test/reset`.
"""

import fcntl
import hashlib
import importlib.metadata
import os
import shutil
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

from django.conf import settings

PROJECT: dict[str, Any] = {
    "DEBUG": False,
    "SECRET_KEY": "only for tests, and for nothing else at all",
    "ROOT_URLCONF": "tests.helpdesk.site",
    "ALLOWED_HOSTS": ["127.0.0.1", "localhost"],
    "USE_TZ": True,
    "LANGUAGE_CODE": "en-us",
    "INSTALLED_APPS": [
        "django.contrib.admin",
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "django.contrib.messages",
        "django.contrib.staticfiles",
        "django.contrib.sites",
        "django.contrib.humanize",
        "rest_framework",
        "rest_framework.authtoken",
        "helpdesk",
    ],
    "MIDDLEWARE": [
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
    ],
    "TEMPLATES": [
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "APP_DIRS": True,
            "OPTIONS": {
                "context_processors": [
                    "django.template.context_processors.request",
                    "django.contrib.auth.context_processors.auth",
                    "django.contrib.messages.context_processors.messages",
                ]
            },
        }
    ],
    "DEFAULT_AUTO_FIELD": "django.db.models.BigAutoField",
    "PASSWORD_HASHERS": ["django.contrib.auth.hashers.MD5PasswordHasher"],
    "AUTH_PASSWORD_VALIDATORS": [],
    "STATIC_URL": "/static/",
    "SITE_ID": 1,
    "EMAIL_BACKEND": "django.core.mail.backends.dummy.EmailBackend",
    "REST_FRAMEWORK": {"DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework.authentication.TokenAuthentication"]},
    "LOGGING_CONFIG": None,
    "HELPDESK_TEAMS_MODE_ENABLED": False,
}


def configure(file: str) -> None:
    import django

    # writers wait for each other: a transaction that begins as a reader gets "database is locked" at once, and a 500
    waiting = {"timeout": 20, "transaction_mode": "IMMEDIATE"}
    database = {"ENGINE": "django.db.backends.sqlite3", "NAME": file, "OPTIONS": waiting}
    settings.configure(**PROJECT, DATABASES={"default": database})
    django.setup()


def seed() -> None:
    """The same world each time."""
    from django.contrib.auth.models import Permission, User
    from helpdesk.models import Queue, Ticket
    from rest_framework.authtoken.models import Token

    names = {
        "ailyus": ("view_ticket", "change_ticket", "view_user", "change_user"),
        "reader": ("view_ticket", "view_user"),
    }
    for name, rights in names.items():
        user = User.objects.create_user(name, f"{name}@acme.example", f"{name}-pass-1", is_staff=True)
        for right in rights:
            user.user_permissions.add(Permission.objects.get(codename=right))
        Token.objects.create(user=user, key=name.ljust(40, "0"))
    User.objects.create_superuser("root", "root@acme.example", "root-pass-1")
    for name in ("maria", "mailer"):
        User.objects.create_user(name, f"{name}@acme.example", f"{name}-pass-1")
    queue = Queue.objects.create(id=1, title="Support", slug="support")
    for number in range(1, 9):
        Ticket.objects.create(
            id=number, title=f"Printer {number} is out of toner", queue=queue, submitter_email="maria@acme.example"
        )


def reset(request: Any) -> Any:
    from django.db import connection
    from django.http import HttpResponse

    connection.ensure_connection()
    with closing(sqlite3.connect(first_state())) as first:
        first.backup(connection.connection)
    return HttpResponse("ok")


def first_state() -> Path:
    """The database as a site begins with it: one for each version of what makes it."""
    versions = [importlib.metadata.version(name) for name in ("django", "django-helpdesk", "djangorestframework")]
    made_by = hashlib.sha256(Path(__file__).read_bytes() + repr(versions).encode()).hexdigest()[:16]
    return Path(sys.prefix) / "share" / "ailyus-test-site" / f"{made_by}.db"


def make_first_state(file: Path) -> None:
    """Make it where it is not there yet; of several processes the first one does."""
    from django.core.management import call_command
    from django.db import connection

    first = first_state()
    first.parent.mkdir(parents=True, exist_ok=True)
    with (first.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not first.exists():
            call_command("migrate", verbosity=0)
            seed()
            connection.close()
            shutil.copy(file, first.with_suffix(".new"))
            os.replace(first.with_suffix(".new"), first)


def sign_out(request: Any) -> Any:
    """End every session, as an administrator would."""
    from django.contrib.sessions.models import Session
    from django.http import HttpResponse

    Session.objects.all().delete()
    return HttpResponse("ok")


def accepts(request: Any) -> Any:
    """Is this a password of that account?"""
    from django.contrib.auth import authenticate
    from django.http import HttpResponse

    found = authenticate(username=request.GET["username"], password=request.GET["password"])
    return HttpResponse("yes" if found else "no")


def urls() -> list[Any]:
    from django.contrib import admin
    from django.urls import include, path

    return [
        path("_test/reset", reset),
        path("_test/sign_out", sign_out),
        path("_test/accepts", accepts),
        path("admin/", admin.site.urls),
        path("", include("helpdesk.urls", namespace="helpdesk")),
    ]


if settings.configured:
    urlpatterns = urls()


def main() -> None:
    port, file = int(sys.argv[1]), Path(sys.argv[2])
    new = not file.exists()
    configure(str(file))
    from django.contrib.staticfiles.handlers import ASGIStaticFilesHandler
    from django.contrib.staticfiles.views import serve
    from django.core.handlers.asgi import ASGIHandler
    from uvicorn import run

    class Static(ASGIStaticFilesHandler):  # type: ignore[misc]  # Django has no types
        def serve(self, request: Any) -> Any:
            return serve(request, self.file_path(request.path), insecure=True)

    if new:
        make_first_state(file)
        shutil.copy(first_state(), file)
    print("ready", flush=True)
    run(Static(ASGIHandler()), host="127.0.0.1", port=port, log_level="critical", lifespan="off", access_log=False)


if __name__ == "__main__":
    main()
