"""Figures that anyone can rerun: `make bench`, `make faults`, `make demo`."""
