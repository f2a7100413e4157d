"""The planted bugs: each is the product with one mistake, and names the test that must notice it."""

from __future__ import annotations

from dataclasses import dataclass

_LAYER = "layers/tenancy/tenancy"
_ONBOARD = "statemachine/onboard_tenant.asl.json"


@dataclass(frozen=True)
class Change:
    """One text of a file that becomes another.

    state: only in this state of a machine's definition, which is text as `json.dumps` writes it, without line breaks.
    """

    path: str
    old: str
    new: str
    state: str = ""


@dataclass(frozen=True)
class Plant:
    """mistake: what is wrong, as the table shows it. caught_by: a test's id from ``tests/`` on, without parameters."""

    mistake: str
    caught_by: str
    changes: tuple[Change, ...]


def _in(module: str, *replacements: tuple[str, str]) -> tuple[Change, ...]:
    return tuple(Change(f"{_LAYER}/{module}.py", old, new) for old, new in replacements)


def _in_state(state: str, old: str, new: str) -> tuple[Change, ...]:
    return (Change(_ONBOARD, old, new, state),)


def _core(module: str, test: str) -> str:
    return f"unit/core/test_{module}.py::test_{test}"


def _tenant_database(module: str, test: str) -> str:
    return f"unit/core/tenant_database/test_{module}.py::test_{test}"


_ANY_ERROR = '"ErrorEquals": ["States.ALL"]'

