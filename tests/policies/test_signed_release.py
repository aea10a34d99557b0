"""A signed release: an author's word on exactly what the files say, by a key of theirs, in a role that may release."""

from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import ValidationError

from contracts.action.target import Target
from contracts.compiler.catalog import load_catalog
from contracts.errors import AilyusError
from policies.candidate import Candidate
from policies.case import Case, Who
from policies.principal import Key, People, Person, keyid_of
from policies.release import Release
from policies.signed_release import (
    SignedRelease,
    changed_names,
    check_author,
    check_results,
    check_signature,
    document_of,
    sign_release,
)
from policies.testing import Result
from tests.project import ROOT

TARGET = Target("records", "records", "http://127.0.0.1:1", "acme", "prod", "none", "none", "p")
PEOPLE = People({"lead": Person("lead", "local", "lead", "acme", frozenset({"Lead"}))})
PRIVATE = Ed25519PrivateKey.generate()
PUBLIC = PRIVATE.public_key().public_bytes_raw()
KEY = Key(keyid_of(PUBLIC), PUBLIC, "lead", "file")


def release(*, development: bool = False, policy: str = '@id("all") permit (principal, action, resource);') -> Release:
    catalog = load_catalog(ROOT / "tests" / "vectors" / "records")
    texts = {"base.cedar": policy}
    made = Candidate(catalog, texts, {"records": TARGET}, PEOPLE, ("Lead",), origin="o", development=development)
    return Release.build(made)


@pytest.fixture(scope="module")
def made() -> Release:
    return release()


def code(signed: SignedRelease, made: Release, key: Key = KEY) -> str:
    try:
        check_signature(signed, made, key)
    except AilyusError as error:
        return error.code
    return ""


def test_the_authors_key_signs_exactly_what_the_files_say(made: Release) -> None:
    signed = sign_release(document_of(made, "lead", "because", 1), PRIVATE)
    assert code(signed, made) == ""
    assert signed.keyid == KEY.keyid
    assert code(signed, release(policy='@id("all") forbid (principal, action, resource);')) == "not_released"
    for name, value in (("release", "0" * 64), ("reason", "other"), ("contracts", {}), ("at_ms", 2), ("nonce", "0")):
        forged = signed.model_copy(update={"document": signed.document.model_copy(update={name: value})})
        assert code(forged, made) in ("not_released", "bad_signature"), name


def test_a_key_of_somebody_else_or_of_a_development_workspace_is_none(made: Release) -> None:
    signed = sign_release(document_of(made, "lead", "", 1), PRIVATE)
    assert code(signed, made, replace(KEY, person="ann"))
    assert code(signed, made, replace(KEY, kind="development")) == "weak_key"
    assert code(signed, made, replace(KEY, kind="passkey"))
    other = Ed25519PrivateKey.generate().public_key().public_bytes_raw()
    assert code(signed, made, replace(KEY, public=other, keyid=keyid_of(other)))
    at_home = release(development=True)
    own = sign_release(document_of(at_home, "lead", "", 1), PRIVATE)
    assert code(own, at_home, replace(KEY, kind="development")) == ""


def test_two_documents_of_one_release_differ_and_one_signature_has_no_approvals_in_its_bytes(made: Release) -> None:
    first, second = (document_of(made, "lead", "", 1) for _ in range(2))
    assert first.digest != second.digest
    signed = sign_release(first, PRIVATE)
    assert "approvals" not in signed.model_dump()
    assert SignedRelease.model_validate_json(signed.model_dump_json()) == signed
    with pytest.raises(ValidationError):
        SignedRelease.model_validate({**signed.model_dump(), "public": "no hex"})


def test_who_may_release_is_declared() -> None:
    check_author("lead", ["Support", "Lead"], ["Lead", "Boss"])
    for held, allowed, words in ((["Lead"], [], "no role may release"), (["Support"], ["Lead"], "`lead` may not")):
        with pytest.raises(AilyusError) as fault:
            check_author("lead", held, allowed)
        assert fault.value.code == "no_authority"
        assert words in fault.value.sentence


def test_every_test_of_the_policies_passes_and_there_is_one() -> None:
    case = Case(name="a", action="x", agent=Who(), expect="denied")
    passed, failed = Result(case, "", frozenset()), Result(case, "it was permitted", frozenset())
    check_results([passed])
    for results, words in (([], "here are none"), ([passed, *[failed] * 5], "5 of 6 policy tests fail")):
        with pytest.raises(AilyusError) as fault:
            check_results(results)
        assert fault.value.code == "tests_failed"
        assert words in fault.value.sentence
    assert fault.value.sentence.endswith("and 2 more")


def test_names_that_came_went_and_changed() -> None:
    assert changed_names({"a": "1", "b": "1", "c": "1"}, {"b": "2", "c": "1", "d": "1"}) == (["d"], ["a"], ["b"])
