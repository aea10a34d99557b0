"""Guards: take one out at a time, and its tests must fail. `uv run python -m tests.guards [NAME …]`

A guard stands where the source says `# guard: NAME` (`//` in JavaScript, `--` in SQL), at the end of its first line;
where that line would be too long, alone on the line before. Two guards of one line are `# guard: A, B`. So a guard
moves with its line, and `without` says what then stands there instead of so many `lines`: it is written without
indentation, and takes that of the line. `test_guards.py` finds a `without` that names what is gone; one that repeats
the rest of its line is to follow what you change there.

Two exceptions hold words of the source. A guard that stands in several lines is marked in each of them, and `said` are
the words that are replaced in each. A file that is copied to users (the policy library) bears no marks: the guard
names the `file`, and `said` is there once.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.project import PACKAGES, ROOT

GUARDS_HOLD = "tests/policies/test_guards.py::test_"
TRAPS = "tests/policies/test_traps.py::test_trap_"
HTTP_ANSWER = "tests/adapters/http/test_answer.py::test_"
ADAPTER = "tests/adapters/python/test_adapter.py::test_"
UPSTREAM = "tests/upstream/test_upstream.py::test_"
TOKENS = "tests/identity/test_tokens.py::test_"
RELEASES = "tests/journeys/test_signed_releases.py::test_"
RELEASED = "tests/replicas/test_release.py::test_"
STRANGERS = "tests/identity/test_isolation.py::test_"
SIGN_IN = "tests/identity/test_sign_in.py::test_"
JOURNAL = "tests/receipts/journal/test_journal.py::test_"
AUDIT = "tests/receipts/audit/test_audit.py::test_"
APPROVALS = "tests/journeys/test_approvals.py::test_"
SCRAPE = "tests/server/observability/test_metrics_endpoint.py::test_"
ERASURE = "tests/receipts/journal/test_erasure.py::test_"
KEY_FILE = "tests/receipts/store/test_key_file.py::test_"
ACTION_KEYS = "tests/receipts/store/test_action_keys.py::test_"
ROTATED = "tests/proofs/test_rotated.py::test_"
ROTATION = "tests/receipts/journal/test_log_rotation.py::test_"
AUTHORISED = "tests/receipts/audit/test_authorisation.py::test_"
WITNESSED = "tests/proofs/test_witnessed.py::test_"
WITNESS = "tests/receipts/witness/test_witness.py::test_"
INTENT_QUORUM = "tests/server/execution/test_intent_quorum.py::test_"
PROOFS = "tests/proofs/test_proofs.py::test_"
ROWS = "tests/invariants/test_rows.py::test_"
VARIABLES = "tests/server/workspace/settings/test_variables.py::test_"
GRANTS = "tests/receipts/tables/test_grants.py::test_"
RECEIPT_POLICY = "tests/policies/test_receipt_policy.py::test_"
READERS = "tests/identity/test_readers.py::test_"
RELEASE_POLICY = "tests/policies/test_release_policy.py::test_"
RELEASE_APPROVALS = "tests/journeys/test_release_approvals.py::test_"
RELEASE_WORD = "tests/policies/test_release_approval.py::test_a_word_about_anything_else"
POLICY_EDITS = "tests/server/operations/test_policy_edit.py::test_"
FORM_SIGNATURE = "tests/server/operations/test_form_signature.py::test_"
AFTER_REVIEWS = "tests/server/operations/test_after_reviews.py::test_"
CANDIDATES = "tests/server/operations/test_candidates.py::test_"
CANDIDATE_LOG = "tests/receipts/journal/test_candidates.py::test_"
RELEASE_SIGNATURES = "tests/receipts/audit/test_release_signatures.py::test_"
HTTP_SERVER = "tests/server/listener/test_http_server.py::test_"
CONNECTING = "tests/server/operations/connections/test_authorizations.py::test_"
FRONT = "tests/server/listener/test_front.py::test_"


@dataclass(frozen=True)
class Guard:
    """What stands there without it, and the tests that then fail."""

    name: str
    without: str
    tests: str
    lines: int = 1
    said: str = ""
    file: str = ""


GUARDS = [
    Guard("what is open is not erased", "if False:", ERASURE + "what_is_open_is_refused"),
    Guard("only what a statement says is erased", "if id_ not in words.erased:", ERASURE + "nothing_of_the_subject_is_left_and_every_old_proof_holds"),
    Guard("no data key in a backup", "pass", KEY_FILE + "a_restore_needs_the_keys_and_newer_ones_open_all_but_what_was_erased"),
    Guard("a restore without its keys", "elif False:", KEY_FILE + "a_restore_needs_the_keys_and_newer_ones_open_all_but_what_was_erased"),
    Guard("a name that stays is not called erased", "if False:", "tests/server/workspace/test_erasures.py::test_"),
    Guard("evidence is sealed", "return salt, data", ACTION_KEYS + "every_personal_value_of_an_action_is_sealed_and_read_by_whoever_has_the_key"),
    Guard("no action under a key that does not open", "if False:", ACTION_KEYS + "a_key_of_another_action_does_not_open"),
    Guard("nothing personal is written without a key", "if False:", ACTION_KEYS + "a_store_without_keys_seals_nothing"),
    Guard("the part of a key", "public = {key.keyid: key.public for key in self.keys}", ROTATED + "every_named_vector"),
    Guard("the part of a key, in the browser", "const own = keys.find((one) => one.keyid === keyid);", ROTATED + "every_named_vector"),
    Guard("checkpoints of a key", "if checkpoint.origin == origin:", ROTATED + "every_named_vector"),
    Guard("checkpoints of a key, in the browser", "true", ROTATED + "every_named_vector"),
    Guard("a rotation in its place", "if former is None:", ROTATED + "every_named_vector"),
    Guard("a rotation in its place, in the browser", "must(true);", ROTATED + "every_named_vector"),
    Guard("a plan with all of its steps", "if False:", AUTHORISED + "a_plan"),
    Guard("what decided is what is run again", "if False:", AUTHORISED + "an_approved"),
    Guard("Cedar has the last word", "if False:", AUTHORISED + "an_approved"),
    Guard("nobody approves what they asked for", "if False:", AUTHORISED + "an_approved"),
    Guard("no approval that nobody gave", "return None", AUTHORISED + "an_approved"),
    Guard("an expectation that does not hold", "if False:", "tests/receipts/audit/test_effect.py::test_what_was_read_back"),
    Guard("a bundle and its proof", "if False:", "tests/receipts/audit/test_bundle.py::test_a_bundle_and"),
    Guard("a bundle and its proof, in the browser", "", "tests/receipts/audit/test_bundle.py::test_a_bundle_and"),
    Guard("lists are lists, in the browser", "", "tests/proofs/test_framed.py::test_every_named_bundle"),
    Guard("a consistency proof of the right form, in the browser", "", "tests/proofs/test_framed.py::test_every_named_bundle"),
    Guard("who reads a bundle", "pass", "tests/receipts/audit/test_bundle.py::test_the_commands"),
    Guard("an audit log that is not whole", "if False:", "tests/adapters/audit_log/test_reader.py::test_a_log_that_is_not_whole"),
    Guard(
        "an audit event that cannot be read",
        "if event is None: continue\nif False:",
        "tests/adapters/audit_log/test_reader.py::test_a_log_that_is_not_whole",
    ),
    Guard("place of an audit log", "if False:", "tests/server/operations/test_coverage.py::test_a_log_is_read_below"),
    Guard("an audit log of the same tenant", "if False:", "tests/server/operations/test_coverage.py::test_settings_that_fit"),
    Guard("a change that was made twice", "if False:", "tests/receipts/coverage/test_coverage.py::test_without_request_ids"),
    Guard("a request id that was used again", "if False:", "tests/receipts/coverage/test_coverage.py::test_a_request_id_that_was_used_again"),
    Guard("an export passes over no hole", "if False:", "tests/receipts/export/test_batch.py::test_a_hole"),
    Guard(
        "who was overtaken moves no cursor",
        'txn.write("UPDATE meta SET value = ? WHERE key = ?", text, _PREFIX + row.name)',
        "tests/receipts/tables/test_export_states.py::test_of_two",
    ),
    Guard("enough witnesses", "if False:", WITNESSED + "every_named_vector"),
    Guard("enough witnesses, in the browser", "", WITNESSED + "every_named_vector"),
    Guard("a witness that refuses", "if False:", "tests/receipts/audit/test_attestation.py::test_a_refusal"),
    Guard("a log that is to be witnessed", "if False:", "tests/receipts/audit/test_attestation.py::test_a_log_that"),
    Guard("the signature of a witness", "return int(seconds)", "tests/receipts/log/test_cosignature.py::test_a_cosignature_counts"),
    Guard("a log signs what a witness cosigns", "pass", WITNESS + "what_no_key_of_the_log"),
    Guard("a log continues what a witness has seen", "if True:", WITNESS + "a_fork_a_cut_and_a_rewritten"),
    Guard("an intent that witnesses know", "if False:", JOURNAL + "an_order_whose_intent_must_be_cosigned"),
    Guard("no send before its cosignatures", "execution = await self._execute(dispatch)", INTENT_QUORUM + "a_witness_that_dies"),
    Guard("what waited for a cosignature", "return replace(intent, uncosigned=True)", INTENT_QUORUM + "a_death_before"),
    Guard("what a witness has seen", "if False:", "tests/receipts/witness/test_witness_store.py::test_what_was_seen"),
    Guard("a rotation by its former key", "return LogRotation(key, former) if named and key != former else None", "tests/receipts/log/test_rotation.py::test_only_the_former_key"),
    Guard("rotations are in the log", "if False:", "tests/receipts/store/test_key_history.py::test_a_row_names_no_key", lines=3),
    Guard("statements after a rotation", "pass", ROTATION + "what_was_signed_before"),
    Guard("a signature of a signer", "if False:", "tests/receipts/log/test_program_key.py::test_a_fault_gives_no_signature"),
    Guard("variables of a signer", "env=None,", "tests/receipts/log/test_program_key.py::test_it_gets_the_variables"),
    Guard("children of a signer", "running.kill()", "tests/receipts/log/test_program_key.py::test_what_it_started"),
    Guard("a signer that does not answer", "pass", "tests/receipts/store/test_log_signer.py::test_a_probe"),
    Guard("a group without a checkpoint", "pass", "tests/receipts/store/test_log_signer.py::test_without"),
    Guard("a group of a database without a checkpoint", "raise", "tests/receipts/store/test_log_signer.py::test_without"),
    Guard("a key signs one part of the log", "if False:", ROTATION + "a_group_that_fails"),
    Guard("no rotation of secrets while an action is out", "if False:", "tests/receipts/journal/test_secret_rotation.py::test_it_is_refused_while"),
    Guard("a replica without the log's key", "raise", ROTATION + "with_both_keys"),
    Guard(
        "an error is no permit of a release",
        "is_permitted = result.decision is cedarpy.Decision.Allow",
        RELEASE_POLICY + "a_policy_that_errs",
    ),
    Guard("Cedar confirms what a solver finds", "return example", "tests/policies/proof/test_prover.py::test_what_cedar_does_not_confirm"),
    Guard("receipts of one tenant", "own = nodes", RECEIPT_POLICY + "nobody_reads_another"),
    Guard("an error is no permit to read", "return result.decision is cedarpy.Decision.Allow", RECEIPT_POLICY + "an_empty_file"),
    Guard(
        "a program reads no more than its person",
        "return any(self._permits(access, kind, name, caller.tenant, held, tenant) for kind, name, held in both)",
        RECEIPT_POLICY + "the_bundled_policies_about_programs",
    ),
    Guard("who only reads approves nothing", "if False:", RECEIPT_POLICY + "who_only_reads"),
    Guard("who only reads approves no release", "pass", RELEASE_APPROVALS + "an_auditor_approves_none"),
    Guard("who only reads decides nothing", "if False:", RELEASES + "an_auditor_releases_nothing"),
    Guard("who only reads resolves nothing", "pass", READERS + "an_auditor_reads"),
    Guard("who reads and who decides", "pass", READERS + "an_analyst"),
    Guard("requests show evidence", "if False:", READERS + "an_analyst"),
    Guard("which programs read", "pass", READERS + "programs_read"),
    Guard("a host before a token, for programs", "if False:", READERS + "programs_read"),
    Guard("the tenant of a search", 'wanted = ReceiptFilter(tenant="acme", **texts)  # type: ignore[arg-type]', READERS + "programs_read"),
    Guard("actions of one's own tenant, for programs", "if action is None:", READERS + "programs_read"),
    Guard("receipts of one's own tenant, for programs", "if False:", READERS + "programs_read"),
    Guard("a bundle holds evidence", "pass", READERS + "programs_read"),
    Guard("who fetches a bundle", "pass", READERS + "programs_read"),
    Guard("a recorded question is evidence", "pass", READERS + "an_analyst"),
    Guard("inputs are evidence", "if False:", READERS + "an_analyst"),
    Guard("a release can be approved", "if False:", RELEASE_POLICY + "what_would_not_decide"),
    Guard("an approval is of one release", "if False:", RELEASE_APPROVALS + "an_approval_is_of_one_signature"),
    Guard("approvals of a release", "if False:", RELEASE_APPROVALS + "what_lets_more_through"),
    Guard("everybody approves once, and no author", "if False:", RELEASE_APPROVALS + "an_approval_that_does_not_count"),
    Guard("roles that approve a release", "if False:", RELEASE_APPROVALS + "an_approval_that_does_not_count"),
    Guard("a refusal", "if False:", RELEASE_WORD),
    Guard(
        "a shadow never permits",
        'self._active, self.fault, vars(live)["decider"] = _Active(record.digest, release, live, Simulation(live, release)), "", vars(release)["decider"]',
        "tests/server/operations/test_shadow.py::test_a_shadow_that_permits_all",
    ),
    Guard("the loss that is accepted", "if False:", "tests/console/test_loss.py::test_a_loss_is_accepted"),
    Guard("the link of a loss", "if False:", "tests/console/test_loss.py::test_a_loss_is_accepted"),
    Guard("an approval is of one candidate", "if False:", RELEASE_WORD),
    Guard("an approval is against one live release", "if False:", RELEASE_WORD),
    Guard("one word at a time", "if False:", CANDIDATE_LOG + "what_was_proposed"),
    Guard("what was proposed", "if False:", CANDIDATE_LOG + "files_that_were_exchanged"),
    Guard("a candidate from before a loss", "if False:", CANDIDATES + "after_a_loss"),
    Guard("a candidate is against the live release", "if False:", CANDIDATES + "what_was_released_meanwhile"),
    Guard("who proposes does not approve", "if False:", CANDIDATES + "whose_word_counts"),
    Guard("what is signed was shown", "if False:", CANDIDATES + "whose_word_counts"),
    Guard("an approval of a candidate that waits", "if False:", CANDIDATES + "an_approval_that_was_taken_back"),
    Guard("who makes a candidate live at the console", "if False:", "tests/console/test_candidates.py::test_who_is_no_admin"),
    Guard("who edits policies at the console", "if False:", "tests/console/test_policy_edit.py::test_only_an_admin_edits"),
    Guard("policies of one tenant are edited", "if False:", "tests/console/test_policy_edit.py::test_nobody_edits"),
    Guard("questions about receipts of one's own tenant", "if recorded is None:", "tests/console/test_policy_question.py::test_a_receipt_and_a_policy"),
    Guard("who begins a shadow at the console", "return True", "tests/console/test_shadow.py::test_an_admin_begins"),
    Guard("who began the shadow", "if False:", "tests/receipts/tables/test_shadows.py::test_a_shadow_that_nobody_began"),
    Guard("whose decisions are told of", "if False:", "tests/console/test_shadow.py::test_with_several_tenants"),
    Guard("an edit is of policies alone", "if False:", POLICY_EDITS + "an_edit_is_of_policies"),
    Guard("a form is signed by who sends it", "if key is None:", FORM_SIGNATURE + "a_form_is_signed_by"),
    Guard("a form is signed while its page counts", "if False:", FORM_SIGNATURE + "a_form_is_signed_by"),
    Guard("the author's signature in the log", "if False:", RELEASE_SIGNATURES + "an_author_who"),
    Guard("approvals of a release in the log", "if False:", RELEASE_SIGNATURES + "an_approval_that_does_not_hold"),
    Guard("a release that people can approve", "if False:", RELEASE_APPROVALS + "a_release_that_too_few"),
    Guard("no variable is ignored in silence", "if False:", VARIABLES + "a_misspelt_variable_ends_the_start"),
    Guard("metrics off loopback", "if False:", SCRAPE + "what_would_be_read_by_anybody"),
    Guard("token of a scrape", "return True", SCRAPE + "a_token_is_read_by_reference"),
    Guard("a kept secret", "return True", "tests/adapters/credentials/test_cache.py::test_the_last_good_value"),
    Guard("a read with the renewed secret", "return answer", "tests/adapters/http/test_adapter.py::test_a_read_whose_credential_is_refused"),
    Guard("metadata of another issuer", "if False:", "tests/adapters/oauth/test_authorization_servers.py::test_metadata_that_is_not"),
    Guard("a token that is none for an API", "pass", "tests/adapters/oauth/test_authorization_servers.py::test_a_token_of_a_person"),
    Guard("nobody's token is exchanged for a person", "if False:", "tests/adapters/oauth/test_client_tokens.py::test_without_a_token"),
    Guard("tokens of wider scope", "return answer", "tests/adapters/oauth/test_client_tokens.py::test_wider_scopes"),
    Guard("one refresh at a time", '" AND (1 = 1 OR lease_until_ms <= ?)",', GRANTS + "one_refreshes_at_a_time"),
    Guard("a refresh of these very tokens", '" WHERE id = ? AND (1 = 1 OR version = ?)",', GRANTS + "a_good_answer"),
    Guard("one other token for a write", "once = True", "tests/journeys/test_access_tokens.py::test_a_second_401"),
    Guard("the same token twice", 'is_refused = sent.execution.delivery == "refused"', "tests/journeys/test_access_tokens.py::test_a_401_of_a_token"),
    Guard("variables of a secret's program", "env=dict(os.environ),", "tests/adapters/credentials/test_program.py::test_it_gets_no_variable"),
    Guard("children of a secret's program", "running.kill()", "tests/adapters/credentials/test_program.py::test_it_ends_with_all"),
    Guard("a token of Vault that ended", "except exceptions.Forbidden if False else ():", "tests/adapters/credentials/test_vault.py::test_it_signs_in_by_role"),
    Guard("no proxy of the environment to Vault", "pass", "tests/adapters/credentials/test_vault.py::test_nothing_of_the_environment"),
    Guard("plain HTTP to Vault", "if False:", "tests/server/workspace/test_credentials.py::test_what_cannot_be_a_vault"),
    Guard("a password of the database that changed", "if True:", "tests/receipts/store/test_database_url.py::test_a_password"),
    Guard("variables of the browser's driver", "pass", "tests/journeys/test_children.py::test_the_browsers_driver"),
    Guard("name of a scrape", "if False:", SCRAPE + "on_loopback_another_name"),
    Guard("proxies of a scrape", "if False:", SCRAPE + "off_loopback_the_proxies"),
    Guard("bound of labels", "if False:", "tests/server/observability/test_metrics.py::test_labels_have_a_bound"),
    Guard("a log that cannot be written", "except BlockingIOError:", "tests/server/observability/test_logs.py::test_a_line_that_cannot"),
    Guard("text of exceptions in the log", 'kinds = [f"{type(one).__name__}: {one}" for one in _chain(fault)]', "tests/server/observability/test_logs.py::test_an_exception_is_told_without_its_text"),
    Guard("entities with schema", "return cedarpy.Entities.from_json_str(document.decode())", TRAPS + "1_"),
    Guard("an error is no permit", "all(r.decision is cedarpy.Decision.Allow for r in results[i : i + 2])", TRAPS + "2_"),
    Guard("requests with schema", "results = cedarpy.is_authorized_batch(requests, sliced.policies, entities)", TRAPS + "3_a"),
    Guard("reserved keys", "if False:", TRAPS + "3_reserved"),
    Guard("nested risk groups", 'parent = ""', TRAPS + "4_"),
    Guard("absent attributes deny", "value = attribute.default or False", TRAPS + "5_an_attribute_that_cannot"),
    Guard("user-editable attributes", "if False:", TRAPS + "5_an_attribute_that_its"),
    Guard("declared roles only", 'principal("Agent", caller.agent, caller.tenant, caller.roles),\nprincipal("Person", caller.person, caller.tenant, caller.person_roles),', TRAPS + "6_", lines=2),
    Guard("stable ids", "if False:", TRAPS + "8_every"),
    Guard("impossible policies", "if False:", TRAPS + "9_"),
    Guard("scopes that no action fits", "return bool(named) and all(_never(policy, *w) for w in named)", "tests/policies/test_impossible.py"),
    Guard("form of approvals", "if False:", TRAPS + "10"),
    Guard("forgotten guard", 'when { resource.tenant == "nowhere" };', TRAPS + "11", file="policies/library/base.cedar", said="unless { context.guarded };"),
    Guard("no self-approval", "if False:", "tests/policies/test_approval.py::test_circumstances"),
    Guard("bound to the exact subject", "", "tests/policies/test_approval.py::test_no_field_of_the_subject_is_forgotten", lines=2),
    Guard("SAVEPOINT", "pass", "tests/receipts/store/test_store.py::test_one_poisoned_entry_among_sixty_four"),
    Guard("a group taken back", "pass", "tests/receipts/store/test_store.py::test_one_poisoned_entry_among_sixty_four"),
    Guard("a writer that fails says so", "pass", "tests/receipts/store/test_store.py::test_a_fault_of_our_own_is_told"),
    Guard("what waited is as told", "pass", "tests/receipts/store/test_batch.py::test_groups_that_collide"),
    Guard("what waits is flushed first", "if False:", "tests/receipts/store/test_batch.py::test_groups_that_collide"),
    Guard("rewound stores", "", "tests/receipts/store/test_sqlite.py::test_an_older_copy_does_not_start"),
    Guard("a copy starts when a person accepts", "if False:", "tests/receipts/store/test_restore.py::test_a_restored_file_does_not_start"),
    Guard("the person's signature under a loss", "if False:", "tests/receipts/audit/test_losses.py::test_a_loss_that_no_linked"),
    Guard("roles that accept a loss", "if False:", "tests/server/workspace/test_loss.py::test_only_who_may_release"),
    Guard("nothing from before a loss is sent", "if False:", "tests/receipts/journal/test_loss.py::test_what_was_open_is_never_sent"),
    Guard("no token in a backup", "pass", "tests/receipts/store/test_backup.py::test_no_token_is_in_it"),
    Guard("archived leaves are named by a statement", "if False:", "tests/receipts/retention/test_retention.py::test_a_gap_that_no_statement"),
    Guard("every gap is an archive's", "for first, last in ():", "tests/receipts/retention/test_retention.py::test_a_gap_that_no_statement"),
    Guard("one archives", "if False:", "tests/receipts/retention/test_retention.py::test_two_at_once"),
    Guard("an archive holds what was written", "if False:", "tests/receipts/archive/test_archive_file.py::test_a_changed_row"),
    Guard("one action of an archive", "if not found:", "tests/receipts/archive/test_archive_file.py::test_a_changed_row"),
    Guard("the digest of an archive", "if False:", "tests/receipts/archive/test_archive_file.py::test_another_list"),
    Guard("what is open is not archived", "if False:", "tests/receipts/retention/test_selection.py::test_what_belongs_to_it"),
    Guard("a repeat window is not archived", "if False:", "tests/receipts/retention/test_selection.py::test_what_is_not_settled"),
    Guard("what the breaker counts is not archived", "if False:", "tests/receipts/retention/test_selection.py::test_the_last_actions"),
    Guard("only what was signed is archived", "if False:", "tests/receipts/retention/test_soundness.py::test_what_was_changed"),
    Guard("a statement of another kind", "if False:", "tests/receipts/retention/test_soundness.py::test_the_statement_of_a_key"),
    Guard("what leaves the store is in the file", "return True", "tests/receipts/retention/test_retention.py::test_what_changed_since"),
    Guard("an archive is read again", "for fault in ():", "tests/receipts/retention/test_retention.py::test_a_disk_that_keeps"),
    Guard("the file that the log names", "if False:", "tests/receipts/retention/test_retention.py::test_another_file_of_its_name"),
    Guard("what rates count is not archived", "if False:", "tests/receipts/retention/test_retention.py::test_what_closed_within"),
    Guard("repeats that are archived", '" + 0 * length(?1)",', "tests/receipts/retention/test_retention.py::test_a_call_that_is_archived"),
    Guard("archived actions of another", "return True", "tests/journeys/test_archive.py::test_an_archived_action_is"),
    Guard("an archive of this log", "if False:", "tests/journeys/test_archive.py::test_an_archive_of_another_log"),
    Guard("no secret in a backup", "pass", "tests/receipts/store/test_backup.py::test_no_secret_is_in_it"),
    Guard("the root of a backup", "if False:", "tests/receipts/store/test_backup_check.py::test_a_changed_one_is_refused"),
    Guard("no backup of a rewound store", "if False:", "tests/server/workspace/test_backups.py::test_a_store_that_is_older_than_its_head"),
    Guard("a file goes on from a signed checkpoint", "pass", AUDIT + "a_file_does_not_start_from"),
    Guard("the log ends at a signed checkpoint", "if False:", AUDIT + "statements_without_a_signed_checkpoint"),
    Guard("the log reaches the head file", "if self._head is not None and False:", AUDIT + "a_log_that_was_cut"),
    Guard("the log continues a checkpoint", "if False:", AUDIT + "a_log_that_was_written_anew"),
    Guard("evidence is all there", "if False:", AUDIT + "missing_evidence"),
    Guard("a tenant's key is the logged one", "elif False:", AUDIT + "another_key_of_a_tenant"),
    Guard("keys count by their statement", "if said is None:\n    found.append(key)\n    continue\nif False:", ROWS + "a_forged_key"),
    Guard("a revocation in the log holds", "found.append(replace(key, revoked=key.revoked))", ROWS + "a_revoked_key_stays_revoked"),
    Guard("agents count by their statement", "return True", ROWS + "an_agent_whose_row_was_changed"),
    Guard("halts count by their statement", 'if said.event == "halted" and place in by_place', ROWS + "a_halt_holds"),
    Guard("roles count by their statement", "if False:", ROWS + "roles_count_only"),
    Guard("approvals count by their statement", "if False:", ROWS + "an_approval_without_a_statement"),
    Guard("an approval that was taken back", "stands = True", ROWS + "an_approval_that_was_taken_back"),
    Guard("only what an agent asked for goes on", "if self._journal.controls.halted(action.request) or False:", ROWS + "an_action_that_no_agent_asked_for"),
    Guard("a request in the store is the signed one", "if False:", ROWS + "people_are_not_asked"),
    Guard("a start reads the whole log", "if False:", ROWS + "a_gateway_does_not_start_over"),
    Guard("a link is a MAC", "if True:", ROWS + "a_forged_link"),
    Guard("one owner", "pass", "tests/receipts/store/test_sqlite.py::test_one_owner"),
    Guard("clock", "if False:", "tests/receipts/store/test_store.py::test_a_clock_that_runs_behind"),
    Guard("fence", " AND 0 <= ?", JOURNAL + "an_old_fence_neither_acts_nor_writes", said=" AND fence = ?"),
    Guard("lease", "? IS NOT NULL", JOURNAL + "what_is_under_lease_is_left_alone", said="lease_until_ms <= ?"),
    Guard("deadline", "if False:", JOURNAL + "an_order_past_its_deadline_does_not_act"),
    Guard("single use of an order", "if False:", JOURNAL + "an_order_is_used_once"),
    Guard("single use of an approval", "CREATE TABLE approval_uses (approval_id TEXT, action_id TEXT NOT NULL, fence INTEGER NOT NULL) STRICT;", JOURNAL + "a_used_approval_leaves_no_intent"),
    Guard("live release", '_LIVE = "(SELECT 2 WHERE ?1 IS NOT NULL AND ?2 IS NOT NULL)"', "tests/invariants/test_invariants.py::test_invariant_8"),
    Guard("control epoch", "if False:", JOURNAL + "an_order_under_an_older_epoch_does_not_act"),
    Guard("one open action", "CREATE INDEX actions_open ON actions (call_key) WHERE state <> 'ended';", JOURNAL + "the_same_call_is_one_open_action"),
    Guard("path check", "fault = None", "tests/contracts/compiler/test_path_segment.py::test_what_may_not_stand_in_a_path"),
    Guard("place of a credential", "if target is None or target.digest != dispatch.target_digest or False:", "tests/adapters/http/test_adapter.py::test_another_target_instance_sends_nothing"),
    Guard("three-way probe", 'if detect == "state" or execution.keyed:', "tests/receipts/reconciliation/test_reconciliation.py::test_verdicts"),
    Guard("what was not read is not unmet", "return CheckResult(check.sentence, False, check.so)", "tests/receipts/reconciliation/test_reconciliation.py::test_what_is_not_there_proves_nothing"),
    Guard("one page proves no absence", "if False:", "tests/receipts/reconciliation/test_reconciliation.py::test_what_is_not_there_proves_nothing"),
    Guard("pages that lead back", "if False:", "tests/adapters/http/test_page_list.py::test_a_page_that_leads_back"),
    Guard("an item on two pages", "if twice:", "tests/adapters/http/test_page_list.py::test_an_item_on_two_pages"),
    Guard("a total that changes", "elif False:", "tests/adapters/http/test_page_list.py::test_the_total_stays_the_same"),
    Guard("pages lead nowhere else", "if not url:", "tests/adapters/http/test_page_list.py::test_a_url_is_followed_below"),
    Guard("a last page that is not the last", "elif False:", "tests/adapters/http/test_page_list.py::test_a_last_page_that_says_otherwise"),
    Guard("a list that changes between its pages", "agree = True", "tests/adapters/http/test_page_reader.py::test_what_is_called_whole"),
    Guard("a page that is missing", "if False:", "tests/adapters/http/test_page_reader.py::test_a_list_that_breaks_off"),
    Guard("several links", "fields[name] = value", "tests/adapters/http/test_answer.py::test_several_links"),
    Guard("what was not seen whole is not unchanged", "if False:", "tests/receipts/reconciliation/test_reconciliation.py::test_a_list_that_was_not_read_whole", said="if seen.met and seen.blind:"),
    Guard("half a list shows nobody else's hand", "if False:", "tests/receipts/reconciliation/test_reconciliation.py::test_a_list_that_was_not_read_whole"),
    Guard("what half a list lacks is not new", "if False:", "tests/receipts/reconciliation/test_new_object.py::test_what_half_a_list_lacks"),
    Guard("half a list is not as we left it", "if False:", "tests/server/execution/test_undo.py::test_half_a_list"),
    Guard("half a list is no health", "return program.worse.value(scope) is not False", "tests/server/plans/test_health.py::test_half_a_list"),
    Guard("half a list decides nothing", "if half := None:", "tests/policies/test_resource_facts.py::test_nothing_is_decided_on_half_a_list"),
    Guard("no request out of half a list", "if False:", "tests/server/execution/test_intent_builder.py::test_no_request_is_made_out_of_half_a_list"),
    Guard("no proof by a missing field", "if False:", "tests/contracts/compiler/test_catalog.py::test_a_bad_contract_is_refused_with_file_and_line"),
    Guard("found is said of what was read", '"None": ("unmet", "found"),', "tests/server/results/test_answers.py::test_what_was_not_read_is_not_found"),
    Guard("what was accepted is not called undone", "if False:", "tests/receipts/reconciliation/test_reconciliation.py::test_verdicts"),
    Guard("nothing is made twice", "if True:", "tests/receipts/reconciliation/test_reconciliation.py::test_what_may_have_been_made_is_not_made_again"),
    Guard("the window of a key", "return True", "tests/contracts/compiler/test_program.py::test_a_key_counts_only"),
    Guard("an old version on a direct way", "return _has_body(response) and route.stale.holds(_scope(program, target, dispatch, response))", "tests/adapters/test_delivery.py::test_an_old_version"),
    Guard("an old version after a doubt", "if False:", "tests/server/execution/test_stale.py::test_after_a_doubt"),
    Guard("no step and no undo over somebody else's change", "if False:", "tests/server/execution/test_stale.py::test_a_step_of_a_plan"),
    Guard("a limit that is used up", "elif False:", "tests/adapters/http/test_rate_budget.py::test_what_is_left"),
    Guard("no intent over a limit that is used up", "return None", "tests/adapters/http/test_rate_budget.py::test_no_write_is_begun"),
    Guard("a job out of half a list", "if self.found is None:", "tests/contracts/compiler/test_job_program.py::test_it_is_found_where_one"),
    Guard("one job is ours", 'return _id_of(found[0]) if isinstance(found, list) and found else ""', "tests/contracts/compiler/test_job_program.py::test_it_is_found_where_one"),
    Guard("a job that has not ended", "if False:", "tests/receipts/reconciliation/test_job.py::test_verdicts"),
    Guard("a job that failed", "if False:", "tests/receipts/reconciliation/test_job.py::test_verdicts"),
    Guard("require comes first", "checks = already_so(program, resolved.base, before)", "tests/journeys/test_already_so.py::test_a_false_require_comes_first"),
    Guard("the record is the resource", "if False:", "tests/journeys/test_directories.py::test_another_record_than_the_one_that_was_named_is_denied"),
    Guard("doubt is looked at again", "return ()", "tests/journeys/test_directories.py::test_a_stale_read_is_unknown_and_found_by_itself"),
    Guard("what is found ends the incident", "", "tests/journeys/test_directories.py::test_a_stale_read_is_unknown_and_found_by_itself"),
    Guard("yes is not 1", "if False:", "tests/receipts/reconciliation/test_comparison.py::test_yes_is_not_one"),
    Guard("evidence", "if False:", "tests/receipts/reconciliation/test_reconciliation.py::test_verdicts"),
    Guard("no effect is never confirmed", "if False:", "tests/receipts/reconciliation/test_reconciliation.py::test_verdicts"),
    Guard("missing outputs", "if isinstance(outputs, Fault):\n    outputs = {}\nif False:", "tests/receipts/reconciliation/test_reconciliation.py::test_never_confirmed_with_a_missing_output"),
    Guard("undo only what is as we left it", 'return None if True else NotCompensated("somebody else changed it since")', "tests/plans/test_run_plan.py::test_what_somebody_else_changed_meanwhile_stays"),
    Guard("undo only what is ours", "if action is None or left is None or before is None:", "tests/plans/test_undo.py::test_what_is_not_certainly_ours_stays"),
    Guard("no undo gives a right", "if False:", "tests/journeys/test_aws_keys.py::test_an_undo_that_would_give_a_right_back_is_escalated"),
    Guard("an orphan is its owner's", "ended = await self.take_back(orphan, None, ())", "tests/replicas/test_replicas.py::test_who_stood_still"),
    Guard("two valid keys beat none", "if (held_by := None) is not None:", "tests/journeys/test_key_rotation.py::test_the_integration_is_in_doubt_so_both_keys_stay"),
    Guard("destinations of a secret", "if not rows:", "tests/journeys/test_aws_keys.py::test_a_handle_goes_only_where_its_contract_says"),
    Guard("no body where a secret passes", "return execution.response.raw", "tests/journeys/test_key_rotation.py::test_the_secret_is_nowhere"),
    Guard("rates are compared again", "if False:", "tests/plans/test_limits.py::test_a_rate_that_a_policy_reads_holds_under_contention"),
    Guard("budgets are compared again", "if False:", "tests/receipts/journal/test_budget_count.py::test_the_last_share_goes_to_one"),
    Guard("the editor is the one that was looked at", "if False:", "tests/server/workspace/test_policy_editor.py::test_a_file_that"),
    Guard("a review is owed", "return []", AFTER_REVIEWS + "a_break_glass_action"),
    Guard("who reviews was not part of it", "if False:", AFTER_REVIEWS + "a_break_glass_action"),
    Guard("who reviews holds the role", "if False:", AFTER_REVIEWS + "a_break_glass_action"),
    Guard("a review is not merely taken on", "if False:", AFTER_REVIEWS + "a_break_glass_action"),
    Guard("a full budget reads nothing", "if full := None:", "tests/receipts/journal/test_budget_count.py::test_a_budget_that_is_full_denies"),
    Guard("uncounted budgets", 'context["budget"] = {one.name: taken.get(one.name, 0) for one in budgets}', "tests/policies/test_budget.py::test_what_was_not_counted_is_more_than_any_budget"),
    Guard("a budget that counts otherwise is not proven", "if False:", "tests/policies/proof/test_prover.py::test_a_budget_that_counts_otherwise_is_unknown"),
    Guard("what was seen is named as it is called", "if False:", "tests/policies/test_session_history.py::test_a_name_that_nothing_has_is_refused"),
    Guard("drift in a plan", "if False:", "tests/plans/test_undo.py::test_a_change_between_two_steps_is_drift"),
    Guard("the breaker", "if False:", "tests/plans/test_controls.py::test_three_lies_in_a_row_trip_the_breaker"),
    Guard("the plan's own owner", "\" WHERE id = ?3 AND ?4 IS NOT NULL AND state = 'running'\",", "tests/plans/test_undo.py::test_a_plan_that_was_taken_over_commits_no_more_steps"),
    Guard("closed schema", '"additionalProperties": True,', "tests/contracts/compiler/test_inputs.py::test_what_is_wrong_and_where"),
    Guard("errors never pass", "if False:", "tests/contracts/compiler/test_expressions.py::test_an_error_is_a_value_that_never_passes"),
    Guard("NUL", "if False:", "tests/adapters/http/test_adapter.py::test_a_look_that_is_no_look"),
    Guard("identity again before the commit", "", "tests/helpdesk/test_pages.py::test_a_page_that_changes_under_the_hand", lines=2),
    Guard("one request leaves a page", "if not named:", "tests/helpdesk/test_pages.py::test_a_page_that_sends_twice"),
    Guard("only the named request leaves a page", "named = self._allowed is not None", "tests/helpdesk/test_pages.py::test_a_form_that_would_change_another_record"),
    Guard("the gate at a page", "self.refusal = None", "tests/helpdesk/test_pages.py::test_halted_while_the_page_is_open"),
    Guard("the wall", "elif False:", "tests/helpdesk/test_browser.py::test_the_wall_lets_only_its_places_through"),
    Guard("identity before acting", "if False:", "tests/contracts/schema/test_flow.py::test_a_bad_flow_is_refused_with_its_file"),
    Guard("no picture of a secret", "if False:", "tests/contracts/schema/test_flow.py::test_a_bad_flow_is_refused_with_its_file"),
    Guard("no wider account", 'if program.contract.target == target.kind and ways == {"http", "browser"} and False:', "tests/helpdesk/test_fallback.py::test_a_wider_account_is_refused_before_it_acts"),
    Guard("the account that is shown", "if False:", "tests/helpdesk/test_fallback.py::test_the_pages_show_another_account"),
    Guard("pages that must be refused", "if False:", "tests/helpdesk/test_fallback.py::test_an_account_that_turns_out_wider_is_refused"),
    Guard("no confirmation without its pictures", "if False:", "tests/receipts/reconciliation/test_reconciliation.py::test_without_its_pictures"),
    Guard("the user is verified", "require_user_verification=False", "tests/console/test_passkeys.py::test_a_user_who_is_only_present", said="require_user_verification=True"),
    Guard("the console's own origin", 'expected_origin=orjson.loads(client_data)["origin"],', "tests/console/test_passkeys.py::test_a_word_of_each_algorithm"),
    Guard("a copied authenticator", "credential_current_sign_count=0,", "tests/console/test_passkeys.py::test_a_word_of_each_algorithm"),
    Guard("the key's own credential", 'if key.kind != "passkey" or passkey is None:', "tests/console/test_verify.py::test_a_changed_word_is_nobodys"),
    Guard("a plain signature is no passkey's word", "return assertion is None or asserts(assertion, bytes.fromhex(document), key) is not None", "tests/policies/test_approval.py::test_circumstances"),
    Guard("tokens are an admin's", "if False:", "tests/console/test_agents.py::test_who_is_no_admin"),
    Guard("a token is rotated once", "if False:", "tests/console/test_agents.py::test_an_admin_rotates"),
    Guard("policies of other tenants", "foreign = set[str]()", "tests/console/test_policies.py::test_a_policy_of_another_tenant"),
    Guard("tests of notices are an admin's", "if False:", "tests/server/console/test_notices.py::test_routes_say_how_they_went"),
    Guard("who tests a connection", "if False:", "tests/console/test_catalog_pages.py::test_a_connection_is_tested"),
    Guard("forms of this session", "if False:", "tests/console/test_approve.py::test_forms_of_other_sites"),
    Guard("forms of this origin", "if False:", "tests/console/test_approve.py::test_forms_of_other_sites"),
    Guard("this console's name", "if False:", "tests/console/test_approve.py::test_forms_of_other_sites"),
    Guard("a person decides for nobody else", "if signed.binding.subject.action_id != action.id:", "tests/console/test_verify.py::test_a_foreign_passkey"),
    Guard("two different admins", "if False:", "tests/console/test_approve.py::test_who_brings_further_passkeys"),
    Guard("an existing passkey vouches", "if False:", "tests/console/test_approve.py::test_a_further_passkey_without"),
    Guard("receipts of one's own tenant", "if await entries.tenant_of(self._inbox.runner.journal.store, receipt) is None:", "tests/console/test_questions.py::test_nobody_reads"),
    Guard("escapes", "autoescape=False,", "tests/console/test_hostile.py::test_on_every_page"),
    Guard("names in sentences are escaped", 'out += Markup(f"<code>{part}</code>") if number % 2 else escape(part)', "tests/server/console/test_filters.py::test_names_in_a_sentence"),
    Guard("evidence is no page", "\"content-disposition\": f'inline; filename=\"{receipt}-{_plain(label)}\"',", "tests/console/test_hostile.py::test_evidence_is_a_file"),
    Guard("pinned tools", "if True:", UPSTREAM + "a_tool_that_changes_is_stopped"),
    Guard("a stopped tool stays stopped", "", UPSTREAM + "a_tool_that_changes_is_stopped"),
    Guard("tools are compared before each write", "upstream, changed = await self._ready(target, dispatch.request.person, target.write, request, now=False)", UPSTREAM + "a_tool_that_changes_is_stopped"),
    Guard("the gate before a tool", "if (reason := self._gate.enter(dispatch)) and False:", UPSTREAM + "halted_while_the_definitions"),
    Guard("an empty environment", "env={**os.environ, **environment},", UPSTREAM + "a_server_gets_nothing"),
    Guard("floods", "if False:", UPSTREAM + "an_endless_stream"),
    Guard("the server's own word", "if False:", "tests/contracts/test_mcp_contracts.py::test_what_is_refused"),
    Guard("no value inside of an argument", "if False:", "tests/contracts/test_mcp_contracts.py::test_what_is_refused"),
    Guard("packages have versions", "if False:", "tests/contracts/test_mcp_contracts.py::test_a_package_has_a_version"),
    Guard("a header of the settings is no secret", "if False:", "tests/server/workspace/test_connection_check.py::test_a_header"),
    Guard("no reference leads out", "if False:", "tests/contracts/drafts/test_openapi_schema.py::test_no_reference_leads_out"),
    Guard("what is still to do", "for where, what in ():", "tests/contracts/drafts/test_curl_draft.py::test_two_curl_lines"),
    Guard("words from outside are comments", "return text[:_COMMENT]", "tests/upstream/test_injection.py::test_of_a_tools_own_words"),
    Guard("an adapter's code", "if False:", ADAPTER + "only_the_named_code"),
    Guard("no byte code beside an adapter's code", "", ADAPTER + "byte_code_that_lies"),
    Guard("an adapter's environment", 'async with process((python, *_MODULE), dict(__import__("os").environ), folder) as (running, output, pipe):', ADAPTER + "a_process_sees"),
    Guard("one credential a process", 'key = (target.digest, "")', ADAPTER + "a_process_sees"),
    Guard("ends of an adapter's call", "if False:", "tests/adapters/python/test_host.py::test_what_is_not_understood"),
    Guard("the gate before an adapter", "if (reason := self._gate.enter(dispatch)) and False:", ADAPTER + "halted_while"),
    Guard("too late to begin", "if False:", ADAPTER + "what_waited"),
    Guard("a promoted database", "if False:", "tests/receipts/store/test_postgres.py::test_a_promoted"),
    Guard("a commit that no standby has", "if done is None:", "tests/receipts/store/test_postgres.py::test_a_commit_that"),
    Guard("a standby that nothing waits for", "", "tests/receipts/store/test_postgres.py::test_a_standby_that"),
    Guard("nobody migrates under a gateway", "", "tests/receipts/store/test_postgres_schema.py::test_a_database_of_each"),
    Guard("the root of a copied log", "if False:", "tests/receipts/store/test_transfer.py::test_a_damaged_log_is_not_copied"),
    Guard("an epoch that is not known any more", "if False:", "tests/replicas/test_replicas.py::test_an_order_leaves_only"),
    Guard("what was written since the look", "if False:", "tests/plans/test_undo.py::test_two_that_make"),
    Guard("one write at a resource", "lock=None,", "tests/replicas/test_replicas.py::test_two_agents"),
    Guard("a lease that is renewed", "if False:", "tests/replicas/test_replicas.py::test_a_lease_lasts"),
    Guard("a release of another replica", "if False:", RELEASED + "a_call_waits"),
    Guard("what is known of tokens", "", "tests/replicas/test_replicas.py::test_a_token"),
    Guard("a challenge is answered once", 'txn.write("SELECT 1 WHERE ? = ?", challenge, expires_ms)', "tests/replicas/test_replicas.py::test_a_challenge"),
    Guard("sent again", "pass", ADAPTER + "one_that_sends_again"),
    Guard("audience of tokens", 'options={"require": ["exp", "iss", "sub", "aud"], "verify_nbf": False, "verify_aud": False, "verify_iat": False},', TOKENS + "what_is_wrong"),
    Guard("issuer of tokens", "", TOKENS + "what_is_wrong"),
    Guard("tokens that begin later", "return claims", TOKENS + "what_is_wrong"),
    Guard("only an agent acts for a person", "if False:", TOKENS + "a_token_without_an_actor"),
    Guard("tokens end with their keys", "return self._release().digest, self._journal.epoch, 0", TOKENS + "a_rotated_key"),
    Guard("sessions of another", "pass", TOKENS + "a_session_of_another"),
    Guard("sealed state of a call", "self.server.middleware[:] = [shielded]", STRANGERS + "the_state_of_anothers"),
    Guard("actions of another", "return action", STRANGERS + "an_action_a_task"),
    Guard("receipts of another agent", "", STRANGERS + "an_action_a_task"),
    Guard("roles that were said long ago", "if True:", SIGN_IN + "who_lost_the_role"),
    Guard("answers that nobody asked for", "if begun is None:", SIGN_IN + "answers_that_do_not_belong"),
    Guard("the session of an authorization request", 'return b""', CONNECTING + "answers_that_are_not_of_this_question"),
    Guard("the time of an authorization request", "return request", "tests/server/operations/connections/test_authorization_request.py::test_a_request_comes_back"),
    Guard("issuer of an authorization answer", "if False:", CONNECTING + "answers_that_are_not_of_this_question"),
    Guard("an authorization answer is taken once", "pass", CONNECTING + "an_answer_is_taken_once", lines=3),
    Guard("only an admin connects for all", "return True", CONNECTING + "only_an_admin_of_the_tenant"),
    Guard("tokens that nobody waits for", "await task", CONNECTING + "tokens_are_kept_though"),
    Guard("the account that may be connected", "if True:", CONNECTING + "another_account"),
    Guard("grants are what people connected", "pass", CONNECTING + "an_audit_finds"),
    Guard("wider scopes than declared", "if False:", CONNECTING + "wider_scopes_are_refused"),
    Guard("identity for another question", "if False:", SIGN_IN + "an_identity_token_for"),
    Guard("text of exceptions", "self.server.middleware[:] = [RequestStateBoundary(security, default_audience=origin)]", "tests/identity/test_isolation.py::test_nothing_of_an_exception"),
    Guard("share of requests", "if False:", "tests/server/mcp/test_admission.py::test_a_flood"),
    Guard("a session that was forgotten", "False", "tests/upstream/test_recovery.py::test_a_session_that_the_server_forgot"),
    Guard("a start that goes on", "return await self._opening[key]", "tests/upstream/test_recovery.py::test_a_slow_start"),
    Guard("parts of a body", "if False:", "tests/server/mcp/test_admission.py::test_a_body_of_many_parts"),
    Guard("what a body costs to parse", "pass", "tests/server/mcp/test_admission.py::test_what_a_body_costs"),
    Guard("share of bytes", "if self._held + size > MAX_HELD:", "tests/server/mcp/test_admission.py::test_what_is_held"),
    Guard("anchors of a document", "if False:", "tests/contracts/text/test_document.py::test_what_is_refused"),
    Guard("tags of a document", "if tag := None:", "tests/contracts/text/test_document.py::test_what_is_refused"),
    Guard("keys of a document", "if False:", "tests/contracts/text/test_document.py::test_what_is_refused"),
    Guard("depth of a document", "if False:", "tests/contracts/text/test_document.py::test_what_is_refused"),
    Guard("bound of a file", "if False:", "tests/contracts/text/test_source.py::test_no_more"),
    Guard("depth of a policy", "part.step(1)", "tests/policies/test_nesting.py::test_the_count"),
    Guard("encodings that were asked for", "if False:", HTTP_ANSWER + "an_encoding_that_was_not"),
    Guard("a gzip stream that was cut", "if False:", HTTP_ANSWER + "a_broken_encoding"),
    Guard("bound of packed bytes", "if False:", HTTP_ANSWER + "packed_bytes_that_give_nothing"),
    Guard("bound of decoded bytes", "if False:", HTTP_ANSWER + "a_bomb_is_stopped"),
    Guard("whose certificates", "context = httpx2.create_ssl_context(verify=False)", "tests/adapters/test_tls.py::test_every_other"),
    Guard("what a later step keeps", "if (held_by := None) is not None:", "tests/journeys/test_undo_keeps.py::test_the_integration_keeps"),
    Guard("what a plan keeps", 'held = dict.fromkeys([], f"the plan keeps it while {unit.key} is done")', "tests/journeys/test_undo_keeps.py::test_a_plan_says"),
    Guard("plans that can end stuck", "yield from ()", "tests/journeys/test_undo_keeps.py::test_the_check_names"),
    Guard("digests where a secret passes", "value = value", "tests/journeys/test_kept_secrets.py::test_no_table"),
    Guard("no body where nothing was sent", "if True:", "tests/journeys/test_kept_secrets.py::test_nor_where"),
    Guard("health of a plan with a secret", "if True:", "tests/journeys/test_kept_secrets.py::test_no_table"),
    Guard("no value that is needed in clear", "", "tests/journeys/test_kept_secrets.py::test_an_expectation_that_needs"),
    Guard("an outage is no refusal", "if False:", "tests/journeys/test_unavailable.py::test_it_may_be_called_again"),
    Guard("a 401 is an outage", "if False:", "tests/journeys/test_unavailable.py::test_an_outage_is_no_refusal"),
    Guard("a 404 is never an outage", 'return "target_failed" if status in (408, 425, 429) or status >= 403 else None', "tests/journeys/test_unavailable.py::test_what_may_be_about_the_record"),
    Guard("what could not be read is not left out", "if False:", "tests/journeys/test_unavailable.py::test_a_plan_leaves_out_nothing"),
    Guard("an outage after an approval", "return False", "tests/server/execution/test_patience.py::test_an_outage_that_lasts"),
    Guard("an outage is logged", '"other",', "tests/journeys/test_unavailable.py::test_an_outage_is_no_refusal"),
    Guard("an agent is not told why", 'from dataclasses import replace\nanswer = replace(answers.denied(action, receipt, code if code in answers.DRIFT else None), **{"summary": denied.reason})', "tests/journeys/test_unavailable.py::test_an_agent_is_not_told"),
    Guard("the question of an early denial", "partial=False,", "tests/journeys/test_unavailable.py::test_people_read_why"),
    Guard("names that nobody has", "pass", "tests/journeys/test_unavailable.py::test_a_name_that_nobody"),
    Guard("references are looked up", "if False:", "tests/server/workspace/test_probe.py::test_what_cannot_be_used"),
    Guard("each connection is asked", "if False:", "tests/server/workspace/test_probe.py::test_what_cannot_be_used"),
    Guard("approved and held", 'if action.state == "never" and (halt := runner.halt_of(action)):', "tests/journeys/test_held.py::test_what_is_approved_while"),
    Guard("the breaker is no person", 'return "halted"', "tests/plans/test_controls.py::test_three_lies"),
    Guard("length of a salt", "return hmac.compare_digest(expected.encode(), commitment(salt, data).encode())", PROOFS + "every_named_vector"),
    Guard("length of a salt, in the browser", "const opens = committed && committed === hex(await hash(salt, un64(item.data)));", PROOFS + "every_named_vector"),
    Guard("an approval and its action", "if False:", PROOFS + "every_named_vector"),
    Guard("an approval and its action, in the browser", "must(true || await isFor(binding.subject, own, statements, disclosed), `the approval in ${receipt} is for another action`);", PROOFS + "every_named_vector"),
    Guard("an approval that is counted", "if False:", PROOFS + "every_named_vector"),
    Guard("keys that a file names twice", "", PROOFS + "every_named_vector"),
    Guard("keys that a file names twice, in the browser", "must(true, `${what} names the key ${key} twice`);", PROOFS + "every_named_vector"),
    Guard("keys that a call names twice", "if refusal := None and await repeated_key_error(body):", "tests/journeys/test_malformed_calls.py::test_a_key_that_is_named_twice"),
    Guard("keys of other people", "return [row for row in rows]", PROOFS + "a_proof_carries_nobody"),
    Guard("policies of other actions", "return True", PROOFS + "a_proof_carries_nobody"),
    Guard("what leaving out can hide", "if False:", PROOFS + "the_verdict_says"),
    Guard("a no and the caller's key", "known = self.journal.same_call(latest)", APPROVALS + "a_no_holds"),
    Guard("the bytes of an approval that was taken back", "if False:", APPROVALS + "the_bytes_of"),
    Guard("one that is taken back meanwhile", "if False:", APPROVALS + "the_bytes_of"),
    Guard("the caller's user", 'return "network" if ctx.request else await self._peers.of(token, _address(scope.get("client")), _address(scope.get("server")))', "tests/server/mcp/test_peers.py::test_an_agent_that_leaves"),
    Guard("who cannot be told", 'return "same_user" if user in (0, os.geteuid()) else "network"', "tests/server/mcp/test_peers.py::test_who_cannot"),
    Guard("a client that is not mapped", "return self._settings.agents.get(client, client)", TOKENS + "a_client_that_is_not_mapped"),
    Guard("who downloads a proof", "_ = (self._inbox.runner.journal, receipt, access.PROOF, visit.person.name)", "tests/server/admin/test_access.py::test_a_download"),
    Guard("who reads a proof at the command line", "if False:", "tests/server/admin/test_access.py::test_a_download"),
    Guard("who reads what changed", "pass", "tests/server/admin/test_access.py::test_a_download"),
    Guard("characters that fold to a dot or a slash", "if False:", "tests/contracts/action/test_http_request.py::test_a_value_never_leaves"),
    Guard("a DOCTYPE in another encoding", "pass", "tests/adapters/test_decoding.py::test_a_doctype"),
    Guard("words of a record in a sentence of ours", "if True:", "tests/server/test_outside_words.py::test_what_a_record"),
    Guard("a value stays in its quotation", "return value", "tests/receipts/action/test_sentence.py::test_no_value_ends"),
    Guard("the title of an agent's plan", 'return ActionSentence.of(title)', "tests/server/results/test_action_sentence.py::test_the_title_of"),
    Guard("the sentence is signed", "pass", "tests/receipts/audit/test_audit_rows.py::test_a_sentence_that"),
    Guard("lists say what was signed", "if False:", "tests/receipts/audit/test_audit_rows.py::test_a_sentence_that"),
    Guard("a cell is no formula", "return text", "tests/server/console/test_csv_export.py::test_what_would"),
    Guard("who looks at what changed", "pass", "tests/journeys/test_find.py::test_everything_done"),
    Guard("marks on what a target says", "", "tests/server/test_outside_words.py::test_what_a_target"),
    Guard("one line of JSON", "return orjson.dumps(value).decode()", "tests/server/results/test_text.py::test_what_a_target_calls"),
    Guard("marks on what a preview shows", "", "tests/server/test_outside_words.py::test_what_a_preview"),
    Guard("names of tasks in headers", "", "tests/conformance/test_conformance.py::test_every_scored"),
    Guard("signed releases", "if False:", RELEASES + "a_bare_name"),
    Guard("somebody released it", "if False:", RELEASES + "a_bare_name"),
    Guard("a person's own key", "if False:", "tests/policies/test_signed_loss.py::test_another_key_a_revoked_one"),
    Guard("the signature of a person", "if False:", "tests/policies/test_signed_loss.py::test_no_field_can_be_another_one"),
    Guard("what was signed is released", "if False:", RELEASES + "a_signature_counts", lines=3),
    Guard("roles that release", "if False:", RELEASES + "who_may_release"),
    Guard("who may release is live already", "if False:", RELEASES + "nobody_gives"),
    Guard("tests of a release", "if False:", RELEASES + "a_release_passes"),
    Guard("older signatures", "if False:", RELEASES + "an_old_signature"),
    Guard("every author of a set", "return approver in (self.person, self.owner, self.author)", RELEASES + "a_restart_with_another"),
    Guard("each author is recorded", "if txn.query(\"SELECT value FROM meta WHERE key = 'release'\") != [(release,)]:", RELEASES + "a_restart_with_another"),
    Guard("no new key beside a log", "if False:", "tests/server/workspace/test_log_key.py::test_a_log_without"),
    Guard("trusted roots", "if False:", "tests/server/workspace/test_log_key.py::test_the_trusted_roots"),
    Guard("settings of a session", "if (lost := lost_setting(settings)) and False:", "tests/receipts/store/test_pooler.py::test_a_setting_that"),
    Guard("a host however written", '(n, v if n == b"host" else v)', "tests/server/mcp/test_endpoint.py::test_a_host_is_the_same"),
    Guard("bound of the write-ahead log", "", "tests/receipts/store/test_wal.py::test_it_is_cut"),
    Guard("a snapshot that ends", "", "tests/receipts/store/test_sqlite_readers.py::test_a_long_read_holds"),
    Guard("a denial says its answer", "", "tests/invariants/test_rows.py::test_the_audit_finds_what_any_end"),
    Guard("a later look says its answer", "pass", "tests/invariants/test_rows.py::test_the_audit_finds_what_any_end"),
    Guard("a step that is known later", "if False:", "tests/plans/test_undo.py::test_a_step_that_is_known_later"),
    Guard("a folder that cannot be read", "if False:", "tests/contracts/text/test_source.py::test_a_folder_that_cannot"),
    Guard("a tool's own error", 'return "in_doubt"', "tests/upstream/test_upstream.py::test_a_tool_that_answers_with_an_error"),
    Guard("a bare success", "if False:", "tests/upstream/test_upstream.py::test_a_success_without"),
    Guard("files of an editor", "found += [Path(place, name) for name in (*folders, *names) if fnmatchcase(name, pattern)]", "tests/journeys/test_dev_reload.py::test_an_editors"),
    Guard("an archived release is the one that was signed", "if False:", RELEASES + "a_log_of_an_earlier"),
    Guard("unsigned releases", "if False:", RELEASES + "a_development_workspace_may"),
    Guard("one release at a time", "if False:", RELEASED + "of_two_releases"),
    Guard("who signed what a replica takes", "pass", RELEASED + "a_release_whose_author"),
    Guard("files of the last release", "if False:", RELEASES + "the_last_release"),
    Guard("headers by a list of harmless ones", "return plain and not looks_secret(value) and _LONG.search(value) is None", "tests/contracts/drafts/test_curl_header.py::test_any_other_header"),
    Guard("secrets of a line", "if False:", "tests/contracts/drafts/test_curl_value.py::test_a_secret_in_a_query"),
    Guard("bodies that are not carried", "pass", "tests/contracts/drafts/test_openapi_body.py::test_bodies_of_every_kind"),
    Guard("optional parts that are not carried", "", "tests/contracts/drafts/test_openapi_schema.py::test_no_shape_is_guessed", lines=2),
    Guard("one name at two places", 'if leaf.place[-1:] == place[-1:] and leaf.field.get("type") == field_.get("type"):', "tests/contracts/drafts/test_draft_inputs.py::test_one_name_at_two_places"),
    Guard("parts of a path segment", "if False:", "tests/contracts/compiler/test_template.py::test_a_value_that_would_be_read"),
    Guard("several requests in one line", "if False:", "tests/contracts/drafts/test_curl.py::test_what_a_line_may_not_be"),
    Guard("declared environments", "if False:", GUARDS_HOLD + "a_connection_outside"),
    Guard("guarded is this request", "guarded = bool(sliced.guards)", GUARDS_HOLD + "a_guard_that_does_not_ask"),
    Guard("a guard asks somebody", "if False:", GUARDS_HOLD + "a_guard_that_asks_nobody"),
    Guard("what widens is allowed first", "if False:", "tests/server/workspace/test_widening.py::test_what_widens"),
    Guard("somebody can approve", "if False:", "tests/policies/test_planted.py::test_a_planted_mistake"),
    Guard("tests name what exists", "if False:", "tests/policies/test_testing.py::test_a_case_that_names"),
    Guard("everybody is no proxy", "if False:", "tests/server/workspace/settings/test_server.py::test_what_is_wrong"),
    Guard("a base path that is told apart", "if False:", "tests/server/workspace/settings/test_server.py::test_what_is_wrong"),
    Guard("plain HTTP stays on this machine", "if True:", "tests/server/listener/test_listener.py::test_plain_http"),
    Guard("another process's sockets", "if False:", "tests/server/listener/test_activation.py::test_another_processs"),
    Guard("plain HTTP from a proxy alone", "if False:", FRONT + "plain_http_is_taken"),
    Guard("plain HTTP before the proxy", "if False:", FRONT + "plain_http_before"),
    Guard("whose word about a client is taken", "if True:", FRONT + "nobody_elses"),
    Guard("a connection to a gateway that ends", "if False:", FRONT + "an_answer_of_a_gateway"),
    Guard("connections that wait", "while False:", HTTP_SERVER + "a_connection_that_waits"),
    Guard("a request on its way", "may_ask = False", HTTP_SERVER + "whoever_has_just_connected"),
    Guard("the first address that is no proxy", "if True:", "tests/server/listener/test_proxy_headers.py::test_the_first"),
    Guard("two words about one client", "if False:", "tests/server/listener/test_proxy_headers.py::test_what_says_two"),
    Guard("a host before a token", "if False:", "tests/server/mcp/test_endpoint.py::test_a_host_that_is_none"),
    Guard("a check that hangs", "if False:", "tests/server/admin/health/test_monitor.py::test_a_look_that_hangs"),
    Guard("a disk that is almost full", "if False:", "tests/server/admin/health/test_gateway_checks.py::test_a_disk_that"),
    Guard("a probe moves no time", "return txn.now_ms", "tests/server/admin/health/test_gateway_checks.py::test_a_clock_that"),
    Guard("a lock that another process took", "pass", "tests/server/admin/health/test_gateway_checks.py::test_a_lock_that_another"),
]  # fmt: skip


_NAMES = {guard.name for guard in GUARDS}
_COMMENT = ("#", "//", "--")
_ANCHOR = re.compile(r"(?:^|\s)(?:#|//|--) guard: (.+)$")


@dataclass(frozen=True)
class Place:
    """Where a guard begins: a file below the root, and its line, from 0."""

    file: str
    line: int


@cache
def anchors() -> dict[str, list[Place]]:
    """Every name that the source gives to a guard, with its places."""
    found: dict[str, list[Place]] = {}
    for path in sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.*")):
        data = path.read_bytes() if path.is_file() and path.suffix != ".pyc" else b""
        if b" guard: " not in data:
            continue
        lines = data.decode().split("\n")
        for at, line in enumerate(lines):
            if not (mark := _ANCHOR.search(line)):
                continue
            if not line[: mark.start()].strip():
                at = next(n for n in range(at + 1, len(lines)) if not lines[n].lstrip().startswith(_COMMENT))
            # a comma may belong to a name
            for name in [mark[1]] if mark[1] in _NAMES else mark[1].split(", "):
                found.setdefault(name, []).append(Place(str(path.relative_to(ROOT)), at))
    return found


def taken_out(guard: Guard) -> dict[str, str]:
    """Each file that holds the guard, as it is without it; a `LookupError` says what is not as it must be."""
    if guard.file:
        text = (ROOT / guard.file).read_text()
        if text.count(guard.said) != 1:
            raise LookupError(f"`{guard.file}` no longer holds the guard")
        return {guard.file: text.replace(guard.said, guard.without)}
    places = anchors().get(guard.name, [])
    if not places or (len(places) > 1 and not guard.said):
        raise LookupError(f"`guard: {guard.name}` stands at {len(places)} places")
    files = {place.file: (ROOT / place.file).read_text().split("\n") for place in places}
    for file, at in ((place.file, place.line) for place in places):
        lines = files[file]
        if guard.said and guard.said not in lines[at]:
            raise LookupError(f"`{file}` does not say it in line {at + 1}")
        if guard.said:
            lines[at] = lines[at].replace(guard.said, guard.without)
            continue
        indentation = lines[at][: len(lines[at]) - len(lines[at].lstrip())]
        instead = textwrap.indent(guard.without, indentation).split("\n") if guard.without else []
        lines[at : at + guard.lines] = instead
    return {file: "\n".join(lines) for file, lines in files.items()}


def survives(guard: Guard) -> str:
    """'' when the guard's tests fail without it; else what went wrong."""
    try:
        without = taken_out(guard)
    except LookupError as error:
        return str(error.args[0])
    with tempfile.TemporaryDirectory(prefix="ailyus-guard-") as folder:
        copy = Path(folder) / "tree"
        ignored = shutil.ignore_patterns(".git", ".venv", ".*_cache", ".hypothesis", "w")
        shutil.copytree(ROOT, copy, ignore=ignored)
        for file, text in without.items():
            (copy / file).write_text(text)
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
