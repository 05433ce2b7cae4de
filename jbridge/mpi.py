"""MPI beside a JVM in one process: who takes signals, and how many processes there are.

HotSpot uses SIGSEGV in normal running. UCX, which MPI may load, takes that signal to print a stack,
and ends the process: so it is told not to, and other transports are preferred where the user has
not chosen one. https://github.com/openucx/ucx/issues/3337
"""

from __future__ import annotations

from collections.abc import Mapping

DEFAULTS = {
    "UCX_ERROR_SIGNALS": "",
    "MPIR_CVAR_CH4_NETMOD": "ofi",
    "OMPI_MCA_pml": "ob1",
    # an MPI that is built with UCX may have it for other things than messages
    "OMPI_MCA_osc": "^ucx",
}
"""Variables that are set before MPI is loaded, unless they are there."""

OPEN_MPI_AS_ROOT = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
"""Without these Open MPI's mpiexec does not start in a container whose user is root."""

_SIZES = ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_STEP_NUM_TASKS")
"""Where mpiexec of Open MPI, of MPICH and Intel MPI, and srun say how many processes they start."""


def processes(variables: Mapping[str, str]) -> int:
    """Return how many processes a launcher has started with this one; 0 if none has."""
    for name in _SIZES:
        if variables.get(name, "").isdigit():
            return int(variables[name])
    return 0
