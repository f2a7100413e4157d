"""English is what errors say of themselves, and what their e-mails say."""

from tenancy.domain.languages.language import Language

ENGLISH = Language(
    name="English",
    tenants="Tenants",
    what={
        "TenantOnboardingFailed": "The onboarding of {who} has failed in the state {stage}.",
        "TenantUpdateFailed": "A change of the live tenant {who} has failed in the state {stage}.",
        "TenantStalled": "The work on {who} has come to a halt in the state {stage}: all retries are used up.",
        "TenantOffboardingFailed": "{who} can't be taken down any further: the state {stage} has failed.",
        "DatabaseMigrationFailed": "The database of {who} could not get the new schema: {stage} has failed.",
    },
    undoing="While undoing",
    status={
        "PENDING": "The site is not live yet; visitors get 404.",
        "ACTIVE": "The site is live, exactly as before this change.",
        "SUSPENDED": "The site is suspended, exactly as before this change; visitors get 503.",
        "FAILED": "The site is not live; visitors get 404.",
        "ROLLBACK_INCOMPLETE": "The site is not live; visitors get 404. Not everything could be undone.",
        "OFFBOARDING": "The site is taken down; visitors get 404. It goes on by itself, with growing pauses.",
    },
    another_status="The tenant's status is {status}.",
    remaining="Still there: {systems}. Undoing it is tried again by itself.",
    kept="What was already set up is kept, and the next run continues from there. It starts by itself.",
    to_do="What to do",
    command={
        "retry": "To run it again after that:",
        "show": "To see what is on record:",
        "retry all": "To run them all again after that:",
        "list": "To see them all:",
    },
    look="Where to look",
    runbook="Runbook",
    together="{count} failures came together. This mail stands for one about each; the tenants are listed at its end.",
    counted="{count} in the state {stage}",
    visitors="Visitors",
    remedies={
        "LeaseHeldByOther": "Nothing to do: the execution that holds the lease picks the change up.",
        "GenerationSuperseded": "Nothing to do: the newer generation decides.",
        "InvalidTenantItem": "Correct the item in the tenants table; the corrected item starts a new run by itself.",
        "NameClaimedByOther": "Choose another tenant_id, or offboard the tenant that holds the name.",
        "RecordBelongsToOthers": "Delete or rename the record in the hosted zone, then set requested_at on the tenant.",
        "AliasBelongsToOthers": (
            "Remove the alias from the distribution that has it, then set requested_at on the tenant."
        ),
        "AliasQuotaExceeded": (
            "Raise the quota 'Alternate domain names (CNAMEs) per distribution' in Service Quotas and the stack's "
            "AliasQuota parameter, then set requested_at on the tenant."
        ),
        "ZoneQuotaExceeded": (
            "Raise the quota 'Records per hosted zone' in Service Quotas and the stack's ZoneRecordQuota parameter, "
            "then set requested_at on the tenant."
        ),
        "CertificateDoesNotCover": (
            "Check that the distribution's certificate covers *.<base domain>, then set requested_at on the tenant."
        ),
        "ZoneRefusedRecord": (
            "Read the message of Route 53; check the zone and its record quota, then set requested_at on the tenant."
        ),
        "AccessDenied": (
            "Give the function's role the permission named in the message, then set requested_at on the tenant."
        ),
        "RequestRefused": (
            "Read the message of the service; check that the stack's resources exist, then set requested_at."
        ),
        "DatabaseBelongsToOthers": (
            "Move the database file named in the message out of the tenant's folder, then set requested_at."
        ),
        "SchemaMigrationFailed": (
            "Correct the tenant's rows that the step in the message refuses, or ship a corrected step, then run "
            "`fluxion fleet migrate --tenant` with the tenant's id."
        ),
        "ArchiveMissing": (
            "Name an archive that exists with `fluxion tenants restore`, or take the wish back with --cancel."
        ),
        "ArchiveDamaged": (
            "Look for an earlier version of the file in the archive bucket, or name another archive with `fluxion "
            "tenants restore`; --cancel takes the wish back."
        ),
        "AdoptionProofDiffers": (
            "Remove the item, see that nobody writes to the shared database any more, then plan again with `fluxion "
            "tenants adopt` and confirm the new plan."
        ),
        "SharedDatabaseUnfit": (
            "Bring the table named in the message into the form of the schema, then plan the adoption again."
        ),
        "StaleWriteAheadLog": (
            "Move the .wal file named in the message out of the tenant's folder, then set requested_at on the tenant."
        ),
        "ServiceThrottled": "Look at the service's quotas and at who else uses them, then run the tenant again.",
        "ServiceUnavailable": "Look at the AWS Health Dashboard; when the service answers, run the tenant again.",
        "ZoneBusy": "Look for what else changes the hosted zone all the time, then run the tenant again.",
        "ConcurrentUpdate": "Look for a second writer of the same resource, then run the tenant again.",
        "SiteNotReady": "The message names the step that fails: follow it from there, then run the tenant again.",
        "TenantDatabaseBusy": "Look for a process that holds the tenant's lock file, then run the tenant again.",
        "TenantDatabaseMissing": (
            "Restore the tenant's database file from a backup, then set requested_at on the tenant."
        ),
        "StorageFull": "Free space on the file system or raise its quota, then run the tenant again.",
        "StorageUnavailable": "Look at the EFS mount target and the network path, then run the tenant again.",
    },
    other_remedy="Look up the execution in the Step Functions console and the function's log.",
)
