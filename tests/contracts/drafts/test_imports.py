"""Drafts send what was asked for: what an importer cannot carry over is a `TODO` that the check refuses."""

import re
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml

from contracts.compiler.catalog import Complaints, load_catalog
from contracts.drafts.credentials import names_a_secret
from contracts.drafts.curl import parse_line
from contracts.drafts.curl_draft import draft_lines
from contracts.drafts.draft import Draft, DraftInput
from contracts.drafts.openapi import Description
from contracts.drafts.shell import words_of
from contracts.errors import AilyusError
from contracts.text.todo import todos

SAID = DraftInput("low", "User=x", "Change one thing.", "", ("response.status == 200",))
READ = "curl https://d.example/api/users"


def content(draft: Draft) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(draft.text(SAID))
    return loaded


def drafted(write: str, read: str = READ, fixed: Any = None) -> dict[str, Any]:
    return content(draft_lines(write, read, "do", "d", fixed or {})[0])


def left(draft: Draft) -> dict[str, str]:
    return {".".join(path): what for path, what in todos(content(draft))}


# -- curl ------------------------------------------------------------------------------


def test_get_puts_its_data_into_the_query() -> None:
    read = """curl -G https://d.example/api/users --data-urlencode 'filter=status eq "ACTIVE"' -d limit=3"""
    line = parse_line(read)
    assert (line.method, line.query, line.form) == ("GET", [("filter", 'status eq "ACTIVE"'), ("limit", "3")], None)
    with pytest.raises(AilyusError, match="changes something is a GET"):
        drafted("curl -G https://d.example/api/users/u-7/tag -d label=vip")


@pytest.mark.parametrize(
    ("given", "pairs"),
    [
        ("--data-urlencode 'note=R&D'", [("note", "R&D")]),
        ("""--data-urlencode 'payload={"a":"b&c"}'""", [("payload", '{"a":"b&c"}')]),
        ("--data-urlencode '=a=b c'", None),
        ("-d a=1 -d b=2", [("a", "1"), ("b", "2")]),
        ("-d a=1 --data-raw @b=2", [("a", "1"), ("@b", "2")]),
        ("-da=1", [("a", "1")]),
    ],
)
def test_values_stay_whole(given: str, pairs: list[tuple[str, str]] | None) -> None:
    if pairs is None:
        with pytest.raises(AilyusError, match="neither JSON nor a form"):
            parse_line(f"curl https://d.example/x {given}")
        return
    assert parse_line(f"curl https://d.example/x {given}").form == pairs


