"""The HTTP API: handlers by audience, and what stands before all of them."""
