"""The state machine that carries every accepted operation to its end, woken at least once (design §6)."""
