"""The session history: what an agent was shown for its person before, as policies read it (`context.session.saw`).

It names contracts and their groups, in the words of a policy's scope: `get_ticket`, `tag_untrusted`, `read`. A session
is an agent's work for one person within the settings' `session_hours`, whichever MCP sessions and replicas that took: a
client that opens another session would else be believed to have forgotten.
"""

from collections.abc import Iterable, Iterator, Mapping

from cedarpy import pst

from contracts.compiler.program import Program
from contracts.errors import AilyusError
from contracts.text.nearest import did_you_mean
from policies.cedar_expression import context_keys, walk
from policies.schema import membership

_SAW = pst.GetAttr(pst.GetAttr(pst.Var("context"), "session"), "saw")


def shown_names(programs: Iterable[Program]) -> frozenset[str]:
    """What `saw` holds when data of all these contracts was shown."""
    return frozenset(name for program in programs for name in (*membership(program), program.name))


def reads_session(policies: Iterable[pst.Template]) -> bool:
    """Does one of these policies look at what was seen?"""
    keys = (key for policy in policies for clause in policy.clauses for key in context_keys(clause.expr))
    return not {"session", "*"}.isdisjoint(keys)


def names_asked(expr: pst.Expr) -> Iterator[str]:
    """The names that a condition looks for in what was seen."""
    for node in walk(expr):
        match node:
            case pst.BinaryOp(left=left, right=pst.StringLit(value=name)) if left == _SAW:
                yield name
            case pst.BinaryOp(left=left, right=pst.Set(elements=elements)) if left == _SAW:
                yield from (one.value for one in elements if isinstance(one, pst.StringLit))


def check_names(name: str, node: pst.Template, file: str, programs: Mapping[str, Program]) -> None:
    """Refuse a policy that looks for what nothing can have shown: its forbid would never hold. Raises `AilyusError`."""
    names = [one for clause in node.clauses for one in names_asked(clause.expr)]
    # most policies look for none, and what can be shown is put together of all contracts
    known = shown_names(programs.values()) if names else frozenset()
    for asked in names:
        if asked not in known:  # guard: what was seen is named as it is called
            sentence = f"`{name}` looks for `{asked}` in what was seen, which is no contract and no group of one"
            hint = did_you_mean(asked, known, where="name a contract, or a group such as `tag_untrusted`")
            raise AilyusError("bad_policy", sentence, hint=hint, field=file)
