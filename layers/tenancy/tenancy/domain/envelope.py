"""An event, as the outbox keeps it and EventBridge gets it, is a fact, and whose, when and by whom.

Its id is derived from what it says, so that every repetition of a stage produces the same event, and a subscriber that
keeps ids sees each fact once.
"""

import hashlib
import json
import uuid
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from tenancy.domain.events import Fact

SOURCE = "fluxion.tenants"
KEPT_DAYS = 30

_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://fluxionia.co/events")


class Metadata(BaseModel):
    """The envelope of every event."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(description="The same for every repetition of this event; subscribers deduplicate by it.")
    version: Literal[1] = Field(1, description="Version of the schema of `data`.")
    occurred_at: str = Field(description="ISO 8601, UTC.")
    tenant_id: str
    generation: int = Field(description="Counts the desired states that the control plane has accepted.")
    execution_arn: str = Field(
        description="The Step Functions execution that this event comes from; empty if none did it, and "
        "`migration/<version>/<requested_at>` for a schema migration."
    )


class Event(BaseModel):
    """One event as the outbox keeps it and EventBridge gets it."""

    model_config = ConfigDict(frozen=True)

    metadata: Metadata
    data: Fact

    @classmethod
    def of(cls, data: Fact, *, tenant_id: str, generation: int, execution_arn: str, occurred_at: str) -> "Event":
        """Return the event that states ``data``. Its id depends only on what happened, not on when or how often."""
        said = [tenant_id, str(generation), data.stage, str(data.attempt), type(data).__name__, data.occasion]
        identity = "\n".join(filter(None, said))
        metadata = Metadata(
            id=str(uuid.uuid5(_NAMESPACE, identity)),
            occurred_at=occurred_at,
            tenant_id=tenant_id,
            generation=generation,
            execution_arn=execution_arn,
        )
        return cls(metadata=metadata, data=data)

    @property
    def type(self) -> str:
        """Return the detail-type on the bus."""
        return type(self.data).__name__

    @property
    def sort_key(self) -> str:
        """Return the key in the outbox, below the tenant: in the order in which things happened.

        It ends in a mark of the execution: a key that is taken means that this execution has recorded this very event
        before, never that another one was faster. What no execution has done is marked by its id.
        """
        mark = mark_of(self.metadata.execution_arn or self.metadata.id)
        run = f"{self.metadata.generation:06d}#{self.data.attempt:06d}"
        return f"EVENT#{run}#{self.data.order:02d}#{self.type}#{mark}"

    @property
    def detail(self) -> str:
        """Return the detail on the bus, as JSON text."""
        return json.dumps({"metadata": self.metadata.model_dump(), "data": self.data.model_dump()}, sort_keys=True)


def mark_of(execution_arn: str) -> str:
    """Return what the keys of an execution's events end in."""
    return hashlib.sha256(execution_arn.encode()).hexdigest()[:8]
