"""Settings of an audit of coverage, good and bad ones, for a workspace on the twins."""

OKTA = """
[escalations.audit]
webhook = "http://127.0.0.1:{port}/_sandbox/nowhere"
next = "duty"
[escalations.duty]
webhook = "http://127.0.0.1:{port}/_sandbox/oncall"
[coverage.okta]
connection = "okta"
source = "okta"
actors = ["00uwriter00001"]
settle = "10ms"
escalate = "audit"
[coverage.foreign]
connection = "okta"
reader = "okta-globex"
source = "okta"
actors = ["x"]
[coverage.nowhere]
connection = "none"
source = "okta"
actors = ["x"]
[coverage.untold]
connection = "okta"
source = "okta"
actors = ["x"]
escalate = "nobody"
"""
