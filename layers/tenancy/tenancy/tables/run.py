"""A state that works on one tenant at a time is told whether it may, and writes its result down here."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tenancy.domain.calls import GenerationCall
from tenancy.domain.errors import GenerationSuperseded
from tenancy.domain.events import Fact
from tenancy.domain.record import TenantRecord
from tenancy.domain.values import shown
from tenancy.tables.archives import KeptArchive
from tenancy.tables.effects import Effect
from tenancy.tables.provisioning import Provisioning
from tenancy.tables.transaction import Condition, ConditionFailed, where


@dataclass(frozen=True)
class Run:
    """One execution at work on one tenant."""

    call: GenerationCall
    record: TenantRecord
    provisioning: Provisioning

    @classmethod
    def of(cls, call: GenerationCall, provisioning: Provisioning) -> "Run":
        """Read the record. Raises GenerationSuperseded unless it is this execution's turn."""
        record = provisioning.record(call.tenant_id)
        if record is None or record.generation != call.generation or not record.is_held_by(call.execution_arn):
            raise GenerationSuperseded(
                f"generation {call.generation} of {shown(call.tenant_id)} is not in the hands of {call.execution_arn}"
            )
        return cls(call, record, provisioning)

    def note(self, fields: Mapping[str, Any]) -> None:
        """Write something down on the way to the result."""
        try:
            self.provisioning.update(self.record.tenant_id, fields, self._is_ours)
        except ConditionFailed:
            raise self._superseded() from None

    def note_archive(self, kept: Mapping[str, Any], **more: Any) -> None:
        """Write down what an archive holds and where it is, and when to look whether the bucket still has it."""
        archive = KeptArchive(
            tenant_id=self.record.tenant_id,
            folder=kept["folder"],
            manifest_sha256=kept["manifest_sha256"],
            generation=self.record.generation,
            attempt=self.record.attempt,
            exported_at=kept["exported_at"],
            due_at=kept["exported_at"],
        )
        self.provisioning.archives.note(archive)
        self.note({"archive": dict(kept), **more})

    def finish(
        self,
        fact: Fact,
        *,
        fields: Mapping[str, Any] | None = None,
        remove: Iterable[str] = (),
        effect: Effect | None = None,
        forget: Iterable[str] = (),
    ) -> None:
        """Write the result down: the record, the effect and the event, all or nothing."""
        result = (
            self.provisioning.transaction(self.record.tenant_id)
            .set({"operation.stage": self.call.stage, **(fields or {})})
            .remove(*remove)
            .require(self._is_ours)
            .tell(fact, generation=self.record.generation, execution_arn=self.call.execution_arn)
            .forget(*forget)
        )
        if effect:
            result.effect(effect)
        result.commit(otherwise=self._superseded())

    @property
    def _is_ours(self) -> Condition:
        return where(
            "generation = :generation AND lease.holder = :holder",
            generation=self.call.generation,
            holder=self.call.execution_arn,
        )

    def _superseded(self) -> GenerationSuperseded:
        return GenerationSuperseded(f"{shown(self.record.tenant_id)} changed hands during {self.call.stage}")
