"""`policy new`: starting points, each a policy and its test."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from contracts.errors import AilyusError
from policies.rule_templates import RULES

Files = tuple[str, str]


# fifteen minutes: what a person looked at is another state after that
def _require_approval(action: str, role: str, asker: str) -> Files:
    policy = f"""\
@id("{_slug(action)}-needs-{role.lower()}")
forbid (principal, action == Action::"{action}", resource)
unless {{ context.approvals.{role} >= 1 && context.approvals.oldestSeconds <= 900 }};
"""
    test = f"""\
tests:
  - name: {action} needs {role}
    action: {action}
    agent: {{roles: [{asker}]}}
    person: {{roles: [{asker}]}}
    expect: approval_required
    need: {{{role}: 1}}
"""
    return policy, test


def permit_of(action: str, role: str) -> str:
    """The policy by which a role may ask for an action."""
    return f"""\
@id("{role.lower()}-may-{_slug(action)}")
permit (principal in Role::"{role}", action == Action::"{action}", resource);
"""


def approve_permit_of(action: str, role: str) -> str:
    """The policy by which a role may approve an action."""
    return f"""\
@id("{role.lower()}-may-approve-{_slug(action)}")
permit (principal in Role::"{role}", action == Action::"approve:{action}", resource)
when {{ context.role == Role::"{role}" }};
"""


def approve_cases_of(action: str, role: str, asker: str, need: str) -> str:
    """The cases that approvals permit an action, and that a role may give them."""
    return f"""\
  - name: with its approvals {action} may go
    action: {action}
    agent: {{roles: [{asker}]}}
    person: {{roles: [{asker}]}}
    approvals: {need}
    expect: permitted
  - name: {role} may approve {action}
    action: {action}
    agent: {{roles: [{asker}]}}
    person: {{roles: [{asker}]}}
    approver: {{roles: [{role}]}}
    role: {role}
    expect: may_approve
"""


def permit_test_of(action: str, role: str, outcome: str = "permitted") -> str:
    """The test of a permit, with what comes of it under all policies together."""
    return f"""\
tests:
  - name: {role} may {action}
    action: {action}
    agent: {{roles: [{role}]}}
    person: {{roles: [{role}]}}
    expect: {outcome}
"""


# beside the bundled wall: it holds for this action, whoever takes that one out
def _tenant_wall(action: str, role: str, asker: str) -> Files:
    name = f"{_slug(action)}-stays-in-its-tenant"
    policy = f"""\
@id("{name}")
forbid (principal, action == Action::"{action}", resource)
unless {{ principal.tenant == resource.tenant }};
"""
    return policy, _denied_test(action, "no other tenant", "resource: {tenant: other}", name)


def _change_freeze(action: str, role: str, asker: str) -> Files:
    name = f"{_slug(action)}-not-in-a-freeze"
    policy = f"""\
@id("{name}")
forbid (principal, action == Action::"{action}", resource)
when {{ context.env.changeFreeze }};
"""
    return policy, _denied_test(action, "not in a change freeze", "change_freeze: true", name)


def _read_only_agent(action: str, role: str, asker: str) -> Files:
    name = f"{_slug(role)}-only-reads"
    policy = f"""\
@id("{name}")
forbid (principal is Agent in Role::"{role}", action in Action::"write", resource);
"""
    return policy, _denied_test(action, f"{role} agents only read", f"agent: {{roles: [{role}]}}", name)


def _permit(action: str, role: str, asker: str) -> Files:
    return permit_of(action, role), permit_test_of(action, role)


# each comes with its test, since a release without tests is refused
TEMPLATES: Mapping[str, Callable[[str, str, str], Files]] = MappingProxyType(
    {
        "permit": _permit,
        "require-approval": _require_approval,
        "tenant-wall": _tenant_wall,
        "change-freeze": _change_freeze,
        "read-only-agent": _read_only_agent,
    }
)


def write_template(name: str, action: str, role: str, asker: str = "Support") -> Files:
    """The policy and its test; raises for a template that does not exist. `asker` asks for the action."""
    if name not in TEMPLATES:
        hint = f"one of {', '.join((*TEMPLATES, *RULES))}, release-approval"
        raise AilyusError("bad_policy", f"there is no template `{name}`", hint=hint)
    return TEMPLATES[name](action, role, asker)


def _slug(text: str) -> str:
    return text.replace("_", "-").lower()


def _denied_test(action: str, name: str, circumstance: str, because: str) -> str:
    agent = "" if circumstance.startswith("agent:") else '    agent: {roles: ["*"]}\n'
    return f"""\
tests:
  - name: {name}
    action: {action}
{agent}    person: {{roles: ["*"]}}
    {circumstance}
    expect: denied
    because: [{because}]
"""
