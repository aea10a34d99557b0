"""The text of one policy, as Cedar decides it: laid out by Cedar's own formatter, without the comments of its file."""

import cedarpy

from policies.bundle import Bundle


def text_of_policy(bundle: Bundle, name: str) -> str:
    """The policy with this `@id`; raises `KeyError` where there is none."""
    # from its JSON: the file holds other policies too, and another layout of it decides the same
    document = b'{"templates":{},"templateLinks":[],"staticPolicies":{"policy0":' + bundle.sources[name] + b"}}"
    return cedarpy.format_policies(cedarpy.policies_from_json_str(document.decode())).strip()
