"""When the bucket has removed an archive by itself, the record does not claim any longer that it is there.

``fluxion-reconcile`` has no database engine, so nothing here may load what opens archives.
"""

from aws_lambda_powertools import Logger

from tenancy.domain.events import ArchiveExpired
from tenancy.platform import aws, clock
from tenancy.platform.settings import ReconcileSettings
from tenancy.tables.archives import KeptArchive
from tenancy.tables.provisioning import Provisioning
from tenancy.tables.transaction import ConditionFailed, where

WHO = "S3"
MANIFEST = "manifest.json"
_DAY_SECONDS = 86_400

logger = Logger(child=True)


class ExpiringArchives:
    """Looks for archives that should be gone by now. Each is an item of its own, so a tenant may have several: the one
    of its former life too, after it came back.
    """

    def __init__(self, settings: ReconcileSettings) -> None:
        self._retention_seconds = settings.archive_retention_days * _DAY_SECONDS
        self._bucket = settings.archive_bucket
        self._provisioning = Provisioning(settings.provisioning_table)
        self._s3 = aws.client("s3")

    def note_expired(self) -> list[str]:
        """Put on record which archives are gone. Returns their folders.

        An archive that is there is looked for again when it should be gone, and from then on every day.
        """
        gone = []
        for kept in self._provisioning.archives.due(clock.now()):
            if self._is_there(kept):
                self._look_again(kept)
            elif self._is_noted(kept):
                gone.append(kept.folder)
        if gone:
            logger.info("%d archives have expired", len(gone), extra={"folders": gone[:100]})
        return gone

    def _is_there(self, kept: KeptArchive) -> bool:
        # Asked for by its name in a list, which shows no byte of it: to ask for the file itself one must be allowed
        # to read it.
        key = f"{kept.folder}/{MANIFEST}"
        with aws.calls(WHO):
            found = self._s3.list_objects_v2(Bucket=self._bucket, Prefix=key, MaxKeys=1)
        return any(each["Key"] == key for each in found.get("Contents", []))

    def _look_again(self, kept: KeptArchive) -> None:
        expected = clock.after(kept.exported_at, self._retention_seconds)
        self._provisioning.archives.look_again(kept, max(expected, clock.now(_DAY_SECONDS)))

    def _is_noted(self, kept: KeptArchive) -> bool:
        record = self._provisioning.record(kept.tenant_id)
        is_on_record = record is not None and (record.archive or {}).get("folder") == kept.folder
        fact = ArchiveExpired(
            stage="NoteExpiry", attempt=kept.attempt, archive=kept.folder, manifest_sha256=kept.manifest_sha256
        )
        note = self._provisioning.transaction(kept.tenant_id).tell(fact, generation=kept.generation)
        if is_on_record:
            note.remove("archive").require(where("#archive.#folder = :folder", folder=kept.folder))
        else:
            note.require(where("attribute_exists(pk)"))
        try:
            note.commit()
        except ConditionFailed:
            return False  # the record has changed under our eyes: the next look sees it as it is then
        self._provisioning.archives.forget(kept)
        return True
