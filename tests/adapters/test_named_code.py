"""Named code: a distribution's modules come from the digested text, and from nothing that lies beside it."""

import marshal
import struct
from importlib.machinery import EXTENSION_SUFFIXES
from importlib.util import MAGIC_NUMBER, cache_from_source, module_from_spec
from pathlib import Path

import pytest

from adapters.named_code import NamedCode
from contracts.errors import AilyusError


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of Python's path with a module and a package in it."""
    (tmp_path / "named_one.py").write_text("VALUE = 'text'\n")
    (tmp_path / "named_pack").mkdir()
    (tmp_path / "named_pack" / "__init__.py").write_text("VALUE = 'pack'\n")
    (tmp_path / "named_pack" / "inner.py").write_text("VALUE = 'inner'\n")
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def code(packages: Path) -> NamedCode:
    return NamedCode(
        [packages / "named_one.py", packages / "named_pack" / "__init__.py", packages / "named_pack" / "inner.py"]
    )


def value(finder: NamedCode, name: str, path: list[str] | None = None) -> object:
    spec = finder.find_spec(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.VALUE


def test_modules_and_packages_are_read_as_text(packages: Path) -> None:
    finder = code(packages)
    assert value(finder, "named_one") == "text"
    assert value(finder, "named_pack") == "pack"
    assert value(finder, "named_pack.inner", [str(packages / "named_pack")]) == "inner"


def test_every_other_module_is_left_to_python(packages: Path) -> None:
    finder = code(packages)
    for name in ("json", "named_two", "adapters.named_code"):
        assert finder.find_spec(name, None) is None


def test_byte_code_that_fits_time_and_size_is_not_run(packages: Path) -> None:
    text = packages / "named_one.py"
    at = text.stat()
    cached = Path(cache_from_source(str(text)))
    cached.parent.mkdir(parents=True)
    head = MAGIC_NUMBER + struct.pack("<III", 0, int(at.st_mtime) & 0xFFFFFFFF, at.st_size & 0xFFFFFFFF)
    planted = head + marshal.dumps(compile("VALUE = 'planted'\n", str(text), "exec"))
    cached.write_bytes(planted)
    assert value(code(packages), "named_one") == "text"
    # nothing was written either
    assert cached.read_bytes() == planted


def test_an_extension_module_that_stands_before_the_text_is_refused(packages: Path) -> None:
    (packages / f"named_one{EXTENSION_SUFFIXES[0]}").write_bytes(b"")
    with pytest.raises(AilyusError, match=r"`named_one\..*` would be imported in place of the code") as caught:
        code(packages).find_spec("named_one", None)
    assert caught.value.code == "no_adapter"


def test_a_file_that_the_digest_does_not_cover_is_no_text_of_it(packages: Path) -> None:
    (packages / "named_pack" / "other.py").write_text("VALUE = 'other'\n")
    finder = code(packages)
    # of the same name elsewhere: a module of somebody else
    assert finder.find_spec("named_pack.other", [str(packages / "named_pack")]) is None
