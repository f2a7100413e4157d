"""The planted bugs: each is the product with one mistake, and names the test that must notice it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.mutation.code import Change, argument, code, entry, never, words


@dataclass(frozen=True)
class InState:
    """A change of one state of OnboardTenant."""

    state: str
    spoil: Callable[[dict[str, Any]], Any]


@dataclass(frozen=True)
class Plant:
    """mistake: what is wrong, as the table shows it. caught_by: the name of a test, without its ``test_``."""

    mistake: str
    caught_by: str
    changes: tuple[Change | InState, ...]


def _without_retries(state: dict[str, Any], error: str) -> None:
    for each in state["Retry"]:
        each["ErrorEquals"] = [name for name in each["ErrorEquals"] if name != error]


def _plant(mistake: str, caught_by: str, *changes: Change | InState) -> Plant:
    return Plant(mistake, caught_by, changes)


PLANTS = (
    # ---- whose it is ----
    _plant(
        "a purge of granja takes granja2 along",
        "a_purge_touches_nobody_else",
        code('f"{$TENANT}/"', 'f"{$TENANT}"'),
    ),
    _plant(
        "a purge erases files without looking whether the tenant is back",
        "of_a_tenant_that_is_back_nothing_more_is_erased",
        code("$SELF._require_unchanged($RECORD)", "pass", "_erase_files"),
    ),
    _plant(
        "an archive that expired takes the claim of another one along",
        "each_of_several_archives_expires_for_itself",
        code(
            '$NOTE.require(where("attribute_exists(pk)"))',
            '$NOTE.remove("archive").require(where("attribute_exists(pk)"))',
        ),
    ),
    _plant(
        "an alias update without IfMatch",
        "a_writer_that_was_faster_is_read_and_respected",
        argument("IfMatch"),
    ),
    _plant(
        "UPSERT instead of CREATE",
        "a_foreign_record_is_left_alone_and_only_its_tenant_fails",
        code('"CREATE"', '"UPSERT"'),
    ),
    _plant(
        "an alias that is there counts as ours",
        "an_alias_on_our_distribution_that_we_did_not_put_there_is_not_ours",
        code("$HOST in $PRESENT and $HOST not in $OWNED", "False"),
    ),
    _plant(
        "no claim of the name",
        "of_two_confusable_names_the_first_wins_and_the_second_is_told_why",
        code("$CLAIM.claim($SKELETON)", "$CLAIM", "_claim"),
    ),
    _plant(
        "undoing deletes every record of the host",
        "an_alias_that_leads_elsewhere_is_nobodys_to_delete",
        code("$OBSERVED.get($HOST, frozenset()) & $OURS", "$OBSERVED.get($HOST, frozenset())"),
    ),
    _plant(
        "undoing detaches an alias that was never attached",
        "only_what_is_named_and_ours_goes",
        code("$HOST not in $DETACH or $HOST not in $OWNED", "$HOST not in $DETACH"),
    ),
    _plant(
        "discarding a database takes the folder with a stranger's file",
        "the_samples_of_a_roll_back_leave_nothing",
        code("$FOLDER.rmdir()", "shutil.rmtree($FOLDER)", "remove_folder"),
    ),
    _plant(
        "an intent of which nothing came is kept, and a stranger's record is ours on the next try",
        "a_foreign_record_that_looks_like_ours_is_still_foreign_on_the_next_try",
        code("$SELF._withdraw($ITEM, $RESULT)", "pass"),
    ),
    _plant(
        "the cache of all tenants is invalidated",
        "the_tenants_tags_are_invalidated_together_and_no_others",
        entry("Items", '["/*"] * len($V)', "EdgeCache"),
    ),
    _plant(
        "an adoption that failed deletes what was there before it",
        "an_adoption_that_fails_for_good_leaves_records_and_alias_as_they_were",
        code("$SELF.found_before($RECORD)", "()", "RollBack"),
    ),
    _plant(
        "of an adoption that failed a record goes that was there before",
        "of_an_adoption_that_failed_what_was_made_in_addition_goes",
        code("$RECORD.type not in $FOUND", "True"),
    ),
    _plant(
        "an adoption takes records that nobody has proven",
        "records_that_are_not_those_of_the_proof_any_more_are_not_touched",
        code("$SELF._not_as_proven($BATCH)", "{}"),
    ),
    _plant(
        "an adoption takes whatever is there for proven",
        "intents_are_for_what_the_proof_names_and_for_nothing_else",
        Change({"pattern": "$NAMED", "inside": {"kind": "if_clause"}}, "True", "_intents_of_adoption"),
    ),
    _plant(
        "rows that changed since the plan are adopted",
        "rows_that_changed_since_the_proof_are_not_taken",
        code("_require_equal($FOUND, $PROOF)", "pass"),
    ),
    # ---- what comes back from the archive ----
    _plant(
        "what a restore takes the place of is not archived",
        "the_rows_are_back_and_what_was_there_is_archived",
        code("$SELF.keep($BEFORE, $$$MORE) if $BEFORE else {}", "{}"),
    ),
    _plant(
        "the rows of a restore are not counted and hashed after they are loaded",
        "a_damaged_archive_changes_nothing",
        code("$FOUND != ($PROMISED.rows, $PROMISED.rows_sha256)", "$FOUND == ()"),
    ),
    _plant(
        "a file of an archive is taken for what the manifest says",
        "a_damaged_archive_changes_nothing",
        code("$SELF._fetch($$$WHAT) != $TABLE.file_sha256", "$SELF._fetch($$$WHAT) == ''"),
    ),
    _plant(
        "a restore that was published is published again after a crash",
        "a_restore_that_fails_half_way_loses_no_row",
        never("$BEGUN and is_current($$$DATABASE)", "restore"),
    ),
    # ---- intent, effect, result ----
    _plant(
        "no STARTED before records are written",
        "the_intent_is_on_record_before_the_effect",
        code("start($BATCH)", "pass", "HostedZone"),
    ),
    _plant(
        "no STARTED before an alias is attached",
        "a_lost_answer_of_cloudfront_is_found_out",
        code("start($BATCH)", "pass", "Distribution"),
    ),
    _plant(
        "a token is answered before the result is on record",
        "nobody_hears_of_a_result_before_it_is_on_record",
        code(
            "$SELF._finish($ITEM, $RESULT)",
            "told = _answer_all(requests, outcome); $SELF._finish($ITEM, $RESULT); return told",
            "GroupCommit",
        ),
    ),
    _plant(
        "the event is not in the result's transaction",
        "a_result_that_is_refused_tells_nobody",
        code(
            'return $SELF._also("event", outbox.told($EVENT))',
            '$SELF._table.transact([("event", outbox.told($EVENT))], "event"); return $SELF',
        ),
    ),
    _plant(
        "an effect stays DONE while its database is discarded",
        "a_discard_that_was_cut_short_is_not_trusted",
        code("$SELF.start(replace($EFFECT, state=EffectState.STARTED))", "pass", "discard"),
    ),
    _plant(
        "a database is published under the name of the one before",
        "trap_b_a_new_database_does_not_meet_the_log_of_a_writer_that_died",
        code(
            "$FOLDER.file($NAME or never_used_name())",
            "$FOLDER.current() or $FOLDER.file(never_used_name())",
        ),
        code("_link($TEMPORARY, $PUBLISHED)", "$TEMPORARY.replace($PUBLISHED)"),
        code("$TEMPORARY.unlink()", "pass", "publish"),
    ),
    _plant(
        "a migration leaves behind the log of a writer that died",
        "rows_that_a_killed_writer_had_committed_are_kept",
        code("($DATABASE, *write_ahead_logs($DATABASE))", "($DATABASE,)"),
    ),
    _plant(
        "a migration does not mark the file that it replaces",
        "a_crash_at_any_step_loses_nothing_and_the_next_try_ends_it",
        code("_mark($FOLDER, $OLD)", "pass", "replace"),
    ),
    _plant(
        "a migration overrides an execution that has begun meanwhile",
        "an_execution_that_begins_meanwhile_finds_the_database_that_it_knows",
        code("$CHANGE.require(as_read($RECORD))", "$CHANGE", "FleetMigrations"),
    ),
    _plant(
        "a migration tells a customer's values in its error",
        "what_is_told_of_an_error_holds_no_value_of_a_row",
        code("_PLAIN_WORDS.match($SAID)", 're.match(".*", $SAID)'),
    ),
    _plant(
        "a writer does what the request says, whatever the generation",
        "a_request_of_an_older_generation_decides_nothing",
        code("$RECORD.generation != $GENERATION", "False", "_look_up"),
    ),
    _plant(
        "a late request is carried out without a lease",
        "a_late_request_brings_nothing_back",
        code("$RECORD.lease is None", "False", "_look_up"),
    ),
    _plant(
        "a result from before the tenant turned round is recorded",
        "a_result_from_before_the_tenant_turned_round_is_nobodys",
        words(" AND operation.#state = :state", ""),
        argument("state", within="_finish"),
    ),
    # ---- lease, requested, seen ----
    _plant(
        "the lease is given back whatever was requested",
        "the_loser_of_a_lease_leaves_a_note_and_the_holder_goes_round_again",
        code("$RECORD.requested != $RECORD.seen", "False", "ActivateTenant"),
    ),
    _plant(
        "a failure gives the lease back whatever was requested",
        "a_failure_goes_round_again_if_more_was_asked_meanwhile",
        code("$RECORD.requested != $RECORD.seen", "False", "RecordFailure"),
    ),
    _plant(
        "a lease is taken from an execution that runs",
        "the_loser_of_a_lease_leaves_a_note_and_the_holder_goes_round_again",
        code("not $WORKFLOW.is_running($RECORD.lease.holder)", "True"),
    ),
    _plant(
        "a claim that is not conditional on the record as it was read",
        "a_run_that_came_and_went_between_look_and_claim_is_not_overwritten",
        words(
            "generation = :generation AND attempt = :attempt AND requested = :requested",
            "generation >= :generation OR attempt >= :attempt OR requested >= :requested",
        ),
    ),
    # ---- the failure path ----
    _plant(
        "a Catch is missing",
        "a_task_cannot_hang_and_cannot_vanish",
        InState("SeedDatabase", lambda state: state["Catch"][-1].update(ErrorEquals=["InvalidTenantItem"])),
    ),
    _plant(
        "a Retry without a transient error",
        "each_state_retries_every_transient_error_that_can_come_to_it",
        InState("CreateDnsRecords", lambda state: _without_retries(state, "ZoneBusy")),
    ),
    _plant(
        "a state that cannot undo its part ends the roll-back",
        "what_cannot_be_undone_does_not_keep_the_rest_from_being_undone",
        InState("DiscardDatabase", lambda state: state["Catch"][-1].update(Next="RecordFailure")),
    ),
    _plant(
        "a live tenant is rolled back",
        "of_a_tenant_that_was_ever_live_nothing_is_undone",
        code("$RECORD.was_ever_live", "False", "RollBack"),
    ),
    _plant(
        "slow propagation is rolled back",
        "exhausted_retries_undo_nothing",
        code("not is_permanent($ERROR)", "False"),
    ),
    _plant(
        "the name is not released after a roll-back",
        "what_is_undone_is_failed_and_clean_and_its_name_is_free",
        code("$FAILURE.release($SKELETON)", "pass", "RecordFailure"),
    ),
    _plant(
        "the name is released while something remains",
        "what_could_not_be_undone_is_listed_and_due_and_keeps_its_name",
        code("$CLEAN and not remaining", "$CLEAN", "RecordFailure"),
    ),
    _plant(
        "an error of the undoing hides the first one",
        "one_that_was_stopped_while_undoing_is_rolled_back_further",
        never("$RECORD and $RECORD.is_rolling_back and $RECORD.last_error"),
    ),
    _plant(
        "a stopped execution whose failure is on record is recorded again",
        "what_a_state_has_recorded_is_not_recorded_twice",
        code("$SELF.has_ended($TENANT, $EXECUTION)", "False"),
    ),
    # ---- later tries ----
    _plant(
        "the schedule starts tenants that are not due yet",
        "who_is_due_is_started_once_each_time",
        words("due_at <= :now", "due_at > :now"),
    ),
    _plant(
        "a tenant stays due for ever",
        "a_stalled_tenant_is_due_after_pauses_that_grow",
        code("*DUE", "", "ActivateTenant"),
        code("*DUE", "", "ClaimTenant"),
    ),
    _plant(
        "the pauses of a stalled tenant do not grow",
        "a_stalled_tenant_is_due_after_pauses_that_grow",
        code("2 ** min($STALLS, 20)", "1"),
    ),
    # ---- batches ----
    _plant(
        "a poison batch is not split",
        "one_poison_item_fails_alone_wherever_it_stands",
        never("isinstance($ANSWER, $RULES.divisible) and $MORE"),
    ),
    _plant(
        "a busy answer is passed on like a refusal",
        "busy_answers_are_waited_out_with_growing_pauses",
        never("isinstance($ANSWER, BUSY)"),
    ),
    _plant(
        "an event that the bus did not take counts as published",
        "an_event_that_the_bus_does_not_take_comes_again_with_all_that_follow",
        never('"EventId" not in $RESULT'),
    ),
    _plant(
        "a mail that was not sent counts as sent",
        "only_what_was_not_sent_comes_again",
        code("return $AGAIN", "return {}", "FailureNotifier.notify"),
    ),
    _plant(
        "a record that nobody understands is dropped",
        "a_record_that_can_never_be_understood_is_set_aside_whole_and_its_neighbours_go_on",
        code("$SELF._set_aside($RECORD, $ERROR)", "pass"),
    ),
    _plant(
        "a failed record is not reported to its stream",
        "a_record_that_meets_a_throttled_service_comes_again",
        code("$AGAIN.append($IDENTIFY($RECORD))", "pass", "_each"),
    ),
    # ---- drift ----
    _plant(
        "drift is believed at the first sight",
        "the_second_scan_tells_and_starts_the_tenant_s_own_workflow",
        code(
            "[$KNOWN[$KEY] for $KEY in $FOUND if $KEY in $KNOWN]",
            "[$KNOWN.get(key, Known(finding, clock.now())) for key, finding in $FOUND.items()]",
        ),
    ),
    _plant(
        "an emptied table is compared all the same",
        "a_table_that_was_emptied_stops_everything",
        never(before='return {"refused": $WHY}'),
    ),
    _plant(
        "a repair trusts the record that has brought it about",
        "the_second_scan_tells_and_starts_the_tenant_s_own_workflow",
        code("$SELF._distrust(sorted($TENANTS), $SYSTEM)", "pass"),
    ),
    _plant(
        "what is being worked on counts as put right",
        "of_a_tenant_that_is_worked_on_nothing_is_said",
        code("$DRIFT.is_judged($EACH.finding, $OBSERVED)", "True"),
    ),
    _plant(
        "a foreign value counts as a missing record",
        "each_kind_is_found_by_its_name",
        never(before="$FINDING(Kind.RECORD_CHANGED, $$$WHAT)"),
    ),
    _plant(
        "a repair that fails is begun every hour",
        "a_run_that_has_failed_is_not_started_every_hour",
        code("10 if $FAILED else 13", "13"),
    ),
    _plant(
        "a repaired page has the invalidation of the run before",
        "a_later_run_of_the_same_content_is_another_invalidation",
        code("$ITEM.record.attempt", "$ITEM.record.generation", "EdgeCache"),
    ),
)
