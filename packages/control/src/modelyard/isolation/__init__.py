"""Walls around users' code on this machine: what a process that runs it may see, write and reach.

`Confinement` says it and a process enters it before it executes the code; `mechanism` decides what enforces it here.
A container or a Kubernetes Job is a mechanism of another runner, not of this package.
"""

from modelyard.isolation.confinement import Confinement
from modelyard.isolation.mechanism import Isolation, IsolationChoice, Mechanism, choose_isolation

__all__ = ["Confinement", "Isolation", "IsolationChoice", "Mechanism", "choose_isolation"]