def test_a_name_that_is_there_twice_is_a_list() -> None:
    found = drafted(
        "curl https://d.example/api/users/u-7 -d role=reader -d role=auditor",
        "curl 'https://d.example/api?day[]=mon&day[]=tue'",
    )
    assert found["execute"][0]["http"]["form"] == {"role": "${inputs.role}"}
    assert found["observe"]["state"]["query"] == {"day[]": "${inputs.day}"}
    assert {name: part["type"] for name, part in found["inputs"].items()} == {
        "user_id": "string",
        "role": "array",
        "day": "array",
    }


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (r"""curl $'{"note":"it\'s done"}'""", ["curl", """{"note":"it's done"}"""]),
        (r"$'\x41\u00e9\t\101\cA\\'", ["Aé\tA\x01\\"]),
        ("a \\\r\n b \\\n c", ["a", "b", "c"]),
        ('a \'b c\'"d $X ${Y} \\" \\n"e\\ f', ["a", 'b cd {X} {Y} " \\ne f']),
        ("'$X'", ["$X"]),
        ("a # b", ["a"]),
        ("https://d.example/<id>", ["https://d.example/<id>"]),
        ("'' \"\"", ["", ""]),
    ],
)
def test_the_words_of_a_shell(text: str, words: list[str]) -> None:
    assert words_of(text) == words


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("curl https://d.example \\ \n -d a=1", "a blank stands between"),
        ("curl https://d.example ^\n -d a=1", "cmd.exe"),
        ('curl ^"https://d.example^"', "cmd.exe"),
        ("curl https://d.example?a=1&b=2", "a bare `&`"),
        ("curl https://d.example | jq .", "another command"),
        ("curl https://d.example > out", "writes to a file"),
        ("curl https://d.example\nrm x", "more than one command"),
        ("curl https://d.example -d $(cat x)", "would compute"),
        ("curl https://d.example -d `cat x`", "would compute"),
        ("curl https://d.example/{a,b}", "several words"),
        ("curl 'https://d.example/api/refunds/{r-1,r-2}'", "several requests"),
        ("curl 'https://d.example/api/refunds/r-[1-3]'", "several requests"),
        ("curl https://d.example --data-urlencode note@/etc/hostname", "no file is read"),
        ("curl https://d.example --data-binary @x", "no file is read"),
        ("curl https://d.example -H @x", "no header"),
        ("curl https://d.example --data=a", "knows no `--data=`"),
        ("curl https://d.example -X $'PURGE'", "no method"),
        ("curl https://d.example -X GET -d a=1", "a body with a GET"),
        ("curl https://d.example/a/../b", "`.` or `..`"),
        ("curl -X POST https://d.example/a%2Fb", "an encoded `/`"),
        ("curl https://d.example -H 'Content-Type: application/json' -d '{\"a\":1,\"a\":2}'", "twice"),
        ("curl https://d.example -H 'Authorization: AWS4-HMAC-SHA256 Credential=x' -d a=1", "signs one request"),
        ("curl https://d.example -T x", "not understood"),
        ("curl -G https://d.example --url-query a=b -d c=d", "beside the data of `-G`"),
        ("curl https://d.example?flag", "no list of"),
    ],
)
def test_what_a_line_may_not_be(line: str, words: str) -> None:
    with pytest.raises(AilyusError) as found:
        drafted(line, READ if "POST" in line else line) if "-X GET" not in line else parse_line(line)
    assert words in found.value.sentence


SECRET = "q7Zr4tYw9sKd2mLx"
KEPT = (
    "PRIVATE-TOKEN",
    "X-Auth-Token",
    "X-Vault-Token",
    "apikey",
    "Api-Token",
    "X-Api-Key",
    "X-Shopify-Access-Token",
    "DD-API-KEY",
)
NAMED = (
    "X-CSRF-Token",
    "Proxy-Authorization",
    "X-Whatever",
    "Cookie",
    "X-Session-Id",
    "X-Amz-Foo",
    "Referer",
    "X-Tenant",
)


@pytest.mark.parametrize("name", KEPT)
def test_a_credential_goes_to_the_connection(name: str) -> None:
    draft, _ = draft_lines(f"curl -X POST https://d.example/a -H '{name}: {SECRET}'", READ, "do", "d", {})
    assert draft.credential == (name, "")
    assert SECRET not in draft.text(SAID)
    assert not left(draft)


@pytest.mark.parametrize("name", NAMED)
def test_any_other_header_is_named_and_its_value_is_not_kept(name: str) -> None:
    draft, _ = draft_lines(f"curl -X POST https://d.example/a -H '{name}: {SECRET}'", READ, "do", "d", {})
    assert SECRET not in draft.text(SAID)
    assert list(left(draft)) == [f"execute.0.http.headers.{name}"]


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("-H 'Authorization: Bearer x'", ("Authorization", "Bearer")),
        ("-H 'Authorization: SSWS x'", ("Authorization", "SSWS")),
        ("-H 'Authorization: x'", ("Authorization", "")),
        ("-u me:x", ("Authorization", "Basic")),
        ("--oauth2-bearer x", ("Authorization", "Bearer")),
    ],
)
def test_how_a_credential_is_written(given: str, found: tuple[str, str]) -> None:
    assert draft_lines(f"curl -X POST https://d.example/a {given}", READ, "do", "d", {})[0].credential == found


