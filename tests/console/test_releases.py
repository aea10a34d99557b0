"""The page of releases: who, when and what changed, for the tenant of who looks, and a candidate that was refused."""

from tests.console.people import People
from tests.world import ailyus

EXTRA = '@id("never-at-nowhere")\nforbid (principal, action, resource) when { resource.tenant == "nowhere" };\n'


async def test_releases_are_shown_to_the_tenant_that_they_are_about(people: People) -> None:
    world, lead, outsider = people.world, await people.person("lead"), await people.person("outsider")
    root = world.workspace.root
    (root / "policies" / "extra.cedar").write_text(EXTRA)
    settings = root / "ailyus.toml"
    text = settings.read_text()
    settings.write_text(text.replace('roles = ["Support", "Operations"]', 'roles = ["Support"]'))
    assert settings.read_text() != text
    await ailyus(world, "release", "apply", "--as", "lead", "--reason", "<b>fewer</b> roles")
    (root / "policies" / "extra.cedar").write_text("permit (")
    assert not await world.app.releases.reload()
    page = await lead.json("/releases.json")
    assert [(one["author"], one["reason"]) for one in page["releases"]] == [("lead", "<b>fewer</b> roles"), (None, "")]
    policy = "added policy never-at-nowhere, risk critical"
    person = "changed person requester, may let more through: roles -Operations"
    assert page["releases"][0]["changes"] == [policy, person]
    # another tenant is told that something was refused, and not what stands in the files
    theirs = await outsider.json("/releases.json")
    assert theirs["releases"][0]["changes"] == [policy]
    assert (theirs["refused"]["code"], theirs["refused"]["sentence"]) == ("bad_policy", "")
    await lead.go("/releases")
    said = await lead.text()
    for words in (world.app.runner.release.digest[:12], "<b>fewer</b> roles", "changed person requester", "refused"):
        assert words in said, words
    assert people.complaints() == []
