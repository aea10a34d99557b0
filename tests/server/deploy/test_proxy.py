"""The proxy before two gateways keeps its idle connections for less than the gateways' drain."""

import re

import yaml

from server.listener.http_server import KEEP_ALIVE
from tests.world import ROOT

COMPOSE = ROOT / "server" / "deploy" / "compose"


def test_an_idle_connection_is_closed_by_the_proxy_and_not_under_a_request() -> None:
    services = yaml.safe_load((COMPOSE / "compose.yaml").read_text())["services"]
    found = re.search(r"keepalive_timeout (\d+)s;", (COMPOSE / "nginx.conf").read_text())
    assert found is not None
    for name in ("gateway-1", "gateway-2"):
        drain = int(services[name]["environment"]["AILYUS_SERVER__DRAIN"].removesuffix("s"))
        assert int(found[1]) < drain < KEEP_ALIVE
