"""Showing the whole thing at work: real processes on loopback, the real PHP module, and proofs from the sandbox."""
