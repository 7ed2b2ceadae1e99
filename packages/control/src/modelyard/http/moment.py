"""A moment in a query: ISO 8601 with a zone, told on in UTC."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError as exc:
        raise ValueError("expected a time of the years 1 to 9999") from exc


Moment = Annotated[AwareDatetime, AfterValidator(_in_utc)]
