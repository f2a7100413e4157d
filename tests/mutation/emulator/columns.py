"""One column of the table: a stack with the right product, in which the wrong ones are tried one after another."""

from __future__ import annotations

import itertools
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from control.stacks import Output
from local.stack import Stack
from local.stack.sam import digest
from local_aws.services import BRIDGES
from tests.mutation.emulator.mutants import RECORDS, Mutant
from tests.mutation.emulator.product import ROOT, Product, Unconditional, all_made
from tests.mutation.emulator.tries import Try, onboards
from tests.workflow.embedded import EmbeddedAws

NOTICED, UNNOTICED, ALIKE = "noticed", "passes unnoticed", "so does the right product"
NEEDED = {"iam.secure_transport"}  # without it `sam deploy` is denied its own bucket

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Cell:
    """What became of a wrong product. reason: what was noticed."""

    outcome: str
    reason: str = ""
    seconds: float = 0.0


@dataclass
class Column:
    """A running product, and how long a run may take there before it counts as stuck."""

    product: Product
    patience: float
    _right: dict[Try, str] = field(default_factory=dict)

    def tried(self, mutant: Mutant) -> Cell:
        """The cell of one mutant. The right product comes first, once for each try."""
        began = time.monotonic()
        if mutant.tried not in self._right:
            self._right[mutant.tried] = self._attempt(mutant.tried, ())
        if reason := self._right[mutant.tried]:
            return Cell(ALIKE, reason, time.monotonic() - began)
        reason = self._attempt(mutant.tried, mutant.mistakes)
        return Cell(NOTICED if reason else UNNOTICED, reason, time.monotonic() - began)

    def _attempt(self, attempt: Try, mistakes: Sequence[Any]) -> str:
        """Why the try went wrong; empty if it went well."""
        tenant = f"caso-{next(_numbers):03d}"
        with _left_as_it_was(self.product, tenant):
            try:
                with all_made(self.product, mistakes):
                    attempt(self.product, tenant, self.patience)
            except Exception as error:  # noqa: BLE001 - whatever goes wrong would be noticed
                return f"{type(error).__name__}: {' '.join(str(error).split())}"[:300]
        return ""


@contextmanager
def _left_as_it_was(product: Product, tenant: str) -> Iterator[None]:
    """The zone and the aliases as before; no execution of the tenant goes on."""
    zone, aliases = product.aws.zone(), product.aws.aliases()
    try:
        yield
    finally:
        for name in (tenant, f"{tenant}-b"):
            for execution in product.aws.executions(name):
                with suppress(ClientError):
                    product.client("stepfunctions").stop_execution(executionArn=execution["executionArn"])
        new = [record for key, record in product.aws.zone().items() if key not in zone]
        if new:
            product.client("route53").change_resource_record_sets(
                HostedZoneId=product.aws.outputs[Output.HOSTED_ZONE],
                ChangeBatch={"Changes": [{"Action": "DELETE", "ResourceRecordSet": record} for record in new]},
            )
        cloudfront, distribution = product.client("cloudfront"), product.aws.outputs[Output.DISTRIBUTION]
        answer = cloudfront.get_distribution_config(Id=distribution)
        config = answer["DistributionConfig"]
        if config["Aliases"].get("Items") != aliases:
            config["Aliases"] = {"Quantity": len(aliases), "Items": aliases}
            cloudfront.update_distribution(Id=distribution, DistributionConfig=config, IfMatch=answer["ETag"])


def product_of(environment: Any, outputs: Any) -> Product:
    """The product that was deployed from this repository's sources."""
    layer = (ROOT / ".local" / "build" / digest(ROOT) / "TenancyLayer.zip").read_bytes()
    return Product(EmbeddedAws(environment, outputs), layer)


@contextmanager
def ours() -> Iterator[Column]:
    """With all bridges."""
    with _stack() as product:
        yield warm(Column(product, patience=10.0))


@contextmanager
def stock() -> Iterator[Column]:
    """Stock MiniStack, with what the right product needs to run there at all."""
    without = [name for name in (*BRIDGES, "validation") if name not in NEEDED]
    # Without condition keys every conditional grant is refused: whoever uses it has to do without conditions.
    without_conditions = Unconditional(RECORDS)
    with _stack(without) as product, all_made(product, [without_conditions]):
        yield warm(Column(product, patience=20.0))


def warm(column: Column) -> Column:
    """Every function has been called once: what is slow from here on is stuck."""
    onboards(column.product, "caso-000", patience=90.0)
    return column


@contextmanager
def _stack(without: Sequence[str] = ()) -> Iterator[Product]:
    with tempfile.TemporaryDirectory(prefix="fluxion-mutants-") as folder:
        stack = Stack(ROOT, Path(folder), detached=False, without=without)
        environment = stack.up()
        try:
            yield product_of(environment, stack.outputs)
        finally:
            stack.down()
