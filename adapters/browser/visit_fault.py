"""The faults of a visit: a halt with what was sent by then, a sign-in that is asked for, a page that is not there."""

from contracts.action.observation import Delivery


class FlowHalt(Exception):
    """The visit ends here. `sentence` is ours: it holds no word of the page."""

    def __init__(self, delivery: Delivery, sentence: str) -> None:
        super().__init__(sentence)
        self.delivery: Delivery = delivery
        self.sentence = sentence


class SignedOut(Exception):
    """The application asks for a sign-in."""


class PageNotFound(Exception):
    """The application says 404: there is no such record."""
