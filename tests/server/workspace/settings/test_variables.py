"""Variables that begin like those of settings and are none: the misspelt are told apart from others' own."""

from pathlib import Path

import pytest

from contracts.errors import AilyusError
from server.workspace.settings.file import FILE, read_settings
from server.workspace.settings.variables import source_of, unread_variables


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("AILYUS_SERVRE__PORT", "AILYUS_SERVER__PORT"),
        ("AILYUS_SERVER_PORT", "AILYUS_SERVER__PORT"),
        ("AILYUS_LOGS_LEVEL", "AILYUS_LOGS__LEVEL"),
        ("ailyus_developmnt", "AILYUS_DEVELOPMENT"),
        ("AILYUS_NOWHERE__AT", ""),
    ],
)
def test_a_misspelt_variable_is_named_with_the_nearest(name: str, nearest: str) -> None:
    (one,) = unread_variables({name: "1", "PATH": "/bin"})
    assert (one.name, one.nearest, one.is_misspelt) == (name, nearest, True)


def test_a_variable_that_means_no_setting_is_unread_and_not_misspelt() -> None:
    (one,) = unread_variables({"AILYUS_IMAGE": "a"})
    assert not one.is_misspelt
    assert unread_variables({"AILYUS_OKTA__TOKEN": "t"}, ["AILYUS_OKTA__TOKEN"]) == []
    assert unread_variables({"AILYUS_SERVER__PORT": "1", "AILYUS_ROLES": "[]"}) == []


@pytest.mark.parametrize(
    "name",
    [
        "AILYUS_SERVICE_HOST",
        "AILYUS_SERVICE_PORT",
        "AILYUS_SERVICE_PORT_HTTP",
        "AILYUS_PORT",
        "AILYUS_PORT_8420_TCP",
        "AILYUS_PORT_8420_TCP_ADDR",
        "AILYUS_METRICS_SERVICE_HOST",
    ],
)
def test_what_kubernetes_sets_for_a_service_of_our_name_is_left_alone(name: str) -> None:
    assert unread_variables({name: "tcp://10.0.0.1:8420"}) == []


def test_a_misspelt_variable_ends_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / FILE).write_text('origin = "a"\nroles = ["Support"]\n')
    monkeypatch.setenv("AILYUS_SOMETHING", "of others")
    assert read_settings(tmp_path).server.port == 8420
    monkeypatch.setenv("AILYUS_SERVER_PORT", "9000")
    with pytest.raises(AilyusError, match="no setting is read from `AILYUS_SERVER_PORT`") as raised:
        read_settings(tmp_path)
    assert raised.value.hint == "did you mean `AILYUS_SERVER__PORT`?"


def test_the_source_of_a_key_is_its_variable_or_that_of_its_part() -> None:
    assert source_of(("server", "port"), {"AILYUS_SERVER__PORT": "1"}) == "AILYUS_SERVER__PORT"
    assert source_of(("people", 0, "name"), {"AILYUS_PEOPLE": "[]"}) == "AILYUS_PEOPLE"
    assert source_of(("server", "port"), {"AILYUS_SERVER__HOST": "::1"}) is None
