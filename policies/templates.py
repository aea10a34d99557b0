"""`policy new`: starting points, each a policy and its test."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from contracts.errors import AilyusError

Files = tuple[str, str]


def _require_approval(action: str, role: str) -> Files:
    policy = f"""\
@id("{_slug(action)}-needs-{role.lower()}")
forbid (principal, action == Action::"{action}", resource)
unless {{ context.approvals.{role} >= 1 && context.approvals.oldestSeconds <= 900 }};
"""
    test = f"""\
tests:
  - name: {action} needs {role}
    action: {action}
    agent: {{roles: [Support]}}
    person: {{roles: [Support]}}
    expect: approval_required
    need: {{{role}: 1}}
"""
    return policy, test


def _tenant_wall(action: str, role: str) -> Files:
    policy = f"""\
@id("{_slug(action)}-stays-in-its-tenant")
forbid (principal, action == Action::"{action}", resource)
unless {{ principal.tenant == resource.tenant }};
"""
    return policy, _denied_test(action, "no other tenant", "resource: {tenant: other}")


def _change_freeze(action: str, role: str) -> Files:
    policy = f"""\
@id("{_slug(action)}-not-in-a-freeze")
forbid (principal, action == Action::"{action}", resource)
when {{ context.env.changeFreeze }};
"""
    return policy, _denied_test(action, "not in a change freeze", "change_freeze: true")


def _read_only_agent(action: str, role: str) -> Files:
    policy = f"""\
@id("{_slug(role)}-only-reads")
forbid (principal is Agent in Role::"{role}", action in Action::"write", resource);
"""
    return policy, _denied_test(action, f"{role} agents only read", f"agent: {{roles: [{role}]}}")


def _limit_per_hour(action: str, role: str) -> Files:
    policy = f"""\
@id("{_slug(action)}-ten-an-hour")
forbid (principal is Agent, action == Action::"{action}", resource)
when {{ context.rate.lastHour >= 10 }};
"""
    test = f"""\
tests:
  - name: at most ten an hour
    action: {action}
    agent: {{roles: [Support, Operations]}}
    person: {{roles: [Support, Operations]}}
    rate: {{last_hour: 10}}
    expect: denied
    because: [{_slug(action)}-ten-an-hour]
"""
    return policy, test


def _permit(action: str, role: str) -> Files:
    policy = f"""\
@id("{role.lower()}-may-{_slug(action)}")
permit (principal in Role::"{role}", action == Action::"{action}", resource);
"""
    test = f"""\
tests:
  - name: {role} may {action}
    action: {action}
    agent: {{roles: [{role}]}}
    person: {{roles: [{role}]}}
    expect: permitted
"""
    return policy, test


TEMPLATES: Mapping[str, Callable[[str, str], Files]] = MappingProxyType(
    {
        "permit": _permit,
        "require-approval": _require_approval,
        "tenant-wall": _tenant_wall,
        "change-freeze": _change_freeze,
        "limit-per-hour": _limit_per_hour,
        "read-only-agent": _read_only_agent,
    }
)


def write_template(name: str, action: str, role: str) -> Files:
    """The policy and its test; raises for a template that does not exist."""
    if name not in TEMPLATES:
        hint = f"one of {', '.join(TEMPLATES)}"
        raise AilyusError("bad_policy", f"there is no template `{name}`", hint=hint)
    return TEMPLATES[name](action, role)


def _slug(text: str) -> str:
    return text.replace("_", "-").lower()


def _denied_test(action: str, name: str, circumstance: str) -> str:
    return f"""\
tests:
  - name: {name}
    action: {action}
    {circumstance}
    expect: denied
"""
