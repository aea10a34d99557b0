"""One exact action: the request, its target, the orders to look and to act, and what came back."""
