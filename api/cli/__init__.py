"""The commands of `python -m api`, one module for each noun."""
