"""The text of `ailyus.toml` in a new workspace, with gaps for its names and ports."""

# written as text and not by a TOML writer, which would lose the comments that explain it
SANDBOX = """\
#:schema .ailyus/schema/settings.json
# An Ailyus workspace on the sandbox: twins of real systems that run on this machine.
origin = "ailyus.local/{name}"
development = true                      # development keys count here, and receipts say `governed: false`
roles = [{roles}]
environments = ["prod", "staging"]

[server]
port = {port}

[console]
admins = ["SecurityLead"]               # two people who hold one of these roles vouch for new passkeys

[release]
roles = ["SecurityLead"]                # who may sign a release of this folder: `ailyus release apply --as PERSON`

[sandbox]
port = {sandbox_port}

# People to play: `requester`, for whom the agent acts, and two leads, who approve.
[[people]]
name = "requester"
tenant = "acme"
roles = [{requester}]

[[people]]
name = "lead"
tenant = "acme"
roles = ["SecurityLead"]

[[people]]
name = "second-lead"
tenant = "acme"
roles = ["SecurityLead"]

# Tenant and environment of every record come from here. Credentials are references, never values.
{connections}
# Who is told when an outcome is in doubt; unacknowledged after 15 minutes, the `next` route is told too.
{escalations}"""

CONNECTION = """\
[connections.{name}]
kind = "{kind}"
base_url = "http://127.0.0.1:{sandbox_port}/{org}/{kind}"
tenant = "{org}"
environment = "prod"
{more}read = "file:.ailyus/secrets/{name}-read"
write = "file:.ailyus/secrets/{name}-write"
principal = "ailyus-writer"
direct = true

"""

ESCALATION = """\
[escalations.{name}]
webhook = "http://127.0.0.1:{sandbox_port}/_sandbox/oncall"
{following}
"""

OWN = """\
#:schema .ailyus/schema/settings.json
# An Ailyus workspace on systems of your own. Credentials are references, such as `env:NAME`, and never values.
origin = "ailyus.local/{name}"
{development}roles = ["Support", "SecurityLead"]
environments = ["prod", "staging"]

[server]
port = {port}

[console]
admins = ["SecurityLead"]               # two people who hold one of these roles vouch for new passkeys

[release]
roles = ["SecurityLead"]                # who may sign a release of this folder: `ailyus release apply --as PERSON`

# People: `requester`, for whom the agent acts, and two leads, who approve. Put your own in their place.
[[people]]
name = "requester"
tenant = "main"
roles = ["Support"]

[[people]]
name = "lead"
tenant = "main"
roles = ["SecurityLead"]

[[people]]
name = "second-lead"
tenant = "main"
roles = ["SecurityLead"]
"""
