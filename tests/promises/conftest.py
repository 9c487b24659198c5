"""The simulations' folder, for the promises that are shown in virtual time."""

from tests.simulation import conftest as simulation

ground = simulation.ground
