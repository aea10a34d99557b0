"""The request of a cosignature: the specification's example, and both ways."""

import base64

import pytest

from contracts.errors import AilyusError
from receipts.log.add_checkpoint import AddCheckpoint

EXAMPLE = """\
old 20852014
PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=
jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=
5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=
/6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=

example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
"""


def test_the_example_of_the_specification_is_read_and_written_again() -> None:
    asked = AddCheckpoint.parse(EXAMPLE.encode())
    assert (asked.old, len(asked.proof)) == (20852014, 4)
    assert asked.proof[0] == base64.b64decode("PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=")
    assert (asked.checkpoint.origin, asked.checkpoint.size) == ("example.com/behind-the-sofa", 20852163)
    assert asked.encoded().decode() == EXAMPLE


def test_a_request_with_more_hashes_than_a_tree_can_have_is_none() -> None:
    line = "PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=\n"
    with pytest.raises(AilyusError, match="no add-checkpoint"):
        AddCheckpoint.parse(EXAMPLE.replace(line, line * 61).encode())