PLANTS = (
    # ---- whose it is ----
    Plant(
        "a purge of granja takes granja2 along",
        _tenant_database("export_and_purge", "a_purge_touches_nobody_else"),
        _in("tenant_database/archive_bucket", ('return f"{tenant_id}/",', 'return f"{tenant_id}",')),
    ),
    Plant(
        "a purge erases files without looking whether the tenant is back",
        _tenant_database("export_and_purge", "of_a_tenant_that_is_back_nothing_more_is_erased"),
        _in("tenant_database/purge", ("                    self._require_unchanged(record)\n", "")),
    ),
    Plant(
        "an archive that expired takes the claim of another one along",
        _core("expiring", "each_of_several_archives_expires_for_itself"),
        _in("reconcile/expire_archives", ('remove=["archive"] if is_on_record else []', 'remove=["archive"]')),
    ),
    Plant(
        "an alias update without IfMatch",
        _core("writers", "a_writer_that_was_faster_is_read_and_respected"),
        _in("group_commit/cdn_aliases", ("IfMatch=etag, ", "")),
    ),
    Plant(
        "UPSERT instead of CREATE",
        _core("writers", "a_foreign_record_is_left_alone_and_only_its_tenant_fails"),
        _in("group_commit/dns_records", ('_change("CREATE", record)', '_change("UPSERT", record)')),
    ),
    Plant(
        "an alias that is there counts as ours",
        _core("writers", "an_alias_on_our_distribution_that_we_did_not_put_there_is_not_ours"),
        _in("domain/plan", ("if host in present and host not in owned)", "if False)")),
    ),
    Plant(
        "no claim of the name",
        _core("lifecycle", "of_two_look_alikes_the_first_wins_and_the_second_is_told_why"),
        _in("tenant_record/claim_tenant", ('claim=claimed["skeleton"],', "")),
    ),
    Plant(
        "undoing deletes every record of the host",
        _core("plan", "an_alias_that_leads_elsewhere_is_nobodys_to_delete"),
        _in(
            "domain/plan",
            (
                "delete.extend(sorted(observed.get(host, frozenset()) & ours))",
                "delete.extend(sorted(observed.get(host, frozenset())))",
            ),
        ),
    ),
    Plant(
        "undoing detaches an alias that was never attached",
        _core("plan", "only_what_is_named_and_ours_goes"),
        _in("domain/plan", ("if host not in detach or host not in owned]", "if host not in detach]")),
    ),
    Plant(
        "discarding a database takes the folder with a stranger's file",
        _core("functions", "the_samples_of_a_roll_back_leave_nothing"),
        _in("database/publish", ("        folder.path.rmdir()\n", "        shutil.rmtree(folder.path)\n")),
    ),
    Plant(
        "an intent of which nothing came is kept, and a stranger's record is ours on the next try",
        _core("writers", "a_foreign_record_that_looks_like_ours_is_still_foreign_on_the_next_try"),
        _in("group_commit/protocol", ("                self._withdraw(item, result)\n", "")),
    ),
    Plant(
        "the cache of all tenants is invalidated",
        _core("writers", "the_tenants_tags_are_invalidated_together_and_no_others"),
        _in("group_commit/edge_cache", ('"Items": tags}', '"Items": ["/*"] * len(tags)}')),
    ),
    Plant(
        "an adoption that failed deletes what was there before it",
        _core("adopting", "an_adoption_that_fails_for_good_leaves_records_and_alias_as_they_were"),
        _in("tenant_record/record_failure", ("            forget=self._provisioning.found_before(record),\n", "")),
    ),
    Plant(
        "of an adoption that failed a record goes that was there before",
        _core("adopting", "of_an_adoption_that_failed_what_was_made_in_addition_goes"),
        _in("group_commit/dns_records", ("if record.type not in item.record.found_records)", ")")),
    ),
    Plant(
        "an adoption takes records that nobody has proven",
        _core("adopting", "records_that_are_not_those_of_the_proof_any_more_are_not_touched"),
        _in("group_commit/dns_records", (", **self._not_as_proven(batch)}", "}")),
    ),
    Plant(
        "an adoption takes whatever is there for proven",
        _core("adopting", "intents_are_for_what_the_proof_names_and_for_nothing_else"),
        _in("tenant_record/claim_tenant", ("            if is_named\n", "")),
    ),
    Plant(
        "rows that changed since the plan are adopted",
        _tenant_database("adopt", "rows_that_changed_since_the_proof_are_not_taken"),
        _in("tenant_database/adopt", ("                _require_equal(found.tables, proof)\n", "")),
    ),
    # ---- what comes back from the archive ----
    Plant(
        "what a restore takes the place of is not archived",
        _tenant_database("restore", "the_rows_are_back_and_what_was_there_is_archived"),
        _in(
            "tenant_database/restore",
            ("self._bucket.keep(before, tenant_id, self._scratch, suffix) if before else {}", "{}"),
        ),
    ),
    Plant(
        "the rows of a restore are not counted and hashed after they are loaded",
        _tenant_database("restore", "a_damaged_archive_changes_nothing"),
        _in("database/table_files", ("!= (self.rows, self.rows_sha256):", "== ():")),
    ),
    Plant(
        "a file of an archive is taken for what the manifest says",
        _tenant_database("restore", "a_damaged_archive_changes_nothing"),
        _in("tenant_database/archive_bucket", ("ArchiveDamaged) != table.file_sha256:", "ArchiveDamaged) == '':")),
    ),
    Plant(
        "a restore that was published is published again after a crash",
        _tenant_database("restore", "a_try_that_fails_half_way_loses_no_row"),
        _in(
            "tenant_database/restore",
            ('if earlier and is_current(self._databases, record.tenant_id, earlier["database"]):', "if False:"),
        ),
    ),
    # ---- intent, effect, result ----
    Plant(
        "no STARTED before records are written",
        _core("group_commit", "the_intent_is_on_record_before_the_effect"),
        _in("group_commit/dns_records", ("        start(batch)\n", "")),
    ),
    Plant(
        "no STARTED before an alias is attached",
        _core("writers", "a_lost_answer_of_cloudfront_is_found_out"),
        _in(
            "group_commit/cdn_aliases",
            ("            start([item for item in batch if item.record.host not in refused])\n", ""),
        ),
    ),
    Plant(
        "a token is answered before the result is on record",
        _core("group_commit", "nobody_hears_of_a_result_before_it_is_on_record"),
        _in(
            "group_commit/protocol",
            (
                "                self._finish(item, result)\n",
                "                told = _answer_all(requests, outcome)\n"
                "                self._finish(item, result)\n"
                "                return told\n",
            ),
        ),
    ),
    Plant(
        "the event is not in the result's transaction",
        _core("provisioning", "a_result_that_is_refused_tells_nobody"),
        _in(
            "tables/provisioning",
            (
                "            operations.append(self._put_once(_event_item(tenant_id, event)))\n",
                "            self._dynamodb.put_item(**self._put_once(_event_item(tenant_id, event))['Put'])\n",
            ),
        ),
    ),
    Plant(
        "an effect stays DONE while its database is discarded",
        _tenant_database("discard", "a_discard_that_was_cut_short_is_not_trusted"),
        _in(
            "tenant_database/discard",
            ("        self._provisioning.start_effect(replace(effect, state=EffectState.STARTED))\n", ""),
        ),
    ),
    Plant(
        "a database is published under the name of the one before",
        "unit/database/test_traps.py::test_trap_b_a_new_database_does_not_meet_the_log_of_a_writer_that_died",
        _in(
            "database/publish",
            (
                "    published = folder.file(name or never_used_name())\n",
                "    published = folder.current() or folder.file(never_used_name())\n",
            ),
            ("    _link(temporary, published)\n", "    temporary.replace(published)\n"),
            ("    temporary.unlink()\n    return published\n", "    return published\n"),
        ),
    ),
    Plant(
        "a migration leaves behind the log of a writer that died",
        "unit/database/test_migrator.py::test_rows_that_a_killed_writer_had_committed_are_kept",
        _in("database/migrator", ("in (database, *write_ahead_logs(database)):", "in (database,):")),
    ),
    Plant(
        "a migration does not mark the file that it replaces",
        "unit/database/test_migrator.py::test_a_crash_at_any_step_loses_nothing_and_the_next_try_ends_it",
        _in("database/publish", ("    _mark(folder, old)\n", "")),
    ),
    Plant(
        "a migration overrides an execution that has begun meanwhile",
        _core("migrating", "an_execution_that_begins_meanwhile_finds_the_database_that_it_knows"),
        _in(
            "database_migrations",
            ("condition=f\"{unchanged['condition']} AND database_path", 'condition="database_path'),
            ('values={**unchanged["values"], ', "values={"),
        ),
    ),
    Plant(
        "a migration tells a customer's values in its error",
        "unit/database/test_migrator.py::test_what_is_told_of_an_error_holds_no_value_of_a_row",
        _in("database/failures", ("    plain = _PLAIN_WORDS.match(said)\n", '    plain = re.match(".*", said)\n')),
    ),
    Plant(
        "a writer does what the request says, whatever the generation",
        _core("group_commit", "a_request_of_an_older_generation_decides_nothing"),
        _in("group_commit/protocol", (" or record.generation != generation:", ":")),
    ),
    Plant(
        "a late request is carried out without a lease",
        _core("group_commit", "a_late_request_brings_nothing_back"),
        _in("group_commit/protocol", ("record is None or record.lease is None or", "record is None or")),
    ),
    Plant(
        "a result from before the tenant turned round is recorded",
        _core("group_commit", "a_result_from_before_the_tenant_turned_round_is_nobodys"),
        _in(
            "group_commit/protocol",
            (" AND operation.#state = :state", ""),
            ('                    ":state": str(record.operation.state),\n', ""),
        ),
    ),
    # ---- lease, requested, seen ----
    Plant(
        "the lease is given back whatever was requested",
        _core("lifecycle", "the_loser_of_a_lease_leaves_a_note_and_the_holder_goes_round_again"),
        _in("tenant_record/claim_tenant", ("again = record.requested != record.seen", "again = False")),
    ),
    Plant(
        "a failure gives the lease back whatever was requested",
        _core("lifecycle", "a_failure_goes_round_again_if_more_was_asked_meanwhile"),
        _in("tenant_record/record_failure", (" and record.requested != record.seen\n", " and False\n")),
    ),
    Plant(
        "a lease is taken from an execution that runs",
        _core("lifecycle", "the_loser_of_a_lease_leaves_a_note_and_the_holder_goes_round_again"),
        _in("tenant_record/lease", ("if not workflow.is_running(record.lease.holder):", "if True:")),
    ),
    Plant(
        "a claim that is not conditional on the record as it was read",
        _core("lifecycle", "a_run_that_came_and_went_between_look_and_claim_is_not_overwritten"),
        _in(
            "tenant_record/lease",
            (
                "generation = :generation AND attempt = :attempt AND requested = :requested",
                "generation >= :generation OR attempt >= :attempt OR requested >= :requested",
            ),
        ),
    ),
    # ---- the failure path ----
    Plant(
        "a Catch is missing",
        _core("errors", "a_task_cannot_hang_and_cannot_vanish"),
        _in_state("SeedDatabase", _ANY_ERROR, '"ErrorEquals": ["InvalidTenantItem"]'),
    ),
    Plant(
        "a Retry without a transient error",
        _core("errors", "each_state_retries_every_transient_error_that_can_come_to_it"),
        _in_state("CreateDnsRecords", ', "ZoneBusy"]', "]"),
    ),
    Plant(
        "a state that cannot undo its part ends the roll-back",
        _core("errors", "what_cannot_be_undone_does_not_keep_the_rest_from_being_undone"),
        _in_state("DiscardDatabase", '"Next": "DeleteDnsRecords"}]', '"Next": "RecordFailure"}]'),
    ),
    Plant(
        "a live tenant is rolled back",
        _core("failing", "of_a_tenant_that_was_ever_live_nothing_is_undone"),
        _in(
            "tenant_record/record_failure",
            (
                "if record is None or record.was_ever_live or not is_permanent(call.error):",
                "if record is None or not is_permanent(call.error):",
            ),
        ),
    ),
    Plant(
        "slow propagation is rolled back",
        _core("failing", "exhausted_retries_undo_nothing"),
        _in(
            "tenant_record/record_failure",
            ("record.was_ever_live or not is_permanent(call.error):", "record.was_ever_live:"),
        ),
    ),
    Plant(
        "the name is not released after a roll-back",
        _core("failing", "what_is_undone_is_failed_and_clean_and_its_name_is_free"),
        _in("tenant_record/record_failure", ("release=self.own_claim(record) if is_clean else None", "release=None")),
    ),
    Plant(
        "the name is released while something remains",
        _core("failing", "what_could_not_be_undone_is_listed_and_due_and_keeps_its_name"),
        _in(
            "tenant_record/record_failure",
            ("release=self.own_claim(record) if is_clean else None", "release=self.own_claim(record)"),
        ),
    ),
    Plant(
        "an error of the undoing hides the first one",
        _core("ended", "one_that_was_stopped_while_undoing_is_rolled_back_further"),
        _in(
            "tenant_record/record_failure", ("if record and record.is_rolling_back and record.last_error:", "if False:")
        ),
    ),
    Plant(
        "a stopped execution whose failure is on record is recorded again",
        _core("ended", "what_a_state_has_recorded_is_not_recorded_twice"),
        _in(
            "ended_executions",
            ("if not holds_lease and self._provisioning.has_ended(tenant_id, execution):", "if False:"),
        ),
    ),
    # ---- later tries ----
    Plant(
        "the schedule starts tenants that are not due yet",
        _core("ended", "who_is_due_is_started_once_each_time"),
        _in("tables/provisioning", ("due_for = :purpose AND due_at <= :now", "due_for = :purpose AND due_at > :now")),
    ),
    Plant(
        "a tenant stays due for ever",
        _core("failing", "a_stalled_tenant_is_due_after_pauses_that_grow"),
        _in(
            "tenant_record/claim_tenant",
            ('remove=["last_error", "adopting", *DUE, ', 'remove=["last_error", "adopting", '),
            ('                    *DUE,\n                    "hold_until",\n', ""),
        ),
    ),
    Plant(
        "the pauses of a stalled tenant do not grow",
        _core("failing", "a_stalled_tenant_is_due_after_pauses_that_grow"),
        _in("tenant_record/record_failure", ("2 ** min(stalls, 20)", "1")),
    ),
    # ---- batches ----
    Plant(
        "a poison batch is not split",
        _core("batching", "one_poison_item_fails_alone_wherever_it_stands"),
        _in("domain/batching", ("if isinstance(answer, rules.divisible) and len(group.items) > 1:", "if False:")),
    ),
    Plant(
        "a busy answer is passed on like a refusal",
        _core("batching", "busy_answers_are_waited_out_with_growing_pauses"),
        _in("domain/batching", ("if isinstance(answer, BUSY):", "if False:")),
    ),
    Plant(
        "an event that the bus did not take counts as published",
        _core("functions", "an_event_that_the_bus_does_not_take_comes_again_with_all_that_follow"),
        _in("publish_events", ('if "EventId" not in result:', "if False:")),
    ),
    Plant(
        "a mail that was not sent counts as sent",
        _core("notifying", "only_what_was_not_sent_comes_again"),
        _in("failure_notifier", ("        return again\n\n    def _send", "        return {}\n\n    def _send")),
    ),
    Plant(
        "a record that nobody understands is dropped",
        _core("functions", "a_record_that_can_never_be_understood_is_set_aside_whole_and_its_neighbours_go_on"),
        _in("start_workflow", ("            self._set_aside(record, error)\n", "            del error\n")),
    ),
    Plant(
        "a failed record is not reported to its stream",
        _core("functions", "a_record_that_meets_a_throttled_service_comes_again"),
        _in("handlers", ("                again.append(identify(record))\n", "")),
    ),
    # ---- drift ----
    Plant(
        "drift is believed at the first sight",
        _core("repairing", "the_second_scan_tells_and_starts_the_tenant_s_own_workflow"),
        _in(
            "reconcile/repair",
            (
                "lasting = [known[key] for key in found if key in known]",
                "lasting = [known.get(key, Known(finding, now)) for key, finding in found.items()]",
            ),
        ),
    ),
    Plant(
        "an emptied table is compared all the same",
        _core("repairing", "a_table_that_was_emptied_stops_everything"),
        _in("reconcile/repair", ("        if is_emptied:\n", "        if False:\n")),
    ),
    Plant(
        "a repair trusts the record that has brought it about",
        _core("repairing", "the_second_scan_tells_and_starts_the_tenant_s_own_workflow"),
        _in("reconcile/repair", ("            self._distrust(sorted(tenants), system)\n", "")),
    ),
    Plant(
        "what is being worked on counts as put right",
        _core("repairing", "of_a_tenant_that_is_worked_on_nothing_is_said"),
        _in("reconcile/repair", (" and drift.is_judged(each.finding, observed)]", "]")),
    ),
    Plant(
        "a foreign value counts as a missing record",
        _core("drift", "each_kind_is_found_by_its_name"),
        _in("domain/drift", ("        if rival:\n", "        if False:\n")),
    ),
    Plant(
        "a repair that fails is begun every hour",
        _core("repairing", "a_run_that_has_failed_is_not_started_every_hour"),
        _in("reconcile/repair", ("[: 10 if has_failed else 13]", "[:13]")),
    ),
    Plant(
        "a repaired page has the invalidation of the run before",
        _core("writers", "a_later_run_of_the_same_content_is_another_invalidation"),
        _in(
            "group_commit/edge_cache",
            ("str(item.record.attempt), self.target", "str(item.record.generation), self.target"),
        ),
    ),
)
