"""Guards: take one out at a time, and its tests must fail. `uv run python -m tests.guards [NAME …]`"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
GUARDS_HOLD = "tests/policies/test_guards.py::test_"
TRAPS = "tests/policies/test_traps.py::test_trap_"
ADAPTER = "tests/adapters/test_python.py::test_"
UPSTREAM = "tests/upstream/test_upstream.py::test_"
TOKENS = "tests/identity/test_tokens.py::test_"
RELEASES = "tests/journeys/test_signed_releases.py::test_"
STRANGERS = "tests/identity/test_isolation.py::test_"
SIGN_IN = "tests/identity/test_sign_in.py::test_"
JOURNAL = "tests/receipts/test_journal.py::test_"
AUDIT = "tests/receipts/test_audit.py::test_"
APPROVALS = "tests/journeys/test_approvals.py::test_"
PROOFS = "tests/proofs/test_proofs.py::test_"
ROWS = "tests/invariants/test_rows.py::test_"


@dataclass(frozen=True)
class Guard:
    """What is taken out where, and the tests that then fail."""

    name: str
    file: str
    guard: str
    without: str
    tests: str


GUARDS = [
    Guard("entities with schema", "policies/bundle.py", '    base = cedarpy.Entities.from_json_str("[]", schema)\n', '    base = cedarpy.Entities.from_json_str("[]")\n    Bundle.entities = lambda self, delta, base=None: (base or self.base).with_added_json_str(orjson.dumps(delta).decode())\n', TRAPS + "1_"),
    Guard("an error is no permit", "policies/decision.py", "all(r.decision is cedarpy.Decision.Allow and not r.diagnostics.errors for r in", "all(r.decision is cedarpy.Decision.Allow for r in", TRAPS + "2_"),
    Guard("requests with schema", "policies/decision.py", "is_authorized_batch(requests, sliced.policies, entities, self.bundle.schema)", "is_authorized_batch(requests, sliced.policies, entities)", TRAPS + "3_a"),
    Guard("reserved keys", "contracts/inputs.py", 'if name.startswith("__"):', "if False:", TRAPS + "3_reserved"),
    Guard("nested risk groups", "policies/schema.py", 'f\' in [Action::"{parents[group]}"]\' if group in parents else ""', '""', TRAPS + "4_"),
    Guard("absent attributes deny", "policies/decision.py", "        value = attribute.default\n", "        value = attribute.default or False\n", TRAPS + "5_an_attribute_that_cannot"),
    Guard("user-editable attributes", "policies/bundle.py", 'if node.effect == "forbid" and editable &', "if False and editable &", TRAPS + "5_an_attribute_that_its"),
    Guard("declared roles only", "policies/decision.py", 'caller.roles & self.bundle.roles),\n            _principal("Person", caller.person, caller.tenant, caller.person_roles & self.bundle.roles)', 'caller.roles),\n            _principal("Person", caller.person, caller.tenant, caller.person_roles)', TRAPS + "6_"),
    Guard("attributes with schema", "policies/bundle.py", "orjson.dumps(delta).decode(), self.schema)", "orjson.dumps(delta).decode())", TRAPS + "7_"),
    Guard("stable ids", "policies/bundle.py", "if not _ID.fullmatch(name):", "if False:", TRAPS + "8_every"),
    Guard("impossible policies", "policies/bundle.py", "if is_impossible(node, programs):", "if False:", TRAPS + "9_"),
    Guard("scopes that no action fits", "policies/impossible.py", "not _in_scope(policy, w[0], w[3]) or ", "", "tests/policies/test_impossible.py"),
    Guard("form of approvals", "policies/bundle.py", "if sum(_count_approvals(b) for b in bodies) !=", "if False and sum(_count_approvals(b) for b in bodies) !=", TRAPS + "10"),
    Guard("forgotten guard", "policies/library/base.cedar", "unless { context.guarded };", "when { resource.tenant == \"nowhere\" };", TRAPS + "11"),
    Guard("no self-approval", "policies/approval.py", "if bystanders.excludes(binding.approver):", "if False:", "tests/policies/test_approval.py::test_circumstances"),
    Guard("bound to the exact subject", "policies/approval.py", "    if changed:\n        return changed\n", "", "tests/policies/test_approval.py::test_no_field_of_the_subject_is_forgotten"),
    Guard("SAVEPOINT", "receipts/sqlite.py", 'self._connection.execute("ROLLBACK TO entry")', "pass", "tests/receipts/test_store.py::test_one_poisoned_entry_among_sixty_four"),
    Guard("a group taken back", "receipts/sqlite.py", '                self._connection.execute("ROLLBACK")', "                pass", "tests/receipts/test_store.py::test_one_poisoned_entry_among_sixty_four"),
    Guard("a writer that fails says so", "receipts/store.py", "                answer_all(group, NotDurable(self._failed))\n            if stop:", "                pass\n            if stop:", "tests/receipts/test_store.py::test_a_fault_of_our_own_is_told"),
    Guard("what waited is as told", "receipts/postgres.py", "                raise _Otherwise", "                pass", "tests/receipts/test_batch.py::test_groups_that_collide"),
    Guard("what waits is flushed first", "receipts/postgres.py", "if self._batch.concerns(sql):", "if False:", "tests/receipts/test_batch.py::test_groups_that_collide"),
    Guard("rewound stores", "receipts/sqlite.py", "            self._refuse_rewound()\n", "", "tests/receipts/test_store.py::test_an_older_copy_does_not_start"),
    Guard("a file goes on from a signed checkpoint", "receipts/sqlite.py", "            open_note(note, self.origin, self.signer.public)\n", "            pass\n", AUDIT + "a_file_does_not_start_from"),
    Guard("the log ends at a signed checkpoint", "receipts/audit.py", "if self._frontier.size > covered:", "if False:", AUDIT + "statements_without_a_signed_checkpoint"),
    Guard("the log reaches the head file", "receipts/audit.py", "self._head.size > self._frontier.size", "False", AUDIT + "a_log_that_was_cut"),
    Guard("the log continues a checkpoint", "receipts/audit.py", "if since.size and not consistent(", "if False and not consistent(", AUDIT + "a_log_that_was_written_anew"),
    Guard("evidence is all there", "receipts/audit.py", "if (receipt, label) not in self._erased:", "if False:", AUDIT + "missing_evidence"),
    Guard("a tenant's key is the logged one", "receipts/audit.py", "elif stored[tenant] != logged[tenant]:", "elif False:", AUDIT + "another_key_of_a_tenant"),
    Guard("keys count by their statement", "receipts/registry.py", "            if said is None or not key_is_said(key, said, self._tenant_keys.get(said.tenant)):", "            said = said or Said(0, 'linked', '', 0, {})\n            if False:", ROWS + "a_forged_key"),
    Guard("a revocation in the log holds", "receipts/registry.py", 'revoked=key.revoked or said.event != "linked"', "revoked=key.revoked", ROWS + "a_revoked_key_stays_revoked"),
    Guard("agents count by their statement", "server/identity.py", 'hmac.compare_digest(said.text("registration"), registered(row, observe_only=bool(row[5])))', "True", ROWS + "an_agent_whose_row_was_changed"),
    Guard("halts count by their statement", "receipts/controls.py", '            if said.event == "halted"\n        ]', '            if said.event == "halted" and place in by_place\n        ]', ROWS + "a_halt_holds"),
    Guard("roles count by their statement", "receipts/roles.py", "        if not self._is_said(person, roles, at_ms, refresh):\n            self._ledger.tell", "        if False:\n            self._ledger.tell", ROWS + "roles_count_only"),
    Guard("approvals count by their statement", "receipts/lookup.py", "if said is None or not stands or not approval_is_said(row, said, self._registry.tenant_keys):", "if False:", ROWS + "an_approval_without_a_statement"),
    Guard("an approval that was taken back", "receipts/lookup.py", "stands = said is not None and str(row[0]) not in ledger.withdrawn", "stands = True", ROWS + "an_approval_that_was_taken_back"),
    Guard("only what an agent asked for goes on", "server/drive.py", "or not await journal.is_vouched(action):\n                return None\n            return None if", "or False:\n                return None\n            return None if", ROWS + "an_action_that_no_agent_asked_for"),
    Guard("a request in the store is the signed one", "server/inbox.py", "if not await self._pipeline().journal.is_vouched(action):", "if False:", ROWS + "people_are_not_asked"),
    Guard("a start reads the whole log", "receipts/ledger.py", "    if (frontier.size, frontier.root()) != (end.size, end.root):", "    if False:", ROWS + "a_gateway_does_not_start_over"),
    Guard("a link is a MAC", "server/console/introductions.py", "if hmac.compare_digest(self._sealed(token, str(id_), str(person), blob(words)), str(sealed)):", "if True:", ROWS + "a_forged_link"),
    Guard("one owner", "receipts/sqlite.py", "fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)", "pass", "tests/receipts/test_store.py::test_one_owner"),
    Guard("clock", "receipts/store.py", "if not self._clock_ok:", "if False:", "tests/receipts/test_store.py::test_a_clock_that_runs_behind"),
    Guard("fence", "receipts/journal.py", " AND fence = ?", " AND ? IS NOT NULL", JOURNAL + "an_old_fence_neither_acts_nor_writes"),
    Guard("lease", "receipts/journal.py", "lease_until_ms <= ?", "? IS NOT NULL", JOURNAL + "what_is_under_lease_is_left_alone"),
    Guard("deadline", "receipts/journal.py", "if time.monotonic() >= dispatch.deadline_monotonic:", "if False:", JOURNAL + "an_order_past_its_deadline_does_not_act"),
    Guard("single use of an order", "receipts/journal.py", "if (dispatch.step, dispatch.attempt) in entered:", "if False:", JOURNAL + "an_order_is_used_once"),
    Guard("single use of an approval", "receipts/schema.sql", "approval_id TEXT PRIMARY KEY, action_id", "approval_id TEXT, action_id", JOURNAL + "a_used_approval_leaves_no_intent"),
    Guard("live release", "receipts/journal.py", "(SELECT value FROM meta WHERE key = 'release') = ?", "? IS NOT NULL", "tests/invariants/test_invariants.py::test_invariant_8"),
    Guard("control epoch", "receipts/journal.py", "if dispatch.epoch != self.epoch:", "if False:", JOURNAL + "an_order_under_an_older_epoch_does_not_act"),
    Guard("one open action", "receipts/schema.sql", "CREATE UNIQUE INDEX actions_open", "CREATE INDEX actions_open", JOURNAL + "the_same_call_is_one_open_action"),
    Guard("path check", "contracts/expressions.py", "    fault = segment_fault(value)\n", "    fault = None\n", "tests/contracts/test_expressions.py::test_what_may_not_stand_in_a_path"),
    Guard("place of a credential", "adapters/http.py", "or not same_place(http.url, target.base_url):", "or False:", "tests/adapters/test_http.py::test_another_target_instance_sends_nothing"),
    Guard("three-way probe", "receipts/reconciliation.py", 'if seen.steady and (detect == "state" or execution.keyed):', 'if detect == "state" or execution.keyed:', "tests/receipts/test_reconciliation.py::test_verdicts"),
    Guard("what was not read is not unmet", "receipts/reconciliation.py", "return Checked(check.sentence, False, check.so, fault)", "return Checked(check.sentence, False, check.so)", "tests/receipts/test_reconciliation.py::test_what_is_not_there_proves_nothing"),
    Guard("one page proves no absence", "receipts/reconciliation.py", "if cut and not (value and check.expression.only_finds):", "if False:", "tests/receipts/test_reconciliation.py::test_what_is_not_there_proves_nothing"),
    Guard("no proof by a missing field", "contracts/compile.py", "if asks and c.absent is None:", "if False:", "tests/contracts/test_catalog.py::test_a_bad_contract_is_refused_with_file_and_line"),
    Guard("found is said of what was read", "server/console/actions.py", '"None": ("unread", "not read")', '"None": ("unmet", "found")', "tests/server/test_answers.py::test_what_was_not_read_is_not_found"),
    Guard("what was accepted is not called undone", "receipts/reconciliation.py", "if seen.steady and not bounded:", "if False:", "tests/receipts/test_reconciliation.py::test_verdicts"),
    Guard("nothing is made twice", "receipts/reconciliation.py", "if bounded or program.repeats(execution.route):", "if True:", "tests/receipts/test_reconciliation.py::test_what_may_have_been_made_is_not_made_again"),
    Guard("require comes first", "server/steps.py", "already_so(program, base, before) if unmet is None and permitted else None", "already_so(program, base, before)", "tests/journeys/test_already_so.py::test_a_false_require_comes_first"),
    Guard("the record is the resource", "policies/decision.py", "if program.resource_shown is not None and", "if False and", "tests/journeys/test_directories.py::test_another_record_than_the_one_that_was_named_is_denied"),
    Guard("doubt is looked at again", "server/steps.py", "return tuple(now + after for after in (max(settle_ms, 1_000), *LOOKS_MS))", "return ()", "tests/journeys/test_directories.py::test_a_stale_read_is_unknown_and_found_by_itself"),
    Guard("what is found ends the incident", "server/second_look.py", "        _settle(txn, action)\n", "", "tests/journeys/test_directories.py::test_a_stale_read_is_unknown_and_found_by_itself"),
    Guard("evidence", "receipts/reconciliation.py", "if not after.ok or not before.ok:", "if False:", "tests/receipts/test_reconciliation.py::test_verdicts"),
    Guard("no effect is never confirmed", "receipts/reconciliation.py", 'if execution.delivery in ("refused", "declined", "no_effect", "stopped"):', "if False:", "tests/receipts/test_reconciliation.py::test_verdicts"),
    Guard("missing outputs", "receipts/reconciliation.py", "    if isinstance(outputs, Fault):\n        return Recon", "    if isinstance(outputs, Fault):\n        outputs = {}\n    if False:\n        return Recon", "tests/receipts/test_reconciliation.py::test_never_confirmed_with_a_missing_output"),
    Guard("undo only what is as we left it", "server/undo.py", 'return None if same(program.probed, own, now) else', "return None if True else", "tests/plans/test_run_plan.py::test_what_somebody_else_changed_meanwhile_stays"),
    Guard("undo only what is ours", "server/plan_end.py", "or not await journal.is_ours(finished.action_id)", "", "tests/plans/test_undo.py::test_what_is_not_certainly_ours_stays"),
    Guard("no undo gives a right", "server/undo.py", "if program.widens is not None and", "if False and", "tests/journeys/test_aws_keys.py::test_an_undo_that_would_give_a_right_back_is_escalated"),
    Guard("two valid keys beat none", "server/plan_end.py", "if (held_by := held.get(run.planned.units[position].key)) is not None:", "if (held_by := None) is not None:", "tests/journeys/test_key_rotation.py::test_slack_is_in_doubt_so_both_keys_stay"),
    Guard("destinations of a secret", "receipts/handles.py", "if not rows or destination not in orjson.loads(str(rows[0][0])):", "if not rows:", "tests/journeys/test_aws_keys.py::test_a_handle_goes_only_where_its_contract_says"),
    Guard("no body where a secret passes", "server/evidence.py", "return WITHHELD if secretive else execution.response.raw", "return execution.response.raw", "tests/journeys/test_key_rotation.py::test_the_secret_is_nowhere"),
    Guard("rates are compared again", "receipts/intention.py", "if now.last_hour > wanted.rate.last_hour or", "if False and", "tests/plans/test_limits.py::test_a_rate_that_a_policy_reads_holds_under_contention"),
    Guard("drift in a plan", "server/plan_look.py", "if not own or _digest(hiding, left) != _digest(hiding, lookup(path, scope)):", "if False:", "tests/plans/test_undo.py::test_a_change_between_two_steps_is_drift"),
    Guard("the breaker", "receipts/controls.py", "if _is_streak(txn, halt) and not live", "if False", "tests/plans/test_controls.py::test_three_lies_in_a_row_trip_the_breaker"),
    Guard("the plan's own owner", "receipts/journal.py", "WHERE id = ?3 AND fence = ?4 AND state = 'running'", "WHERE id = ?3 AND ?4 IS NOT NULL AND state = 'running'", "tests/plans/test_undo.py::test_a_plan_that_was_taken_over_commits_no_more_steps"),
    Guard("closed schema", "contracts/compile.py", '"additionalProperties": False', '"additionalProperties": True', "tests/contracts/test_inputs.py::test_what_is_wrong_and_where"),
    Guard("errors never pass", "contracts/expressions.py", "if result.type() == cel.Type.ERROR:", "if False:", "tests/contracts/test_expressions.py::test_an_error_is_a_value_that_never_passes"),
    Guard("NUL", "adapters/decoding.py", 'if b"\\\\u0000" in raw:', "if False:", "tests/adapters/test_http.py::test_a_look_that_is_no_look"),
    Guard("identity again before the commit", "adapters/visit.py", "        for known in self._known:\n            await self._same(known)\n", "", "tests/helpdesk/test_pages.py::test_a_page_that_changes_under_the_hand"),
    Guard("one request leaves a page", "adapters/exits.py", "if not named or self.submitted or self.refusal:", "if not named:", "tests/helpdesk/test_pages.py::test_a_page_that_sends_twice"),
    Guard("only the named request leaves a page", "adapters/exits.py", "named = self._allowed == (method, place_of_page(url)) and origin_of(url) == self._origin", "named = self._allowed is not None", "tests/helpdesk/test_pages.py::test_a_form_that_would_change_another_record"),
    Guard("the gate at a page", "adapters/exits.py", "self.refusal = self._enter()", "self.refusal = None", "tests/helpdesk/test_pages.py::test_halted_while_the_page_is_open"),
    Guard("the wall", "adapters/wall.py", "elif place not in self.places:", "elif False:", "tests/helpdesk/test_browser.py::test_the_wall_lets_only_its_places_through"),
    Guard("identity before acting", "contracts/flow.py", "if not known and (acts or", "if False and (acts or", "tests/contracts/test_flow.py::test_a_bad_flow_is_refused_with_its_file"),
    Guard("no picture of a secret", "contracts/compile.py", 'if {"screenshot", "snapshot"} & set(self.contract.evidence.get("browser", ())):', "if False:", "tests/contracts/test_flow.py::test_a_bad_flow_is_refused_with_its_file"),
    Guard("no wider account", "policies/release.py", "and target.widens:", "and False:", "tests/helpdesk/test_fallback.py::test_a_wider_account_is_refused_before_it_acts"),
    Guard("the account that is shown", "adapters/browser.py", "if shown != principal:", "if False:", "tests/helpdesk/test_fallback.py::test_the_pages_show_another_account"),
    Guard("pages that must be refused", "adapters/browser.py", "if not await visit.is_refused(path):", "if False:", "tests/helpdesk/test_fallback.py::test_an_account_that_turns_out_wider_is_refused"),
    Guard("no confirmation without its pictures", "receipts/reconciliation.py", 'if execution.delivery == "answered" and not _pictured(program, execution):', "if False:", "tests/receipts/test_reconciliation.py::test_without_its_pictures"),
    Guard("the user is verified", "policies/passkey.py", "require_user_verification=True", "require_user_verification=False", "tests/console/test_passkeys.py::test_a_user_who_is_only_present"),
    Guard("the console's own origin", "policies/passkey.py", "expected_origin=passkey.origin", 'expected_origin=orjson.loads(client_data)["origin"]', "tests/console/test_passkeys.py::test_a_word_of_each_algorithm"),
    Guard("a copied authenticator", "policies/passkey.py", "credential_current_sign_count=uses", "credential_current_sign_count=0", "tests/console/test_passkeys.py::test_a_word_of_each_algorithm"),
    Guard("the key's own credential", "policies/passkey.py", " or assertion.credential != passkey.credential", "", "tests/console/test_verify.py::test_a_changed_word_is_nobodys"),
    Guard("a plain signature is no passkey's word", "policies/approval.py", "return assertion is not None and not signature and asserts(", "return assertion is None or asserts(", "tests/policies/test_approval.py::test_circumstances"),
    Guard("forms of this session", "server/console/web.py", "if session is not None and not session.sent(", "if False and not session.sent(", "tests/console/test_approve.py::test_forms_of_other_sites"),
    Guard("forms of this origin", "server/console/web.py", 'if request.headers.get("origin", "") != self.origin:', "if False:", "tests/console/test_approve.py::test_forms_of_other_sites"),
    Guard("this console's name", "server/console/web.py", "if host != self._host:", "if False:", "tests/console/test_approve.py::test_forms_of_other_sites"),
    Guard("a person decides for nobody else", "server/console/approvals.py", "if signed.binding.approver != visit.person.name or", "if", "tests/console/test_verify.py::test_a_foreign_passkey"),
    Guard("two different admins", "server/console/introductions.py", "if by.name in known.by:", "if False:", "tests/console/test_approve.py::test_who_brings_further_passkeys"),
    Guard("an existing passkey vouches", "server/console/introductions.py", "        if uses is None:\n", "        if False:\n", "tests/console/test_approve.py::test_a_further_passkey_without"),
    Guard("receipts of one's own tenant", "server/console/receipts.py", '"SELECT 1 FROM statements WHERE id = ? AND tenant = ?"', '"SELECT 1 FROM statements WHERE id = ? AND ? IS NOT NULL"', "tests/console/test_questions.py::test_nobody_reads"),
    Guard("escapes", "server/console/web.py", "autoescape=True", "autoescape=False", "tests/console/test_hostile.py::test_on_every_page"),
    Guard("evidence is no page", "server/console/actions.py", '"content-disposition": f\'attachment;', '"content-disposition": f\'inline;', "tests/console/test_hostile.py::test_evidence_is_a_file"),
    Guard("pinned tools", "adapters/mcp.py", "if pins.get(request.tool) == request.definition:", "if True:", UPSTREAM + "a_tool_that_changes_is_stopped"),
    Guard("a stopped tool stays stopped", "adapters/mcp.py", "            self._stopped.add(key)\n", "", UPSTREAM + "a_tool_that_changes_is_stopped"),
    Guard("tools are compared before each write", "adapters/mcp.py", "target.write, request, now=True)", "target.write, request, now=False)", UPSTREAM + "a_tool_that_changes_is_stopped"),
    Guard("the gate before a tool", "adapters/mcp.py", "if reason := self._gate.enter(dispatch):", "if (reason := self._gate.enter(dispatch)) and False:", UPSTREAM + "halted_while_the_definitions"),
    Guard("an empty environment", "adapters/spawned.py", "env=dict(environment),", "env={**os.environ, **environment},", UPSTREAM + "a_server_gets_nothing"),
    Guard("floods", "adapters/spawned.py", "if self._unasked > MAX_UNASKED:", "if False:", UPSTREAM + "an_endless_stream"),
    Guard("the server's own word", "contracts/compile.py", "if all(isinstance(r, McpRead)", "if False and all(isinstance(r, McpRead)", "tests/contracts/test_mcp_contracts.py::test_what_is_refused"),
    Guard("no value inside of an argument", "contracts/compile.py", "if len(template.parts) > 1 and any(not isinstance(p, str) and p.function is None for p in template.parts):", "if False:", "tests/contracts/test_mcp_contracts.py::test_what_is_refused"),
    Guard("packages have versions", "server/settings.py", "if mark and not any(", "if False and not any(", "tests/contracts/test_mcp_contracts.py::test_a_package_has_a_version"),
    Guard("no reference leads out", "contracts/openapi.py", 'if not reference.startswith("#/"):', "if False:", "tests/contracts/test_drafts.py::test_no_reference_leads_out"),
    Guard("what is still to do", "contracts/catalog.py", "for where, what in todos(content)", "for where, what in ()", "tests/contracts/test_drafts.py::test_two_curl_lines"),
    Guard("words from outside are comments", "contracts/draft.py", "return json.dumps(text[:_COMMENT])", "return text[:_COMMENT]", "tests/upstream/test_injection.py::test_of_a_tools_own_words"),
    Guard("an adapter's code", "adapters/plugin.py", "if digest_of(distribution) != digest:", "if False:", ADAPTER + "only_the_named_code"),
    Guard("an adapter's environment", "adapters/hosts.py", "(python, *_MODULE), {}, folder", '(python, *_MODULE), dict(__import__("os").environ), folder', ADAPTER + "a_process_sees"),
    Guard("one credential a process", "adapters/hosts.py", "key = (target.digest, reference)", 'key = (target.digest, "")', ADAPTER + "a_process_sees"),
    Guard("the gate before an adapter", "adapters/python.py", "if reason := self._gate.enter(dispatch):", "if (reason := self._gate.enter(dispatch)) and False:", ADAPTER + "halted_while"),
    Guard("too late to begin", "adapters/hosted.py", 'if time.monotonic() >= float(str(call["deadline"])):', "if False:", ADAPTER + "what_waited"),
    Guard("a promoted database", "receipts/postgres.py", "if seen and {name: seen[name] for name in identity} != identity:", "if False:", "tests/receipts/test_postgres.py::test_a_promoted"),
    Guard("a commit that no standby has", "receipts/postgres.py", "if done is None or self._session.warned:", "if done is None:", "tests/receipts/test_postgres.py::test_a_commit_that"),
    Guard("a standby that nothing waits for", "receipts/postgres.py", "        self._refuse_unwitnessed()\n        self._prepare()", "        self._prepare()", "tests/receipts/test_postgres.py::test_a_standby_that"),
    Guard("nobody migrates under a gateway", "receipts/postgres.py", "        self._share()\n        self._refuse_unwitnessed()", "        self._refuse_unwitnessed()", "tests/receipts/test_migration.py::test_a_database_of_each"),
    Guard("the root of a copied log", "receipts/transfer.py", "if Frontier.of(size, node).root() != Checkpoint.of_note(note).root:", "if False:", "tests/receipts/test_migration.py::test_a_damaged_log_is_not_copied"),
    Guard("an epoch that is not known any more", "receipts/journal.py", "if not self.controls.is_fresh:\n            return", "if False:\n            return", "tests/replicas/test_replicas.py::test_an_order_leaves_only"),
    Guard("what was written since the look", "receipts/intention.py", "        if written:\n", "        if False:\n", "tests/plans/test_undo.py::test_two_that_make"),
    Guard("one write at a resource", "server/steps.py", "lock=None if action.undoes else self.resource(action.request, permitted.facts),", "lock=None,", "tests/replicas/test_replicas.py::test_two_agents"),
    Guard("a lease that is renewed", "receipts/journal.py", "if self.store.shared and held:", "if False:", "tests/replicas/test_replicas.py::test_a_lease_lasts"),
    Guard("a release of another replica", "server/pipeline.py", "if self.journal.store.shared and self.journal.controls.live != self.release.digest:", "if False:", "tests/replicas/test_replicas.py::test_what_one_releases"),
    Guard("what is known of tokens", "server/identity.py", "            self._callers.clear()\n", "", "tests/replicas/test_replicas.py::test_a_token"),
    Guard("a challenge is answered once", "server/console/session.py", '    txn.write("INSERT INTO answered VALUES (?, ?)", challenge', '    txn.write("SELECT 1 WHERE ? = ?", challenge', "tests/replicas/test_replicas.py::test_a_challenge"),
    Guard("sent again", "server/relay.py", "self.note = AGAIN", "pass", ADAPTER + "one_that_sends_again"),
    Guard("audience of tokens", "server/issuer.py", '"verify_nbf": False,', '"verify_nbf": False, "verify_aud": False,', TOKENS + "what_is_wrong"),
    Guard("issuer of tokens", "server/issuer.py", "                issuer=self.name,\n", "", TOKENS + "what_is_wrong"),
    Guard("tokens that begin later", "server/oauth.py", "if claims.nbf <= time.time() + SKEW_SECONDS else None", "", TOKENS + "what_is_wrong"),
    Guard("only an agent acts for a person", "policies/decision.py", "if not caller.delegated and", "if False and", TOKENS + "a_token_without_an_actor"),
    Guard("tokens end with their keys", "server/identity.py", "self._tokens.issuer.generation if self._tokens else 0", "0", TOKENS + "a_rotated_key"),
    Guard("sessions of another", "server/sessions.py", "            raise Foreign\n", "            pass\n", TOKENS + "a_session_of_another"),
    Guard("sealed state of a call", "server/mcp.py", "self.server.middleware[:] = [shielded, RequestStateBoundary(security, default_audience=origin)]", "self.server.middleware[:] = [shielded]", STRANGERS + "the_state_of_anothers"),
    Guard("actions of another", "server/mcp.py", "if action is not None and action.is_of(caller) else None", "", STRANGERS + "an_action_a_task"),
    Guard("receipts of another agent", "server/resources.py", "            agent=caller.agent,\n", "", STRANGERS + "an_action_a_task"),
    Guard("roles that were said long ago", "receipts/roles.py", "if self._store.now_ms() - at_ms <= FRESH_MS:", "if True:", SIGN_IN + "who_lost_the_role"),
    Guard("answers that nobody asked for", "server/console/provider.py", "if begun is None or not hmac.compare_digest(begun.state.encode(), visit.asked(\"state\").encode()):", "if begun is None:", SIGN_IN + "answers_that_do_not_belong"),
    Guard("identity for another question", "server/console/provider.py", "if nonce is not None and not", "if False and not", SIGN_IN + "an_identity_token_for"),
    Guard("text of exceptions", "server/mcp.py", "[shielded, RequestStateBoundary(security, default_audience=origin)]", "[RequestStateBoundary(security, default_audience=origin)]", "tests/identity/test_isolation.py::test_nothing_of_an_exception"),
    Guard("share of requests", "server/admission.py", "if turn > SLOWED_SECONDS:", "if False:", "tests/server/test_admission.py::test_a_flood"),
    Guard("a session that was forgotten", "adapters/upstream.py", "self._forgets and error.code in _UNKNOWN_SESSION", "False", "tests/upstream/test_recovery.py::test_a_session_that_the_server_forgot"),
    Guard("a start that goes on", "adapters/upstream.py", "return await asyncio.shield(self._opening[key])", "return await self._opening[key]", "tests/upstream/test_recovery.py::test_a_slow_start"),
    Guard("parts of a body", "server/admission.py", "        if parts > MAX_PARTS:", "        if False:", "tests/server/test_admission.py::test_a_body_of_many_parts"),
    Guard("what a body costs to parse", "server/admission.py", "            self._use(principal).tokens -= parts / FREE_PARTS\n", "            pass\n", "tests/server/test_admission.py::test_what_a_body_costs"),
    Guard("share of bytes", "server/admission.py", "if use.held + size > MAX_HELD_EACH or", "if", "tests/server/test_admission.py::test_what_is_held"),
    Guard("anchors of a document", "contracts/document.py", 'if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):', "if False:", "tests/contracts/test_document.py::test_what_is_refused"),
    Guard("tags of a document", "contracts/document.py", 'if tag := getattr(event, "tag", None):', "if tag := None:", "tests/contracts/test_document.py::test_what_is_refused"),
    Guard("keys of a document", "contracts/document.py", "if key.value in seen:", "if False:", "tests/contracts/test_document.py::test_what_is_refused"),
    Guard("depth of a document", "contracts/document.py", "if depth > MAX_DEPTH:", "if False:", "tests/contracts/test_document.py::test_what_is_refused"),
    Guard("bound of a file", "contracts/source.py", "if len(content) > most:", "if False:", "tests/contracts/test_source.py::test_no_more"),
    Guard("depth of a policy", "policies/nesting.py", "part.step(inside + 1)", "part.step(1)", "tests/policies/test_nesting.py::test_the_count"),
    Guard("whose certificates", "adapters/tls.py", "    context = httpx2.create_ssl_context()\n", "    context = httpx2.create_ssl_context(verify=False)\n", "tests/adapters/test_tls.py::test_every_other"),
    Guard("what a later step keeps", "server/plan_end.py", "if (held_by := held.get(run.planned.units[position].key)) is not None:", "if (held_by := None) is not None:", "tests/journeys/test_undo_keeps.py::test_the_integration_keeps"),
    Guard("what a plan keeps", "contracts/plan.py", "        held = dict.fromkeys(said, f", "        held = dict.fromkeys([], f", "tests/journeys/test_undo_keeps.py::test_a_plan_says"),
    Guard("plans that can end stuck", "contracts/catalog.py", "            yield from _stuck(programs, plan, steps)\n", "            yield from ()\n", "tests/journeys/test_undo_keeps.py::test_the_check_names"),
    Guard("digests where a secret passes", "server/evidence.py", '        value = hiding.but(value, ".".join(names), program.not_secret)', "        value = value", "tests/journeys/test_kept_secrets.py::test_no_table"),
    Guard("no body where nothing was sent", "server/evidence.py", "    if not program.secretive:\n        return observation\n", "    if True:\n        return observation\n", "tests/journeys/test_kept_secrets.py::test_nor_where"),
    Guard("health of a plan with a secret", "server/evidence.py", "    if not program.secretive:\n        return health\n", "    if True:\n        return health\n", "tests/journeys/test_kept_secrets.py::test_no_table"),
    Guard("no value that is needed in clear", "contracts/compile.py", "        require_known(texts, clear)\n", "", "tests/journeys/test_kept_secrets.py::test_an_expectation_that_needs"),
    Guard("an outage is no refusal", "policies/decision.py", "    if before.outage is not None:\n", "    if False:\n", "tests/journeys/test_unavailable.py::test_it_may_be_called_again"),
    Guard("a 401 is an outage", "contracts/observation.py", "    if status == 401:\n", "    if False:\n", "tests/journeys/test_unavailable.py::test_an_outage_is_no_refusal"),
    Guard("a 404 is never an outage", "contracts/observation.py", "or status >= 500 else None", "or status >= 403 else None", "tests/journeys/test_unavailable.py::test_what_may_be_about_the_record"),
    Guard("what could not be read is not left out", "server/plan_look.py", "            if isinstance(result, Unavailable):\n", "            if False:\n", "tests/journeys/test_unavailable.py::test_a_plan_leaves_out_nothing"),
    Guard("an outage is logged", "server/steps.py", '            "unavailable",\n            connection=connection,', '            "other",\n            connection=connection,', "tests/journeys/test_unavailable.py::test_an_outage_is_no_refusal"),
    Guard("an agent is not told why", "server/steps.py", "answer = answers.denied(action, receipt, code if code in answers.DRIFT else None)", "answer = answers.denied(action, receipt, code if code in answers.DRIFT else None) | {\"summary\": denied.reason}", "tests/journeys/test_unavailable.py::test_an_agent_is_not_told"),
    Guard("the question of an early denial", "policies/decision.py", "            partial=True,\n", "            partial=False,\n", "tests/journeys/test_unavailable.py::test_people_read_why"),
    Guard("names that nobody has", "receipts/questions.py", "    raise AilyusError(\"unknown_agent\",", "    return\n    raise AilyusError(\"unknown_agent\",", "tests/journeys/test_unavailable.py::test_a_name_that_nobody"),
    Guard("references are looked up", "server/probe.py", "    if missing:\n", "    if False:\n", "tests/server/test_probe.py::test_what_cannot_be_used"),
    Guard("each connection is asked", "server/probe.py", "    if isinstance(seen, Unavailable):\n", "    if False:\n", "tests/server/test_probe.py::test_what_cannot_be_used"),
    Guard("approved and held", "server/mcp.py", "        if action.state == \"ready\" and (halt := pipeline.halt_of(action)):\n", "        if action.state == \"never\" and (halt := pipeline.halt_of(action)):\n", "tests/journeys/test_held.py::test_what_is_approved_while"),
    Guard("the breaker is no person", "server/answers.py", 'return "breaker_open" if halt.by == BREAKER else "halted"', 'return "halted"', "tests/plans/test_controls.py::test_three_lies"),
    Guard("length of a salt", "contracts/canonical.py", "len(salt) == SALT_BYTES and ", "", PROOFS + "every_named_vector"),
    Guard("length of a salt, in the browser", "server/console/static/verify.js", "salt.length === 16 && ", "", PROOFS + "every_named_vector"),
    Guard("an approval and its action", "receipts/verify.py", "if not _is_for(approval, own, stated, disclosed):", "if False:", PROOFS + "every_named_vector"),
    Guard("an approval and its action, in the browser", "server/console/static/verify.js", "must(await isFor(", "must(true || await isFor(", PROOFS + "every_named_vector"),
    Guard("an approval that is counted", "receipts/verify.py", "if not _is_counted(approval, label, own.predicate):", "if False:", PROOFS + "every_named_vector"),
    Guard("keys that a file names twice", "receipts/verify.py", '    refuse_repeated(data, "bad_proof", "the file")\n', "", PROOFS + "every_named_vector"),
    Guard("keys that a file names twice, in the browser", "server/console/static/verify.js", "must(!open.at(-1).has(key), ", "must(true, ", PROOFS + "every_named_vector"),
    Guard("keys that a call names twice", "server/front.py", "if refusal := await _repeated(", "if refusal := None and await _repeated(", "tests/journeys/test_malformed_calls.py::test_a_key_that_is_named_twice"),
    Guard("keys of other people", "receipts/proof.py", ' if _about(row).get("keyid") in keyids]', "]", PROOFS + "a_proof_carries_nobody"),
    Guard("policies of other actions", "receipts/proof.py", 'return label == "schema" or (', "return True or (", PROOFS + "a_proof_carries_nobody"),
    Guard("what leaving out can hide", "receipts/verify.py", "    if named > opened:\n", "    if False:\n", PROOFS + "the_verdict_says"),
    Guard("a no and the caller's key", "server/pipeline.py", "self.journal.same_call(latest) or refused", "self.journal.same_call(latest)", APPROVALS + "a_no_holds"),
    Guard("an approval that was taken back", "server/inbox.py", "if signed.id in withdrawn:", "if False:", APPROVALS + "the_bytes_of"),
    Guard("one that is taken back meanwhile", "receipts/journal.py", "if txn.expect((withdrawn,), ", "if False and txn.expect((withdrawn,), ", APPROVALS + "the_bytes_of"),
    Guard("the caller's user", "server/mcp.py", "return await self._peers.of(", "return \"network\" if ctx.request else await self._peers.of(", "tests/server/test_peers.py::test_an_agent_that_leaves"),
    Guard("who cannot be told", "server/peers.py", 'return "same_user" if user is None or user in', 'return "same_user" if user in', "tests/server/test_peers.py::test_who_cannot"),
    Guard("a client that is not mapped", "server/oauth.py", "return self._settings.agents.get(client)", "return self._settings.agents.get(client, client)", TOKENS + "a_client_that_is_not_mapped"),
    Guard("who downloads a proof", "server/console/receipts.py", "        await access.record(", "        _ = (", "tests/server/test_access.py::test_a_download"),
    Guard("who reads a proof at the command line", "server/cli/receipt_commands.py", "    if disclose:\n", "    if False:\n", "tests/server/test_access.py::test_a_download"),
    Guard("characters that fold to a dot or a slash", "contracts/expressions.py", "if any(not c.isascii() and _FOLDED &", "if False and any(not c.isascii() and _FOLDED &", "tests/contracts/test_http_request.py::test_a_value_never_leaves"),
    Guard("a DOCTYPE in another encoding", "adapters/decoding.py", "    parser.StartDoctypeDeclHandler = _refused", "    pass", "tests/adapters/test_decoding.py::test_a_doctype"),
    Guard("words of a record in a sentence of ours", "contracts/expressions.py", "if _ONE_WORD.fullmatch(value):", "if True:", "tests/server/test_outside_words.py::test_what_a_record"),
    Guard("marks on what a target says", "server/answers.py", '        answer["from_outside"] = ["outputs"]\n', "", "tests/server/test_outside_words.py::test_what_a_target"),
    Guard("names of tasks in headers", "server/tasks.py", "        _check_name(ctx, task_id)\n", "", "tests/conformance/test_conformance.py::test_every_scored"),
    Guard("signed releases", "server/releasing.py", "        if last is None or last.signed is None or not _is_same(release, last):", "        if False:", RELEASES + "a_bare_name"),
    Guard("somebody released it", "server/releasing.py", "        if not release.development:\n            raise", "        if False:\n            raise", RELEASES + "a_bare_name"),
    Guard("the author's own key", "policies/signed_release.py", "if key.revoked or key.person != document.author:", "if False:", RELEASES + "a_signature_counts"),
    Guard("the signature of a release", "policies/signed_release.py", "    if not word_holds(signed.signature,", "    if False and not word_holds(signed.signature,", RELEASES + "a_signature_counts"),
    Guard("what was signed is released", "policies/signed_release.py", "    if document != document_of(", "    if False and document != document_of(", RELEASES + "a_signature_counts"),
    Guard("roles that release", "policies/signed_release.py", "if not set(held) & set(allowed):", "if False:", RELEASES + "who_may_release"),
    Guard("who may release is live already", "server/releasing.py", "if before is not None and before.releasers is not None and author not in before.releasers:", "if False:", RELEASES + "nobody_gives"),
    Guard("tests of a release", "server/app.py", "if release.governed and not accepted.again:", "if False:", RELEASES + "a_release_passes"),
    Guard("older signatures", "server/releasing.py", "if before is not None and before.signed is not None and at_ms <= before.signed.document.at_ms:", "if False:", RELEASES + "an_old_signature"),
    Guard("every author of a set", "policies/approval.py", " or approver in self.authors", "", RELEASES + "a_restart_with_another"),
    Guard("each author is recorded", "receipts/registry.py", "if not again or txn.query(", "if txn.query(", RELEASES + "a_restart_with_another"),
    Guard("no new key beside a log", "server/log_key.py", "    if why:\n", "    if False:\n", "tests/server/test_log_key.py::test_a_log_without"),
    Guard("trusted roots", "server/log_key.py", "if roots.origin != origin or roots.raw.get(keyid) != public:", "if False:", "tests/server/test_log_key.py::test_the_trusted_roots"),
    Guard("settings of a session", "receipts/postgres.py", "        if lost := lost_setting(settings):", "        if (lost := lost_setting(settings)) and False:", "tests/receipts/test_pooler.py::test_a_setting_that"),
    Guard("a host however written", "server/front.py", "plain_host(v.decode(\"latin-1\")).encode(\"latin-1\")", "v", "tests/server/test_front.py::test_a_host_is_the_same"),
    Guard("bound of the write-ahead log", "receipts/sqlite.py", "        self._bound_wal()\n", "", "tests/receipts/test_wal.py::test_it_is_cut"),
    Guard("a denial says its answer", "server/steps.py", '        facts["answer"] = answers.digest_of(answer)\n        evidence = decision_evidence(denied.record)', '        evidence = decision_evidence(denied.record)', "tests/invariants/test_rows.py::test_the_audit_finds_what_any_end"),
    Guard("a later look says its answer", "server/second_look.py", '            facts["answer"] = answers.digest_of(answer)\n', "            pass\n", "tests/invariants/test_rows.py::test_the_audit_finds_what_any_end"),
    Guard("a step that is known later", "server/second_look.py", '        if action.step is not None and status != "unknown":\n', "        if False:\n", "tests/plans/test_undo.py::test_a_step_that_is_known_later"),
    Guard("a folder that cannot be read", "contracts/source.py", "    if not isinstance(error, FileNotFoundError | NotADirectoryError):\n", "    if False:\n", "tests/contracts/test_source.py::test_a_folder_that_cannot"),
    Guard("a tool's own error", "adapters/ending.py", '        return "rejected"\n    again', '        return "in_doubt"\n    again', "tests/upstream/test_upstream.py::test_a_tool_that_answers_with_an_error"),
    Guard("a bare success", "receipts/reconciliation.py", "    if not bounded and _is_bare_success(execution):\n", "    if False:\n", "tests/upstream/test_upstream.py::test_a_success_without"),
    Guard("files of an editor", "contracts/source.py", ' and name[0] != "."]', "]", "tests/journeys/test_dev_reload.py::test_an_editors"),
    Guard("files of the last release", "receipts/releases.py", "        if not _opens(salt, data, promised):", "        if False:", RELEASES + "the_last_release"),
    Guard("headers by a list of harmless ones", "contracts/credentials.py", "return name.lower() in HARMLESS and plain", "return plain", "tests/contracts/test_imports.py::test_any_other_header"),
    Guard("secrets of a line", "contracts/curl.py", "if isinstance(value, str) and value and (names_a_secret(name) or looks_secret(value)):", "if False:", "tests/contracts/test_imports.py::test_a_secret_in_a_query"),
    Guard("bodies that are not carried", "contracts/openapi_request.py", "            self.sent.json = f\"{TODO} the body is {listed or 'of no type'}, which no contract can say\"\n", "            pass\n", "tests/contracts/test_imports.py::test_bodies_of_every_kind"),
    Guard("optional parts that are not carried", "contracts/draft.py", "        if lost:\n            out[TODO] = lost_parts(lost)\n", "", "tests/contracts/test_imports.py::test_no_shape_is_guessed"),
    Guard("one name at two places", "contracts/draft.py", "if leaf.key == (key or place) and", "if leaf.place[-1:] == place[-1:] and", "tests/contracts/test_imports.py::test_one_name_at_two_places"),
    Guard("parts of a path segment", "contracts/expressions.py", "    if not _stays_apart(value, around):\n", "    if False:\n", "tests/contracts/test_imports.py::test_a_value_that_would_be_read"),
    Guard("several requests in one line", "contracts/curl.py", "if not _HOLE.fullmatch(glob):", "if False:", "tests/contracts/test_imports.py::test_what_a_line_may_not_be"),
    Guard("declared environments", "policies/release.py", "if target.environment not in environments:", "if False:", GUARDS_HOLD + "a_connection_outside"),
    Guard("guarded is this request", "policies/decision.py", "guarded = any(name in sliced.guards for names in alone.policies.values() for name in names)", "guarded = bool(sliced.guards)", GUARDS_HOLD + "a_guard_that_does_not_ask"),
    Guard("a guard asks somebody", "policies/bundle.py", 'if node.effect == "forbid" and asked and', "if False and", GUARDS_HOLD + "a_guard_that_asks_nobody"),
    Guard("what widens is allowed first", "server/widening.py", "if wider and not allowed:", "if False:", "tests/server/test_widening.py::test_what_widens"),
    Guard("somebody can approve", "policies/approvers.py", "if vectors and not any(", "if False and not any(", "tests/policies/test_planted.py::test_a_planted_mistake"),
    Guard("tests name what exists", "policies/testing.py", "        if unknown:\n", "        if False:\n", "tests/policies/test_testing.py::test_a_case_that_names"),
]  # fmt: skip


def survives(guard: Guard) -> str:
    """'' when the guard's tests fail without it; else what went wrong."""
    with tempfile.TemporaryDirectory(prefix="ailyus-guard-") as folder:
        copy = Path(folder) / "tree"
        ignored = shutil.ignore_patterns(".git", ".venv", ".*_cache", ".hypothesis", "w")
        shutil.copytree(ROOT, copy, ignore=ignored)
        path = copy / guard.file
        text = path.read_text()
        if guard.guard not in text:
            return f"`{guard.file}` no longer holds the guard"
        path.write_text(text.replace(guard.guard, guard.without))
        env = {**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-x",
            "-q",
            "-n",
            "0",
            "-p",
            "no:cacheprovider",
            "--no-header",
            *_tests(guard),
        ]
        try:
            done = subprocess.run(command, cwd=copy, env=env, capture_output=True, text=True, timeout=300, check=False)
        except subprocess.TimeoutExpired:
            return "its tests did not end within 300 s"
        if done.returncode == 1:
            return ""
        return f"its tests end with {done.returncode}\n{done.stdout[-800:]}{done.stderr[-400:]}"


def _tests(guard: Guard) -> list[str]:
    file, _, name = guard.tests.partition("::")
    return [file, "-k", name]


def main(names: Sequence[str]) -> int:
    """Run the named guards, or all."""
    chosen = [g for g in GUARDS if not names or g.name in names]
    start, alive = time.monotonic(), 0
    for guard in chosen:
        why = survives(guard)
        alive += bool(why)
        print(f"{'SURVIVES' if why else 'ok':8} {guard.name}{': ' + why if why else ''}", flush=True)
    print(f"{len(chosen) - alive} of {len(chosen)} guards are held by their tests, {time.monotonic() - start:.0f} s")
    return 1 if alive or not chosen else 0
