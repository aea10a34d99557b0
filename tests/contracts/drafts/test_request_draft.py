"""Requests of a draft: only the parts that there are."""

from contracts.drafts.request_draft import RequestDraft


def test_what_is_empty_is_not_written() -> None:
    assert RequestDraft("/a").written("get") == {"get": "/a"}
    made = RequestDraft("/a", {"q": "1"}, {"h": "2"}, {"b": 3}, None, "Key", "x", ["left"])
    assert made.written("put") == {
        "put": "/a", "query": {"q": "1"}, "headers": {"h": "2"}, "idempotency_key": "Key", "if_match": "x", "json": {"b": 3},
    }  # fmt: skip


def test_a_body_is_a_form_or_json_also_where_it_is_empty() -> None:
    assert RequestDraft("/a", json={"b": 3}, form={}).written("post") == {"post": "/a", "form": {}}
    assert RequestDraft("/a", json={}).written("post") == {"post": "/a", "json": {}}
    assert RequestDraft("/a", json=0).written("post") == {"post": "/a", "json": 0}


def test_two_drafts_share_no_part() -> None:
    one, other = RequestDraft(), RequestDraft()
    one.query["a"] = "b"
    one.left_out.append("c")
    assert (other.query, other.left_out) == ({}, [])
