"""The agent that a sandbox workspace starts with, so that a client can be connected at once."""

import os

from server.app import App
from server.cli.choice import ASKING, SEEDED


async def seed_agent(app: App) -> None:
    """Register `support-bot` for `requester` in a development workspace that has no agent yet."""
    workspace = app.workspace
    known = app.runner.release.people.get(ASKING)
    if not workspace.settings.development or known is None or await app.agents.list():
        return
    # only where nobody registered anybody: an agent that appears by itself beside others would surprise their owner
    token = await app.agents.add(SEEDED, known.tenant, known.name, known.name, known.roles, False)
    path = workspace.token_file(SEEDED)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(token + "\n")
