"""Signatures are byte-equal to botocore's, and a credential of another form is refused."""

from datetime import UTC, datetime
from urllib.parse import quote

import pytest
from botocore.auth import SigV4Auth  # type: ignore[import-untyped]  # the oracle; it comes with moto
from botocore.awsrequest import AWSRequest  # type: ignore[import-untyped]  # same
from botocore.credentials import Credentials  # type: ignore[import-untyped]  # same
from hypothesis import given
from hypothesis import strategies as st

from adapters.http.sigv4 import AccessKey, signed
from contracts.errors import AilyusError

TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["C"]), min_size=1, max_size=12)


@given(
    body=st.binary(max_size=60),
    query=st.dictionaries(TEXT, TEXT, max_size=3),
    target=st.from_regex(r"\A[a-z]{1,12}\.[A-Z][a-z]{1,12}\Z"),
    token=st.none() | st.from_regex(r"\A[A-Za-z0-9/+=]{1,40}\Z"),
    path=st.sampled_from(["/", "/one", "/one/two-three_four.five~"]),
)
def test_equal_to_botocore(body: bytes, query: dict[str, str], target: str, token: str | None, path: str) -> None:
    pairs = "&".join(f"{quote(n, safe='')}={quote(v, safe='')}" for n, v in query.items())
    url = f"http://127.0.0.1:5000{path}" + (f"?{pairs}" if pairs else "")
    headers = {"content-type": "application/x-amz-json-1.1", "x-amz-target": target, "accept": "application/json"}
    now = datetime.now(UTC)
    ours = signed(
        "POST", url, headers, body, AccessKey("AKIDEXAMPLE", "secret/key+x", token), ("eu-west-1", "iam"), now
    )
    request = AWSRequest("POST", url, headers=dict(headers), data=body)
    theirs = SigV4Auth(Credentials("AKIDEXAMPLE", "secret/key+x", token), "iam", "eu-west-1")
    request.context["timestamp"] = now.strftime("%Y%m%dT%H%M%SZ")
    request.headers["X-Amz-Date"] = request.context["timestamp"]
    request.headers["Host"] = "127.0.0.1:5000"
    if token:
        request.headers["X-Amz-Security-Token"] = token
    names = [n for n in request.headers if n.lower() == "accept"]
    for name in names:  # botocore signs every header that it is given; accept is none that has to be
        del request.headers[name]
    string = theirs.string_to_sign(request, theirs.canonical_request(request))
    assert ours["authorization"].rpartition("=")[2] == theirs.signature(string, request)
    assert ours["x-amz-date"] == request.context["timestamp"]


@pytest.mark.parametrize("text", ["", "no-colon", ":secret", "id:"])
def test_another_credential_is_refused(text: str) -> None:
    with pytest.raises(AilyusError, match="access key"):
        AccessKey.parse(text)
