"""A schema is checked once, and one that is none is refused each time."""

import jsonschema
import pytest

from tests import metaschema


def test_a_sound_schema_is_checked_once_and_another_one_is_refused_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    check = metaschema._check
    monkeypatch.setattr(
        metaschema, "_check", lambda schema, **options: (asked.append(schema), check(schema, **options))
    )
    sound, odd = {"type": "object", "title": "asked twice"}, {"type": "neither"}
    for _ in range(2):
        jsonschema.Draft202012Validator.check_schema(sound)
        with pytest.raises(jsonschema.SchemaError):
            jsonschema.validate({}, odd)
    assert asked == [sound, odd, odd]