@pytest.mark.parametrize(
    "given",
    [
        "'https://d.example/a?api_key=x' -X POST",
        "https://d.example/a -d client_secret=x",
        """https://d.example/a -d '{"a": [{"clientSecret": "x"}]}'""",
        "https://d.example/a -d 'note=ghp_0123456789abcdef0123456789abcdef0123'",
        "https://d.example/bot123456789:AAabcdefghijklmnopqrstuvwxyz0123456/send -X POST",
    ],
)
def test_a_secret_in_a_query_or_a_body_is_refused(given: str) -> None:
    with pytest.raises(AilyusError, match="looks like a secret") as found:
        drafted(f"curl {given}")
    assert "ghp_" not in str(found.value)


def test_pages_are_no_secrets() -> None:
    assert not any(
        names_a_secret(n) for n in ("page_token", "nextPageToken", "max_tokens", "Content-Type", "note", "X-Keyboard")
    )


def test_keys_and_versions_of_one_request_are_asked_for() -> None:
    line = """curl -X PUT https://d.example/api/users/u-7 -H 'Idempotency-Key: 5f1e' -H 'If-Match: "7"' -H 'Prefer: return=minimal' -d a=b"""
    draft, _ = draft_lines(line, "curl https://d.example/api/users/u-7", "do", "d", {})
    http = content(draft)["execute"][0]["http"]
    assert (http["idempotency_key"], http["headers"]) == ("Idempotency-Key", {"Prefer": "return=minimal"})
    assert list(left(draft)) == ["execute.0.http.if_match"]


@pytest.mark.parametrize(
    "given",
    [
        "-F a=b",
        "-H 'Content-Type: text/plain' -d hello",
        "-H 'Content-Type: application/xml' -d '<a/>'",
        "-d '{\"a\": 1.5}'",
    ],
)
def test_a_body_that_no_contract_can_say_is_named(given: str) -> None:
    draft, _ = draft_lines(f"curl https://d.example/a {given}", READ, "do", "d", {})
    assert [where for where in left(draft) if where.startswith("execute.0.http.json")]


def test_two_places_of_one_line_are_two_inputs() -> None:
    line = """curl https://d.example/orders/5/parts/5 -d '{"shipping": {"city": "a"}, "billing": {"city": "b"}, "ids": [1, 2], "rows": [{"n": 1}, {"n": 2}]}'"""
    found = drafted(line, "curl https://d.example/orders/5/parts/5")
    http = found["execute"][0]["http"]
    assert http["post"] == "/orders/${inputs.order_id}/parts/${inputs.part_id}" == found["observe"]["state"]["get"]
    assert http["json"] == {
        "shipping": {"city": "${inputs.shipping_city}"},
        "billing": {"city": "${inputs.billing_city}"},
        "ids": "${inputs.ids}",
        "rows": [{"n": "${inputs.rows_1_n}"}, {"n": "${inputs.rows_2_n}"}],
    }


def test_what_is_set_must_stand_somewhere() -> None:
    with pytest.raises(AilyusError, match="stands nowhere"):
        drafted("curl https://d.example/a -d b=1", fixed={"c": 1})


# -- OpenAPI ---------------------------------------------------------------------------


def described(folder: Path, path: str, method: str = "post", extra: Any = None, **operation: Any) -> Description:
    whole = {"openapi": "3.1.0", "info": {"title": "T", "version": "1"}, **(extra or {})}
    own = {"operationId": "act", "responses": {"200": {}}, **operation}
    whole["paths"] = {path: {method: own}, "/look": {"get": {"operationId": "look", "responses": {}}}}
    (folder / "api.json").write_bytes(orjson.dumps(whole))
    return Description.load(folder / "api.json")


def act(folder: Path, path: str = "/x", without: tuple[str, ...] = (), **more: Any) -> Draft:
    return described(folder, path, **more).draft("act", "look", "d", {}, without)


