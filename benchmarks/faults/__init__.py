"""What happens to the service, and what must not come of it: `make faults`."""
