"""`SETTINGS.md` is what the settings' models say."""

from tests.settings_reference import COMMAND, FILE, text


def test_the_reference_of_the_settings_is_what_they_say() -> None:
    assert FILE.read_text() == text(), f"the settings say something else than {FILE.name}; run `{COMMAND}`"
