"""A store as it is opened by whoever accepts what was lost: although a gateway would not start on it."""

from contracts.errors import AilyusError
from receipts.store.mark import LOST
from receipts.store.store import Store


class StoreAcceptance(Store):
    """It opens although something was lost; `refusal` says why a gateway would not. The next commit is the new head."""

    refusal: AilyusError | None = None

    def _refuse_lost(self) -> None:
        try:
            super()._refuse_lost()
        except AilyusError as error:
            if error.code not in LOST:
                raise
            self.refusal = error
            self._replace_head()

    def _replace_head(self) -> None:
        """Let the next head take the place of the one that is remembered."""
