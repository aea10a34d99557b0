"""The tests of Ailyus."""

from tests.bytecode import keep

keep()
