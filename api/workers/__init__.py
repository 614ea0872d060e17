"""Loops only: lease, retry, signals. What a job does is a use case in resolvers."""
