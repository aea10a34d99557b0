"""The check of the witnesses: how far the log is cosigned. It keeps no gateway from serving."""

from server.admin.health.check import HealthCheck, HealthResult
from server.operations.witness_rounds import WitnessRounds


def witness_check(rounds: WitnessRounds) -> HealthCheck:
    """Tell what the last round found; no name of a witness, since anybody may read it."""

    async def look() -> HealthResult:
        now = rounds.standing
        if now.refusing:
            # a witness that errs must not end the gateway: people are told, and the audit says what it said
            return HealthResult(True, f"{now.refusing} of {now.witnesses} witnesses refuse the log: see `ailyus audit`")
        if not now.size:
            return HealthResult(True, f"nothing is cosigned yet by enough of {now.witnesses} witnesses")
        says = f"{now.size} statements are witnessed; {now.cosigned} of {now.witnesses} witnesses are up to date"
        return HealthResult(True, says)

    return HealthCheck("witness", look)