def body(media: str, schema: Any = None, **more: Any) -> dict[str, Any]:
    shape = schema or {
        "type": "object",
        "required": ["name"],
        "properties": {"name": {"type": "string"}, "tags": {"type": "array", "items": {"type": "string"}}},
    }
    return {"required": True, "content": {media: {"schema": shape, **more}}}


def route(draft: Draft) -> dict[str, Any]:
    http: dict[str, Any] = content(draft)["execute"][0]["http"]
    return http


def param(name: str, where: str = "query", required: bool = True, **more: Any) -> dict[str, Any]:
    return {"name": name, "in": where, "required": required, "schema": {"type": "string"}, **more}


def test_bodies_of_every_kind(tmp_path: Path) -> None:
    both = {"name": "${inputs.name}", "tags": "${inputs.tags}"}
    assert route(act(tmp_path, requestBody=body("application/x-www-form-urlencoded")))["form"] == both
    merged = route(act(tmp_path, requestBody=body("application/merge-patch+json")))
    assert (merged["json"], merged["headers"]) == (both, {"content-type": "application/merge-patch+json"})
    for media in ("multipart/form-data", "text/plain", "application/xml"):
        assert list(left(act(tmp_path, requestBody=body(media)))) == ["execute.0.http.json"]
    fields = [{"name": "name", "in": "formData", "type": "string", "required": True}]
    assert route(act(tmp_path, parameters=fields))["form"] == {"name": "${inputs.name}"}
    file = [{"name": "file", "in": "formData", "type": "file"}]
    assert list(left(act(tmp_path, parameters=file, consumes=["multipart/form-data"]))) == ["execute.0.http.json"]


def test_headers_and_cookies(tmp_path: Path) -> None:
    given = [
        param("X-Tenant-Id", "header"),
        param("If-Match", "header"),
        param("Idempotency-Key", "header"),
        param("sid", "cookie"),
        param("X-Api-Token", "header"),
    ]
    draft = act(tmp_path, parameters=given)
    http = route(draft)
    assert http["headers"]["X-Tenant-Id"] == "${inputs.x_tenant_id}"
    assert http["idempotency_key"] == "Idempotency-Key"
    assert set(left(draft)) == {
        f"execute.0.http.{part}" for part in ("if_match", "headers.Cookie", "headers.X-Api-Token")
    }


def test_one_name_at_two_places_is_two_inputs(tmp_path: Path) -> None:
    city = {"type": "object", "required": ["city"], "properties": {"city": {"type": "string"}}}
    schema = {
        "type": "object",
        "required": ["id", "shipping", "billing"],
        "properties": {"id": {"type": "string"}, "shipping": city, "billing": city},
    }
    draft = act(
        tmp_path, "/orders/{id}", parameters=[param("id", "path")], requestBody=body("application/json", schema)
    )
    assert set(draft.inputs) == {"path_id", "body_id", "shipping_city", "billing_city"}
    assert route(draft)["post"] == "/orders/${inputs.path_id}"
    fixed = described(
        tmp_path, "/orders/{id}", parameters=[param("id", "path")], requestBody=body("application/json", schema)
    )
    with pytest.raises(AilyusError, match=r"`body.id` and `path.id`"):
        fixed.draft("act", "look", "d", {"id": "7"})
    assert route(fixed.draft("act", "look", "d", {"body.id": "7"}))["json"]["id"] == "7"


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("/v1/jobs/{jobId}:cancel", ["jobId"]),
        ("/compare/{base}...{head}", ["base", "head"]),
        ("/reports/{id}.{format}", ["id", "format"]),
        ("/Users('{key}')/x", ["key"]),
    ],
)
def test_fixed_text_and_several_holes_in_a_segment(tmp_path: Path, path: str, names: list[str]) -> None:
    draft = act(tmp_path, path, parameters=[param(name, "path") for name in names])
    assert re.sub(r"\$\{inputs\.[a-z_]+\}", "{}", route(draft)["post"]) == re.sub(r"\{[^}]+\}", "{}", path)
    (tmp_path / "contracts").mkdir()
    (tmp_path / "contracts" / "act.yaml").write_text(draft.text(SAID))
    assert load_catalog(tmp_path / "contracts").programs["act"].routes


