"""Rules that admins often want, as templates: each a policy with values to fill in, and its test."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from string import Template
from types import MappingProxyType

from contracts.errors import AilyusError
from policies.budget import parsed


@dataclass(frozen=True, slots=True)
class RuleTemplate:
    """One rule: `policy` and the lines of its `test` below name and action, with the values that it takes.

    A value without a default has to be given. `budget` is the entry of the budget that the policy compares.
    """

    policy: str
    test: str
    values: Mapping[str, str] = field(default_factory=dict)
    budget: str = ""


def _hours(text: str) -> str:
    hours, minutes = text.split(":")
    return f"{int(hours)}h{int(minutes)}m"


def _names(text: str) -> str:
    return ", ".join(f'"{name}"' for name in text.split(","))


_DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}:[0-9]{2}Z)?"
# what a value must look like: it is written into a policy, where it must not say anything else
_FORMS: Mapping[str, str] = MappingProxyType(
    {
        "limit": r"[0-9]{1,12}",
        "from": r"([01][0-9]|2[0-3]):[0-5][0-9]",
        "to": r"([01][0-9]|2[0-3]):[0-5][0-9]|24:00",
        "until": _DATE,
        "begin": _DATE,
        "end": _DATE,
        "second": r"[A-Za-z][A-Za-z0-9_]{0,63}",
        "reviewer": r"[A-Za-z][A-Za-z0-9_]{0,63}",
        "team": r"[a-z0-9][a-z0-9-]{0,30}",
        "second_team": r"[a-z0-9][a-z0-9-]{0,30}",
        "agents": r"[A-Za-z0-9._-]+(,[A-Za-z0-9._-]+)*",
        "attribute": r"[a-z][A-Za-z0-9_]{0,63}",
        "parameter": r"[a-z][A-Za-z0-9_]{0,63}",
        "environment": r"[A-Za-z][A-Za-z0-9_]{0,63}",
        "budget": r"[a-z][A-Za-z0-9_]{0,63}",
        "tag": r"[a-z][a-z0-9_]{0,63}",
        "read": r"[a-z][a-z0-9_]{0,63}",
        "per": r"tenant|connection|role|agent",
        "window": r"hour|day|[0-9]{1,4}(m|h)",
    }
)
_WRITTEN: Mapping[str, Callable[[str], str]] = MappingProxyType({"from": _hours, "to": _hours, "agents": _names})
_ASKED = "    expect: approval_required\n    need: {$role: 1}\n"
_EVERYBODY = '    agent: {roles: ["*"]}\n    person: {roles: ["*"]}\n'
_DENIED = "    expect: denied\n    because: [$name]\n"

_NEXT = "  - name: $action, $template, at its other end\n    action: $action\n"


def _approver_of(role: str, team: str) -> str:
    return (
        f'@id("$name-{team}")\npermit (principal in Role::"{role}", action == Action::"approve:$action", resource)\n'
        f'when {{ context.role == Role::"{role}" && principal has team && principal.team == "{team}" }};'
    )


def _approves(role: str, team: str, expect: str) -> str:
    return (
        f"  - name: {role} of {team} {expect.replace('_', ' ')} $action\n    action: $action\n"
        "    agent: {roles: [$asker]}\n    person: {roles: [$asker]}\n"
        f"    approver: {{roles: [{role}], team: {team}}}\n    role: {role}\n    expect: {expect}\n"
    )


RULES: Mapping[str, RuleTemplate] = MappingProxyType(
    {
        "business-hours": RuleTemplate(
            'forbid (principal, action == Action::"$action", resource)\n'
            'unless { context.env.weekday <= 5 && context.env.localTime >= duration("$from")\n'
            '  && context.env.localTime < duration("$to") };',
            # tests decide on a Monday at 09:20 UTC, when it is Sunday night in Honolulu
            _EVERYBODY + "    time_zone: Pacific/Honolulu\n" + _DENIED,
            {"from": "09:00", "to": "17:00"},
        ),
        "not-in-an-incident": RuleTemplate(
            'forbid (principal, action == Action::"$action", resource)\nwhen { context.env.incident };',
            _EVERYBODY + "    incident: true\n" + _DENIED,
        ),
        # of agents alone: a person who acts through one is counted with it
        "limit-per-hour": RuleTemplate(
            'forbid (principal is Agent, action == Action::"$action", resource)\n'
            "when { context.rate.lastHour >= $limit };",
            _EVERYBODY + "    rate: {last_hour: $limit}\n" + _DENIED,
            {"limit": "10"},
        ),
        "limit-per-day": RuleTemplate(
            'forbid (principal is Agent, action == Action::"$action", resource)\n'
            "when { context.rate.lastDay >= $limit };",
            _EVERYBODY + "    rate: {last_day: $limit}\n" + _DENIED,
            {"limit": "50"},
        ),
        "sum-per-day": RuleTemplate(
            'forbid (principal is Agent, action == Action::"$action", resource)\n'
            "when { context.rate.spentLastDay + context.rate.spends > $limit };",
            _EVERYBODY + "    rate: {spent_last_day: $limit, spends: 1}\n" + _DENIED,
            {"limit": "1000"},
        ),
        "budget": RuleTemplate(
            'forbid (principal is Agent, action == Action::"$action", resource)\n'
            "when { context.budget.$budget > $limit };",
            _EVERYBODY + "    budget: {$budget: $over}\n" + _DENIED,
            {"budget": "", "limit": "20", "per": "tenant", "window": "day"},
            "  - {name: $budget, action: $action, per: $per, window: $window}\n",
        ),
        "contractors-never": RuleTemplate(
            'forbid (principal is Person, action == Action::"$action", resource)\n'
            'when { principal has employment && principal.employment == "contractor" };',
            '    agent: {roles: ["*"]}\n    person: {roles: ["*"], employment: contractor}\n' + _DENIED,
        ),
        "allowed-agents": RuleTemplate(
            'forbid (principal is Agent, action == Action::"$action", resource)\n'
            "unless { [$agents].contains(principal.name) };",
            _EVERYBODY + _DENIED,
            {"agents": ""},
        ),
        "data-residency": RuleTemplate(
            'forbid (principal, action == Action::"$action", resource)\n'
            "unless { context.person has region && context.person.region == resource.$attribute };",
            '    agent: {roles: ["*"]}\n    person: {roles: ["*"], region: eu}\n'
            "    resource: {attributes: {$attribute: us}}\n" + _DENIED,
            {"attribute": "region"},
        ),
        "free-in": RuleTemplate(
            'permit (principal, action == Action::"$action", resource)\n'
            'when { resource.environment == Environment::"$environment" };',
            "    resource: {environment: $environment}\n    expect: permitted\n    because: [$name]\n",
            {"environment": "staging"},
        ),
        "low-risk": RuleTemplate(
            'permit (principal in Role::"$role", action in Action::"risk_at_least_low", resource)\n'
            'unless { action in Action::"risk_at_least_medium" };',
            "    agent: {roles: [$role]}\n    person: {roles: [$role]}\n    expect: permitted\n    because: [$name]\n",
        ),
        "grant-until": RuleTemplate(
            'permit (principal in Role::"$role", action == Action::"$action", resource)\n'
            'when { context.env.now < datetime("$until") };',
            "    agent: {roles: [$role]}\n    person: {roles: [$role]}\n    expect: permitted\n    because: [$name]\n",
            {"until": ""},
        ),
        "freeze-until": RuleTemplate(
            'forbid (principal, action == Action::"$action", resource)\nwhen { context.env.now < datetime("$until") };',
            _EVERYBODY + '    now: "$before_until"\n' + _DENIED,
            {"until": ""},
        ),
        "freeze-window": RuleTemplate(
            'forbid (principal, action == Action::"$action", resource)\n'
            'when { context.env.now >= datetime("$begin") && context.env.now < datetime("$end") };',
            _EVERYBODY + '    now: "$at_begin"\n' + _DENIED + _NEXT + _EVERYBODY + '    now: "$before_end"\n' + _DENIED,
            {"begin": "", "end": ""},
        ),
        "change-window": RuleTemplate(
            'forbid (principal, action == Action::"$action", resource)\n'
            'unless { context.env.now >= datetime("$begin") && context.env.now < datetime("$end") };',
            _EVERYBODY + '    now: "$before_begin"\n' + _DENIED + _NEXT + _EVERYBODY + '    now: "$at_end"\n' + _DENIED,
            {"begin": "", "end": ""},
        ),
        "untrusted-needs-approval": RuleTemplate(
            'forbid (principal, action == Action::"$action", resource)\n'
            'when { context.session.saw.contains("tag_$tag") }\nunless { context.approvals.$role >= 1 };',
            "    agent: {roles: [$asker]}\n    person: {roles: [$asker]}\n    saw: [tag_$tag]\n" + _ASKED,
            {"tag": "untrusted"},
        ),
        "read-first": RuleTemplate(
            'forbid (principal is Agent, action == Action::"$action", resource)\n'
            'unless { context.session.saw.contains("$read") };',
            _EVERYBODY + _DENIED,
            {"read": ""},
        ),
        "open-ticket": RuleTemplate(
            'forbid (principal, action == Action::"$action", resource)\n'
            "unless { context.request.verified && context.request.requesterIsSubject };",
            _EVERYBODY
            + "    request: {verified: false, requesterIsSubject: true}\n"
            + _DENIED
            + _NEXT
            + _EVERYBODY
            + "    request: {verified: true, requesterIsSubject: false}\n"
            + _DENIED,
        ),
        "break-glass": RuleTemplate(
            '@review("$reviewer")\n'
            'permit (principal in Role::"$role", action == Action::"$action", resource)\n'
            "when { context.env.incident && context.person.onCall };",
            "    agent: {roles: [$role]}\n    person: {roles: [$role], on_call: true}\n    incident: true\n"
            "    expect: permitted\n    because: [$name]\n",
            {"reviewer": "SecurityLead"},
        ),
        "amount-needs-approval": RuleTemplate(
            'forbid (principal, action == Action::"$action", resource)\n'
            "when { context.params.$parameter > $limit }\nunless { context.approvals.$role >= 1 };",
            "    agent: {roles: [$asker]}\n    person: {roles: [$asker]}\n    params: {$parameter: $over}\n" + _ASKED,
            {"parameter": "", "limit": "100"},
        ),
        "large-plan-needs-approval": RuleTemplate(
            'forbid (principal, action == Action::"$action", resource)\n'
            "when { context.plan.size > $limit }\nunless { context.approvals.$role >= 1 };",
            "    agent: {roles: [$asker]}\n    person: {roles: [$asker]}\n    plan_size: $over\n" + _ASKED,
            {"limit": "10"},
        ),
        "owner-approves": RuleTemplate(
            'permit (principal in Role::"$role", action == Action::"approve:$action", resource)\n'
            'when { context.role == Role::"$role" && principal.subject == resource.$attribute };',
            "    agent: {roles: [$asker]}\n    person: {roles: [$asker]}\n"
            "    resource: {attributes: {$attribute: u-1}}\n    approver: {roles: [$role], subject: u-1}\n"
            "    role: $role\n    expect: may_approve\n    because: [$name]\n",
            {"attribute": "owner"},
        ),
        # an approval counts in a role, so each of the two teams gives it in another one
        "two-teams-approve": RuleTemplate(
            'forbid (principal, action == Action::"$action", resource)\n'
            "unless { context.approvals.$role >= 1 && context.approvals.$second >= 1 };\n\n"
            + _approver_of("$role", "$team")
            + "\n\n"
            + _approver_of("$second", "$second_team"),
            "    agent: {roles: [$asker]}\n    person: {roles: [$asker]}\n"
            "    expect: approval_required\n    need: {$role: 1, $second: 1}\n"
            + _approves("$role", "$team", "may_approve")
            + _approves("$second", "$second_team", "may_approve")
            + _approves("$role", "$second_team", "may_not_approve"),
            {"second": "", "team": "", "second_team": ""},
        ),
        "other-team-approves": RuleTemplate(
            'permit (principal in Role::"$role", action == Action::"approve:$action", resource)\n'
            'when { context.role == Role::"$role" && principal has team && context.requester has team\n'
            "  && principal.team != context.requester.team };",
            "    agent: {roles: [$asker]}\n    person: {roles: [$asker], team: desk}\n"
            "    approver: {roles: [$role], team: finance}\n    role: $role\n    expect: may_approve\n"
            "    because: [$name]\n",
        ),
    }
)
"""Each rule by its name on the command line."""


def write_rule(template: str, action: str, role: str, asker: str, given: Mapping[str, str]) -> tuple[str, str]:
    """The policy and its test. Raises `AilyusError` for a value that is missing, unknown or of another form."""
    rule = RULES[template]
    written = _values(template, given)
    name = f"{action.replace('_', '-')}-{template}".lower()
    known = {**written, "action": action, "role": role, "asker": asker, "name": name, "template": template}
    policy = f'@id("{name}")\n{Template(rule.policy).substitute(known)}\n'
    test = f"tests:\n  - name: {action}, {template}\n    action: {action}\n{Template(rule.test).substitute(known)}"
    return policy, test


def with_budget(template: str, action: str, given: Mapping[str, str], text: str) -> str:
    """The text of `budgets.yaml` with the budget that a rule compares; as it was, where that is declared already."""
    rule = RULES.get(template)
    if rule is None or not rule.budget:
        return text
    values = _values(template, given)
    if any(one.name == values["budget"] for one in parsed(text)):
        return text
    head = text if text.endswith("\n") or not text else f"{text}\n"
    return (head or "budgets:\n") + Template(rule.budget).substitute(values, action=action)


def _values(template: str, given: Mapping[str, str]) -> dict[str, str]:
    """The values of a rule as they are written into a policy. Raises `AilyusError`."""
    rule = RULES[template]
    if unknown := sorted(given.keys() - rule.values.keys()):
        hint = f"it takes {', '.join(rule.values) or 'none'}"
        raise AilyusError("bad_policy", f"`{template}` takes no value `{unknown[0]}`", hint=hint)
    values = {**rule.values, **given}
    for key, text in values.items():
        if not re.fullmatch(_FORMS[key], text) or not _is_time(key, text):
            problem = f"needs a value `{key}`" if not text else f"cannot take `{text}` as its value `{key}`"
            raise AilyusError("bad_policy", f"`{template}` {problem}", hint=f"such as --with {key}={_EXAMPLES[key]}")
    written = {key: _WRITTEN.get(key, str)(text) for key, text in values.items()}
    written["over"] = str(int(values.get("limit", "0")) + 1)
    for key in _TIMES & values.keys():
        moment = _moment(values[key])
        written[f"at_{key}"], written[f"before_{key}"] = (
            (moment - step).isoformat() for step in (timedelta(), timedelta(seconds=1))
        )
    return written


def _is_time(key: str, text: str) -> bool:
    try:
        return key not in _TIMES or bool(_moment(text))
    except ValueError:
        return False


def _moment(text: str) -> datetime:
    """A date, or a time of it, as Cedar's `datetime` reads it: in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


_TIMES = frozenset({"until", "begin", "end"})
_EXAMPLES: Mapping[str, str] = MappingProxyType(
    {
        "limit": "20",
        "from": "09:00",
        "to": "17:30",
        "until": "2027-01-31",
        "begin": "2026-12-20",
        "end": "2027-01-07T06:00:00Z",
        "second": "Director",
        "team": "security",
        "second_team": "finance",
        "agents": "desk-bot,night-bot",
        "attribute": "owner",
        "parameter": "amount",
        "environment": "staging",
        "budget": "resets",
        "tag": "untrusted",
        "read": "get_user",
        "per": "tenant",
        "window": "24h",
    }
)
