"""A sample of `make mutants`: a mistake in the deployed product does not stay unnoticed, and can be taken back."""

import pytest

from tests.mutation.emulator.columns import NOTICED, Column, product_of
from tests.mutation.emulator.mutants import MUTANTS

from .embedded import EmbeddedAws

pytestmark = pytest.mark.embedded_aws

SAMPLE = (
    "a JSONPath field in a JSONata state",
    "an alias that the certificate does not cover",
    "the machine may not put requests",
)


@pytest.fixture(scope="module")
def column(embedded_aws: EmbeddedAws) -> Column:
    return Column(product_of(embedded_aws.environment, embedded_aws.outputs), patience=20.0)


@pytest.mark.parametrize("name", SAMPLE)
def test_a_wrong_product_is_noticed(column: Column, name: str) -> None:
    (mutant,) = [mutant for mutant in MUTANTS if mutant.name == name]
    cell = column.tried(mutant)
    assert cell.outcome == NOTICED, cell


def test_there_are_twenty_wrong_products_with_names_of_their_own() -> None:
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS) >= 20
