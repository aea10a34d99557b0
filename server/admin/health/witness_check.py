"""The check of the witnesses: how far the log is cosigned. It keeps no gateway from serving."""

from server.admin.health.check import HealthCheck, HealthResult
from server.operations.witness_rounds import WitnessRounds


def witness_check(rounds: WitnessRounds) -> HealthCheck:
    """Tell what the last round found; no name of a witness, since anybody may read it."""

    async def look() -> HealthResult:
        now = rounds.standing
        stopped = f"; actions of risk {rounds.part.synchronous} or more are not sent" if rounds.is_short else ""
        if now.refusing:
            # a witness that errs must not end the gateway: people are told, and the audit says what it said
            says = f"{now.refusing} of {now.witnesses} witnesses refuse the log: see `ailyus audit`"
            return HealthResult(True, f"{says}{stopped}")
        if not now.size:
            return HealthResult(True, f"nothing is cosigned yet by enough of {now.witnesses} witnesses{stopped}")
        says = f"{now.size} statements are witnessed; {now.cosigned} of {now.witnesses} witnesses are up to date"
        return HealthResult(True, f"{says}{stopped}")

    return HealthCheck("witness", look)
