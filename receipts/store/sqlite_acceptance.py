"""A store file as it is opened by whoever accepts what was lost."""

from contracts.errors import AilyusError
from receipts.store.mark import LOST
from receipts.store.sqlite import SqliteStore


class SqliteAcceptance(SqliteStore):
    """It opens although something was lost; `refusal` says why a gateway would not. The next commit is the new head."""

    refusal: AilyusError | None = None

    def _refuse_lost(self) -> None:
        try:
            super()._refuse_lost()
        except AilyusError as error:
            if error.code not in LOST:
                raise
            self.refusal = error
