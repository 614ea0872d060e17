"""Figures that anyone can rerun: `make bench`, `make faults`, `make demo`."""

import warnings

# platformdirs, which the packaged PostgreSQL asks, on machines without a login session
warnings.filterwarnings("ignore", message="XDG_RUNTIME_DIR is not set")
