"""Both worlds of the differential: the schema that the gateway writes, and that one with everything Cedar knows.

In the second one principals and bills have tags, and bills have an address, dates, durations, nested records and sets
of records. No contract can declare those today, so it is decided as a recorded request, which carries its entities.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import cedarpy

from contracts.compiler.catalog import load_catalog
from contracts.compiler.program import Program
from policies.bundle import Bundle, load_bundle
from policies.policy_check import faults_of
from policies.policy_file import ParsedPolicy, policies_of
from policies.policy_slice import groups_of, slice_of
from policies.schema import generate_schema
from tests.policies.proof.making import CONTRACT, ENVIRONMENTS, ROLES

HOLD = (
    CONTRACT.replace("contract: pay_bill", "contract: hold_bill")
    .replace("risk: high", "risk: low")
    .replace("tags: [bills]", "tags: [holds]")
)
_MORE = {
    "entity Agent in [Role] { tenant: String, name: String };": "entity Agent in [Role] { tenant: String, name: String } "
    "tags String;",
    "onCall: Bool };": "onCall: Bool } tags Set<String>;",
    "entity Bill { ": "type Place = { city: String, geo: { lat: decimal, zone?: Long } };\nentity Bill { source: ipaddr, "
    "due: datetime, grace: duration, place?: Place, history: Set<{ who: Person, cents: Long }>, friends: Set<Person>, ",
    "teams: Set<String> };": "teams: Set<String> } tags Long;",
}


@cache
def programs() -> dict[str, Program]:
    """Two contracts about the same bills, so that the policies of one must not decide the other."""
    with TemporaryDirectory() as folder:
        for name, text in (("pay_bill", CONTRACT), ("hold_bill", HOLD)):
            (Path(folder) / f"{name}.yaml").write_text(text)
        return dict(load_catalog(Path(folder)).programs)


@dataclass(frozen=True)
class World:
    """A schema, and the bundles of policies under it."""

    is_rich: bool

    @property
    def schema(self) -> str:
        """As text."""
        return _schema(is_rich=self.is_rich)

    def parsed(self, text: str) -> ParsedPolicy | None:
        """The policy, if a release with it would load."""
        roles = frozenset(ROLES)
        try:
            (found,) = policies_of("p.cedar", text, _parsed_schema(is_rich=self.is_rich))
        except Exception as error:
            if type(error).__name__ != "AilyusError":
                raise
            return None
        return None if faults_of(found, roles, programs()) else found

    def bundle(self, policies: Mapping[str, str]) -> Bundle:
        """These policies as a gateway holds them: parsed once, in slices, with a schema of what is read."""
        if not self.is_rich:
            return load_bundle({"p.cedar": "\n".join(policies.values())}, programs(), ROLES, ENVIRONMENTS)
        made = load_bundle(
            {"p.cedar": '@id("p") permit (principal, action, resource);'}, programs(), ROLES, ENVIRONMENTS
        )
        parsed = [one for text in policies.values() if (one := self.parsed(text))]
        nodes = {one.name: one.node for one in parsed}
        digests = {one.name: one.name for one in parsed}
        groups = groups_of(programs())
        slices = {name: slice_of(name, nodes, digests, groups[name], frozenset(ROLES)) for name in groups}
        reads = {name: slices[name].reads for name in programs()}
        narrow = _enriched(generate_schema(programs().values(), ROLES, ENVIRONMENTS, reads))
        schema = _parsed_schema(is_rich=True)
        return replace(made, schema=schema, narrow=cedarpy.Schema.from_str(narrow), slices=slices)


WORLDS = (World(is_rich=False), World(is_rich=True))


@cache
def _schema(*, is_rich: bool) -> str:
    text = generate_schema(programs().values(), ROLES, ENVIRONMENTS)
    return _enriched(text) if is_rich else text


@cache
def _parsed_schema(*, is_rich: bool) -> cedarpy.Schema:
    return cedarpy.Schema.from_str(_schema(is_rich=is_rich))


def _enriched(schema: str) -> str:
    for plain, rich in _MORE.items():
        assert schema.count(plain) == 1, plain
        schema = schema.replace(plain, rich)
    return schema
