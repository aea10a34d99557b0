"""Proofs about policies: over all requests at once, by translation to SMT (the solver is z3, the extra `prove`)."""
