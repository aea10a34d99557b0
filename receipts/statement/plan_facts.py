"""The facts of a plan: which plan, which step of it an action is, and what became of each step."""

from typing import Annotated

from pydantic import Field

from receipts.statement.facts import ClosedModel


class PlanStepRef(ClosedModel):
    """Which step of which plan an action is."""

    action: str
    step: str
    position: int
    of: int
    wave: int
    digest: str


class PlanRef(ClosedModel):
    """Which plan, with how many steps after its lists were unfolded."""

    name: str
    units: int
    # empty in statements of versions that did not name it
    digest: str = ""


class PlanStepFact(ClosedModel):
    """What became of one step of a plan. `kept`: why it was not undone although it should have been."""

    id: str
    tool: str
    state: str
    wave: int
    # snake case in the document: the names that agents know from results
    action_id: Annotated[str, Field(alias="action_id")] = ""
    receipt_id: Annotated[str, Field(alias="receipt_id")] = ""
    kept: str = ""