def test_queries_in_the_style_that_is_said(tmp_path: Path) -> None:
    shape = {"type": "object", "properties": {"state": {"type": "string"}, "age": {"type": "number"}}}
    listed = {"type": "array", "items": {"type": "string"}}
    given = [
        param("filter", schema=shape, style="deepObject", explode=True),
        param("flat", schema={"type": "object", "properties": {"zone": {"type": "string"}}}),
        param("pipes", schema=listed, style="pipeDelimited", explode=False),
        param("commas", schema=listed, explode=False),
        param("many", schema=listed),
        param("json", content={"application/json": {"schema": shape}}),
    ]
    draft = act(tmp_path, parameters=given)
    query = route(draft)["query"]
    assert query["filter[state]"] == "${inputs.state}"
    assert query["zone"] == "${inputs.zone}"
    assert (query["pipes"], query["commas"], query["many"]) == (
        "${list.pipes(inputs.pipes)}",
        "${list.commas(inputs.commas)}",
        "${inputs.many}",
    )
    assert list(left(draft)) == ["execute.0.http.query.json"]


def test_no_shape_is_guessed_and_cycles_are_cut(tmp_path: Path) -> None:
    choice = {"oneOf": [{"type": "object", "properties": {"a": {"type": "string"}}}, {"type": "object"}]}
    assert list(left(act(tmp_path, requestBody=body("application/json", choice)))) == ["execute.0.http.json"]
    loop = {
        "allOf": [{"$ref": "#/components/schemas/n"}, {"type": "object", "properties": {"name": {"type": "string"}}}]
    }
    draft = act(
        tmp_path,
        requestBody=body("application/json", {"$ref": "#/components/schemas/n"}),
        extra={"components": {"schemas": {"n": loop}}},
    )
    assert "name" in draft.inputs
    assert any("refers to itself" in note for note in draft.notes)
    shape = {
        "type": "object",
        "properties": {"name": {"type": "string"}, "meta": {"type": "object"}, "rate": {"type": "number"}},
    }
    assert "meta, rate" in left(act(tmp_path, requestBody=body("application/json", shape)))["execute.0.http.json.TODO"]
    assert not left(act(tmp_path, without=("*",), requestBody=body("application/json", shape)))


def test_a_parameter_that_is_declared_nowhere_is_named(tmp_path: Path) -> None:
    assert list(left(act(tmp_path, "/users/{ghost}"))) == ["inputs.ghost.description"]


def test_a_fault_names_the_key_and_not_the_validator(tmp_path: Path) -> None:
    text = draft_lines("curl -X POST https://d.example/a", READ, "do", "d", {})[0].text(SAID)
    (tmp_path / "do.yaml").write_text(
        text.replace("get: /api/users", "get: /api/users\n    query: {filter: {state: x}}")
    )
    with pytest.raises(Complaints) as found:
        load_catalog(tmp_path)
    assert "`observe.state.query.filter`: must be a text" in str(found.value)
    assert not re.search(r"function-after|literal\[|Input should|\.str\b", str(found.value))


def test_the_header_of_a_credential_comes_from_the_description(tmp_path: Path) -> None:
    schemes = {"key": {"type": "apiKey", "in": "header", "name": "X-Figma-Token"}, "oauth": {"type": "oauth2"}}
    extra = {"components": {"securitySchemes": schemes}}
    assert act(tmp_path, extra=extra, security=[{"key": []}, {"oauth": []}]).credential == ("Authorization", "Bearer")
    assert act(tmp_path, extra=extra, security=[{"key": []}]).credential == ("X-Figma-Token", "")
