"""A stand-in InfraFabric: a server of its own that shares no code with the bridge's client.

What the client believes about the contract is checked against what this program believes, so it imports nothing of the
bridge outside this package.
"""
